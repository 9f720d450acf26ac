/* SPDX-License-Identifier: MIT */
/* Environment, heap, thread-local data, standard output, threads, mappings. */
#include <stdlib.h>
#include <string.h>

#include "rt.h"

unsigned test_count, test_failures;
bool test_good;

void test_run(const char *name, void (*fn)(void))
{
	test_good = true;
	fn();
	test_failures += !test_good;
	printf("%sok %u - %s\n", test_good ? "" : "not ", ++test_count, name);
}

int thread_start(struct rt_thread *t, void (*fn)(void *arg), void *arg, unsigned priority)
{
	int err;

	*t = (struct rt_thread){.name = "t", .fn = fn, .arg = arg, .sc = env_slot_alloc()};
	err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, priority,
				       takt_ns_to_ticks(1000000), takt_ns_to_ticks(1000000), 0,
				       t->sc);
	return err ? err : rt_thread_create(t);
}

bool within_a_second(volatile bool *flag)
{
	takt_ticks end = takt_now() + takt_hz();

	while (!*flag && takt_now() < end)
		takt_sleep_until(takt_now() + takt_hz() / 1000);
	return *flag;
}

/* --- Environment ------------------------------------------------------------------------------ */

static void test_env_properties(void)
{
	CHECK(env_number("small", 0) == 7);
	CHECK(env_number("large", 0) == 0x123456789abcdef0);
	CHECK(env_number("not-there", 42) == 42);
	CHECK(env_number("text", 43) == 43); /* six bytes are no number */
	CHECK(!strcmp(env_string("text", ""), "hello"));
	CHECK(!strcmp(env_string("not-there", "other"), "other"));
	CHECK(!strcmp(env_string("takt,name", ""), "rt"));
	/* Bytes without an end are no string. */
	CHECK(!strcmp(env_string("bytes", "other"), "other"));
}

static void test_env_caps(void)
{
	enum takt_type type = TAKT_NONE;
	uint64_t rights = 0;

	CHECK(env_cap("root") >= TAKT_SELF_NAMED && env_cap("root") < TAKT_SELF_FREE);
	CHECK(!env_cap("roo") && !env_cap("root ") && !env_cap(""));
	CHECK(!takt_task_cap_inspect(TAKT_SELF_TASK, env_cap("root"), &type, &rights));
	CHECK(type == TAKT_GATE && rights == (TAKT_R_GATE_CALL | TAKT_R_GATE_TRANSFER));
}

static void test_env_slots(void)
{
	static takt_slot taken[TAKT_SELF_SLOTS];
	takt_slot four = env_slots_alloc(4), again;
	unsigned n = 0;

	CHECK(four >= TAKT_SELF_FREE);
	env_slot_free(four + 2);
	again = env_slot_alloc();
	CHECK(again == four + 2); /* the hole is found */
	while ((taken[n] = env_slot_alloc()))
		n++;
	CHECK(n > 100 && !env_slots_alloc(2));
	env_slot_free(taken[3]);
	env_slot_free(taken[5]);
	CHECK(!env_slots_alloc(2)); /* none next to each other */
	env_slot_free(taken[4]);
	CHECK(env_slots_alloc(3) == taken[3]);
	for (unsigned i = 0; i < n; i++)
		env_slot_free(taken[i]);
	for (unsigned i = 0; i < 4; i++)
		env_slot_free(four + i);
	env_slot_free(0); /* those are nobody's to give back */
	env_slot_free(TAKT_SELF_SLOTS);
	CHECK(env_slot_alloc() == four);
	env_slot_free(four);
}

/* --- Heap ------------------------------------------------------------------------------------- */

#define PIECE 1000

static void test_heap_is_used_up_and_comes_back(void)
{
	static char *piece[300];
	volatile size_t huge = SIZE_MAX / 2; /* unknown to the compiler */
	unsigned n[2];

	for (unsigned round = 0; round < 2; round++) {
		for (n[round] = 0; n[round] < 300; n[round]++) {
			char *p = piece[n[round]] = malloc(PIECE);

			if (!p)
				break;
			memset(p, (int)n[round], PIECE);
		}
		for (unsigned i = 0; i < n[round]; i++) {
			CHECK(piece[i][0] == (char)i && piece[i][PIECE - 1] == (char)i);
			free(piece[i]);
		}
	}
	CHECK(n[0] > 50 && n[0] < 300 && n[1] == n[0]);
	CHECK(!malloc(0x10000000));
	CHECK(!calloc(huge, 4));
}

static void test_heap_gives_what_is_asked_for(void)
{
	char *a = calloc(10, 10), *b = aligned_alloc(4096, 4096);

	CHECK(a && b && !((uintptr_t)b % 4096));
	for (unsigned i = 0; a && i < 100; i++)
		CHECK(!a[i]);
	strcpy(a, "kept");
	a = realloc(a, 5000);
	CHECK(a && !strcmp(a, "kept"));
	free(a);
	free(b);
}

static volatile bool heap_over[2];

static void use_heap(void *over)
{
	uint32_t random = (uint32_t)(uintptr_t)over;

	for (unsigned i = 0; i < 2000; i++) {
		unsigned size = 8 + (random = random * 1664525 + 1013904223) % 200;
		char *p = malloc(size);

		if (!p)
			continue;
		memset(p, (int)i, size);
		if (!(i % 50))
			takt_yield();
		if (p[0] != (char)i || p[size - 1] != (char)i)
			return;
		free(p);
	}
	*(volatile bool *)over = true;
}

static void test_heap_serves_several_threads(void)
{
	static struct rt_thread t[2];

	for (unsigned i = 0; i < 2; i++)
		CHECK(!thread_start(&t[i], use_heap, (void *)&heap_over[i], 9 + i));
	CHECK(within_a_second(&heap_over[0]) && within_a_second(&heap_over[1]));
}

/* --- Threads ---------------------------------------------------------------------------------- */

static _Thread_local int tls_data = 77;
static _Thread_local char tls_zero[100];
static volatile bool tls_over;
static int tls_seen, tls_sum;
static unsigned tls_number;
static int *tls_address;

static void look_at_tls(void *unused)
{
	(void)unused;
	tls_seen = tls_data++;
	tls_address = &tls_data;
	for (unsigned i = 0; i < sizeof(tls_zero); i++)
		tls_sum += tls_zero[i];
	tls_number = rt_thread_number();
	tls_over = true;
}

static void test_thread_local_data(void)
{
	static struct rt_thread t;

	tls_data = 5;
	memset(tls_zero, 1, sizeof(tls_zero));
	CHECK(!thread_start(&t, look_at_tls, NULL, 9));
	CHECK(within_a_second(&tls_over));
	CHECK(tls_seen == 77 && !tls_sum && tls_address != &tls_data && tls_data == 5);
	CHECK(tls_number == t.number && t.number != rt_thread_number());
	CHECK(takt_utcb() == (void *)TAKT_VA_UTCB(0ul));
}

static volatile bool self_over;
static takt_slot self_seen;
static uint64_t stack_seen;

static void look_at_self(void *arg)
{
	self_seen = rt_thread_self();
	stack_seen = (uint64_t)&arg;
	self_over = true;
}

static void test_threads_know_themselves(void)
{
	static struct rt_thread t;
	uint64_t top;

	CHECK(!thread_start(&t, look_at_self, NULL, 9));
	CHECK(within_a_second(&self_over));
	top = TAKT_VA_STACK_TOP((uint64_t)t.number);
	CHECK(self_seen == t.slot);
	CHECK(stack_seen < top && stack_seen > top - 0x4000);
}

static void test_threads_that_cannot_be(void)
{
	struct rt_thread large = {.fn = look_at_self, .stack_size = TAKT_STACK_MAX_SIZE + 1};
	struct rt_thread nowhere = {.fn = look_at_self, .cpu = 7};
	struct rt_thread other_sc = {.fn = look_at_self, .sc = TAKT_SELF_LOG};

	CHECK(rt_thread_create(&large) == TAKT_E_RANGE);
	CHECK(rt_thread_create(&nowhere) == TAKT_E_CPU);
	CHECK(rt_thread_create(&other_sc) == TAKT_E_TYPE);
}

/* --- Mappings, errors ------------------------------------------------------------------------- */

static void test_mappings(void)
{
	uint64_t a = rt_va_alloc(1, 0), b = rt_va_alloc(0x1000, 0x200000);
	char *p = rt_map(TAKT_SELF_MEMORY, 0, 0x1000, TAKT_MAP_READ | TAKT_MAP_WRITE);

	CHECK(a && b > a + 0x1000 && !(b % 0x200000));
	CHECK(!rt_va_alloc(0, 0) && !rt_va_alloc(1, 0x1800) && !rt_va_alloc(TAKT_VA_FREE_END, 0));
	CHECK(p && p != (char *)TAKT_VA_HEAP);
	CHECK(!memcmp(p, (char *)TAKT_VA_HEAP, 64)); /* the heap's first page, once more */
	CHECK(!rt_map(TAKT_SELF_LOG, 0, 0x1000, TAKT_MAP_READ));
	CHECK(!rt_map(TAKT_SELF_MEMORY, 0, 0x10000000, TAKT_MAP_READ));
	CHECK(!rt_map(TAKT_SELF_MEMORY, 0, 0x1000, TAKT_MAP_READ | TAKT_MAP_EXEC));
	CHECK(!rt_map_device(TAKT_SELF_LOG, 0));
}

static void test_names_of_errors(void)
{
	CHECK(!strcmp(rt_error(TAKT_E_CAP), "E_CAP"));
	CHECK(!strcmp(rt_error(0), "no error"));
	CHECK(!strcmp(rt_error(-9999), "unknown error"));
}

/* --- Standard output -------------------------------------------------------------------------- */

static volatile bool lines_over[2];

static void print_lines(void *over)
{
	unsigned n = over == &lines_over[1];

	for (unsigned i = 0; i < 20; i++) {
		printf("line %u", n);
		takt_yield();
		for (unsigned k = 0; k < 10; k++)
			printf(" %u", n);
		printf(" end\n");
	}
	*(volatile bool *)over = true;
}

/* What test_rt.py looks for. */
static void test_lines_are_whole(void)
{
	static struct rt_thread t[2];

	for (unsigned i = 0; i < 2; i++)
		CHECK(!thread_start(&t[i], print_lines, (void *)&lines_over[i], 9));
	CHECK(within_a_second(&lines_over[0]) && within_a_second(&lines_over[1]));
}

static void test_long_lines(void)
{
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	printf("long %s end\n", text);
	printf("without an end");
	fflush(stdout);
	printf("\n%%d %d %%s %s %%x %lx %%f %.3f\n", -5, "text", 0xabcdul, 1.5);
	CHECK(getchar() == EOF); /* there is no console */
}

int main(void)
{
	RUN(env_properties);
	RUN(env_caps);
	RUN(env_slots);
	RUN(heap_gives_what_is_asked_for);
	RUN(heap_is_used_up_and_comes_back);
	RUN(heap_serves_several_threads);
	RUN(thread_local_data);
	RUN(threads_know_themselves);
	RUN(threads_that_cannot_be);
	RUN(mappings);
	RUN(names_of_errors);
	RUN(lines_are_whole);
	RUN(long_lines);
	test_server();
	printf("1..%u\n", test_count);
	for (;;)
		takt_sleep_until(TAKT_NEVER);
}
