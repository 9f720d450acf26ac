/* SPDX-License-Identifier: MIT */
/* The dispatcher of one CPU: which scheduling context runs, and which thread on it. */
#ifndef CORE_SCHED_H
#define CORE_SCHED_H

#include <core/arch.h>
#include <core/cpu.h>
#include <core/inbox.h>
#include <core/timerq.h>
#include <object/sc.h>
#include <object/thread.h>

/* A remainder smaller than this is not worth a switch: it is merged into a later refill. 2 us. */
extern u64 sched_min_budget;

void sched_init_cpu(struct cpu *c);

/* Chooses what runs next, programs the timer, and loads that thread's context. Idles if nothing
 * wants to run. The last thing before the kernel is left. */
void sched_leave(void);

/* What a quick way through the kernel says of the way out: null, where the context that was left goes
 * on; the frame of another native one, which is loaded; or that sched_leave is to follow. */
#define LEAVE_DECIDE ((struct takt_frame *)1)

/* Another context is loaded, and stands in c->frame and c->spsr_keep. */
#define LEAVE_LOADED ((struct takt_frame *)5)

/* With the address of a frame: the paravirtual guest that was left has an interrupt. Its context but
 * x0 goes to that frame, and it goes on at its upcall_entry with the x0 that it has now. */
#define LEAVE_UPCALL 3ul

/* Nothing has happened that asks for a decision before the kernel is left. More urgent work in the
 * inbox comes with an interrupt: see inbox_post. */
static inline bool sched_settled(const struct cpu *c)
{
	return !c->not_fast;
}

/*
 * The hardware timer is never later than what it is for: the first of `timers`, the end of the slice,
 * and the deadlines of the chain. It may be earlier, where that was taken back or put off: then it
 * fires once for nothing, which costs less than setting it at each switch.
 */
static inline void timer_by(struct cpu *c, u64 when)
{
	if (when < c->timer_at) {
		c->timer_at = when;
		timer_set(when);
	}
}

/* Starts a timer of this CPU, or moves it. */
static inline void timer_start(struct cpu *c, struct timer *t, u64 when)
{
	timerq_insert(&c->timers, t, when);
	timer_by(c, when);
}

/* The running thread goes on as it is, and sched_leave would change nothing; for a guest `same` says
 * whether. More urgent work in the inbox comes with an interrupt: see inbox_post. */
static inline bool sched_same_or(const struct cpu *c, bool (*same)(const struct cpu *c))
{
	if (c->resched || c->thread != c->loaded)
		return false;
	if (unlikely(c->thread->in_guest))
		return same && c->not_fast == NOT_FAST_GUEST && same(c);
	return true;
}

static inline bool sched_same(const struct cpu *c)
{
	return sched_same_or(c, NULL);
}

/* The hardware timer fired. */
void sched_timer(void);
/* The same on the way in from a context that ran. What is to follow: see LEAVE_DECIDE. */
struct takt_frame *sched_timer_trap(struct cpu *c);

/* The SC's thread wants to run: READY if budget is usable, else DEPLETED. On the SC's CPU. */
void sc_activate(struct sc *sc);

/* It no longer wants to: charge if it runs, and take it off its queue. */
void sc_deactivate(struct sc *sc);

/* The SCs that are parked on the thread look for their chains' tips again. */
void sc_unpark_all(struct thread *t);

/* Takes the SC off the CPU; it goes to the tail of its queue. What sched_leave does is done, too. */
void sched_give_way(void);

/* Updates sc->consumed of the running SC without ending its turn. */
void sc_account(struct sc *sc);

/* Binds to and releases from a thread. On the SC's CPU. */
void sc_bind(struct sc *sc, struct thread *t, unsigned index);
void sc_release(struct sc *sc);

/* New budget and period. What can be used now does not grow: more comes one period from now; less
 * is taken from the latest refills. */
void sc_update(struct sc *sc, u64 budget, u64 period);

/* A new refill ring holding one full budget from now on. */
void sc_refill_reset(struct sc *sc, u64 now);
#endif
