/* SPDX-License-Identifier: MIT */
/* Threads: set-up, start and stop, scheduling contexts, registers. Faults are in test_fault.c. */
#include <takt/vcpu.h>

#include "harness.h"
#include "internal.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)

static takt_slot thread_bare(void)
{
	takt_slot thread = slot_new();

	CHECK_OK(takt_create_thread(test_factory, "bare", thread));
	return thread;
}

static takt_slot task_bare(enum takt_task_kind kind)
{
	takt_slot task = slot_new();

	CHECK_OK(takt_create_task(test_factory, kind, "bare", task));
	return task;
}

static int configure(takt_slot thread, takt_slot task, takt_slot guest, uint64_t utcb,
		     uint64_t kind, uint64_t page)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_THREAD_CONFIGURE, 3, 2),
			     .w = {utcb, kind, page}, .cap = {task, guest}};

	return takt_call(thread, &m);
}

/* --- configure -------------------------------------------------------------------------------- */

TEST(configure_errors)
{
	takt_slot thread = thread_bare(), task = task_bare(TAKT_TASK_NATIVE),
		  vm = task_bare(TAKT_TASK_VM), weak = cap_without(task, TAKT_R_TASK_MAP);
	uint64_t va = 0x100000;
	struct account before = account(test_factory);

	CHECK_ERR(configure(thread, weak, task, va, TAKT_THREAD_PLAIN, 0), TAKT_E_RIGHTS);
	CHECK_ERR(configure(thread, task, weak, va, TAKT_THREAD_PLAIN, 0), TAKT_E_RIGHTS);
	CHECK_ERR(configure(thread, task, task, va, TAKT_THREAD_MACHINE + 1, 0), TAKT_E_INVAL);
	CHECK_ERR(configure(thread, task, task, va, UINT64_MAX, 0), TAKT_E_INVAL);
	CHECK_ERR(configure(thread, vm, vm, va, TAKT_THREAD_PLAIN, 0), TAKT_E_INVAL);
	CHECK_ERR(configure(thread, task, vm, va, TAKT_THREAD_PLAIN, 0), TAKT_E_INVAL);
	CHECK_ERR(configure(thread, task, vm, va, TAKT_THREAD_PV, va + PAGE), TAKT_E_INVAL);
	CHECK_ERR(configure(thread, task, task, va, TAKT_THREAD_MACHINE, va + PAGE), TAKT_E_STATE);
	CHECK_ERR(configure(thread, task, vm, va, TAKT_THREAD_MACHINE, va + PAGE), TAKT_E_STATE);
	CHECK_ERR(configure(thread, task, task, va + 8, TAKT_THREAD_PLAIN, 0), TAKT_E_ALIGN);
	CHECK_ERR(configure(thread, task, task, 1ull << 39, TAKT_THREAD_PLAIN, 0), TAKT_E_RANGE);
	CHECK_ERR(configure(thread, task, task, -PAGE, TAKT_THREAD_PLAIN, 0), TAKT_E_RANGE);
	CHECK_ERR(configure(thread, task, task, va, TAKT_THREAD_PV, va + 8), TAKT_E_ALIGN);
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_EQ(account(test_factory).objects, before.objects);
	/* Once, after all that. */
	CHECK_OK(configure(thread, task, task, va, TAKT_THREAD_PLAIN, 0));
	CHECK_ERR(configure(thread, task, task, va + PAGE, TAKT_THREAD_PLAIN, 0), TAKT_E_STATE);
	/* The address is taken. */
	CHECK_ERR(configure(thread_bare(), task, task, va, TAKT_THREAD_PLAIN, 0), TAKT_E_EXISTS);
}

/* Of two pages the second cannot be mapped: the first is not, either. */
TEST(configure_maps_both_pages_or_none)
{
	takt_slot thread = thread_bare(), task = task_bare(TAKT_TASK_NATIVE);
	uint64_t va = 0x100000;
	struct account before;

	CHECK_OK(takt_task_map(task, ram_new(PAGE), va + 4 * PAGE, 0, PAGE, TAKT_MAP_READ));
	before = account(test_factory);
	CHECK_ERR(configure(thread, task, task, va + 4 * PAGE, TAKT_THREAD_PV, va), TAKT_E_EXISTS);
	CHECK_ERR(configure(thread, task, task, va + 8, TAKT_THREAD_PV, va), TAKT_E_ALIGN);
	CHECK_ERR(configure(thread, task, task, va, TAKT_THREAD_PV, va), TAKT_E_EXISTS);
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_OK(configure(thread, task, task, va + PAGE, TAKT_THREAD_PV, va));
}

TEST(placed_threads_cannot_be_configured)
{
	takt_slot thread = thread_bare(), task = task_bare(TAKT_TASK_NATIVE);

	CHECK_OK(takt_scheduler_run(TAKT_ROOT_SCHEDULER, thread, 0));
	CHECK_ERR(configure(thread, task, task, 0x100000, TAKT_THREAD_PLAIN, 0), TAKT_E_STATE);
}

/* --- start, stop ------------------------------------------------------------------------------ */

static int regs_read(takt_slot thread, uint64_t first, uint64_t count)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_THREAD_REGS_READ, 2, 0), .w = {first, count}};

	return takt_call(thread, &m);
}

static int reg_write(takt_slot thread, uint64_t reg, uint64_t value)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_THREAD_REGS_WRITE, 2, 0), .w = {reg, value}};

	return takt_call(thread, &m);
}

/* An unplaced thread is on no CPU that could do anything with it. */
TEST(unplaced_threads)
{
	takt_slot thread = thread_bare(), gate = slot_new();

	CHECK_ERR(takt_thread_start(thread, 0, 0, 0), TAKT_E_STATE);
	CHECK_OK(takt_thread_stop(thread));
	CHECK_ERR(takt_thread_attach(thread, sc_new(1, 0, ms(1), ms(1))), TAKT_E_STATE);
	CHECK_ERR(takt_thread_detach(thread, sc_new(1, 0, ms(1), ms(1))), TAKT_E_STATE);
	CHECK_OK(takt_create_gate(test_factory, 0, gate));
	CHECK_ERR(takt_thread_bind_gate(thread, gate), TAKT_E_STATE);
	CHECK_ERR(regs_read(thread, 0, 1), TAKT_E_STATE);
	CHECK_ERR(reg_write(thread, 0, 1), TAKT_E_STATE);
	CHECK_OK(takt_thread_fault_gate(thread, gate));
	CHECK_OK(takt_scheduler_run(TAKT_ROOT_SCHEDULER, thread, 0));
	CHECK_ERR(takt_thread_start(thread, 0, 0, 0), TAKT_E_STATE); /* it has no task */
}

static void count_up(void *arg)
{
	for (;;)
		++*(volatile uint64_t *)arg;
}

static void check_stop(unsigned cpu)
{
	volatile uint64_t *n = pool_new(sizeof(*n));
	struct worker *w = worker_new(count_up, (void *)n);
	uint64_t seen;

	w->cpu = cpu;
	worker_start(w);
	CHECK_ERR(takt_thread_start(w->slot, 0, 0, 0), TAKT_E_STATE);
	while (*n < 1000)
		(void)irqs_within(1, in_ms(1));
	CHECK_OK(takt_thread_stop(w->slot));
	seen = *n;
	CHECK(quiet(1, 3));
	CHECK_EQ(*n, seen);
	CHECK_OK(takt_thread_stop(w->slot)); /* no error */
	*n = 0;
	worker_start(w);
	while (*n < 1000)
		(void)irqs_within(1, in_ms(1));
	CHECK_OK(takt_thread_stop(w->slot));
}

TEST(stop_and_start_again)
{
	check_stop(0);
}

TEST(stop_and_start_on_another_cpu)
{
	check_stop(other_cpu());
}

static void stop_self(void *arg)
{
	struct worker *w = arg;

	CHECK_OK(takt_thread_stop(w->slot));
	CHECK(!"running after its stop");
}

TEST(a_thread_stops_itself)
{
	struct worker *w;

	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		w = worker_new(NULL, NULL);
		w->fn = stop_self;
		w->arg = w;
		w->cpu = cpu;
		worker_start(w);
		CHECK(quiet(w->bit, 3));
		CHECK_OK(regs_read(w->slot, 0, 1)); /* stopped it is */
	}
}

TEST(stopping_a_waiting_thread)
{
	struct worker *w = worker_new(server_echo, NULL);

	worker_start(w);
	CHECK(quiet(w->bit, 1));
	CHECK_OK(takt_thread_stop(w->slot));
	CHECK_OK(takt_irq_trigger(w->done)); /* nothing of it comes back to life */
	irqs_await(w->bit);
}

TEST(a_thread_without_time_does_not_run)
{
	uint64_t n = 0;
	struct worker *w = worker_new(count_up, &n);
	takt_slot sc;

	w->passive = true;
	worker_start(w);
	CHECK(quiet(1, 3));
	CHECK_EQ(n, 0);
	sc = sc_new(HELP_PRIO, 0, ms(1), ms(1));
	CHECK_OK(takt_thread_attach(w->slot, sc));
	CHECK(quiet(1, 3));
	CHECK(*(volatile uint64_t *)&n > 0);
	CHECK_OK(takt_thread_detach(w->slot, sc));
	n = 0;
	CHECK(quiet(1, 3));
	CHECK_EQ(*(volatile uint64_t *)&n, 0);
}

/* --- attach, detach --------------------------------------------------------------------------- */

TEST(attach_errors)
{
	struct worker *w = worker_new(server_echo, NULL), *v = worker_new(server_echo, NULL);
	takt_slot sc = sc_new(3, 0, ms(1), ms(1));

	worker_make(w);
	worker_make(v);
	CHECK_ERR(takt_thread_attach(w->slot, cap_without(sc, TAKT_R_SC_BIND)), TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_detach(w->slot, cap_without(w->sc, TAKT_R_SC_BIND)), TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_attach(w->slot, v->sc), TAKT_E_STATE); /* it is bound */
	CHECK_ERR(takt_thread_attach(w->slot, w->sc), TAKT_E_STATE);
	CHECK_ERR(takt_thread_detach(w->slot, v->sc), TAKT_E_STATE);
	CHECK_ERR(takt_thread_detach(w->slot, sc), TAKT_E_STATE);
	if (cpus() > 1)
		CHECK_ERR(takt_thread_attach(w->slot, sc_new(3, 1, ms(1), ms(1))), TAKT_E_CPU);
	for (unsigned i = 1; i < 8; i++)
		CHECK_OK(takt_thread_attach(w->slot, sc_new(3, 0, ms(1), ms(1))));
	CHECK_ERR(takt_thread_attach(w->slot, sc), TAKT_E_QUOTA);
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_OK(takt_thread_attach(w->slot, sc));
	CHECK_ERR(takt_thread_attach(w->slot, w->sc), TAKT_E_QUOTA);
}

/* --- Registers -------------------------------------------------------------------------------- */

TEST(register_errors)
{
	struct worker *w = worker_new(server_echo, NULL);

	worker_make(w);
	CHECK_OK(regs_read(w->slot, TAKT_REG_X0, 6));
	CHECK_OK(regs_read(w->slot, TAKT_REG_X0, 0));
	CHECK_ERR(regs_read(w->slot, TAKT_REG_X0, 7), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, TAKT_REG_X0, UINT64_MAX), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, TAKT_REG_PSTATE, 2), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, 34, 1), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, UINT64_MAX, 1), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, UINT64_MAX, 2), TAKT_E_RANGE);
	CHECK_ERR(regs_read(w->slot, TAKT_REG_SCTLR_EL1, 1), TAKT_E_RANGE); /* no machine */
	CHECK_ERR(regs_read(w->slot, (1ull << 32) + TAKT_REG_X0, 1), TAKT_E_RANGE);
	CHECK_ERR(reg_write(w->slot, 34, 1), TAKT_E_RANGE);
	CHECK_ERR(reg_write(w->slot, TAKT_REG_VBAR_EL1, 1), TAKT_E_RANGE);
	CHECK_ERR(reg_write(w->slot, UINT64_MAX, 1), TAKT_E_RANGE);
	worker_start(w);
	CHECK(quiet(1, 1));
	CHECK_ERR(regs_read(w->slot, 0, 1), TAKT_E_STATE); /* it waits: not stopped */
	CHECK_ERR(reg_write(w->slot, 0, 1), TAKT_E_STATE);
	CHECK_ERR(regs_read(SLOT_THREAD, 0, 1), TAKT_E_STATE);
}

TEST(registers_read_what_was_written)
{
	struct worker *w = worker_new(server_echo, NULL);
	uint64_t value;

	worker_make(w);
	for (unsigned reg = 0; reg <= TAKT_REG_PC; reg++)
		CHECK_OK(takt_thread_reg_write(w->slot, reg, 0x1000 + reg));
	for (unsigned reg = 0; reg <= TAKT_REG_PC; reg++) {
		CHECK_OK(takt_thread_regs_read(w->slot, reg, 1, &value));
		CHECK_EQ(value, 0x1000 + reg);
	}
}

static void never(void *unused)
{
	(void)unused;
}

TEST(starting_sets_the_registers)
{
	struct worker *w = worker_new(never, NULL);
	uint64_t r[6];

	worker_make(w);
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_OK(takt_thread_reg_write(w->slot, 5, 0xdead));
	CHECK_OK(takt_thread_start(w->slot, 0x123450, 0x456780, 99));
	CHECK_OK(takt_thread_stop(w->slot)); /* it has had no time */
	CHECK_OK(takt_thread_regs_read(w->slot, 0, 6, r));
	CHECK_EQ(r[0], 99);
	CHECK_EQ(r[5], 0); /* nothing of its earlier life */
	CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_SP, 2, r));
	CHECK_EQ(r[0], 0x456780);
	CHECK_EQ(r[1], 0x123450);
}

/* Operations of machines mean nothing to other threads. */
TEST(machine_operations)
{
	struct worker *w = worker_new(server_echo, NULL);
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_THREAD_VIRQ_QUERY, 1, 0), .w = {5}};

	worker_make(w);
	CHECK_ERR(takt_vcpu_reset(w->slot), TAKT_E_STATE);
	CHECK_ERR(takt_virq_sync(w->slot, 5), TAKT_E_STATE);
	CHECK_ERR(takt_virq_set(w->slot, 5, 1), TAKT_E_STATE);
	CHECK_ERR(takt_call(w->slot, &m), TAKT_E_STATE);
	CHECK_ERR(takt_virq_sgi(w->slot, 1, 1, 0), TAKT_E_STATE);
}

#define ALL_SHARED 224
#define ALL_INTIDS (32 + ALL_SHARED)

static struct worker *machine_in(takt_slot vm)
{
	struct worker *w = worker_new(server_echo, NULL); /* its guest never runs */

	w->kind = TAKT_THREAD_MACHINE;
	w->guest = vm;
	worker_make(w);
	return w;
}

/* All that are to be deactivated, none that is to be latched: SGIs cannot be. */
static void all_become(takt_slot vcpu, unsigned action)
{
	for (uint32_t n = 16; n < ALL_INTIDS; n++) {
		CHECK_OK(takt_virq_sync(vcpu, n));
		CHECK_OK(takt_virq_set(vcpu, n, action));
	}
}

static unsigned how_many(takt_slot vcpu, uint32_t from, int state)
{
	unsigned found = 0;

	for (uint32_t n = from; n < ALL_INTIDS; n++)
		found += takt_virq_query(vcpu, n) == state;
	return found;
}

/* With as many as there can be, its reset and its end are no long stretches: kernel.masked looks. */
TEST(a_vcpu_with_all_interrupts)
{
	takt_slot vm = slot_new();
	struct takt_vm_page *config = (struct takt_vm_page *)kernel_pages_va();
	struct worker *one, *other;
	struct takt_vcpu_page *page;

	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_VM, "vm", vm));
	CHECK_OK(takt_task_vm_config(vm, TAKT_ROOT_TASK, ALL_SHARED, (uint64_t)config));
	one = machine_in(vm);
	page = (struct takt_vcpu_page *)one->state;
	for (unsigned n = 0; n < ALL_INTIDS; n++)
		*(n < 32 ? &page->virq[n] : &config->virq[n - 32]) =
			TAKT_VIRQ_ENABLED | TAKT_VIRQ_EDGE | 0xa0 << TAKT_VIRQ_PRIORITY_SHIFT;
	all_become(one->slot, TAKT_VIRQ_LATCH);
	CHECK_EQ(how_many(one->slot, 16, 1), ALL_INTIDS - 16);
	all_become(one->slot, TAKT_VIRQ_ACTIVATE);
	CHECK_EQ(how_many(one->slot, 32, 3), ALL_SHARED);
	CHECK_OK(takt_vcpu_reset(one->slot));
	CHECK_EQ(how_many(one->slot, 16, 3), 0); /* none is active; of the shared ones, pending */
	CHECK_EQ(how_many(one->slot, 16, 1), ALL_SHARED);

	/* They are nobody's then, and forgotten; another one may have them. */
	all_become(one->slot, TAKT_VIRQ_LATCH);
	all_become(one->slot, TAKT_VIRQ_ACTIVATE);
	CHECK_OK(takt_factory_destroy(test_factory, one->slot));
	other = machine_in(vm);
	CHECK_EQ(how_many(other->slot, 16, 0), ALL_INTIDS - 16);
	all_become(other->slot, TAKT_VIRQ_LATCH);
	CHECK_EQ(how_many(other->slot, 32, 1), ALL_SHARED);
}

static const struct test tests[] = {
	T(configure_errors),
	T(configure_maps_both_pages_or_none),
	T(placed_threads_cannot_be_configured),
	T(unplaced_threads),
	T(stop_and_start_again),
	T(stop_and_start_on_another_cpu),
	T(a_thread_stops_itself),
	T(stopping_a_waiting_thread),
	T(a_thread_without_time_does_not_run),
	T(attach_errors),
	T(register_errors),
	T(registers_read_what_was_written),
	T(starting_sets_the_registers),
	T(machine_operations),
	T(a_vcpu_with_all_interrupts),
};
const struct suite suite_thread = SUITE("thread", tests);
