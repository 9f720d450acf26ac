/* SPDX-License-Identifier: MIT */
/* Which scheduling contexts want to run: into the ready queue and out of it, and the budget that
 * they have for it. */
#include <core/arch.h>
#include <core/budget.h>
#include <core/cpu.h>
#include <core/dispatch.h>
#include <core/event.h>
#include <core/ipc.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>

static NOINLINE void sc_wait_refill(struct cpu *c, struct sc *sc)
{
	u64 when = sc->refill.time;

	sc->state = SC_DEPLETED;
	TRACE(c, DEPLETED, sc->prio, sc->object.birth, sc->home->object.birth, when);
	timer_start(c, &sc->timer, when);
}

static NOINLINE void enqueue(struct cpu *c, struct sc *sc, bool at_head)
{
	struct sc_refill *h = &sc->refill;

	if (likely(round_robin(sc))) {
		if (unlikely(!h->amount)) {
			h->amount = sc->budget;
			at_head = false;
		}
	} else if (h->amount < sched_min_budget || h->time > now_ticks()) {
		sc_wait_refill(c, sc);
		return;
	}
	ready_insert(c, sc, at_head);
}

void sc_enqueue(struct cpu *c, struct sc *sc)
{
	enqueue(c, sc, false);
}

static NOINLINE void raise_depleted(struct sc *sc)
{
	struct object *irq = weak_get(sc->depleted_irq);

	if (irq)
		irq_arrive(container_of(irq, struct irq, object));
	if (unlikely(sc->home->episodes))
		event_depleted(sc->home, sc->index);
	ipc_timeout(sc);
}

void sc_put(struct cpu *c, u64 now, bool at_head)
{
	struct sc *sc = c->sc;

	sc_charge(sc, now);
	c->sc = NULL;
	c->slice_end = TAKT_NEVER;
	c->resched = true; /* nobody hands over what is not there */
	enqueue(c, sc, at_head);
	if (unlikely(sc->state == SC_DEPLETED))
		raise_depleted(sc);
}

/* Apart, so that sc_activate needs no stack frame for it. */
static COLD void activate_traced(struct sc *sc)
{
	struct cpu *c = this_cpu();

	TRACE(c, ACTIVATED, sc->prio, sc->object.birth, sc->home->object.birth);
	sc_enqueue(c, sc);
}

void sc_activate(struct sc *sc)
{
	struct cpu *c = this_cpu();

	ASSERT(sc->cpu == c->id);
	if (sc->state != SC_DORMANT)
		return;
	if (unlikely(c->tracing))
		activate_traced(sc);
	else
		enqueue(c, sc, false);
}

void sc_deactivate(struct sc *sc)
{
	struct cpu *c = &cpus[sc->cpu];

	switch ((enum sc_state)sc->state) {
	case SC_RUNNING:
		sc_charge(sc, now_ticks());
		c->sc = NULL;
		c->slice_end = TAKT_NEVER;
		c->resched = true;
		break;
	case SC_READY:
		ready_remove(c, sc);
		break;
	case SC_DEPLETED:
		timerq_remove(&c->timers, &sc->timer);
		break;
	case SC_PARKED:
		list_del(&sc->link);
		timerq_remove(&c->timers, &sc->timer);
		break;
	case SC_UNBOUND:
	case SC_DORMANT:
		return;
	}
	sc->state = SC_DORMANT;
}

void sc_account(struct sc *sc)
{
	if (sc->state != SC_RUNNING)
		return;
	sc_charge(sc, now_ticks());
	cpus[sc->cpu].slice_end = sc->started + sc->refill.amount;
}

void sc_update(struct sc *sc, u64 budget, u64 period)
{
	u64 now = now_ticks();
	u64 old = sc->budget;
	bool ring = !round_robin(sc) && budget != period;
	bool wants = sc->state == SC_RUNNING || sc->state == SC_READY || sc->state == SC_DEPLETED;

	sc_deactivate(sc); /* charged, off its queue */
	sc_set_budget(sc, budget, period);
	if (!ring) {
		sc_refill_reset(sc, now);
	} else if (budget > old) {
		sc_refill_add(sc, now + period, budget - old);
	} else {
		for (u64 less = old - budget; less;) {
			struct sc_refill *last = sc_refill_last(sc);
			u64 take = MIN(less, last->amount);

			last->amount -= take;
			less -= take;
			if (!last->amount && sc->count > 1)
				sc->count--;
		}
	}
	if (wants)
		sc_activate(sc);
}

void sc_bind(struct sc *sc, struct thread *t, unsigned index)
{
	sc->home = t;
	sc->index = (u8)index;
	sc->state = SC_DORMANT;
	t->sc[index] = sc;
}

void sc_release(struct sc *sc)
{
	struct thread *t = sc->home;

	sc_deactivate(sc);
	t->sc[sc->index] = NULL;
	sc->home = NULL;
	sc->state = SC_UNBOUND;
	if (unlikely(t->events))
		event_detached(t, sc->index);
}
