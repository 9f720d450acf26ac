/* SPDX-License-Identifier: MIT */
/* Budgets: sporadic-server replenishment with a ring of refills. */
#include <core/budget.h>
#include <core/sched.h>

struct sc_refill *sc_refill_last(struct sc *sc)
{
	return sc->count > 1 ? &sc->later[(sc->first + sc->count - 2u) & (SC_REFILLS - 1)]
			     : &sc->refill;
}

void sc_refill_reset(struct sc *sc, u64 now)
{
	sc->first = 0;
	sc->count = 1;
	sc->refill = (struct sc_refill){now, sc->budget};
}

void sc_refill_add(struct sc *sc, u64 time, u64 amount)
{
	struct sc_refill *last = sc_refill_last(sc);

	if (sc->count == SC_REFILLS) {
		last->time = MAX(last->time, time);
		last->amount += amount;
		return;
	}
	sc->count++;
	*sc_refill_last(sc) = (struct sc_refill){time, amount};
}

/* The next one of several becomes what can be used. */
static void refill_pop(struct sc *sc)
{
	sc->count--;
	sc->refill = sc->later[sc->first];
	sc->first = (sc->first + 1) & (SC_REFILLS - 1);
}

/* One overrun is paid back for by 50 ms at most: far more than the kernel brings about, so the rest was
 * taken by what is below it (adr/0070). */
#define MOST_DEBT_HZ 20

/* What was used from instant t on comes back at t + period; what was overrun is taken from later
 * refills. */
void sc_charge_refills(struct sc *sc, u64 now, u64 used)
{
	u64 back = now - used + sc->period;
	struct sc_refill *h = &sc->refill;

	if (likely(used && used < h->amount)) {
		h->amount -= used;
		sc_refill_add(sc, back, used);
		used = 0;
	}
	for (unsigned n = sc->count; used && n; n--) {
		u64 take = MIN(used, h->amount);

		used -= take;
		h->amount -= take;
		if (h->amount) {
			sc_refill_add(sc, back, take);
		} else if (sc->count == 1) {
			*h = (struct sc_refill){back, take};
		} else {
			refill_pop(sc);
			sc_refill_add(sc, back, take);
		}
	}
	while (sc->count > 1) {
		struct sc_refill *next = &sc->later[sc->first];

		if (h->amount >= sched_min_budget && next->time > now)
			break;
		next->time = h->amount >= sched_min_budget ? h->time : next->time;
		next->amount += h->amount;
		refill_pop(sc);
	}
	if (used) { /* more than the whole budget in one stretch: each further one costs its period */
		used = MIN(used, platform.counter_hz / MOST_DEBT_HZ);
		h->time += used / sc->budget * sc->period + used % sc->budget;
	}
}
