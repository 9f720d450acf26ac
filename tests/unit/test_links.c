/* SPDX-License-Identifier: MIT */
/*
 * Two operations at the same time on CPUs 0 and 1: one ends, moves or fills what the other one is
 * about to use. The CPUs are stopped at all points in turn, so that each order of the steps is met;
 * after each the invariants hold, and all memory comes back.
 */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define PLAYER(cpu) (SLOT_FREE + 1 + 2 * (cpu))
#define SLEEPER(cpu) (SLOT_FREE + 5 + 2 * (cpu)) /* waits, at low priority */
#define RAW (SLOT_FREE + 9)			  /* a thread without anything */
#define RAW_SC (SLOT_FREE + 10)			  /* of CPU 1 */
#define GATE (SLOT_FREE + 11)
#define IRQ (SLOT_FREE + 12)
#define MEMORY (SLOT_FREE + 13)
#define CHILD (SLOT_FREE + 14) /* scheduler */
#define MEMORY_TOO (SLOT_FREE + 15)
#define LAST (SLOT_FREE + 15)

/* Slots of the players' task. */
#define IN_TASK(slot) ((slot) - SLOT_FREE + 20)
#define FACTORY 1
#define INTC 2
#define OWN 3
#define ROOM 60

#define POINTS 200
#define LINE 110
#define STEPS 2

struct act {
	u64 slot, label;
	unsigned words;
	u64 w[4];
	unsigned caps;
	u64 c[2];
};

static unsigned point, stop_at[2];
static u64 made_before; /* objects in the compartment's factory */
static struct thread *player[2];
static s64 result[2];

static bool preempt(void)
{
	point++;
	return point == stop_at[0] || point == stop_at[1];
}

static void sleeper(unsigned cpu)
{
	user_flavour(make_runner(SLEEPER(cpu), TASK, cpu, 5), TAKT_WAIT);
}

static bool set_up(void)
{
	bool ok;

	step_checks = false;
	compartment(64);
	make_task(TASK);
	for (unsigned cpu = 0; cpu < 2; cpu++)
		sleeper(cpu);
	root_sleep();
	for (unsigned cpu = 0; cpu < 2; cpu++)
		player[cpu] = make_runner(PLAYER(cpu), TASK, cpu, 20);
	make_gate(GATE, 1, 0);
	make_irq(IRQ);
	make_sc(RAW_SC, 10, 1, FAKE_HZ / 100, FAKE_HZ / 100);
	ok = !root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(TAKT_THREAD, 0, 0x78, 0), C(), RAW);
	ok &= !root_call(SLOT_MEMORY, TAKT_MEMORY_DERIVE, W(0, 16 * PAGE_SIZE, TAKT_R_ALL),
			 C(SLOT_FACTORY), MEMORY);
	ok &= !root_call(SLOT_MEMORY, TAKT_MEMORY_DERIVE, W(16 * PAGE_SIZE, 16 * PAGE_SIZE, TAKT_R_ALL),
			 C(SLOT_FACTORY), MEMORY_TOO);
	ok &= !root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_NARROW, W(3, 0, 40, 100), C(SLOT_FACTORY),
			 CHILD);
	give_cap(TASK, FACTORY, SLOT_FACTORY, TAKT_R_ALL);
	give_cap(TASK, INTC, TAKT_ROOT_INTC, TAKT_R_ALL);
	give_cap(TASK, OWN, TASK, TAKT_R_ALL);
	for (u64 slot = SLOT_FREE; slot <= LAST; slot++)
		give_cap(TASK, IN_TASK(slot), slot, TAKT_R_ALL);
	ok &= !root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0);
	made_before = root_word(2);
	root_sleep();
	step_checks = true;
	return ok;
}

static void play(unsigned cpu, const struct act *a)
{
	user_call(player[cpu], a->slot, a->label, a->words, a->w, a->caps, a->c, ROOM);
}

static bool done[2];

/* The next act of who is through with one, or his end: he leaves his CPU to others. */
static void play_on(unsigned cpu, const struct act *acts, unsigned *next)
{
	if (done[cpu] || fake_mode(cpu) == FAKE_KERNEL || !user_done(player[cpu]))
		return;
	if (*next < STEPS && acts[*next].slot) {
		play(cpu, &acts[(*next)++]);
		return;
	}
	done[cpu] = true;
	result[cpu] = user_result(player[cpu]);
	user_flavour(player[cpu], TAKT_WAIT);
}

/* Each player does its acts, one after the other; both begin at once. */
static void race(const struct act *acts, unsigned first)
{
	unsigned cpu = first, idle = 0, next[2] = {1, 1};

	play(0, &acts[0]);
	play(1, &acts[STEPS]);
	done[0] = done[1] = false;
	point = 0;
	fake_preempt = preempt;
	while (idle < 2) {
		play_on(cpu, &acts[cpu * STEPS], &next[cpu]);
		if (step(cpu)) {
			idle = 0;
			if (fake_mode(cpu) == FAKE_KERNEL)
				cpu = 1 - cpu;
		} else {
			idle++;
			cpu = 1 - cpu;
		}
	}
	fake_preempt = NULL;
	settle();
}

/* `good` looks at what came out, before everything is destroyed; may be null. */
static bool all_orders(const struct act *acts, bool (*good)(void))
{
	unsigned orders = 0;

	for (unsigned first = 0; first < 2; first++) {
		unsigned last = POINTS;

		for (unsigned a = 1; a < last; a++) {
			for (unsigned b = a; b < a + 12; b += 6) {
				bool ok = set_up();

				stop_at[0] = a;
				stop_at[1] = b;
				race(acts, first);
				ok = ok && done[0] && done[1] && (!good || good());
				if (!compartment_end() || !ok) {
					printf("# first %u, stopped at %u and %u: %ld, %ld\n", first,
					       a, b, result[0], result[1]);
					return false;
				}
				orders++;
				if (point < a) /* there are no more */
					last = a;
				if (point < b)
					break;
			}
		}
	}
	printf("# %u orders\n", orders);
	return true;
}

#define DESTROY(what)                                                                              \
	{                                                                                          \
		FACTORY, TAKT_FACTORY_DESTROY, 0, {0}, 1, {IN_TASK(what)}                          \
	}
#define NOTHING                                                                                    \
	{                                                                                          \
		0                                                                                  \
	}

TEST(gate_bound_while_destroyed)
{
	static const struct act acts[] = {
		DESTROY(GATE),
		NOTHING,
		{IN_TASK(SLEEPER(1)), TAKT_THREAD_BIND_GATE, 0, {0}, 1, {IN_TASK(GATE)}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

TEST(irq_bound_while_destroyed)
{
	static const struct act acts[] = {
		DESTROY(IRQ),
		NOTHING,
		{IN_TASK(IRQ), TAKT_IRQ_BIND_THREAD, 1, {1}, 1, {IN_TASK(SLEEPER(1))}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

TEST(irq_triggered_while_destroyed)
{
	static const struct act acts[] = {
		{IN_TASK(IRQ), TAKT_IRQ_BIND_THREAD, 1, {1}, 1, {IN_TASK(SLEEPER(1))}},
		{IN_TASK(IRQ), TAKT_IRQ_TRIGGER, 0, {0}, 0, {0}},
		DESTROY(IRQ),
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

TEST(irq_triggered_while_it_moves)
{
	static const struct act acts[] = {
		{IN_TASK(IRQ), TAKT_IRQ_TRIGGER, 0, {0}, 0, {0}},
		{IN_TASK(IRQ), TAKT_IRQ_TRIGGER, 0, {0}, 0, {0}},
		{IN_TASK(IRQ), TAKT_IRQ_UNBIND, 0, {0}, 0, {0}},
		{IN_TASK(IRQ), TAKT_IRQ_BIND_THREAD, 1, {1}, 1, {IN_TASK(SLEEPER(0))}},
	};

	CHECK(all_orders(acts, NULL));
}

TEST(thread_configured_while_destroyed)
{
	static const struct act acts[] = {
		DESTROY(RAW),
		NOTHING,
		{IN_TASK(RAW), TAKT_THREAD_CONFIGURE, 3, {0x20000000, 0, 0}, 2, {OWN, OWN}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

static bool on_the_cpu_of_its_sc(void)
{
	const struct thread *t = ROOT_OBJECT(thread, RAW);

	return !t->sc[0] || t->cpu == t->sc[0]->cpu;
}

TEST(thread_placed_twice)
{
	static const struct act acts[] = {
		{IN_TASK(CHILD), TAKT_SCHEDULER_RUN, 1, {0}, 1, {IN_TASK(RAW)}},
		NOTHING,
		{IN_TASK(CHILD), TAKT_SCHEDULER_RUN, 1, {1}, 1, {IN_TASK(RAW)}},
		{IN_TASK(RAW), TAKT_THREAD_ATTACH, 0, {0}, 1, {IN_TASK(RAW_SC)}},
	};

	CHECK(all_orders(acts, on_the_cpu_of_its_sc));
}

TEST(scheduler_narrowed_while_destroyed)
{
	static const struct act acts[] = {
		DESTROY(CHILD),
		NOTHING,
		{IN_TASK(CHILD), TAKT_SCHEDULER_NARROW, 4, {3, 0, 20, 50}, 1, {FACTORY}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

TEST(sc_made_while_its_scheduler_goes)
{
	static const struct act acts[] = {
		DESTROY(CHILD),
		NOTHING,
		{IN_TASK(CHILD), TAKT_SCHEDULER_CREATE_SC, 4, {7, FAKE_HZ / 1000, FAKE_HZ / 10, 1},
		 1, {FACTORY}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

TEST(extent_derived_while_destroyed)
{
	static const struct act acts[] = {
		DESTROY(MEMORY),
		NOTHING,
		{IN_TASK(MEMORY), TAKT_MEMORY_DERIVE, 3, {0, PAGE_SIZE, TAKT_R_ALL}, 1, {FACTORY}},
		NOTHING,
	};

	CHECK(all_orders(acts, NULL));
}

/* --- Two new objects for one slot --------------------------------------------------------------- */

/* What is gone has been freed after it. Takes one object itself. */
static bool a_round(void)
{
	return !root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(GATE), 0);
}

/* What one player made is in the slot, and what the other one made is gone without a trace. */
static bool one_won(void)
{
	s64 a = result[0], b = result[1];
	bool ok = (!a && b == TAKT_E_EXISTS) || (!b && a == TAKT_E_EXISTS);

	ok &= a_round();
	ok &= !root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0);
	return ok && root_word(2) == made_before && object_in(player[0]->task, ROOM);
}

static bool create(u64 type)
{
	const struct act acts[] = {
		{FACTORY, TAKT_FACTORY_CREATE, 4, {type, 0, 0x78, 0}, 0, {0}},
		NOTHING,
		{FACTORY, TAKT_FACTORY_CREATE, 4, {type, 0, 0x78, 0}, 0, {0}},
		NOTHING,
	};

	return all_orders(acts, one_won);
}

TEST(two_tasks_for_one_slot)
{
	CHECK(create(TAKT_TASK));
}

TEST(two_threads_for_one_slot)
{
	CHECK(create(TAKT_THREAD));
}

TEST(two_gates_for_one_slot)
{
	CHECK(create(TAKT_GATE));
}

TEST(two_irqs_for_one_slot)
{
	CHECK(create(TAKT_IRQ));
}

TEST(two_factories_for_one_slot)
{
	static const struct act acts[] = {
		{FACTORY, TAKT_FACTORY_SUB, 1, {4}, 0, {0}},
		NOTHING,
		{FACTORY, TAKT_FACTORY_SUB, 1, {4}, 0, {0}},
		NOTHING,
	};

	CHECK(all_orders(acts, one_won));
}

TEST(two_scs_for_one_slot)
{
	static const struct act acts[] = {
		{IN_TASK(CHILD), TAKT_SCHEDULER_CREATE_SC, 4, {7, FAKE_HZ / 1000, FAKE_HZ / 10, 1},
		 1, {FACTORY}},
		NOTHING,
		{IN_TASK(CHILD), TAKT_SCHEDULER_CREATE_SC, 4, {7, FAKE_HZ / 1000, FAKE_HZ / 10, 1},
		 1, {FACTORY}},
		NOTHING,
	};

	CHECK(all_orders(acts, one_won));
}

static s64 get_line(u64 intid)
{
	return root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(intid, 1), C(SLOT_FACTORY), LAST + 1);
}

/* The line of who lost is to be had afterwards, that of who won is not. */
static bool other_line_free(void)
{
	u64 won = result[0] ? LINE + 1 : LINE, lost = result[0] ? LINE : LINE + 1;

	return one_won() && get_line(won) == TAKT_E_EXISTS && !get_line(lost);
}

TEST(two_lines_for_one_slot)
{
	static const struct act acts[] = {
		{INTC, TAKT_INTC_GET, 2, {LINE, 1}, 1, {FACTORY}},
		NOTHING,
		{INTC, TAKT_INTC_GET, 2, {LINE + 1, 1}, 1, {FACTORY}},
		NOTHING,
	};

	CHECK(all_orders(acts, other_line_free));
}

/* The extent that lost is free: it can be made a factory. */
static bool extents_free(void)
{
	s64 a = result[0], b = result[1];
	u64 lost = a ? MEMORY : MEMORY_TOO;

	return ((!a && b == TAKT_E_EXISTS) || (!b && a == TAKT_E_EXISTS)) && a_round() &&
	       !root_call(lost, TAKT_MEMORY_TO_FACTORY, W(), C(), LAST + 1);
}

TEST(two_extents_for_one_slot)
{
	static const struct act acts[] = {
		{IN_TASK(MEMORY), TAKT_MEMORY_TO_FACTORY, 0, {0}, 0, {0}},
		NOTHING,
		{IN_TASK(MEMORY_TOO), TAKT_MEMORY_TO_FACTORY, 0, {0}, 0, {0}},
		NOTHING,
	};

	CHECK(all_orders(acts, extents_free));
}

int main(void)
{
	world_boot(2);
	RUN(gate_bound_while_destroyed);
	RUN(irq_bound_while_destroyed);
	RUN(irq_triggered_while_destroyed);
	RUN(irq_triggered_while_it_moves);
	RUN(thread_configured_while_destroyed);
	RUN(thread_placed_twice);
	RUN(scheduler_narrowed_while_destroyed);
	RUN(sc_made_while_its_scheduler_goes);
	RUN(extent_derived_while_destroyed);
	RUN(two_tasks_for_one_slot);
	RUN(two_threads_for_one_slot);
	RUN(two_gates_for_one_slot);
	RUN(two_irqs_for_one_slot);
	RUN(two_factories_for_one_slot);
	RUN(two_scs_for_one_slot);
	RUN(two_lines_for_one_slot);
	RUN(two_extents_for_one_slot);
	return tap_done();
}
