/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/cpu.h>
#include <core/invoke.h>
#include <core/sched.h>
#include <object/irq.h>
#include <object/sc.h>
#include <object/scheduler.h>

static struct sc *self_sc(struct object *self)
{
	return container_of(self, struct sc, object);
}

#define ON_ITS_CPU(sc)                                                                             \
	do {                                                                                       \
		if ((sc)->cpu != this_cpu()->id)                                                   \
			return E_REMOTE((sc)->cpu);                                                \
	} while (0)

int sc_op_info(struct object *self, u64 rights, struct invocation *in)
{
	struct sc *sc = self_sc(self);

	(void)rights;
	ON_ITS_CPU(sc);
	sc_account(sc);
	in->w[0] = sc->consumed;
	in->w[1] = sc->prio;
	in->w[2] = sc->budget;
	in->w[3] = sc->period;
	in->w[4] = sc->cpu;
	in->w[5] = sc->state;
	return 0;
}

int sc_op_update(struct object *self, u64 rights, struct invocation *in)
{
	struct sc *sc = self_sc(self);
	int err;

	(void)rights;
	ON_ITS_CPU(sc);
	if (!sc->scheduler)
		return TAKT_E_GONE;
	err = scheduler_afford(sc->scheduler, sc, in->w[0], in->w[1]);
	if (err)
		return err;
	sc_update(sc, in->w[0], in->w[1]);
	return 0;
}

int sc_op_depleted_irq(struct object *self, u64 rights, struct invocation *in)
{
	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_IRQ_TRIGGER))
		return TAKT_E_RIGHTS;
	self_sc(self)->depleted_irq = weak_to(in->cap[0]);
	return 0;
}

/* --- Destroy --------------------------------------------------------------------------------- */

int sc_teardown(struct sc *sc)
{
	ON_ITS_CPU(sc);
	if (sc->state != SC_UNBOUND)
		sc_release(sc);
	scheduler_forget(sc);
	return 0;
}
