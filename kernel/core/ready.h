/* SPDX-License-Identifier: MIT */
/*
 * The ready queue of a CPU: a list for each priority and a word that says which are not empty. What
 * is more urgent than all others will most likely run at once: it does not go through the queue,
 * but waits in c->next.
 */
#ifndef CORE_READY_H
#define CORE_READY_H

#include <core/cpu.h>
#include <core/sched.h>
#include <object/sc.h>

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

/* sc_activate(), at once where nothing is special. */
static inline void sc_activate_quickly(struct cpu *c, struct sc *sc)
{
	const struct sc_refill *r = &sc->refill;

	if (likely(sc->state == SC_DORMANT && !c->tracing && r->amount >= sched_min_budget &&
		   r->time <= now_ticks()))
		ready_insert(c, sc, false);
	else
		sc_activate(sc);
}
#endif
