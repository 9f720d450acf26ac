/* SPDX-License-Identifier: MIT */
/*
 * Tests on the target. The vocabulary is that of tests/unit/tap.h:
 *
 *   TEST(grows) { CHECK(size() == 2); CHECK_OK(takt_...); CHECK_ERR(takt_..., TAKT_E_RANGE); }
 *   static const struct test tests[] = {T(grows)};
 *   const struct suite suite_task = SUITE("task", tests);
 *
 * Every test has a thread and a factory of its own, on CPU 0 at TEST_PRIO. Root's first thread,
 * more urgent, watches: a test that does not end in time, or faults, fails under its name, and the
 * next one begins. A failed CHECK ends its test wherever it stands, in a worker too. All memory of a
 * test is destroyed after it, with whatever was made of it; a test that leaves anything has failed.
 */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <takt/bootinfo.h>
#include <takt/rt.h>

#define TEST_PRIO 40  /* of the test's thread */
#define HELP_PRIO 30  /* of workers that do not say otherwise */
#define TEST_SECONDS 20 /* then a test has failed, where it does not say more */
#define WAIT_MS 5000  /* what a test waits for comes before that, or it has failed */

/* Slots that are no test's. */
enum {
	SLOT_VERDICT = TAKT_ROOT_FREE, /* irq to the watcher: the test is over */
	SLOT_WATCH,		       /* gate to the watcher: faults come there */
	SLOT_POOL,		       /* extent of the pool */
	SLOT_TEXT,		       /* extents of the program's copy, up to ELF_MAX_SEGMENTS */
	SLOT_THREAD = SLOT_TEXT + 8,   /* the test's thread and SC */
	SLOT_SC,
	SLOT_TEST = 64, /* from here on: slots of the test that runs */
	SLOT_TEST_END = 2048,
	SLOT_RAM = SLOT_TEST_END, /* the test's extents, to be destroyed */
	SLOT_RAM_END = SLOT_RAM + 512
};

struct test {
	const char *name;
	void (*fn)(void);
	unsigned seconds;
};

struct suite {
	const char *name;
	const struct test *tests;
	unsigned count;
};

#define TEST(name) static void test_##name(void)
#define T(name) T_LONG(name, TEST_SECONDS)
#define T_LONG(name, seconds) {#name, test_##name, seconds}
#define SUITE(name, tests) {name, tests, sizeof(tests) / sizeof((tests)[0])}

/* --- Checks ----------------------------------------------------------------------------------- */

void check_count(void);
void check_failed(const char *file, int line, const char *text) __attribute__((noreturn));
void check_unequal(const char *file, int line, const char *text, int64_t is, int64_t wanted)
	__attribute__((noreturn));
void check_error(const char *file, int line, const char *text, int is, int wanted)
	__attribute__((noreturn));

/* Ends the test as passed, saying why it could not be done here. */
void test_skip(const char *why) __attribute__((noreturn));

#define CHECK(e)                                                                                   \
	do {                                                                                       \
		check_count();                                                                     \
		if (!(e))                                                                          \
			check_failed(__FILE__, __LINE__, #e);                                      \
	} while (0)
#define CHECK_EQ(is, wanted)                                                                       \
	do {                                                                                       \
		int64_t is_ = (int64_t)(is), wanted_ = (int64_t)(wanted);                          \
                                                                                                   \
		check_count();                                                                     \
		if (is_ != wanted_)                                                                \
			check_unequal(__FILE__, __LINE__, #is, is_, wanted_);                      \
	} while (0)
#define CHECK_ERR(call, error)                                                                     \
	do {                                                                                       \
		int is_ = (call), wanted_ = (error);                                               \
                                                                                                   \
		check_count();                                                                     \
		if (is_ != wanted_)                                                                \
			check_error(__FILE__, __LINE__, #call, is_, wanted_);                      \
	} while (0)
#define CHECK_OK(call) CHECK_ERR(call, 0)

/* --- What a test has -------------------------------------------------------------------------- */

extern takt_slot test_factory; /* fresh for each test, of TEST_FACTORY_PAGES */
#define TEST_FACTORY_PAGES 192

const struct takt_bootinfo *bootinfo(void);
unsigned cpus(void);
unsigned other_cpu(void); /* a CPU that is not 0; the test is skipped where there is none */

takt_slot slot_new(void); /* empty; given back, emptied, after the test */
takt_slot slots_new(unsigned count);
void slot_clear(takt_slot slot);
enum takt_type slot_type(takt_slot slot);

takt_slot ram_new(uint64_t size); /* fresh extent with all rights, aligned to 2 MiB if that large */
takt_slot factory_new(unsigned pages);
struct account {
	uint64_t pages, free, objects;
};
struct account account(takt_slot factory);
takt_slot cap_with(takt_slot cap, uint64_t rights);    /* copy with these rights at most */
takt_slot cap_without(takt_slot cap, uint64_t rights); /* copy without these */
void *pool_new(size_t size); /* zeroed; at the same address in all tasks made by task_new */
void *window_map(takt_slot extent, uint64_t offset, uint64_t size, uint64_t flags);
uint64_t va_new(uint64_t size); /* address space with nothing in it */

/* Whether every instruction is a nanosecond of the counter, so that times are exact. Elsewhere the
 * host may stop a CPU at any moment, and time-outs come late. */
bool exact_time(void);

takt_ticks ms(uint64_t n);
takt_ticks us(uint64_t n);
static inline takt_ticks in_ms(uint64_t n)
{
	return takt_now() + ms(n);
}

/* --- Irqs to the test's thread ---------------------------------------------------------------- */

takt_slot irq_new(uint64_t badge); /* bound to the test's thread; badges: bits 0..31 */
void irqs_await(uint64_t badges);  /* all of them have come, since the last time */
bool irqs_within(uint64_t badges, takt_ticks deadline);
/* None of them has come for so many ms, in which everybody here had a chance to get on. */
bool quiet(uint64_t badges, unsigned n);

/* --- Threads ---------------------------------------------------------------------------------- */

struct worker {
	/* in */
	void (*fn)(void *arg);
	void *arg;
	unsigned prio; /* 0: HELP_PRIO */
	unsigned cpu;
	takt_ticks budget, period; /* 0: round robin, 1 ms */
	bool passive;		   /* no SC of its own */
	takt_slot task;		   /* made by task_new; 0: the test's */
	takt_slot fault_gate;	   /* 0: faults fail the test */
	enum takt_thread_kind kind;
	takt_slot guest; /* task of the guest; 0: the own */
	/* out */
	takt_slot slot, sc, done;
	uint64_t bit; /* irqs_await(bit): fn has returned */
	uint64_t utcb, state; /* addresses; state: a vCPU's page, state_va in its task */
	void *sp; /* a second stack of half a page, for entries of vCPUs */
};

/* Workers live in the pool, so that they can be in any task:
 * struct worker *w = worker_new(fn, arg); ...; worker_start(w). */
struct worker *worker_new(void (*fn)(void *arg), void *arg);
void worker_make(struct worker *w);  /* stopped, placed, with its SC */
void worker_start(struct worker *w); /* and makes it, if that has not been done */
void worker_join(struct worker *w);  /* its function has returned */

takt_slot sc_new(unsigned prio, unsigned cpu, takt_ticks budget, takt_ticks period);
takt_slot gate_new(takt_slot thread, uint64_t badge);

/* A task with a copy of this program: fresh data, same pool. It holds the log, and whatever is put
 * there with task_give. */
takt_slot task_new(void);
void task_give(takt_slot task, takt_slot cap, takt_slot to);

/* Calls: words and badge at hand, errors returned. */
int call_words(takt_slot gate, uint16_t label, uint64_t w0, uint64_t w1, struct takt_msg *answer);
/* Waits for a call or fault; others, and irqs, fail the test. Deadline WAIT_MS. */
void await_call(struct takt_msg *m);
void await_fault(struct takt_msg *m);
/* Answers with a label, and waits for nothing. */
void answer(uint16_t label);

/* A server that answers label 0 with its words, each increased by one, until label 99. */
void server_echo(void *unused);
void spin_ms(void *n); /* uses that much CPU time, by the clock */
void spin_until_set(void *flag); /* volatile bool */

#endif
