/* SPDX-License-Identifier: MIT */
/*
 * Event scheduling contexts: the SCs of a vCPU besides its base, and which of them it is to run on.
 *
 * `active`, a mask of indices, says which SCs the vCPU wants; those are READY, RUNNING, DEPLETED or
 * PARKED, the others DORMANT, so the dispatcher runs it on the most urgent one that has budget
 * without knowing of any of this. The set is
 *
 *	the SC that the guest selected, and the one of the interrupt that it handles;
 *	that of every interrupt which is pending and not taken: it cannot be left;
 *	machines: that of every interrupt whose episode has not ended (`episodes`);
 *	the base, if it is less urgent than one of the first two, to fall back to, or if the rest
 *	is empty.
 *
 * What the guest says stands in its state page and is read once in a stay in the kernel: when the
 * kernel is left, before anything is decided (event_sample), for the vCPU whose SC ran, or when the
 * vCPU wakes. Elapsed time is charged to the SC that ran. Everything here happens on the vCPU's CPU.
 *
 * An episode begins when the interrupt arrives at a machine, and ends with the end of the interrupt
 * (TAKT_LEAVE_EOI), with WFI, with the SC's budget, or when the guest selects.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <core/cpu.h>
#include <core/sched.h>
#include <object/thread.h>

struct sc;

/* An SC was attached to a vCPU, or is no longer; index > 0. The latter whenever t has any. */
void event_attached(struct thread *t, unsigned index);
void event_detached(struct thread *t, unsigned index);

/* Virtual interrupt virq brings the SC with this index, 0: none. */
void event_bind(struct thread *t, u32 virq, unsigned index, unsigned leave);

/* The index that it was bound with. */
static inline unsigned event_index(const struct thread *t, u32 virq)
{
	unsigned w = virq / 64, bit = virq % 64;

	return (t->virq_sc[0][w] >> bit & 1) | (t->virq_sc[1][w] >> bit & 1) << 1 |
	       (t->virq_sc[2][w] >> bit & 1) << 2;
}
static inline bool event_until_idle(const struct thread *t, u32 virq)
{
	return t->virq_stays[virq / 64] >> virq % 64 & 1;
}

/* The greatest priority of its SCs; any CPU. */
unsigned event_prio(const struct thread *t);

/* Machine: an interrupt became pending. Wakes the vCPU if it is idle. */
void event_arrive(struct thread *t, u32 virq);
/* Machine: no interrupt that brings this SC is pending or active any more. */
void event_ended(struct thread *t, unsigned index);
/* Machine: the guest's hypercall. False: there is no such SC. */
bool event_select(struct thread *t, u64 index) MUST_CHECK;

/* As pv_arrive and pv_before_guest, for a vCPU with event SCs. */
void event_arrive_pv(struct thread *t, u32 virq);
void event_before_guest(struct thread *t);

/* The guest goes idle: its state is THREAD_IDLE already. */
void event_idle(struct thread *t);
/* It wants to run again. */
void event_wake(struct thread *t);

/* t may run, or is to have time of its own while it serves others: on what its events say, or the base
 * if there is one. On its CPU. */
static inline void thread_activate(struct thread *t)
{
	if (unlikely(t->has_events))
		event_wake(t);
	else if (t->sc[0])
		sc_activate(t->sc[0]);
}

/* The budget of one of t's SCs is used up. */
void event_depleted(struct thread *t, unsigned index);

/* For the vCPU that the CPU ran last: what its guest wants now. */
void event_sample(struct cpu *c);
/* The dispatcher picked one of t's SCs: false if that is not wanted any more. */
bool event_confirm(struct thread *t, const struct sc *sc) MUST_CHECK;
/* Tells the guest that is about to run who waits for it to lower its priority. */
void event_hint(struct cpu *c);
#endif
