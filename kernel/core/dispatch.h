/* SPDX-License-Identifier: MIT */
/*
 * The ready queue of a CPU: a list for each priority and a word that says which are not empty. What
 * is more urgent than all others will most likely run at once: it does not go through the queue,
 * but waits in c->next.
 */
#ifndef CORE_READY_H
#define CORE_READY_H

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

static inline void sc_run(struct cpu *c, struct sc *sc, u64 now)
{
	sc->state = SC_RUNNING;
	sc->started = now;
	c->sc = sc;
	c->slice_end = now + sc->refill.amount;
}

/* Tells the other CPUs what runs here. False if more urgent work came in meanwhile. */
static inline bool publish(struct cpu *c, int prio)
{
	if (c->prio == prio)
		return true;
	__atomic_store_n(&c->prio, prio, __ATOMIC_RELAXED);
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
	if (unlikely(c->ready_levels >> old->prio))
		ready_enqueue(c, old, true);
	else
		c->next = old;
}

/*
 * Thread t was woken, with a dormant SC that is more urgent than the round-robin one that runs and
 * than all that waits: the CPU is its own at once, without a decision on the way out. False where it
 * is not as simple as that.
 */
static inline bool hand_over(struct cpu *c, struct sc *sc, struct thread *t)
{
	struct sc *old = c->sc;
	unsigned prio = sc->prio;
	u64 now, end, left;

	if ((int)prio <= c->prio || sc->state != SC_DORMANT)
		return false;
	if (unlikely(c->not_fast) || unlikely(c->next) || unlikely(!old) ||
	    unlikely(!round_robin(old)))
		return false;
	now = now_ticks();
	end = c->slice_end;
	left = sc->refill.amount;
	if (unlikely(left < sched_min_budget) || unlikely(sc->refill.time > now) ||
	    unlikely(now + sched_min_budget > end))
		return false;
	put_simply(c, old, now);
	sc->state = SC_RUNNING;
	sc->started = now;
	c->sc = sc;
	c->slice_end = now + left;
	c->thread = t;
	__atomic_store_n(&c->prio, (int)prio, __ATOMIC_RELAXED);
	dmb_ish(); /* as publish() */
	if (unlikely(inbox_top(&c->inbox) >= 0))
		c->resched = true;
	timer_by(c, c->slice_end);
	return true;
}
#endif
