/* SPDX-License-Identifier: MIT */
/* What the other tests rely on. */
#include "harness.h"

static volatile int runs;

static void run_once(void *arg)
{
	runs = runs + *(int *)arg;
}

static void fail_if_own_data(void *arg)
{
	/* Another task has data of its own, and shares the pool. */
	*(volatile int *)arg = runs;
}

TEST(workers_run)
{
	static int five = 5;
	struct worker *w = worker_new(run_once, &five);

	runs = 0;
	worker_start(w);
	worker_join(w);
	CHECK_EQ(runs, 5);
}

TEST(workers_run_on_every_cpu)
{
	static int one = 1;

	runs = 0;
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		struct worker *w = worker_new(run_once, &one);

		w->cpu = cpu;
		worker_start(w);
		worker_join(w);
	}
	CHECK_EQ(runs, cpus());
}

TEST(workers_run_in_other_tasks)
{
	int *out = pool_new(sizeof(int));
	struct worker *w = worker_new(fail_if_own_data, out);

	runs = 7;
	*out = 1;
	w->task = task_new();
	worker_start(w);
	worker_join(w);
	CHECK_EQ(*out, 0);
}

TEST(faults_reach_the_test)
{
	struct takt_msg m;
	struct worker *w = worker_new((void (*)(void *))0x7000000000, NULL);

	w->fault_gate = gate_new(SLOT_THREAD, 3);
	worker_start(w);
	await_fault(&m);
	CHECK_EQ(m.badge, 3);
	CHECK_EQ(m.w[TAKT_FAULT_PC], 0x7000000000);
	answer(1);
}

static const struct test tests[] = {
	T(workers_run),
	T(workers_run_on_every_cpu),
	T(workers_run_in_other_tasks),
	T(faults_reach_the_test),
};
const struct suite suite_harness = SUITE("harness", tests);
