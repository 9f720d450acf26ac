/* SPDX-License-Identifier: MIT */
/*
 * From an interrupt to the first instruction of a handler in the far task, more urgent than the
 * driver, which runs when it comes.
 *
 * The hardware line is the PL011's: once a character has been sent, a store to its interrupt mask
 * asserts the line in that instruction, and the interrupt is taken before the next one. The store
 * itself is not counted. A timer's interrupt comes at the tick it is set to; timer.loaded is that
 * while the driver maps and unmaps many pages, cleans caches, and makes and destroys tasks.
 */
#include "bench.h"

#define TIMER_AHEAD 100 /* ticks: longer than setting it takes */

/* Load: the kernel is kept in its long operations. */
#define LOAD_AHEAD 1009 /* ticks, and less than LOAD_VARY more */
#define LOAD_VARY 2003
#define LOAD_VA 0x1700000000ul
#define LOAD_SIZE 0x200000ul
#define LOAD_FLAGS (TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_ORDER(TAKT_PAGE_SHIFT))
#define LOAD_PAGES 256 /* of kernel memory for a task */
#define LOAD_SPREAD 32 /* GiBs of its space with a page in them, each with tables of its own */
#define LOAD_SLOTS 512

static void uart_handler(void *irq)
{
	for (;;) {
		wait();
		SHARED->stamp = stamp();
		UART_IMSC = 0;
		(void)!takt_irq_ack((takt_slot)(uintptr_t)irq);
	}
}

static void timer_handler(void *unused)
{
	(void)unused;
	for (;;) {
		wait();
		SHARED->stamp = stamp();
		SHARED->count++;
	}
}

static void drive_uart(void *unused)
{
	(void)unused;
	MEASURE_TO_PARTNER(UART_IMSC = UART_IMSC_TX, 1);
	driver_done();
}

static void drive_timer(void *irq)
{
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t count = SHARED->count;
		takt_ticks at = takt_now() + TIMER_AHEAD;

		(void)!takt_irq_timer((takt_slot)(uintptr_t)irq, at, 0, NULL);
		while (SHARED->count == count)
			;
		record(i, SHARED->stamp - at * NS_PER_TICK);
	}
	driver_done();
}

/* As timer_handler, but sets the timer (slot arg) itself. */
static void load_handler(void *arg)
{
	takt_slot irq = (takt_slot)(uintptr_t)arg;

	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		/* Anywhere in the load, not in step with it. */
		takt_ticks at = takt_now() + LOAD_AHEAD + i * 7919 % LOAD_VARY;

		(void)!takt_irq_timer(irq, at, 0, NULL);
		wait();
		SHARED->late[i] = (uint32_t)(stamp() - at * NS_PER_TICK);
		SHARED->count = i + 1;
	}
	for (;;)
		wait();
}

/* Pages into a new task, and both away again. */
static void make_and_destroy(uint64_t offset, takt_slot factory, takt_slot task)
{
	expect(takt_factory_sub(TAKT_ROOT_FACTORY, LOAD_PAGES, factory), 0);
	expect(takt_create_task(factory, TAKT_TASK_NATIVE, "load", task), 0);
	expect(takt_task_cap_grow(task, LOAD_SLOTS), 0);
	expect(takt_task_map(task, ram, LOAD_VA, offset, LOAD_SIZE, LOAD_FLAGS), 0);
	for (uint64_t gib = 1; gib <= LOAD_SPREAD; gib++)
		expect(takt_task_map(task, ram, LOAD_VA + (gib << 30), offset, TAKT_PAGE_SIZE,
				     LOAD_FLAGS), 0);
	expect(takt_factory_destroy(TAKT_ROOT_FACTORY, factory), 0);
}

static void drive_load(void *arg)
{
	uint64_t offset = (uintptr_t)arg;
	takt_slot factory = slot_new(), task = slot_new(), own = TAKT_ROOT_TASK;

	while (SHARED->count < WARM_UP + SAMPLES) {
		expect(takt_task_map(own, ram, LOAD_VA, offset, LOAD_SIZE, LOAD_FLAGS), 0);
		expect(takt_task_unmap(own, LOAD_VA, LOAD_SIZE), 0);
		expect(takt_memory_sync(ram, offset, LOAD_SIZE / 8, TAKT_SYNC_CODE), 0);
		make_and_destroy(offset, factory, task);
	}
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++)
		record(i, SHARED->late[i]);
	driver_done();
}

static void bench_load(void)
{
	takt_slot timer = far_slot_new();
	struct actor handler = {.task = far, .prio = PRIO_HIGH, .fn = load_handler,
				.arg = (void *)(uintptr_t)timer};

	SHARED->count = 0;
	actor_make(&handler);
	far_give(irq_to(&handler, 1), timer);
	actor_start(&handler);
	drive_plain("timer.loaded", true, drive_load, ram_take(LOAD_SIZE));
}

void bench_irqs(void)
{
	takt_slot line = far_slot_new();
	struct actor uart = {.task = far, .prio = PRIO_HIGH, .fn = uart_handler,
			     .arg = (void *)(uintptr_t)line};
	struct actor timer = {.task = far, .prio = PRIO_HIGH, .fn = timer_handler};

	UART_IMSC = 0;
	far_give(uart_line, line);
	actor_make(&uart);
	must(takt_irq_bind_thread(uart_line, uart.slot, 1), "line");
	actor_start(&uart);
	drive_plain("irq.thread", true, drive_uart, 0);
	must(takt_irq_unbind(uart_line), "line");

	actor_make(&timer);
	actor_start(&timer);
	drive_plain("timer.thread", true, drive_timer, irq_to(&timer, 1));
	bench_load();
}
