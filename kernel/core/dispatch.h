/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the dispatcher share.
 *
 * The ready queue of a CPU: a list for each priority and a word that says which are not empty. What
 * is more urgent than all others will most likely run at once: it does not go through the queue,
 * but waits in c->next.
 */
#ifndef CORE_DISPATCH_H
#define CORE_DISPATCH_H

#include <arch/switch.h>
#include <core/arch.h>
#include <core/budget.h>
#include <core/cpu.h>
#include <core/sched.h>
#include <object/sc.h>
#include <object/thread.h>

static inline int ready_queue_top(const struct cpu *c)
{
	return c->ready_levels ? 63 - __builtin_clzll(c->ready_levels) : -1;
}

static inline int ready_top(const struct cpu *c)
{
	return c->next ? (int)c->next->prio : ready_queue_top(c);
}

static inline struct sc *ready_first(struct cpu *c, int prio)
{
	return c->next ? c->next : list_first(&c->ready[prio], struct sc, link);
}

static inline void ready_enqueue(struct cpu *c, struct sc *sc, bool at_head)
{
	if (at_head)
		list_add_head(&c->ready[sc->prio], &sc->link);
	else
		list_add_tail(&c->ready[sc->prio], &sc->link);
	c->ready_levels |= 1ul << sc->prio;
}

static inline void ready_insert(struct cpu *c, struct sc *sc, bool at_head)
{
	sc->state = SC_READY;
	if (likely((int)sc->prio > ready_top(c))) {
		if (unlikely(c->next))
			ready_enqueue(c, c->next, true);
		c->next = sc;
	} else {
		ready_enqueue(c, sc, at_head);
	}
	if ((int)sc->prio > c->prio)
		c->resched = true;
}

static inline void ready_remove(struct cpu *c, struct sc *sc)
{
	if (c->next == sc) {
		c->next = NULL;
		return;
	}
	list_del(&sc->link);
	if (list_empty(&c->ready[sc->prio]))
		c->ready_levels &= ~(1ul << sc->prio);
}

/* An SC that wants to run, and is on no queue, goes to the ready queue or waits for its refill. */
void sc_enqueue(struct cpu *c, struct sc *sc);

/* The running SC leaves the CPU but still wants to run. To the tail of its queue where its slice is
 * used up or given up. */
void sc_put(struct cpu *c, u64 now, bool at_head);

static inline void sc_run(struct cpu *c, struct sc *sc, u64 now)
{
	sc->state = SC_RUNNING;
	sc->started = now;
	c->sc = sc;
	c->slice_end = now + sc->refill.amount;
}

/* What the hardware timer was set to has come, or it is to be set to the instant. */
static inline void program_timer(struct cpu *c)
{
	c->timer_at = MIN(timerq_next(&c->timers), MIN(c->slice_end, c->chain_deadline));
	timer_set(c->timer_at);
}

/* Tells the other CPUs what runs here. False if more urgent work came in meanwhile. */
static inline bool publish(struct cpu *c, int prio)
{
	if (c->prio == prio)
		return true;
	STORE_ONCE(c->prio, prio);
	dmb_ish(); /* pairs with inbox_post */
	return !inbox_above(&c->inbox, prio);
}

/* `old`, a round-robin SC with some of its slice left, makes room for a more urgent one; none waits
 * in c->next. */
static inline void put_simply(struct cpu *c, struct sc *old, u64 now)
{
	old->consumed += now - old->started;
	old->refill.amount = c->slice_end - now;
	old->state = SC_READY;
}

/*
 * Thread t is being woken: if its SC was dormant and is more urgent than the round-robin one that
 * runs, the CPU is its own at once. Nothing may be to decide (c->not_fast), so there is one that
 * runs. False where it is not as simple as that, and nothing was done.
 */
static inline bool hand_over(struct cpu *c, struct sc *sc, struct thread *t)
{
	struct sc *old = c->sc;
	unsigned prio = sc->prio;
	u64 now, left, spare;

	if ((int)prio <= c->prio || sc->state != SC_DORMANT || unlikely(c->next))
		return false;
	now = now_ticks();
	left = sc->refill.amount;
	spare = old->spare;
	if (unlikely((left < spare) | (sc->refill.time > now) | (now + spare > c->slice_end)))
		return false;
	put_simply(c, old, now);
	c->next = old; /* nothing that is more urgent is in the queue, and it comes before its equals */
	sc->state = SC_RUNNING;
	sc->started = now;
	c->sc = sc;
	c->slice_end = now + left;
	c->thread = t;
	STORE_ONCE(c->prio, (int)prio);
	dmb_ish(); /* as publish() */
	if (unlikely(inbox_top(&c->inbox) >= 0))
		c->resched = true;
	timer_by(c, now + left);
	return true;
}

/* The round-robin SC of a thread that is being woken is no more urgent than what runs, but more
 * than all others that are ready. False where it is not as simple as that, and nothing was done. */
static inline bool queue_simply(struct cpu *c, struct sc *sc)
{
	unsigned prio = sc->prio;

	if ((int)prio > c->prio || sc->state != SC_DORMANT || sc->refill.amount < sc->spare ||
	    (u64)c->next | c->ready_levels >> prio)
		return false;
	sc->state = SC_READY;
	c->next = sc;
	return true;
}

/* From a round-robin SC to the next one at its priority, of a native thread in no call, or
 * (`guest`) of a machine's in its guest: that thread. Null: it is not that case. */
static ALWAYS_INLINE struct thread *take_turns(struct cpu *c, u64 now, bool guest)
{
	struct sc *old = c->sc, *sc = c->next;
	bool direct = likely(sc);
	struct thread *t;
	unsigned prio;

	if (unlikely(!round_robin(old)))
		return NULL;
	prio = old->prio;
	if (unlikely(!direct)) {
		if (!(c->ready_levels >> prio))
			return NULL;
		sc = ready_first(c, (int)prio);
	}
	t = sc->home;
	if (unlikely(sc->prio != prio))
		return NULL;
	if (guest ? unlikely(t->wait_word != RUN_IN_GUEST) || unlikely(!t->machine) ||
			    unlikely(t->pending)
		  : unlikely(t->wait_word != RUN_PLAINLY) || unlikely(t->caller))
		return NULL;
	if (unlikely(!direct))
		ready_remove(c, sc);
	if (!guest)
		now = now_ticks(); /* what comes before is not needed for longer than until here */
	old->consumed += now - old->started;
	old->refill.amount = now + old->spare <= c->slice_end ? c->slice_end - now : old->budget;
	old->state = SC_READY;
	if (unlikely(c->ready_levels >> prio)) {
		c->next = NULL;
		ready_enqueue(c, old, false);
	} else {
		c->next = old;
	}
	sc_run(c, sc, now);
	c->thread = t;
	return t;
}

/* The wait of thread t is ended by these signals. */
static inline void end_wait(struct thread *t, u64 badges)
{
	struct takt_frame *regs = t->regs;

	regs->x[0] = 0;
	regs->x[1] = TAKT_TAG_IRQ;
	regs->x[2] = badges;
	t->state = THREAD_RUN;
}

/* It waits for nothing else than signals and calls, with time of its own: then it has no signals
 * pending, and no SC is parked on it. */
static inline bool waits_simply(const struct thread *t)
{
	return likely(t->wait_word == WAIT_PLAINLY) && likely(t->sc[0]);
}

/* A signal for t, and hand_over() does the rest. False: nothing was done. */
static inline bool signal_simply(struct cpu *c, struct thread *t, u64 badges)
{
	if (!waits_simply(t) || !hand_over(c, t->sc[0], t))
		return false;
	end_wait(t, badges);
	return true;
}

/* Ways out without sched_leave, from native code and back to it: to t, after signal_simply(); and
 * wherever what has happened leads. */
static inline struct takt_frame *leave_for(struct cpu *c, struct thread *t)
{
	if (unlikely(c->resched))
		return LEAVE_DECIDE;
	switch_native(c, t);
	return t->regs;
}

static inline struct takt_frame *leave_quickly(struct cpu *c)
{
	struct thread *t = c->thread;

	if (unlikely(c->not_fast) || unlikely(t->in_guest))
		return LEAVE_DECIDE;
	if (t == c->loaded)
		return NULL;
	switch_native(c, t);
	return t->regs;
}
#endif
