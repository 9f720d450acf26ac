/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/invoke.h>
#include <core/budget.h>
#include <core/sched.h>
#include <object/factory.h>
#include <object/gate.h>
#include <object/sc.h>
#include <object/scheduler.h>
#include <object/thread.h>

/* --- State ----------------------------------------------------------------------------------- */

struct scheduler *scheduler_create(struct factory *f, unsigned lowest, unsigned highest,
				   u64 cpu_mask, unsigned share)
{
	struct scheduler *s = object_alloc(f, sizeof(*s), TAKT_SCHEDULER);

	if (!s)
		return NULL;
	s->lowest = (u8)lowest;
	s->highest = (u8)highest;
	s->cpu_mask = (u16)cpu_mask;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		s->share[i] = s->share_left[i] = cpu_mask & 1u << i ? (u16)share : 0;
	list_init(&s->children);
	list_init(&s->sibling);
	list_init(&s->scs);
	return s;
}

static struct scheduler *self_scheduler(struct object *self)
{
	return container_of(self, struct scheduler, object);
}

/* --- Checks ---------------------------------------------------------------------------------- */

/* Per mille of a CPU that a budget in a period is, rounded up. A round-robin slice (budget =
 * period) reserves nothing: it promises nothing either. */
static unsigned share_of(u64 budget, u64 period)
{
	if (budget == period)
		return 0;
	return (unsigned)((budget * 1000 + period - 1) / period);
}

static int check_times(u64 budget, u64 period)
{
	u64 longest = platform.counter_hz * 60;

	if (period > longest || budget > period)
		return TAKT_E_RANGE;
	if (budget < platform.counter_hz / 500000) /* 2 us */
		return TAKT_E_RANGE;
	return 0;
}

static bool cpu_ok(const struct scheduler *s, u64 cpu)
{
	return cpu < platform.cpus && s->cpu_mask & 1u << cpu;
}

int scheduler_afford(struct scheduler *s, struct sc *sc, u64 budget, u64 period)
{
	int err = check_times(budget, period);
	unsigned want;

	if (err)
		return err;
	want = share_of(budget, period);
	spin_lock(&s->lock);
	if (want > s->share_left[sc->cpu] + sc->share) {
		err = TAKT_E_QUOTA;
	} else {
		s->share_left[sc->cpu] = (u16)(s->share_left[sc->cpu] + sc->share - want);
		sc->share = (u16)want;
	}
	spin_unlock(&s->lock);
	return err;
}

static int enlist(struct scheduler *s, struct sc *sc)
{
	int err = TAKT_E_STATE;

	spin_lock(&s->lock);
	if (s->sc_count == SCHEDULER_SCS) {
		err = TAKT_E_QUOTA;
	} else if (!s->object.dying) {
		list_add_tail(&s->scs, &sc->sched_link);
		s->sc_count++;
		sc->scheduler = s;
		err = 0;
	}
	spin_unlock(&s->lock);
	return err;
}

void scheduler_forget(struct sc *sc)
{
	struct scheduler *s = sc->scheduler;

	if (!s)
		return;
	spin_lock(&s->lock);
	list_del(&sc->sched_link);
	s->sc_count--;
	s->consumed += sc->consumed;
	s->share_left[sc->cpu] = (u16)(s->share_left[sc->cpu] + sc->share);
	spin_unlock(&s->lock);
	sc->share = 0;
	sc->scheduler = NULL;
}

/* The child takes its share on every CPU, or nothing. */
static int take_share(struct scheduler *s, struct scheduler *child, unsigned share)
{
	int err = s->object.dying ? TAKT_E_STATE : 0;

	for (unsigned i = 0; i < MAX_CPUS && !err; i++)
		if (child->cpu_mask & 1u << i && s->share_left[i] < share)
			err = TAKT_E_QUOTA;
	if (err)
		return err;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		s->share_left[i] = (u16)(s->share_left[i] - child->share[i]);
	list_add_tail(&s->children, &child->sibling);
	child->parent = s;
	return 0;
}

static void give_share(struct scheduler *child)
{
	struct scheduler *s = child->parent;

	if (!s)
		return;
	spin_lock(&s->lock);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		s->share_left[i] = (u16)(s->share_left[i] + child->share[i]);
	list_del(&child->sibling);
	spin_unlock(&s->lock);
	child->parent = NULL;
}

/* --- Operations ------------------------------------------------------------------------------ */

static void unlink_sc(struct object *sc)
{
	scheduler_forget(container_of(sc, struct sc, object));
}

static void unlink_child(struct object *child)
{
	give_share(self_scheduler(child));
}

int scheduler_op_create_sc(struct object *self, u64 rights, struct invocation *in)
{
	struct scheduler *s = self_scheduler(self);
	struct factory *f = container_of(in->cap[0], struct factory, object);
	u64 prio = in->w[0], budget = in->w[1], period = in->w[2], cpu = in->w[3];
	struct sc *sc;
	int err;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_FACTORY_CREATE))
		return TAKT_E_RIGHTS;
	if (prio < s->lowest || prio > s->highest)
		return TAKT_E_RANGE;
	if (!cpu_ok(s, cpu))
		return TAKT_E_CPU;
	err = check_times(budget, period);
	if (!err)
		err = invocation_window(in);
	if (err)
		return err;
	sc = object_alloc(f, sizeof(*sc), TAKT_SC);
	if (!sc)
		return TAKT_E_NOMEM;
	sc->prio = (u8)prio;
	sc->cpu = (u8)cpu;
	sc_set_budget(sc, budget, period);
	sc->timer.kind = TIMER_SC;
	list_init(&sc->link);
	list_init(&sc->sched_link);
	sc_refill_reset(sc, now_ticks());
	object_born(&sc->object); /* before others can find it through its scheduler */
	err = scheduler_afford(s, sc, budget, period);
	if (!err)
		err = enlist(s, sc);
	if (err) {
		object_discard(&sc->object);
		return err;
	}
	return invocation_give(in, &sc->object, TAKT_R_ALL, unlink_sc);
}

int scheduler_op_run(struct object *self, u64 rights, struct invocation *in)
{
	struct scheduler *s = self_scheduler(self);
	struct thread *t = container_of(in->cap[0], struct thread, object);
	u64 cpu = in->w[0];

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_THREAD_SC))
		return TAKT_E_RIGHTS;
	if (!cpu_ok(s, cpu))
		return TAKT_E_CPU;
	if (t->cpu == CPU_UNPLACED)
		return thread_place(t, (unsigned)cpu);
	if (t->cpu != this_cpu()->id)
		return E_REMOTE(t->cpu);
	if (t->state != THREAD_STOPPED)
		return TAKT_E_STATE;
	for (unsigned i = 0; i < THREAD_SCS; i++)
		if (t->sc[i])
			return TAKT_E_STATE;
	if (!list_empty(&t->irqs) || t->machine) /* what is bound to it stays with its CPU */
		return TAKT_E_STATE;
	if (gate_unbind_some(t))
		return E_RESTART;
	context_evict(t);
	t->cpu = (u8)cpu;
	return 0;
}

int scheduler_op_narrow(struct object *self, u64 rights, struct invocation *in)
{
	struct scheduler *s = self_scheduler(self);
	struct factory *f = container_of(in->cap[0], struct factory, object);
	u64 mask = in->w[0], lowest = in->w[1], highest = in->w[2], share = in->w[3];
	struct scheduler *child;
	int err = 0;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_FACTORY_CREATE))
		return TAKT_E_RIGHTS;
	if (!mask || mask & ~(u64)s->cpu_mask)
		return TAKT_E_CPU;
	if (lowest > highest || lowest < s->lowest || highest > s->highest || share > 1000)
		return TAKT_E_RANGE;
	err = invocation_window(in);
	if (err)
		return err;
	child = scheduler_create(f, (unsigned)lowest, (unsigned)highest, mask, (unsigned)share);
	if (!child)
		return TAKT_E_NOMEM;
	object_born(&child->object); /* before others can find it through its parent */
	spin_lock(&s->lock);
	err = take_share(s, child, (unsigned)share);
	spin_unlock(&s->lock);
	if (err) {
		object_discard(&child->object);
		return err;
	}
	return invocation_give(in, &child->object, TAKT_R_ALL, unlink_child);
}

int scheduler_op_info(struct object *self, u64 rights, struct invocation *in)
{
	struct scheduler *s = self_scheduler(self);
	u64 cpu = in->w[0];

	(void)rights;
	if (!cpu_ok(s, cpu))
		return TAKT_E_CPU;
	if (cpu != this_cpu()->id)
		return E_REMOTE((unsigned)cpu);
	in->w[0] = this_cpu()->idle_ticks;
	in->w[1] = now_ticks() - this_cpu()->idle_ticks;
	in->w[2] = s->cpu_mask;
	in->w[3] = s->lowest;
	in->w[4] = s->highest;
	in->w[5] = s->share_left[cpu];
	return 0;
}

/* Of the SCs on other CPUs, what they had consumed when their turn last ended: nobody is asked. */
int scheduler_op_account(struct object *self, u64 rights, struct invocation *in)
{
	struct scheduler *s = self_scheduler(self);
	u64 cpu = in->w[0], sum;

	(void)rights;
	if (!cpu_ok(s, cpu))
		return TAKT_E_CPU;
	if (this_cpu()->sc && this_cpu()->sc->scheduler == s)
		sc_account(this_cpu()->sc);
	spin_lock(&s->lock);
	sum = s->consumed;
	list_for_each (l, &s->scs) {
		struct sc *sc = container_of(l, struct sc, sched_link);

		sum += __atomic_load_n(&sc->consumed, __ATOMIC_RELAXED);
	}
	in->w[0] = sum;
	in->w[1] = s->share_left[cpu];
	in->w[2] = s->sc_count;
	spin_unlock(&s->lock);
	return 0;
}

/* --- Destroy --------------------------------------------------------------------------------- */

int scheduler_teardown(struct scheduler *s)
{
	struct sc *sc;

	spin_lock(&s->lock);
	sc = list_empty(&s->scs) ? NULL : list_first(&s->scs, struct sc, sched_link);
	spin_unlock(&s->lock);
	if (!sc) {
		give_share(s);
		return 0;
	}
	/* Without its scheduler an SC is worth nothing; its thread keeps its place in calls. */
	if (sc->cpu != this_cpu()->id)
		return E_REMOTE(sc->cpu);
	if (sc->state != SC_UNBOUND)
		sc_release(sc);
	scheduler_forget(sc);
	return E_RESTART;
}
