/* SPDX-License-Identifier: MIT */
/* Tasks, threads and what they need, out of root's capabilities; nothing is ever given back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define SHARED_SIZE 0x100000ul
#define STACK_SIZE 0x2000ul
#define PAGES_VA 0x1400000000ul
#define COPY_VA 0x1500000000ul
#define FAR_SLOTS 128
#define BADGE_DONE 1
#define PATIENCE_S 2 /* virtual seconds for a driver */

extern const char __tdata_start[]; /* code and constants end before that page */

takt_slot far, ram, uart_line;
uint64_t stamp_cost;

static uint64_t ram_next, ram_end;
static takt_slot slot_next = TAKT_ROOT_FREE, far_next = 1;
static uint64_t page_next = PAGES_VA, stack_next = SHARED_VA + TAKT_PAGE_SIZE;
static takt_slot done_irq;
static uint32_t sample[SAMPLES];
static int unexpected; /* result that the driver did not expect */

static void die(const char *what, const char *why)
{
	printf("# %s: %s\n", what, why);
	(void)!takt_log_shutdown(TAKT_ROOT_LOG, 0);
	for (;;)
		;
}

void must(int err, const char *what)
{
	if (err)
		die(what, rt_error(err));
}

/* --- Capabilities and memory ------------------------------------------------------------------ */

takt_slot slot_new(void)
{
	return slot_next++;
}

takt_slot far_slot_new(void)
{
	return far_next++;
}

void far_give(takt_slot cap, takt_slot to)
{
	must(takt_task_cap_copy(far, cap, to, TAKT_R_ALL), "capability for the far task");
}

uint64_t ram_take(uint64_t size)
{
	uint64_t offset = ram_next;

	ram_next += size;
	if (ram_next > ram_end)
		die("memory", "too little");
	return offset;
}

uint64_t page_va_new(void)
{
	page_next += TAKT_PAGE_SIZE;
	return page_next;
}

static void map(takt_slot task, uint64_t va, uint64_t offset, uint64_t size, uint64_t flags)
{
	must(takt_task_map(task, ram, va, offset, size, flags), "mapping");
}

static void find_ram(void)
{
	const struct takt_bootinfo *info = (const void *)TAKT_ROOT_BOOTINFO_VA;

	for (unsigned i = 0; i < info->memories; i++)
		if (info->memory[i].size > ram_end) {
			ram = TAKT_ROOT_MEMORY + i;
			ram_end = info->memory[i].size;
		}
}

static void map_uart(takt_slot task)
{
	const uint64_t base = 0x09000000; /* of the virt board */

	must(takt_task_map(task, TAKT_ROOT_DEVICES, UART_VA, base, TAKT_PAGE_SIZE,
			   TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE), "UART");
}

static void make_far(void)
{
	uint64_t size = ((uint64_t)__tdata_start & ~0xffful) - TAKT_VA_PROGRAM;
	uint64_t offset = ram_take(size);

	far = slot_new();
	must(takt_create_task(TAKT_ROOT_FACTORY, TAKT_TASK_NATIVE, "far", far), "far task");
	must(takt_task_cap_grow(far, FAR_SLOTS), "far task");
	map(TAKT_ROOT_TASK, COPY_VA, offset, size, TAKT_MAP_READ | TAKT_MAP_WRITE);
	memcpy((void *)COPY_VA, (const void *)TAKT_VA_PROGRAM, size);
	must(takt_memory_sync(ram, offset, size, TAKT_SYNC_CODE), "far task");
	map(far, TAKT_VA_PROGRAM, offset, size, TAKT_MAP_READ | TAKT_MAP_EXEC);
	map_uart(far);
}

static void make_shared(void)
{
	uint64_t offset = ram_take(SHARED_SIZE);

	map(TAKT_ROOT_TASK, SHARED_VA, offset, SHARED_SIZE, TAKT_MAP_READ | TAKT_MAP_WRITE);
	map(far, SHARED_VA, offset, SHARED_SIZE, TAKT_MAP_READ | TAKT_MAP_WRITE);
}

/* --- Threads ---------------------------------------------------------------------------------- */

static void give_sc(const struct actor *a)
{
	takt_slot sc = slot_new();
	takt_ticks slice = takt_hz(); /* so long that its end does not come into a sample */

	must(takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, TAKT_ROOT_FACTORY, a->prio, slice, slice,
				      0, sc), "scheduling context");
	must(takt_thread_attach(a->slot, sc), "scheduling context");
}

void actor_make(struct actor *a)
{
	a->slot = slot_new();
	a->page = a->kind == TAKT_THREAD_PLAIN ? 0 : page_va_new();
	must(takt_create_thread(TAKT_ROOT_FACTORY, "actor", a->slot), "thread");
	must(takt_thread_configure(a->slot, a->task, a->task, page_va_new(), a->kind, a->page),
	     "thread");
	if (a->fault_gate)
		must(takt_thread_fault_gate(a->slot, a->fault_gate), "thread");
	must(takt_scheduler_run(TAKT_ROOT_SCHEDULER, a->slot, 0), "thread");
	if (a->prio != PASSIVE)
		give_sc(a);
	stack_next += STACK_SIZE;
	if (stack_next > SHARED_VA + SHARED_SIZE)
		die("stacks", "too many");
	a->sp = stack_next;
}

void actor_start(struct actor *a)
{
	must(takt_thread_start(a->slot, (uint64_t)a->fn, a->sp, (uint64_t)a->arg), "thread");
}

takt_slot gate_to(const struct actor *server)
{
	takt_slot gate = slot_new();

	must(takt_create_gate(TAKT_ROOT_FACTORY, 0, gate), "gate");
	must(takt_thread_bind_gate(server->slot, gate), "gate");
	return gate;
}

takt_slot irq_to(const struct actor *target, uint64_t badge)
{
	takt_slot irq = slot_new();

	must(takt_create_irq(TAKT_ROOT_FACTORY, irq), "irq");
	must(takt_irq_bind_thread(irq, target->slot, badge), "irq");
	return irq;
}

/* --- Drivers ---------------------------------------------------------------------------------- */

void record(unsigned i, uint64_t ns)
{
	if (i >= WARM_UP)
		sample[i - WARM_UP] = (uint32_t)ns;
}

void expect(int is, int wanted)
{
	if (is != wanted)
		unexpected = is ? is : TAKT_E_STATE;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void driver_done(void)
{
	struct takt_msg m = {0};

	(void)!takt_irq_trigger(done_irq);
	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

/* Lets the driver do its work; 0 where its samples can be used. */
static int run(const struct actor *driver)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, takt_now() + PATIENCE_S * takt_hz());

	(void)!takt_thread_stop(driver->slot);
	qsort(sample, SAMPLES, sizeof(sample[0]), compare);
	if (!err)
		err = unexpected;
	if (!err && sample[SAMPLES - 1] > INT32_MAX) /* the partner's stamp was an old one */
		err = TAKT_E_AGAIN;
	return err;
}

void drive(struct actor *driver, const char *name, bool max)
{
	int err;

	unexpected = 0;
	actor_start(driver);
	err = run(driver);
	if (err) {
		printf("# no %s: %s\n", name ? name : "cost of a stamp", rt_error(err));
		return;
	}
	if (name)
		printf("%s %d V\n", name, (int)sample[SAMPLES / 2]);
	if (max)
		printf("%s.max %d V\n", name, (int)sample[SAMPLES - 1]);
}

void drive_plain(const char *name, bool max, void (*fn)(void *arg), uintptr_t arg)
{
	struct actor driver = {.task = TAKT_ROOT_TASK, .prio = PRIO_DRIVER, .fn = fn,
			       .arg = (void *)arg};

	actor_make(&driver);
	drive(&driver, name, max);
}

static void nothing(void *unused)
{
	(void)unused;
	MEASURE((void)0);
	driver_done();
}

int main(void)
{
	uint64_t begin = stamp();
	struct actor self = {.slot = TAKT_ROOT_THREAD};

	/* The runtime's own start, before main, is some hundred instructions of it. */
	printf("boot.first_user %u kV\n", (unsigned)(begin / 1000));
	find_ram();
	make_far();
	make_shared();
	map_uart(TAKT_ROOT_TASK);
	uart_line = slot_new();
	must(takt_intc_get(TAKT_ROOT_INTC, TAKT_ROOT_FACTORY, UART_INTID, 0, uart_line), "line");
	done_irq = irq_to(&self, BADGE_DONE);

	drive_plain(NULL, false, nothing, 0);
	stamp_cost = sample[SAMPLES / 2];
	bench_calls();
	bench_signals();
	bench_irqs();
	bench_memory();
	bench_pv();
	(void)!takt_log_shutdown(TAKT_ROOT_LOG, 0);
	return 1;
}
