/* SPDX-License-Identifier: MIT */
/* Budgets, round robin and priorities, on one CPU with a clock that the test moves. */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define T1 (SLOT_FREE + 1) /* thread, and its SC in the slot behind */
#define T2 (SLOT_FREE + 3)
#define T3 (SLOT_FREE + 5)
#define RUNS 2000

static struct run {
	u64 from, to;
} runs[RUNS];
static unsigned run_count;

static struct thread *start(u64 slot, unsigned prio, u64 budget, u64 period)
{
	struct thread *t = make_thread(slot, TASK, 0, TAKT_THREAD_PLAIN);

	make_sc(slot + 1, prio, 0, budget, period);
	if (root_call(slot, TAKT_THREAD_ATTACH, W(), C(slot + 1), 0) ||
	    root_call(slot, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0))
		return NULL;
	return t;
}

static void note(u64 from, u64 to)
{
	if (from == to || run_count == RUNS)
		return;
	if (run_count && runs[run_count - 1].to == from)
		runs[run_count - 1].to = to;
	else
		runs[run_count++] = (struct run){from, to};
}

/* The most that was used in any window of that length. A window that begins with a run is worst. */
static u64 most_in(u64 window)
{
	u64 most = 0;

	for (unsigned i = 0; i < run_count; i++) {
		u64 end = runs[i].from + window, sum = 0;

		for (unsigned j = i; j < run_count && runs[j].from < end; j++)
			sum += MIN(runs[j].to, end) - runs[j].from;
		most = MAX(most, sum);
	}
	return most;
}

/* Lets time pass to the next timer at most, and notes whether sc had it. */
static void pass(const struct sc *sc, u64 at_most)
{
	u64 from = fake_now, to = MIN(fake_now + at_most, MAX(fake_next_timer(), fake_now));
	bool ours = cpus[0].sc == sc;

	fake_now = to;
	if (ours)
		note(from, to);
	settle();
}

static bool sleeper(const struct thread *t)
{
	return cpus[0].thread == t && t->regs->pc != SVC_PC;
}

TEST(never_more_than_its_budget_in_a_period)
{
	for (unsigned round = 0; round < 60; round++) {
		u64 budget = FAKE_HZ / 500000 * (1 + random_below(40));
		u64 period = budget * 2 + random_below(budget * 4);
		struct thread *t, *p;
		struct sc *sc;
		u64 begin;

		compartment(60);
		make_task(TASK);
		CHECK(t = start(T1, 20, budget, period));
		CHECK(p = start(T2, 30, FAKE_HZ / 500000, FAKE_HZ / 500000 * (3 + round)));
		CHECK(start(T3, 10, FAKE_HZ / 100, FAKE_HZ / 100));
		sc = ROOT_OBJECT(sc, T1 + 1);
		root_sleep();
		run_count = 0;
		begin = fake_now;
		for (unsigned n = 0; n < 1500; n++) {
			struct thread *who = sleeper(t) ? t : sleeper(p) ? p : NULL;

			pass(sc, 1 + random_below(budget));
			if (who && sleeper(who) && random_below(4) == 0) {
				user_flavour(who, TAKT_WAIT);
				user_deadline(who, fake_now + random_below(period));
				settle();
			}
		}
		CHECK(run_count > 10);
		CHECK(most_in(period) <= budget);
		CHECK(most_in(fake_now - begin) <= budget * ((fake_now - begin) / period + 1));
		CHECK(compartment_end());
	}
}

TEST(gets_its_whole_budget_when_alone)
{
	u64 budget = FAKE_HZ / 1000, period = FAKE_HZ / 100, begin;
	struct sc *sc;

	compartment(60);
	make_task(TASK);
	CHECK(start(T1, 20, budget, period));
	sc = ROOT_OBJECT(sc, T1 + 1);
	root_sleep();
	run_count = 0;
	begin = fake_now;
	while (fake_now < begin + 50 * period)
		pass(sc, period);
	CHECK(most_in(period) == budget);
	CHECK(most_in(50 * period) == 50 * budget);
	CHECK(compartment_end());
}

/* The clock goes on by `stall` while a thread runs that has 1 of 20 ms. When does it run again? */
static bool next_after(u64 stall, u64 *wait)
{
	struct sc *sc;

	compartment(60);
	make_task(TASK);
	if (!start(T1, 20, FAKE_HZ / 1000, FAKE_HZ / 50))
		return false;
	sc = ROOT_OBJECT(sc, T1 + 1);
	root_sleep();
	if (cpus[0].sc != sc)
		return false;
	fake_now += stall;
	*wait = fake_now;
	settle();
	while (cpus[0].sc != sc)
		pass(sc, FAKE_HZ);
	*wait = fake_now - *wait;
	return compartment_end();
}

TEST(an_overrun_is_paid_back)
{
	u64 ms = FAKE_HZ / 1000, wait;

	CHECK(next_after(ms, &wait) && wait == 19 * ms);
	CHECK(next_after(ms + ms / 20, &wait) && wait == 19 * ms);
	CHECK(next_after(ms + ms / 10, &wait) && wait == 19 * ms);
}

TEST(a_stall_is_not)
{
	u64 ms = FAKE_HZ / 1000, wait;

	CHECK(next_after(15 * ms, &wait) && wait == 15 * 20 * ms - 15 * ms); /* all of it */
	CHECK(next_after(1000 * ms, &wait) && wait == 20 * ms);
	CHECK(next_after(10000 * ms, &wait) && wait == 0);
}

TEST(round_robin_is_fair)
{
	u64 slice = FAKE_HZ / 1000, begin;
	struct sc *a, *b;

	compartment(60);
	make_task(TASK);
	CHECK(start(T1, 20, slice, slice) && start(T2, 20, slice, slice));
	a = ROOT_OBJECT(sc, T1 + 1);
	b = ROOT_OBJECT(sc, T2 + 1);
	root_sleep();
	begin = fake_now;
	while (fake_now < begin + 100 * slice)
		pass(a, slice / 3);
	sc_account(a);
	sc_account(b);
	CHECK(a->consumed + b->consumed >= 100 * slice);
	CHECK(a->consumed <= b->consumed + slice && b->consumed <= a->consumed + slice);
	CHECK(compartment_end());
}

TEST(yield_goes_behind_its_equals)
{
	u64 slice = FAKE_HZ / 1000;
	struct thread *a, *b;

	compartment(60);
	make_task(TASK);
	CHECK(a = start(T1, 20, slice, slice));
	CHECK(b = start(T2, 20, slice, slice));
	root_sleep();
	for (unsigned i = 0; i < 4; i++) {
		struct thread *now = cpus[0].thread;

		CHECK(now == a || now == b);
		user_flavour(now, TAKT_YIELD);
		settle();
		CHECK(cpus[0].thread == (now == a ? b : a));
	}
	CHECK(compartment_end());
}

/* --- Machines that share a CPU ------------------------------------------------------------ */

#define VM(n) (SLOT_FREE + 20 + 4 * (n)) /* VM task, thread, SC */
#define SLICE (FAKE_HZ / 1000)

/* In its guest as soon as it runs. */
static struct thread *start_machine(unsigned n, unsigned prio, u64 budget)
{
	u64 utcb = 0x20000000 + n * 4 * PAGE_SIZE;
	struct thread *t;

	if (root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(TAKT_TASK, TAKT_TASK_VM, 0x78, 0), C(),
		      VM(n)) ||
	    root_call(VM(n), TAKT_TASK_VM_CONFIG, W(32, utcb + 2 * PAGE_SIZE), C(TASK), 0) ||
	    root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(TAKT_THREAD, 0, 0x78, 0), C(),
		      VM(n) + 1) ||
	    root_call(VM(n) + 1, TAKT_THREAD_CONFIGURE,
		      W(utcb, TAKT_THREAD_MACHINE, utcb + PAGE_SIZE), C(TASK, VM(n)), 0) ||
	    root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_RUN, W(0), C(VM(n) + 1), 0))
		return NULL;
	make_sc(VM(n) + 2, prio, 0, budget, SLICE);
	if (root_call(VM(n) + 1, TAKT_THREAD_ATTACH, W(), C(VM(n) + 2), 0) ||
	    root_call(VM(n) + 1, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0))
		return NULL;
	t = ROOT_OBJECT(thread, VM(n) + 1);
	t->vp->guest.pc = 0x9000;
	user_flavour(t, TAKT_RESUME);
	return t;
}

static struct thread *machine[3];

static bool set_up_machines(unsigned count)
{
	compartment(80);
	make_task(TASK);
	for (unsigned i = 0; i < count; i++)
		if (!(machine[i] = start_machine(i, 10, SLICE)))
			return false;
	root_sleep();
	for (unsigned i = 1; i < count; i++) /* each has its first turn, and is in its guest then */
		advance(SLICE);
	return true;
}

/* Which of them has the CPU, in its guest, with its context loaded. */
static int turn_of(unsigned count)
{
	const struct cpu *c = &cpus[0];

	for (unsigned i = 0; i < count; i++)
		if (c->thread == machine[i])
			return c->world == WORLD_GUEST && c->loaded == machine[i] &&
			       c->loaded_machine == machine[i]->machine &&
			       c->loaded_task == machine[i]->guest_task &&
			       c->frame == &machine[i]->vp->guest && !c->resched ? (int)i : -2;
	return -1;
}

TEST(machines_take_turns)
{
	for (unsigned count = 2; count <= 3; count++) {
		u64 used[3] = {0}, begin;
		unsigned before;
		int first;

		CHECK(set_up_machines(count));
		first = turn_of(count);
		CHECK(first >= 0);
		begin = fake_now;
		before = fake_switches;
		for (unsigned i = 0; i < 10 * count; i++) {
			CHECK(turn_of(count) == (int)((first + i) % count));
			advance(SLICE);
		}
		CHECK(fake_switches == before + 10 * count);
		for (unsigned i = 0; i < count; i++) {
			struct sc *sc = ROOT_OBJECT(sc, VM(i) + 2);

			used[i] = sc->consumed;
			CHECK(used[i] >= 10 * SLICE && used[i] <= 12 * SLICE);
		}
		CHECK(fake_now - begin == 10 * count * SLICE);
		CHECK(compartment_end());
	}
}

TEST(a_machines_slice_ends_beside_others)
{
	struct thread *t;

	CHECK(set_up_machines(2));
	t = start(T1, 20, FAKE_HZ / 100, FAKE_HZ / 100); /* more urgent than they are */
	make_irq(T3);
	CHECK(t && !root_call(T3, TAKT_IRQ_BIND_THREAD, W(1), C(T1), 0));
	user_flavour(t, TAKT_WAIT);
	root_sleep();
	CHECK(t->state == THREAD_WAIT);
	/* Its time comes in the same instant as the end of a slice: it is next, then a machine. */
	CHECK(!root_call(T3, TAKT_IRQ_TIMER, W(cpus[0].slice_end, 0), C(), 0));
	root_sleep();
	CHECK(!root_call(T3, TAKT_IRQ_TIMER, W(cpus[0].slice_end, 0), C(), 0));
	root_sleep();
	advance(2 * SLICE);
	CHECK(t->state == THREAD_RUN && cpus[0].thread == t);
	user_flavour(t, TAKT_WAIT);
	settle();
	CHECK(turn_of(2) >= 0);
	/* One that has nothing to do has no turn; the other one goes on alone. */
	CHECK(!root_call(VM(0) + 1, TAKT_THREAD_STOP, W(), C(), 0));
	root_sleep();
	for (unsigned i = 0; i < 4; i++) {
		CHECK(turn_of(2) == 1);
		advance(SLICE);
	}
	CHECK(compartment_end());
}

/* What a machine's timer was set to when it was preempted comes while its monitor waits: for something
 * else, and without a deadline. */
TEST(a_guests_timer_does_not_end_its_monitors_wait)
{
	struct thread *t;

	compartment(80);
	make_task(TASK);
	t = start_machine(0, 10, SLICE);
	CHECK(t);
	user_flavour(t, TAKT_WAIT);
	root_sleep();
	CHECK(t->state == THREAD_WAIT);
	timer_start(&cpus[0], &t->timer, fake_now + SLICE);
	advance(2 * SLICE);
	CHECK(t->state == THREAD_WAIT && !t->timer.queued);
	CHECK(compartment_end());
}

int main(void)
{
	world_boot(1);
	RUN(never_more_than_its_budget_in_a_period);
	RUN(gets_its_whole_budget_when_alone);
	RUN(an_overrun_is_paid_back);
	RUN(a_stall_is_not);
	RUN(round_robin_is_fair);
	RUN(yield_goes_behind_its_equals);
	RUN(machines_take_turns);
	RUN(a_machines_slice_ends_beside_others);
	RUN(a_guests_timer_does_not_end_its_monitors_wait);
	return tap_done();
}
