/* SPDX-License-Identifier: MIT */
/* System call, call and reply, fault. */
#include "bench.h"

static void echo(void *words)
{
	wait();
	for (;;) {
		struct takt_msg m = {.tag = TAKT_TAG(0, (uintptr_t)words, 0), .w = {1, 2, 3, 4}};

		(void)!takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void check_nobody(void)
{
	struct takt_msg m = {.tag = 0};

	expect(takt_call(0, &m), TAKT_E_CAP);
}

static void call_nobody(void *unused)
{
	struct takt_msg m;

	(void)unused;
	check_nobody();
	MEASURE(m = ((struct takt_msg){.tag = 0}); (void)!takt_call(0, &m));
	driver_done();
}

static void check_echo(void *gate, unsigned words)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, words, 0)};

	expect(takt_call((takt_slot)(uintptr_t)gate, &m), 0);
	expect((int)TAKT_TAG_WORDS(m.tag), (int)words);
	expect((int)m.w[3], 4);
}

static void call_short(void *gate)
{
	struct takt_msg m;

	check_echo(gate, 4);
	MEASURE(m = ((struct takt_msg){.tag = TAKT_TAG(0, 4, 0), .w = {1, 2, 3, 4}});
		(void)!takt_call((takt_slot)(uintptr_t)gate, &m));
	driver_done();
}

static void call_10words(void *gate)
{
	struct takt_msg m;

	check_echo(gate, 10);
	MEASURE(m = ((struct takt_msg){.tag = TAKT_TAG(0, 10, 0), .w = {1, 2, 3, 4, 5, 6}});
		(void)!takt_call((takt_slot)(uintptr_t)gate, &m));
	driver_done();
}

takt_slot echo_new(takt_slot task, uintptr_t words)
{
	struct actor server = {.task = task, .prio = PASSIVE, .fn = echo, .arg = (void *)words};

	actor_make(&server);
	actor_start(&server);
	return gate_to(&server);
}

/* --- Fault ------------------------------------------------------------------------------------ */

/* Lets the thread that faulted go on behind the instruction. */
static void skip_instruction(void *unused)
{
	struct takt_msg m = {0};

	(void)unused;
	(void)!takt_wait(&m, TAKT_NEVER);
	for (;;) {
		m.tag = TAKT_TAG(0, 1, 0);
		m.w[0] = m.w[TAKT_FAULT_PC] + 4;
		(void)!takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void fault(void *unmapped)
{
	MEASURE(__asm__ volatile("ldr xzr, [%0]" : : "r"(unmapped) : "memory"));
	driver_done();
}

static void bench_fault(void)
{
	struct actor handler = {.task = far, .prio = PASSIVE, .fn = skip_instruction};
	struct actor driver = {.task = TAKT_ROOT_TASK, .prio = PRIO_DRIVER, .fn = fault};

	actor_make(&handler);
	actor_start(&handler);
	driver.fault_gate = gate_to(&handler);
	actor_make(&driver);
	drive(&driver, "fault.handler", false);
}

void bench_calls(void)
{
	drive_plain("syscall.null", false, call_nobody, 0);
	drive_plain("ipc.short", false, call_short, echo_new(far, 4));
	drive_plain("ipc.10words", false, call_10words, echo_new(far, 10));
	drive_plain("ipc.same_task", false, call_short, echo_new(TAKT_ROOT_TASK, 4));
	bench_fault();
}
