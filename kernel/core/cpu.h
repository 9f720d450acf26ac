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
struct task;
struct thread;
struct trace;

/* Whose registers act on EL0; see context.h. */
enum world {
	WORLD_NATIVE, /* native EL0, of the thread `loaded` */
	WORLD_GUEST,  /* EL1/EL0 of a machine */
	WORLD_NONE,   /* native, but no address space and no thread */
};
/* cpu->not_fast, little-endian: nothing but one. */
#define NOT_FAST_RESCHED 0x1u
#define NOT_FAST_GUEST ((u32)WORLD_GUEST << 16)
#define TANGLED_CALLS 1	 /* a call on the way to the tip is not yet taken, or has a deadline */
#define TANGLED_EVENTS 2 /* the home has event SCs: see event.h */
#define NOT_FAST_EVENTS ((u32)TANGLED_EVENTS << 8)
#define NOT_FAST_CALLS ((u32)TANGLED_CALLS << 8)

/*
 * The first part is known to assembly by the offsets in <arch/offsets.h>, and what the path of a
 * call reads lies together.
 */
struct cpu {
	void *stack_top;
	struct takt_frame *frame; /* register frame of the running context */
	u64 spsr_keep;		  /* bits of its pstate that may be set */
	struct thread *thread;	  /* the tip of sc's chain of calls; null when idle */
	struct thread *loaded;	  /* whose TPIDR and address space are in the registers */
	union {
		u32 not_fast; /* any of them set: no fast path */
		struct {
			bool resched; /* something changed: decide again before leaving the kernel
				       */
			u8 tangled;   /* TANGLED_...: what there is about sc's home and its calls */
			u8 world;     /* enum world: what is loaded into the hardware */
			bool tracing; /* see trace.h */
		};
	};
	unsigned id;

	/* What else is loaded into the hardware; see context.h. */
	struct task *loaded_task; /* whose address space */
	struct fpstate *fp_owner;	/* whose FP/SIMD registers are in the hardware */
	u64 fp_word;		  /* the same for <arch/switch.h>, and whether they trap */
	struct machine *loaded_machine; /* whose EL1 registers are in the hardware */

	struct sc *sc;	    /* RUNNING; null when idle */
	int prio;	    /* published for other CPUs: priority of sc, -1 idle */
	u64 slice_end;	    /* when the head refill of sc is used up; TAKT_NEVER when idle */
	struct thread *sampled; /* with TANGLED_EVENTS: the home of sc, or of what ran last */
	u64 chain_deadline; /* earliest deadline in the running chain of calls */
	u64 timer_at;	    /* what the hardware timer is set to: see timer_by() */
	u64 idle_ticks;

	struct sc *next;  /* READY, but not in the queue: more urgent than all that is in it */
	u64 ready_levels; /* bit n: ready[n] is not empty */
	struct list ready[PRIORITIES];
	struct timerq timers;
	struct trace *trace; /* ring of events; null: none */
	struct inbox inbox;
} ALIGNED(64);

extern struct cpu cpus[MAX_CPUS];

#endif
