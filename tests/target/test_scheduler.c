/* SPDX-License-Identifier: MIT */
/*
 * Scheduler objects: who may make time, and how much of it. Every test is run with the kernel's
 * object and with the server that stands in for it (test_sched.c): nobody can tell the difference.
 */
#include "harness.h"
#include "interposed.h"

#define ALL_CPUS ((1ull << cpus()) - 1)

static takt_slot own; /* the scheduler that is tested: for all CPUs, with the whole share */

static int create_sc(takt_slot s, uint64_t prio, uint64_t budget, uint64_t period, uint64_t cpu,
		     takt_slot out)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_CREATE_SC, 4, 1),
			     .w = {prio, budget, period, cpu}, .cap = {test_factory},
			     .window = out};

	return takt_call(s, &m);
}

static int narrow(takt_slot s, uint64_t mask, uint64_t low, uint64_t high, uint64_t share,
		  takt_slot *out)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_NARROW, 4, 1),
			     .w = {mask, low, high, share}, .cap = {test_factory},
			     .window = *out = slot_new()};

	return takt_call(s, &m);
}

static struct takt_msg info(takt_slot s, uint64_t cpu)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_INFO, 1, 0), .w = {cpu}};

	CHECK_OK(takt_call(s, &m));
	return m;
}

static uint64_t share_left(takt_slot s, unsigned cpu)
{
	return info(s, cpu).w[5];
}

/* Gives the share back. */
static void round_robin(takt_slot sc)
{
	CHECK_OK(takt_sc_update(sc, ms(1), ms(1)));
}

TEST(create_sc_tells_what_was_asked_for)
{
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		takt_slot sc = slot_new();
		uint64_t w[6] = {0};

		CHECK_OK(create_sc(own, 12, us(200), ms(3), cpu, sc));
		CHECK_OK(takt_sc_info(sc, w));
		CHECK_EQ(w[0], 0);
		CHECK_EQ(w[1], 12);
		CHECK_EQ(w[2], us(200));
		CHECK_EQ(w[3], ms(3));
		CHECK_EQ(w[4], cpu);
		round_robin(sc);
		CHECK_OK(takt_sc_info(sc, w));
		CHECK_EQ(w[2], ms(1));
		CHECK_EQ(w[3], ms(1));
	}
}

TEST(create_sc_errors)
{
	takt_slot s = own, sc = slot_new();
	struct account before = account(test_factory);
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_CREATE_SC, 4, 1),
			     .w = {5, ms(1), ms(1), 0}, .window = sc};

	CHECK_ERR(create_sc(s, 64, ms(1), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 256 + 5, ms(1), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, ms(2), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, 0, ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, us(1), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, 0, 0, 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, ms(1), UINT64_MAX, 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, UINT64_MAX, UINT64_MAX, 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), cpus(), sc), TAKT_E_CPU);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), 64, sc), TAKT_E_CPU);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), 1ull << 32, sc), TAKT_E_CPU);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), 0, 0), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), 0, TAKT_ROOT_SLOTS), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 5, ms(1), ms(1), 0, SLOT_THREAD), TAKT_E_EXISTS);
	CHECK_EQ(account(test_factory).objects, before.objects);
	m.cap[0] = cap_without(test_factory, TAKT_R_FACTORY_CREATE);
	CHECK_ERR(takt_call(s, &m), TAKT_E_RIGHTS);
	CHECK_EQ(slot_type(sc), TAKT_NONE);
}

TEST(create_sc_without_memory_takes_no_share)
{
	takt_slot factory = factory_new(4), sc = slot_new();
	uint64_t left = share_left(own, 0);
	int err;

	while (!(err = takt_scheduler_create_sc(own, factory, 5, ms(1), ms(1), 0,
						sc)))
		slot_clear(sc);
	CHECK_ERR(err, TAKT_E_NOMEM);
	CHECK_ERR(takt_scheduler_create_sc(own, factory, 5, ms(1), ms(10), 0, sc),
		  TAKT_E_NOMEM);
	CHECK_EQ(share_left(own, 0), left);
}

TEST(shares_are_taken_and_given_back)
{
	takt_slot s, sc = slot_new(), too_much = slot_new();

	CHECK_OK(narrow(own, 1, 0, 20, 0, &s));
	/* Round robin reserves nothing. */
	CHECK_OK(create_sc(s, 5, ms(1), ms(1), 0, sc));
	CHECK_ERR(create_sc(s, 5, ms(1), ms(100), 0, too_much), TAKT_E_QUOTA);
	CHECK_EQ(slot_type(too_much), TAKT_NONE);
	CHECK_ERR(takt_sc_update(sc, ms(1), ms(100)), TAKT_E_QUOTA);

	sc = slot_new();
	CHECK_OK(create_sc(own, 5, ms(1), ms(10), 0, sc));
	CHECK_EQ(share_left(own, 0), 900);
	CHECK_OK(takt_sc_update(sc, ms(3), ms(10)));
	CHECK_EQ(share_left(own, 0), 700);
	CHECK_ERR(takt_sc_update(sc, ms(10) + 1, ms(10)), TAKT_E_RANGE);
	CHECK_ERR(create_sc(own, 5, ms(8), ms(10), 0, too_much), TAKT_E_QUOTA);
	CHECK_EQ(share_left(own, 0), 700);
	/* A remainder of a per mille counts as one. */
	CHECK_OK(takt_sc_update(sc, ms(10) / 1000 + 1, ms(10)));
	CHECK_EQ(share_left(own, 0), 998);
	round_robin(sc);
	CHECK_EQ(share_left(own, 0), 1000);
}

TEST(narrow_divides_shares)
{
	takt_slot a, b, sc = slot_new();

	uint64_t left = share_left(own, 0);

	CHECK_OK(narrow(own, 1, 0, 20, 4, &a));
	CHECK_EQ(share_left(own, 0), left - 4);
	CHECK_EQ(share_left(a, 0), 4);
	CHECK_OK(narrow(a, 1, 0, 10, 3, &b));
	CHECK_EQ(share_left(a, 0), 1);
	CHECK_EQ(share_left(b, 0), 3);
	CHECK_ERR(narrow(a, 1, 0, 10, 2, &b), TAKT_E_QUOTA);
	CHECK_EQ(share_left(a, 0), 1);
	CHECK_ERR(create_sc(a, 5, ms(2), ms(1000), 0, sc), TAKT_E_QUOTA);
	CHECK_OK(create_sc(a, 5, ms(1), ms(1000), 0, sc));
	CHECK_EQ(share_left(a, 0), 0);
	round_robin(sc);
}

TEST(narrow_bounds_priorities_and_cpus)
{
	takt_slot s, sc = slot_new();
	struct takt_msg m;

	CHECK_OK(narrow(own, 1, 10, 20, 0, &s));
	m = info(s, 0);
	CHECK_EQ(m.w[2], 1);
	CHECK_EQ(m.w[3], 10);
	CHECK_EQ(m.w[4], 20);
	CHECK_ERR(create_sc(s, 9, ms(1), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 21, ms(1), ms(1), 0, sc), TAKT_E_RANGE);
	CHECK_ERR(create_sc(s, 15, ms(1), ms(1), 1, sc), TAKT_E_CPU);
	CHECK_OK(create_sc(s, 10, ms(1), ms(1), 0, sc));
	sc = slot_new();
	CHECK_OK(create_sc(s, 20, ms(1), ms(1), 0, sc));
}

TEST(narrow_errors)
{
	takt_slot s, child;
	struct account before;
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_NARROW, 4, 1), .w = {1, 0, 5, 0}};

	CHECK_OK(narrow(own, 1, 10, 20, 0, &s));
	before = account(test_factory);
	CHECK_ERR(narrow(s, 0, 10, 20, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(s, 2, 10, 20, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(s, 3, 10, 20, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(s, 1ull << 40 | 1, 10, 20, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(s, UINT64_MAX, 10, 20, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(own, ALL_CPUS + 1, 0, 5, 0, &child), TAKT_E_CPU);
	CHECK_ERR(narrow(s, 1, 9, 20, 0, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 10, 21, 0, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 15, 14, 0, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 256 + 10, 256 + 20, 0, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 10, 20, 1001, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 10, 20, 65536, &child), TAKT_E_RANGE);
	CHECK_ERR(narrow(s, 1, 10, 20, 1, &child), TAKT_E_QUOTA);
	CHECK_ERR(takt_call(own, &m), TAKT_E_CAP);
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_SCHEDULER_NARROW, 4, 1), .w = {1, 0, 5, 0},
			      .cap = {cap_without(test_factory, TAKT_R_FACTORY_CREATE)},
			      .window = slot_new()};
	CHECK_ERR(takt_call(own, &m), TAKT_E_RIGHTS);
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_SCHEDULER_NARROW, 4, 1), .w = {1, 0, 5, 0},
			      .cap = {test_factory}};
	CHECK_ERR(takt_call(own, &m), TAKT_E_RANGE);
	CHECK_EQ(account(test_factory).objects, before.objects);
}

TEST(info_of_each_cpu)
{
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		struct takt_msg a = info(own, cpu), b;
		takt_ticks since = takt_now();

		while (takt_now() < since + us(100))
			;
		b = info(own, cpu);
		CHECK_EQ(a.w[2], ALL_CPUS);
		CHECK_EQ(a.w[3], 0);
		CHECK_EQ(a.w[4], TAKT_PRIORITIES - 1);
		CHECK(b.w[0] + b.w[1] >= a.w[0] + a.w[1] + us(100));
		CHECK(b.w[0] >= a.w[0]);
		CHECK(b.w[1] >= a.w[1]);
	}
}

TEST(idle_time_is_counted)
{
	struct takt_msg a = info(own, 0), b;
	struct takt_msg m = {0};

	CHECK_ERR(takt_wait(&m, in_ms(50)), TAKT_E_TIMEOUT);
	b = info(own, 0);
	CHECK(b.w[0] - a.w[0] >= ms(49));
	CHECK(b.w[1] - a.w[1] <= ms(40)); /* generous: where other programs run beside us */
}

TEST(info_errors)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_INFO, 1, 0), .w = {cpus()}};
	takt_slot s;

	CHECK_ERR(takt_call(own, &m), TAKT_E_CPU);
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_SCHEDULER_INFO, 1, 0), .w = {UINT64_MAX}};
	CHECK_ERR(takt_call(own, &m), TAKT_E_CPU);
	CHECK_OK(narrow(own, 1, 0, 5, 0, &s));
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_SCHEDULER_INFO, 1, 0), .w = {1}};
	CHECK_ERR(takt_call(s, &m), TAKT_E_CPU);
}

/* --- scheduler.run ---------------------------------------------------------------------------- */

static int run(takt_slot s, takt_slot thread, uint64_t cpu)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_SCHEDULER_RUN, 1, 1), .w = {cpu},
			     .cap = {thread}};

	return takt_call(s, &m);
}

TEST(run_errors)
{
	takt_slot thread = slot_new(), s;

	CHECK_OK(takt_create_thread(test_factory, "t", thread));
	CHECK_ERR(run(own, thread, cpus()), TAKT_E_CPU);
	CHECK_ERR(run(own, thread, 255), TAKT_E_CPU);
	CHECK_ERR(run(own, thread, 1ull << 32), TAKT_E_CPU);
	CHECK_OK(narrow(own, 1, 0, 5, 0, &s));
	CHECK_ERR(run(s, thread, 1), TAKT_E_CPU);
	CHECK_ERR(run(own, cap_without(thread, TAKT_R_THREAD_SC), 0),
		  TAKT_E_RIGHTS);
	CHECK_ERR(run(own, SLOT_THREAD, 0), TAKT_E_STATE); /* it runs */
	CHECK_OK(run(own, thread, 0));
	CHECK_OK(takt_thread_attach(thread, sc_new(3, 0, ms(1), ms(1))));
	CHECK_ERR(run(own, thread, 0), TAKT_E_STATE); /* it has an SC */
}

static void note_cpu_load(void *arg)
{
	*(volatile takt_ticks *)arg = takt_now();
}

TEST(threads_move_between_cpus)
{
	takt_ticks when = 0;
	struct worker *w = worker_new(note_cpu_load, &when);
	unsigned other = other_cpu();

	for (unsigned i = 0; i < 6; i++) {
		unsigned cpu = i % 2 ? other : 0;
		takt_ticks last = when;

		if (i) {
			CHECK_OK(takt_thread_detach(w->slot, w->sc));
			CHECK_OK(run(own, w->slot, cpu));
			w->sc = sc_new(HELP_PRIO, cpu, ms(1), ms(1));
			CHECK_OK(takt_thread_attach(w->slot, w->sc));
		}
		worker_start(w);
		worker_join(w);
		CHECK(when > last);
	}
}

static void wait_for_irq(void *arg)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, in_ms(WAIT_MS)));
	*(volatile uint64_t *)arg = m.w[0];
}

/* What is bound to a thread is bound to its CPU. */
TEST(threads_with_irqs_do_not_move)
{
	uint64_t got = 0;
	struct worker *w = worker_new(wait_for_irq, &got);
	takt_slot irq = slot_new();
	unsigned cpu = cpus() - 1;

	CHECK_OK(takt_create_irq(test_factory, irq));
	worker_make(w);
	CHECK_OK(takt_irq_bind_thread(irq, w->slot, 5));
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_ERR(run(own, w->slot, cpu), TAKT_E_STATE);
	CHECK_OK(takt_irq_unbind(irq));
	CHECK_OK(run(own, w->slot, cpu));
	CHECK_OK(takt_irq_bind_thread(irq, w->slot, 6));
	CHECK_OK(takt_thread_attach(w->slot, sc_new(HELP_PRIO, cpu, ms(1), ms(1))));
	worker_start(w);
	CHECK(quiet(w->bit, 2));
	CHECK_OK(takt_irq_trigger(irq));
	worker_join(w);
	CHECK_EQ(got, 6);
}

/* A gate does not lead to where its server has been. */
TEST(gates_lose_a_thread_that_moves)
{
	struct worker *w = worker_new(server_echo, NULL);
	unsigned cpu = cpus() - 1;
	takt_slot gate;

	worker_make(w);
	gate = gate_new(w->slot, 0);
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_OK(run(own, w->slot, cpu));
	CHECK_OK(takt_thread_attach(w->slot, sc_new(HELP_PRIO, cpu, ms(1), ms(1))));
	worker_start(w);
	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_GONE);
	CHECK_OK(takt_thread_bind_gate(w->slot, gate));
	CHECK_OK(call_words(gate, 0, 0, 0, NULL));
}

static uint64_t consumed(takt_slot s)
{
	uint64_t w[2] = {0};

	CHECK_OK(takt_scheduler_account(s, 0, w));
	return w[0];
}

TEST(account_sums_what_was_consumed)
{
	struct worker *w = worker_new(spin_ms, (void *)2);
	takt_slot s, sc = slot_new();
	uint64_t before, after;

	CHECK_OK(narrow(own, ALL_CPUS, 0, 62, 0, &s));
	CHECK_EQ(consumed(s), 0);
	worker_make(w);
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_OK(create_sc(s, HELP_PRIO, ms(1), ms(1), 0, sc));
	CHECK_OK(takt_thread_attach(w->slot, sc));
	before = takt_now();
	worker_start(w);
	worker_join(w);
	after = takt_now();
	CHECK(consumed(s) >= ms(2) - us(100));
	CHECK(consumed(s) <= after - before);
	before = consumed(s);
	CHECK_OK(takt_factory_destroy(test_factory, sc));
	CHECK(consumed(s) >= before); /* what is gone counts on */
	CHECK_ERR(takt_scheduler_account(s, cpus(), (uint64_t[2]){0}), TAKT_E_CPU);
}

/* Bounds the walk of `account`, and the end of a scheduler. */
TEST(so_many_contexts_and_no_more)
{
	takt_slot s, sc = slot_new(), one = slot_new();

	CHECK_OK(narrow(own, ALL_CPUS, 0, 62, 0, &s));
	CHECK_OK(create_sc(s, 1, ms(1), ms(1), 0, one));
	for (unsigned i = 1; i < 256; i++) {
		CHECK_OK(create_sc(s, 1, ms(1), ms(1), 0, sc));
		CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, sc, 1));
	}
	CHECK_ERR(create_sc(s, 1, ms(1), ms(1), 0, sc), TAKT_E_QUOTA);
	CHECK_OK(takt_factory_destroy(test_factory, one));
	CHECK_OK(create_sc(s, 1, ms(1), ms(1), 0, sc));
}

#define TESTS(X)                                                                                   \
	X(create_sc_tells_what_was_asked_for)                                                      \
	X(create_sc_errors)                                                                        \
	X(create_sc_without_memory_takes_no_share)                                                 \
	X(shares_are_taken_and_given_back)                                                         \
	X(narrow_divides_shares)                                                                   \
	X(narrow_bounds_priorities_and_cpus)                                                       \
	X(narrow_errors)                                                                           \
	X(info_of_each_cpu)                                                                        \
	X(idle_time_is_counted)                                                                    \
	X(info_errors)                                                                             \
	X(account_sums_what_was_consumed)                                                          \
	X(so_many_contexts_and_no_more)                                                            \
	X(run_errors)                                                                              \
	X(threads_move_between_cpus)                                                               \
	X(threads_with_irqs_do_not_move)                                                           \
	X(gates_lose_a_thread_that_moves)

#define X(name)                                                                                    \
	static void kernels_##name(void)                                                           \
	{                                                                                          \
		own = TAKT_ROOT_SCHEDULER;                                                         \
		test_##name();                                                                     \
	}                                                                                          \
	static void servers_##name(void)                                                           \
	{                                                                                          \
		own = interposed_new("keep");                                                      \
		test_##name();                                                                     \
	}
TESTS(X)
#undef X

#define X(name) {#name, kernels_##name, TEST_SECONDS},
static const struct test kernels[] = {TESTS(X)};
#undef X
const struct suite suite_scheduler = SUITE("scheduler", kernels);

#define X(name) {#name, servers_##name, TEST_SECONDS},
static const struct test servers[] = {TESTS(X)};
#undef X
const struct suite suite_interposed = SUITE("interposed", servers);
