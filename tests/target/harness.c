/* SPDX-License-Identifier: MIT */
/* Runs tests one after the other: the watcher is root's first thread, more urgent than any test. */
#include <stdio.h>
#include <string.h>
#include <suites.h> /* of the system that this is built for */

#include "internal.h"

#define BADGE_OVER 1
#define TEST_STACK 0x8000
#define STOP_TRIES 100

static unsigned count, failures;

/* --- Checks, on any thread of any task -------------------------------------------------------- */

void test_over(void)
{
	struct takt_msg m = {0};

	(void)!takt_irq_trigger(SLOT_VERDICT);
	for (;;)
		if (takt_wait(&m, TAKT_NEVER))
			takt_yield(); /* somebody is owed a reply */
}

void check_count(void)
{
	__atomic_fetch_add(&VERDICT->checks, 1, __ATOMIC_RELAXED);
}

void check_failed(const char *file, int line, const char *text)
{
	VERDICT->failed = true;
	printf("# %s:%d: %s\n", file, line, text);
	test_over();
}

void check_unequal(const char *file, int line, const char *text, int64_t is, int64_t wanted)
{
	printf("# is %lld (0x%llx), wanted was %lld (0x%llx)\n", (long long)is, (long long)is,
	       (long long)wanted, (long long)wanted);
	check_failed(file, line, text);
}

void check_error(const char *file, int line, const char *text, int is, int wanted)
{
	printf("# is %d (%s), wanted was %s\n", is, rt_error(is), rt_error(wanted));
	check_failed(file, line, text);
}

void test_skip(const char *why)
{
	VERDICT->skipped = true;
	printf("# skipped: %s\n", why);
	test_over();
}

/* --- The watcher ------------------------------------------------------------------------------ */

static void must(int err, const char *what)
{
	if (!err)
		return;
	printf("Bail out! %s: %s\n", what, rt_error(err));
	(void)!takt_log_shutdown(TAKT_ROOT_LOG, 0);
}

static void run_test(void *arg)
{
	((const struct test *)arg)->fn();
	test_over();
}

/* The thread in which tests run. */
static char *stack;
static uint64_t utcb;

/* Placed, with its SC. */
static void make_thread(void)
{
	slot_clear(SLOT_THREAD);
	slot_clear(SLOT_SC);
	must(takt_create_thread(TAKT_ROOT_FACTORY, "test", SLOT_THREAD), "test thread");
	must(takt_thread_configure(SLOT_THREAD, TAKT_ROOT_TASK, TAKT_ROOT_TASK, utcb,
				   TAKT_THREAD_PLAIN, 0), "test thread");
	must(takt_thread_fault_gate(SLOT_THREAD, SLOT_WATCH), "test thread");
	must(takt_scheduler_run(TAKT_ROOT_SCHEDULER, SLOT_THREAD, 0), "test thread");
	must(takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, TAKT_ROOT_FACTORY, TEST_PRIO, ms(1),
				      ms(1), 0, SLOT_SC), "test thread");
	must(takt_thread_attach(SLOT_THREAD, SLOT_SC), "test thread");
}

static void prepare_thread(void)
{
	if (slot_type(SLOT_THREAD) != TAKT_NONE)
		return;
	utcb = kernel_pages_va();
	make_thread();
	stack = pool_new(TEST_STACK);
	pool_keep();
}

static void start_thread(const struct test *test)
{
	uint64_t sp = stack_prepare(stack, TEST_STACK,
				    (struct boot){.fn = run_test, .arg = (void *)test,
						  .utcb = utcb, .self = SLOT_THREAD});

	must(takt_thread_start(SLOT_THREAD, (uint64_t)harness_thread, sp, sp), "test thread");
}

/* A thread that cannot be stopped is left behind, and the next test gets a new one. */
static void stop_thread(void)
{
	int err = TAKT_E_AGAIN;

	for (unsigned i = 0; i < STOP_TRIES && err == TAKT_E_AGAIN; i++) {
		struct takt_msg m = {0};

		err = takt_thread_stop(SLOT_THREAD);
		if (err == TAKT_E_AGAIN)
			(void)!takt_wait(&m, in_ms(1));
	}
	if (!err)
		return;
	printf("# the test's thread cannot be stopped: %s\n", rt_error(err));
	VERDICT->failed = true;
	slot_clear(SLOT_THREAD);
}

/* Until the test has ended, one way or the other. */
static void watch(unsigned seconds)
{
	takt_ticks end = takt_now() + seconds * takt_hz();
	struct takt_msg m = {0};
	int err = takt_wait(&m, end);

	while (!err) {
		if (TAKT_TAG_LABEL(m.tag) == TAKT_LABEL_IRQ && m.w[0] & BADGE_OVER)
			return;
		VERDICT->failed = true;
		if (TAKT_TAG_LABEL(m.tag) == TAKT_LABEL_FAULT)
			printf("# fault: pc %llx, sp %llx, syndrome %llx, address %llx\n",
			       (unsigned long long)m.w[TAKT_FAULT_PC],
			       (unsigned long long)m.w[TAKT_FAULT_SP],
			       (unsigned long long)m.w[TAKT_FAULT_SYNDROME],
			       (unsigned long long)m.w[TAKT_FAULT_ADDRESS]);
		(void)!takt_irq_trigger(SLOT_VERDICT);
		m = (struct takt_msg){.tag = TAKT_TAG(1, 0, 0)}; /* it does not go on */
		err = takt_reply_wait(&m, end);
	}
	VERDICT->failed = true;
	printf("# not over after %u s (%s)\n", seconds, rt_error(err));
}

static void run(const struct suite *suite, const struct test *test)
{
	printf("# %s: %s\n", suite->name, test->name);
	VERDICT->failed = VERDICT->skipped = false;
	prepare_thread();
	fixture_begin();
	start_thread(test);
	watch(test->seconds);
	stop_thread();
	if (!fixture_end())
		VERDICT->failed = true;
	count++;
	failures += VERDICT->failed;
	printf("%sok %u - %s: %s%s\n", VERDICT->failed ? "not " : "", count, suite->name,
	       test->name, VERDICT->skipped ? " # SKIP" : "");
}

int main(void)
{
	must(takt_create_irq(TAKT_ROOT_FACTORY, SLOT_VERDICT), "watcher");
	must(takt_irq_bind_thread(SLOT_VERDICT, TAKT_ROOT_THREAD, BADGE_OVER), "watcher");
	must(takt_create_gate(TAKT_ROOT_FACTORY, 0, SLOT_WATCH), "watcher");
	must(takt_thread_bind_gate(TAKT_ROOT_THREAD, SLOT_WATCH), "watcher");
	fixture_init();
	for (unsigned i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		for (unsigned j = 0; j < suites[i]->count; j++)
			run(suites[i], &suites[i]->tests[j]);
	printf("1..%u\n", count);
	printf("# %u failed, %llu checks\n", failures, (unsigned long long)VERDICT->checks);
	(void)!takt_log_shutdown(TAKT_ROOT_LOG, 0);
	return 1;
}
