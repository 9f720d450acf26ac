/* SPDX-License-Identifier: MIT */
/* Destruction, and capabilities that outlive their objects. */
#include <string.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)
#define RW (TAKT_MAP_READ | TAKT_MAP_WRITE)

static takt_slot make(takt_slot factory, enum takt_type type)
{
	takt_slot slot = slot_new();

	CHECK_OK(takt_factory_create(factory, type, 0, takt_name("x"), slot));
	return slot;
}

/* --- Rights and mistakes ---------------------------------------------------------------------- */

TEST(destroy_errors)
{
	takt_slot other = factory_new(8), gate = make(other, TAKT_GATE), self = slot_new();

	CHECK_ERR(takt_factory_destroy(cap_without(other, TAKT_R_FACTORY_DESTROY), gate),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_factory_destroy(test_factory, gate), TAKT_E_RIGHTS); /* not its own */
	CHECK_ERR(takt_factory_destroy(test_factory, TAKT_ROOT_INTC), TAKT_E_RIGHTS);
	CHECK_ERR(takt_factory_destroy(test_factory, test_factory), TAKT_E_RIGHTS);
	CHECK_ERR(takt_factory_destroy(TAKT_ROOT_FACTORY, TAKT_ROOT_FACTORY), TAKT_E_RIGHTS);
	CHECK_ERR(takt_factory_destroy(TAKT_ROOT_FACTORY, TAKT_ROOT_TASK), TAKT_E_INVAL);
	CHECK_ERR(takt_factory_destroy(TAKT_ROOT_FACTORY, SLOT_THREAD), TAKT_E_INVAL);
	CHECK_EQ(slot_type(gate), TAKT_GATE);
	CHECK_OK(takt_factory_destroy(other, gate));
	CHECK_ERR(takt_factory_destroy(other, gate), TAKT_E_CAP);
	(void)self;
}

/* The same slot is stale, empty to all, and usable again. */
TEST(stale_capabilities)
{
	static const unsigned types[] = {TAKT_TASK, TAKT_THREAD, TAKT_GATE, TAKT_IRQ};
	takt_slot copy = slot_new(), argument = gate_new(SLOT_THREAD, 0);

	for (unsigned i = 0; i < 4; i++) {
		takt_slot slot = make(test_factory, types[i]);
		struct takt_msg m = {.tag = TAKT_TAG(0, 6, 0)};

		CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK, slot, copy, TAKT_R_ALL));
		CHECK_OK(takt_factory_destroy(test_factory, slot));
		CHECK_EQ(slot_type(slot), TAKT_NONE);
		CHECK_EQ(slot_type(copy), TAKT_NONE);
		CHECK_ERR(takt_call(copy, &m), TAKT_E_CAP);
		CHECK_ERR(takt_task_cap_copy(TAKT_ROOT_TASK, copy, slot_new(), TAKT_R_ALL),
			  TAKT_E_CAP);
		CHECK_ERR(takt_thread_fault_gate(SLOT_THREAD, copy), TAKT_E_CAP);
		/* New objects take the memory, and the old capability stays dead. */
		for (unsigned n = 0; n < 40; n++)
			(void)make(test_factory, types[i]);
		CHECK_EQ(slot_type(copy), TAKT_NONE);
		CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK, argument, copy, TAKT_R_ALL));
		CHECK_EQ(slot_type(copy), TAKT_GATE);
		slot_clear(copy);
	}
}

TEST(accounts_return_to_zero)
{
	takt_slot factory = factory_new(64), slot[24];
	struct account before = account(factory);

	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 24; i++)
			slot[i] = make(factory, i % 3 ? TAKT_IRQ : i % 2 ? TAKT_TASK : TAKT_THREAD);
		CHECK_EQ(account(factory).objects, before.objects + 24);
		for (unsigned i = 0; i < 24; i++)
			CHECK_OK(takt_factory_destroy(factory, slot[i * 7 % 24]));
		CHECK_EQ(account(factory).objects, before.objects);
	}
	/* Memory comes back at the latest when it is needed. */
	for (unsigned n = 0; n < 12; n++)
		(void)make(factory, TAKT_TASK);
}

/* --- Factories -------------------------------------------------------------------------------- */

TEST(sub_factories)
{
	takt_slot factory = factory_new(32), sub = slot_new(), slot = slot_new();
	struct account before = account(factory);

	CHECK_ERR(takt_factory_sub(factory, 0, sub), TAKT_E_RANGE);
	CHECK_ERR(takt_factory_sub(factory, 64, sub) == 0, 0);
	CHECK_ERR(takt_factory_sub(factory, UINT64_MAX, sub) == 0, 0);
	CHECK_ERR(takt_factory_sub(factory, 1ull << 32 | 1, sub) == 0, 0);
	CHECK_ERR(takt_factory_sub(factory, 8, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_factory_sub(factory, 8, SLOT_THREAD), TAKT_E_EXISTS);
	CHECK_EQ(account(factory).objects, before.objects);
	CHECK_EQ(slot_type(sub), TAKT_NONE);
	CHECK_OK(takt_factory_sub(factory, 8, sub));
	CHECK_EQ(account(sub).free, 8);
	CHECK(account(factory).free <= before.free - 8);
	while (!takt_create_irq(sub, slot))
		slot_clear(slot);
	CHECK_OK(takt_create_irq(factory, slot)); /* the parent has not suffered */
	CHECK_OK(takt_factory_destroy(factory, sub));
	CHECK_EQ(slot_type(sub), TAKT_NONE);
	CHECK_OK(takt_factory_destroy(factory, slot));
	CHECK_EQ(account(factory).objects, before.objects);
	CHECK_OK(takt_factory_sub(factory, 8, sub));
	CHECK_OK(takt_factory_destroy(factory, sub));
}

TEST(destroying_a_factory_destroys_all)
{
	takt_slot extent = ram_new(64 * PAGE), factory = slot_new(), sub = slot_new(), obj[6];

	CHECK_OK(takt_memory_to_factory(extent, factory));
	CHECK_OK(takt_factory_sub(factory, 16, sub));
	obj[0] = make(factory, TAKT_TASK);
	obj[1] = make(sub, TAKT_TASK);
	obj[2] = make(factory, TAKT_GATE);
	obj[3] = make(sub, TAKT_THREAD);
	obj[4] = make(sub, TAKT_IRQ);
	obj[5] = slot_new();
	CHECK_OK(takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, sub, 5, ms(1), ms(10), 0, obj[5]));
	CHECK_OK(takt_factory_destroy(TAKT_ROOT_FACTORY, factory));
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(slot_type(obj[i]), TAKT_NONE);
	CHECK_EQ(slot_type(factory), TAKT_NONE);
	CHECK_EQ(slot_type(sub), TAKT_NONE);
	/* The extent is free memory again, and clean. */
	CHECK_EQ(slot_type(extent), TAKT_MEMORY);
	volatile uint64_t *p = window_map(extent, 0, 64 * PAGE, RW);

	for (unsigned i = 0; i < 64 * PAGE / 8; i++)
		if (p[i])
			CHECK_EQ(p[i], 0);
}

/* --- Memory ----------------------------------------------------------------------------------- */

TEST(destroyed_extents_are_unmapped_and_cleared)
{
	takt_slot all = ram_new(4 * PAGE), child = slot_new(), grandchild = slot_new(), again;
	volatile uint64_t *p;
	uint64_t va = va_new(PAGE);

	CHECK_OK(takt_memory_derive(all, test_factory, 0, 4 * PAGE, TAKT_R_ALL, child));
	CHECK_OK(takt_memory_derive(child, test_factory, PAGE, PAGE, TAKT_R_ALL, grandchild));
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, grandchild, va, 0, PAGE, RW));
	p = (volatile uint64_t *)va;
	for (unsigned i = 0; i < PAGE / 8; i++)
		p[i] = 0x5ec2e7;
	CHECK_OK(takt_factory_destroy(test_factory, child));
	CHECK_EQ(slot_type(grandchild), TAKT_NONE);
	CHECK_ERR(takt_task_unmap(TAKT_ROOT_TASK, va, PAGE), TAKT_E_RANGE);
	again = slot_new();
	CHECK_OK(takt_memory_derive(all, test_factory, PAGE, PAGE, TAKT_R_ALL, again));
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, again, va, 0, PAGE, RW)); /* the address is free */
	for (unsigned i = 0; i < PAGE / 8; i++)
		if (p[i])
			CHECK_EQ(p[i], 0);
	CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va, PAGE));
}

/* --- Threads ---------------------------------------------------------------------------------- */

static void count_up(void *arg)
{
	for (;;)
		++*(volatile uint64_t *)arg;
}

static void check_running_thread(unsigned cpu)
{
	volatile uint64_t *n = pool_new(sizeof(*n));
	struct worker *w = worker_new(count_up, (void *)n);
	uint64_t seen;

	w->cpu = cpu;
	worker_start(w);
	while (!*n)
		(void)irqs_within(1, in_ms(1));
	CHECK_OK(takt_factory_destroy(test_factory, w->slot));
	seen = *n;
	CHECK(quiet(1, 2));
	CHECK_EQ(*n, seen);
	CHECK_EQ(slot_type(w->sc), TAKT_SC); /* released: it can serve another thread */
	w = worker_new(spin_ms, NULL);
	w->cpu = cpu;
	w->passive = true;
	worker_start(w);
	CHECK(quiet(w->bit, 0));
}

TEST(a_running_thread)
{
	check_running_thread(0);
}

TEST(a_running_thread_on_another_cpu)
{
	check_running_thread(other_cpu());
}

static void call_gate(void *arg)
{
	int64_t *a = arg;

	a[1] = call_words((takt_slot)a[0], 1, 0, 0, NULL);
}

static void serve_never(void *unused)
{
	struct takt_msg m = {0};
	uint64_t n = 0;

	(void)unused;
	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	count_up(&n);
}

/* Two callers, one being served and one waiting, on each CPU. */
static void check_server(bool destroy_task)
{
	struct worker *server = worker_new(serve_never, NULL), *client[4];
	int64_t *a[4];
	takt_slot gate;

	server->task = destroy_task ? task_new() : 0;
	worker_make(server);
	gate = gate_new(server->slot, 0);
	worker_start(server);
	CHECK(quiet(server->bit, 1));
	for (unsigned i = 0; i < 4; i++) {
		a[i] = pool_new(2 * sizeof(int64_t));
		a[i][0] = gate;
		a[i][1] = 1;
		client[i] = worker_new(call_gate, a[i]);
		client[i]->cpu = i % cpus();
		worker_start(client[i]);
	}
	CHECK(quiet(server->bit, 3));
	CHECK_OK(takt_factory_destroy(test_factory, destroy_task ? server->task : server->slot));
	for (unsigned i = 0; i < 4; i++) {
		worker_join(client[i]);
		CHECK_ERR((int)a[i][1], TAKT_E_GONE);
	}
	CHECK_EQ(slot_type(server->slot), TAKT_NONE); /* a task's threads go with it */
	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_GONE);
}

TEST(a_server_in_a_call)
{
	check_server(false);
}

TEST(a_task_with_a_server_in_a_call)
{
	check_server(true);
}

TEST(a_client_in_a_call)
{
	for (unsigned cpu = 0; cpu < cpus() && cpu < 2; cpu++) {
		struct worker *client;
		int64_t *a = pool_new(2 * sizeof(*a));
		struct takt_msg m;

		a[0] = gate_new(SLOT_THREAD, 3);
		client = worker_new(call_gate, a);
		client->cpu = cpu;
		worker_start(client);
		await_call(&m);
		CHECK_EQ(m.badge, 3);
		CHECK_OK(takt_factory_destroy(test_factory, client->slot));
		answer(0); /* to nobody */
	}
}

TEST(a_gate_in_use)
{
	int64_t *a = pool_new(2 * sizeof(*a));
	struct worker *client = worker_new(call_gate, a);
	struct takt_msg m;

	a[0] = gate_new(SLOT_THREAD, 3);
	a[1] = 1;
	worker_start(client);
	await_call(&m);
	CHECK_OK(takt_factory_destroy(test_factory, (takt_slot)a[0]));
	answer(6); /* the call that is open is answered all the same */
	worker_join(client);
	CHECK_EQ(a[1], 6);
}

TEST(a_bound_irq_with_its_timer)
{
	takt_slot irq = irq_new(1);

	CHECK_OK(takt_irq_timer(irq, in_ms(1), ms(1), NULL));
	irqs_await(1);
	CHECK_OK(takt_factory_destroy(test_factory, irq));
	(void)irqs_within(1, 0);
	CHECK(quiet(1, 4));
}

TEST(an_sc_that_runs)
{
	volatile uint64_t *n = pool_new(sizeof(*n));
	struct worker *w = worker_new(count_up, (void *)n);
	uint64_t seen;

	w->cpu = cpus() - 1;
	worker_start(w);
	while (!*n)
		(void)irqs_within(1, in_ms(1));
	CHECK_OK(takt_factory_destroy(test_factory, w->sc));
	seen = *n;
	CHECK(quiet(1, 2));
	CHECK_EQ(*n, seen); /* no time, no progress */
	CHECK_OK(takt_thread_attach(w->slot, sc_new(HELP_PRIO, w->cpu, ms(1), ms(1))));
	CHECK(quiet(1, 3));
	CHECK(*n > seen);
}

TEST(a_scheduler_releases_its_scs)
{
	volatile uint64_t *n = pool_new(sizeof(*n));
	struct worker *w = worker_new(count_up, (void *)n);
	takt_slot s = slot_new(), sc = slot_new();
	uint64_t seen;

	CHECK_OK(takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, test_factory, 1, 0, HELP_PRIO, 100, s));
	CHECK_OK(takt_scheduler_create_sc(s, test_factory, HELP_PRIO, ms(1), ms(10), 0, sc));
	w->passive = true;
	worker_start(w);
	CHECK_OK(takt_thread_attach(w->slot, sc));
	CHECK(quiet(1, 3));
	CHECK(*n > 0);
	CHECK_OK(takt_factory_destroy(test_factory, s));
	seen = *n;
	CHECK(quiet(1, 12));
	CHECK_EQ(*n, seen);
	CHECK_ERR(takt_sc_update(sc, ms(1), ms(1)), TAKT_E_GONE);
}

/* --- Cancellation ----------------------------------------------------------------------------- */

static void wait_once(void *arg)
{
	struct takt_msg m = {0};

	*(volatile int64_t *)arg = takt_wait(&m, TAKT_NEVER);
}

static void check_cancel(struct worker *w, volatile int64_t *res, unsigned cpu)
{
	w->cpu = cpu;
	*res = 1;
	worker_start(w);
	CHECK(quiet(w->bit, 2));
	do /* again where the other CPU has not been that far */
		CHECK_OK(takt_thread_cancel(w->slot));
	while (!exact_time() && !irqs_within(w->bit, in_ms(50)) && *res == 1);
	if (exact_time())
		irqs_await(w->bit);
	CHECK_OK(takt_thread_stop(w->slot));
	CHECK_ERR((int)*res, TAKT_E_CANCELED);
	CHECK_OK(takt_thread_cancel(w->slot)); /* in nothing: no error */
}

TEST(cancelling_a_wait)
{
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		int64_t *res = pool_new(sizeof(*res));

		check_cancel(worker_new(wait_once, res), res, cpu);
	}
}

/* A call: being served, and waiting for its turn; from here and from other CPUs. */
TEST(cancelling_a_call)
{
	struct worker *server = worker_new(serve_never, NULL);
	takt_slot gate;

	worker_make(server);
	gate = gate_new(server->slot, 0);
	worker_start(server);
	CHECK(quiet(server->bit, 1));
	for (unsigned i = 0; i < 6; i++) {
		int64_t *a = pool_new(2 * sizeof(*a));

		a[0] = gate;
		check_cancel(worker_new(call_gate, a), &a[1], i % cpus());
	}
}

TEST(a_call_to_another_cpu_times_out)
{
	struct worker *server = worker_new(serve_never, NULL);
	struct takt_msg m = {0};
	takt_slot gate;

	server->cpu = other_cpu();
	worker_make(server);
	gate = gate_new(server->slot, 0);
	worker_start(server);
	for (unsigned i = 0; i < 3; i++) { /* served, then not */
		takt_ticks deadline = in_ms(2);

		CHECK_ERR(takt_call_until(gate, &m, deadline), TAKT_E_TIMEOUT);
		CHECK(takt_now() >= deadline);
	}
}

TEST(stopping_a_caller_of_another_cpu)
{
	struct worker *server = worker_new(serve_never, NULL), *client;
	int64_t *a = pool_new(2 * sizeof(*a));

	server->cpu = other_cpu();
	worker_make(server);
	a[0] = gate_new(server->slot, 0);
	a[1] = 1;
	worker_start(server);
	for (unsigned i = 0; i < 2; i++) {
		client = worker_new(call_gate, a);
		worker_start(client);
		CHECK(quiet(client->bit, 2));
		CHECK_OK(takt_thread_stop(client->slot));
		CHECK_EQ(a[1], 1);
	}
}

#define CROWD 16

static void destroy_gate(void *arg)
{
	int64_t *a = arg;

	a[1] = takt_factory_destroy(test_factory, (takt_slot)a[0]);
}

/* All wait until every CPU has left the kernel once, and one does not: it has more urgent work. Who is
 * cancelled meanwhile does not wait. */
TEST(many_destroy_at_a_time)
{
	volatile bool *done = pool_new(sizeof(*done));
	struct worker *busy = worker_new(spin_until_set, (void *)done), *w[CROWD];
	bool wait = cpus() > 1;
	int64_t *a[CROWD];

	*done = false;
	busy->cpu = other_cpu();
	busy->prio = HELP_PRIO + 1;
	worker_start(busy);
	for (unsigned i = 0; i < CROWD; i++) {
		a[i] = pool_new(2 * sizeof(*a[i]));
		a[i][0] = make(test_factory, TAKT_GATE);
		a[i][1] = 1;
		w[i] = worker_new(destroy_gate, a[i]);
		worker_start(w[i]);
	}
	for (unsigned i = 0; i < CROWD; i++)
		CHECK(quiet(w[i]->bit, wait ? 1 : 0));
	CHECK_OK(takt_thread_cancel(w[CROWD / 2]->slot));
	if (wait) {
		irqs_await(w[CROWD / 2]->bit);
		CHECK_ERR((int)a[CROWD / 2][1], TAKT_E_CANCELED);
	}
	*done = true;
	for (unsigned i = 0; i < CROWD; i++) {
		if (!wait || i != CROWD / 2) {
			irqs_await(w[i]->bit);
			CHECK_OK((int)a[i][1]);
		}
		CHECK_EQ(slot_type((takt_slot)a[i][0]), TAKT_NONE);
	}
}

static const struct test tests[] = {
	T(destroy_errors),
	T(stale_capabilities),
	T(accounts_return_to_zero),
	T(sub_factories),
	T(destroying_a_factory_destroys_all),
	T(destroyed_extents_are_unmapped_and_cleared),
	T(a_running_thread),
	T(a_running_thread_on_another_cpu),
	T(a_server_in_a_call),
	T(a_task_with_a_server_in_a_call),
	T(a_client_in_a_call),
	T(a_gate_in_use),
	T(a_bound_irq_with_its_timer),
	T(an_sc_that_runs),
	T(a_scheduler_releases_its_scs),
	T(cancelling_a_wait),
	T(cancelling_a_call),
	T(a_call_to_another_cpu_times_out),
	T(stopping_a_caller_of_another_cpu),
	T(many_destroy_at_a_time),
};
const struct suite suite_destroy = SUITE("destroy", tests);
