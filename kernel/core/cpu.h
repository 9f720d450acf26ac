/* SPDX-License-Identifier: MIT */
/* Per-CPU state of the kernel. Only its own CPU touches it, but for the inbox and `prio`. */
#ifndef CORE_CPU_H
#define CORE_CPU_H

#include <arch/inline.h>
#include <core/inbox.h>
#include <core/list.h>
#include <core/timerq.h>
#include <core/types.h>
#include <takt/vcpu.h>

struct sc;
struct thread;
struct stage2;

struct cpu {
	void *stack_top;	  /* assembly: offset 0 */
	struct takt_frame *frame; /* assembly: offset 8; register frame of the running context */
	u64 spsr_keep;		  /* assembly: offset 16; bits of its pstate that may be set */
	unsigned id;

	/* What runs. idle: both null. */
	struct sc *sc;		/* RUNNING */
	struct thread *thread;	/* the tip of its chain of calls */
	bool resched;		/* something changed: decide again before leaving the kernel */
	bool helping;		/* the way from sc's home to the tip leads over a call not yet taken */
	int prio;		/* published for other CPUs: priority of sc, -1 idle */
	u64 chain_deadline;	/* earliest deadline in the running chain of calls */
	u64 timer_at;		/* what the hardware timer is set to */
	u64 idle_since, idle_ticks;

	u64 ready_levels; /* bit n: ready[n] is not empty */
	struct list ready[PRIORITIES];
	struct timerq timers;
	struct inbox inbox;

	/* What is loaded into the hardware; see arch/ *context*. */
	struct thread *loaded;	      /* whose TPIDR and address space are in the registers */
	struct stage2 *loaded_space;
	bool loaded_guest;	      /* EL1/EL0 of a machine, rather than native EL0 */
	struct machine *loaded_machine; /* whose EL1 registers are in the hardware */
	struct fpstate *fp_owner;     /* whose FP/SIMD registers are in the hardware */
	bool fp_trapped;
} ALIGNED(64);

extern struct cpu cpus[MAX_CPUS];

_Static_assert(offsetof(struct cpu, stack_top) == 0, "vectors.S");
_Static_assert(offsetof(struct cpu, frame) == 8, "vectors.S");
_Static_assert(offsetof(struct cpu, spsr_keep) == 16, "vectors.S");

#endif
