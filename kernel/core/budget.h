/* SPDX-License-Identifier: MIT */
/*
 * Budgets. An SC with budget = period is round robin: its slice is used up, and comes back in full
 * when it has gone to the end of its queue. Any other has refills: what can be used now, and what
 * comes back later, a period after it was used.
 */
#ifndef CORE_BUDGET_H
#define CORE_BUDGET_H

#include <core/sched.h>
#include <object/sc.h>

static inline bool round_robin(const struct sc *sc)
{
	return sc->budget == sc->period;
}

/* More than any slice. */
#define SPARE_NEVER (1ul << 62)

static inline void sc_set_budget(struct sc *sc, u64 budget, u64 period)
{
	sc->budget = budget;
	sc->period = period;
	sc->spare = budget == period ? sched_min_budget : SPARE_NEVER;
}

/* The refill that comes last. */
struct sc_refill *sc_refill_last(struct sc *sc);

/* `amount` comes back at `time`. A full ring merges it into the last entry, later, never earlier. */
void sc_refill_add(struct sc *sc, u64 time, u64 amount);

/* Takes `used` ticks, up to now, out of the budget. */
void sc_charge_refills(struct sc *sc, u64 now, u64 used);

/* Takes the time since sc->started out of the budget. */
static inline void sc_charge(struct sc *sc, u64 now)
{
	u64 used = now - sc->started;
	struct sc_refill *h = &sc->refill;

	sc->consumed += used;
	sc->started = now;
	if (round_robin(sc))
		h->amount = used + sched_min_budget <= h->amount ? h->amount - used : 0;
	else
		sc_charge_refills(sc, now, used);
}
#endif
