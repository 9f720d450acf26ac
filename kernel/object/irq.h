/* SPDX-License-Identifier: MIT */
/* Irq: an asynchronous signal from a hardware line, a kernel timer, or a trigger. */
#ifndef OBJECT_IRQ_H
#define OBJECT_IRQ_H

#include <arch/inline.h>
#include <core/inbox.h>
#include <core/object.h>
#include <core/timerq.h>

struct cpu;
struct thread;

#define IRQ_SOFT 0xffffffffu

enum irq_target { IRQ_UNBOUND, IRQ_THREAD, IRQ_VCPU };

struct irq {
	struct object object;
	u32 intid; /* hardware line, or IRQ_SOFT */
	bool edge;
	u8 target; /* enum irq_target */
	u8 cpu;	   /* where it is handled: the target's */
	bool brings_sc; /* to the vCPU: until it is unbound */
	bool held; /* hardware: from arrival to ack; the line is active */
	u32 virq;  /* of a vCPU */
	struct spinlock lock; /* the binding changes, or is to stay as it is */
	struct list bound;     /* in the thread's list of irqs */
	struct thread *thread; /* bound: the target, which unbinds it when it goes */
	u64 badge;	       /* IRQ_VCPU: 0 */
	struct cpu *on;	       /* bound: that CPU; for others to compare only */
	struct inbox_node node;
	struct timer timer;
	struct list late; /* periodic, but halted: in the thread's list */
	u64 period, overruns;
};
_Static_assert(sizeof(struct irq) <= 256, "size class");

struct irq *irq_create(struct factory *f, u32 intid, bool edge) MUST_CHECK;

/* One step of its end, on its target's CPU. */
int irq_teardown(struct irq *irq) MUST_CHECK;

/* The thread goes: a step towards nothing being delivered to it any more; false: there was nothing left to
 * do. On its CPU. */
bool irq_unbind_some(struct thread *t);

/* It arrived; any CPU. */
void irq_arrive(struct irq *irq);
/* The same, on the target's CPU. */
void irq_deliver(struct irq *irq);
/* The thread, on this CPU, has taken its signals, or is a vCPU that is about to run: periodic timers
 * that were halted for that go on. */
void irq_timers_go_on(struct thread *t);
/* Its kernel timer fired; on its CPU. */
void irq_timer_fired(struct irq *irq, u64 now);

/* A hardware line was acknowledged at the controller (priority dropped, still active). */
void irq_hardware(u32 intid, u32 raw);
/* The same on the way in from native code, where nothing was to decide (c->not_fast). What is to
 * follow: see LEAVE_DECIDE. */
struct takt_frame;
struct takt_frame *irq_trap(struct cpu *c, u32 intid, u32 raw);
/* From a machine's guest, and nothing else is special (NOT_FAST_GUEST alone). */
struct takt_frame *irq_trap_guest(struct cpu *c, u32 intid, u32 raw);

/* From fastpath.S: the running thread, no guest, triggers it, with nothing to decide; `regs` has 0 as
 * the result already. What is to follow: see LEAVE_DECIDE. */
struct takt_frame *irq_trigger_quickly(struct irq *irq, struct cpu *c);

int intc_get_line(u32 intid, struct irq *irq);
/* Before it is freed: no CPU may be looking at it any more then. */
void intc_put_line(struct irq *irq);
#endif
