/* SPDX-License-Identifier: MIT */
/* Event traces: making a ring, switching kinds on and off, and what is recorded in which order. */
#include <string.h>
#include <takt/trace_reader.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)
#define PAGES 8

typedef const volatile struct takt_trace_ring *ring_t;

static takt_slot own; /* the factory that the last ring came out of */

/* A ring of that CPU, with a factory of its own, mapped here. */
static ring_t ring_new(unsigned cpu, unsigned pages)
{
	uint64_t va = va_new(pages * PAGE);

	own = factory_new(pages + 8);
	CHECK_OK(takt_trace_map(TAKT_ROOT_LOG, own, TAKT_ROOT_TASK, cpu, va, pages));
	return (ring_t)va;
}

static void record(unsigned cpu, uint64_t mask)
{
	CHECK_OK(takt_trace_control(TAKT_ROOT_LOG, cpu, mask));
}

/* Record number i, which must be in the ring still. */
static struct takt_trace_record get(ring_t r, uint64_t i)
{
	const volatile struct takt_trace_record *p = &r->record[i % r->capacity];
	struct takt_trace_record to = {.time = p->time, .kind = p->kind, .arg = p->arg};

	for (unsigned n = 0; n < TAKT_TRACE_WORDS; n++)
		to.w[n] = p->w[n];
	CHECK(i < r->written && i + r->capacity >= r->written);
	return to;
}

/* The first record from *at on with that kind and first word; *at is behind it then. */
static struct takt_trace_record find(ring_t r, uint64_t *at, unsigned kind, uint64_t w0)
{
	while (*at < r->written) {
		struct takt_trace_record found = get(r, (*at)++);

		if (found.kind == kind && found.w[0] == w0)
			return found;
	}
	check_failed(__FILE__, __LINE__, "a record is missing");
}

static uint64_t birth(takt_slot slot)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

	CHECK_OK(takt_call(TAKT_ROOT_TASK, &m));
	return m.w[2];
}

/* --- Operations ------------------------------------------------------------------------------- */

static int map(takt_slot factory, takt_slot task, uint64_t cpu, uint64_t va, uint64_t pages)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_LOG_TRACE_MAP, 3, 2), .w = {cpu, va, pages},
			     .cap = {factory, task}};

	return takt_call(TAKT_ROOT_LOG, &m);
}

TEST(map_errors)
{
	takt_slot f = test_factory, task = TAKT_ROOT_TASK;
	takt_slot log = cap_without(TAKT_ROOT_LOG, TAKT_R_LOG_TRACE);
	uint64_t va = va_new(PAGES * PAGE);
	struct account before = account(f);
	void *used = window_map(ram_new(PAGE), 0, PAGE, TAKT_MAP_READ);

	CHECK_ERR(takt_trace_map(log, f, task, 0, va, PAGES), TAKT_E_RIGHTS);
	CHECK_ERR(map(cap_without(f, TAKT_R_FACTORY_CREATE), task, 0, va, PAGES), TAKT_E_RIGHTS);
	CHECK_ERR(map(f, cap_without(task, TAKT_R_TASK_MAP), 0, va, PAGES), TAKT_E_RIGHTS);
	CHECK_ERR(map(task, f, 0, va, PAGES), TAKT_E_TYPE);
	CHECK_ERR(map(f, 0, 0, va, PAGES), TAKT_E_CAP);
	CHECK_ERR(map(f, task, cpus(), va, PAGES), TAKT_E_CPU);
	CHECK_ERR(map(f, task, 1ull << 32, va, PAGES), TAKT_E_CPU);
	CHECK_ERR(map(f, task, 0, va, 0), TAKT_E_RANGE);
	CHECK_ERR(map(f, task, 0, va, TAKT_TRACE_PAGES + 1), TAKT_E_RANGE);
	CHECK_ERR(map(f, task, 0, va, 1ull << 32 | 1), TAKT_E_RANGE);
	CHECK_ERR(map(f, task, 0, va + 8, PAGES), TAKT_E_ALIGN);
	CHECK_ERR(map(f, task, 0, -PAGE, 1), TAKT_E_RANGE);
	CHECK_ERR(map(f, task, 0, (1ull << 39) - PAGE, 2), TAKT_E_RANGE);
	CHECK_ERR(map(f, task, 0, (uint64_t)used - PAGE, 2), TAKT_E_EXISTS);
	CHECK_EQ(account(f).objects, before.objects);
	CHECK_EQ(account(f).free, before.free);
	CHECK_OK(map(f, task, 0, va, PAGES));
	CHECK_EQ(account(f).objects, before.objects + 1);
	CHECK_ERR(map(f, task, 0, va_new(PAGE), 1), TAKT_E_EXISTS);
	CHECK_ERR(map(f, task, 0, va, PAGES), TAKT_E_EXISTS);
}

TEST(map_without_memory)
{
	takt_slot poor = factory_new(PAGES);
	uint64_t va = va_new(PAGES * PAGE);

	struct account before = account(poor);

	CHECK_ERR(map(poor, TAKT_ROOT_TASK, 0, va, PAGES), TAKT_E_NOMEM);
	CHECK_EQ(account(poor).objects, before.objects);
	CHECK_EQ(account(poor).free, before.free);
	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, TAKT_TRACE_ALL), TAKT_E_STATE);
	CHECK_OK(map(test_factory, TAKT_ROOT_TASK, 0, va, PAGES));
}

TEST(control_errors)
{
	takt_slot log = cap_without(TAKT_ROOT_LOG, TAKT_R_LOG_TRACE);

	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, 0), TAKT_E_STATE);
	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, TAKT_TRACE_ALL), TAKT_E_STATE);
	(void)ring_new(0, 1);
	CHECK_ERR(takt_trace_control(log, 0, 0), TAKT_E_RIGHTS);
	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, cpus(), 0), TAKT_E_CPU);
	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, TAKT_TRACE_ALL + 1), TAKT_E_RANGE);
	CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, 1ull << 63), TAKT_E_RANGE);
	record(0, TAKT_TRACE_ALL);
	record(0, 0);
}

TEST(the_header)
{
	ring_t r = ring_new(0, 2);

	CHECK_EQ(r->magic, TAKT_TRACE_MAGIC);
	CHECK_EQ(r->version, TAKT_TRACE_VERSION);
	CHECK_EQ(r->cpu, 0);
	CHECK_EQ(r->capacity, 127);
	CHECK_EQ(r->counter_hz, takt_hz());
	CHECK_EQ(r->written, 0);
	record(0, TAKT_TRACE_MASK(INVOKE));
	CHECK_EQ(r->mask, TAKT_TRACE_MASK(INVOKE));
	record(0, 0);
	CHECK_EQ(r->mask, 0);
	CHECK_EQ(r->written, 1);
}

static void write_header(void *ring)
{
	((volatile struct takt_trace_ring *)ring)->written = 1;
}

TEST(it_is_read_only)
{
	ring_t r = ring_new(0, 1);
	struct worker *w = worker_new(write_header, (void *)r);
	struct takt_msg m;

	w->fault_gate = gate_new(SLOT_THREAD, 1);
	worker_start(w);
	await_fault(&m);
	CHECK_EQ(m.w[TAKT_FAULT_ADDRESS], (uint64_t)&r->written);
	answer(1);
	CHECK_EQ(r->written, 0);
}

/* --- Its end ---------------------------------------------------------------------------------- */

TEST(it_ends_with_its_factory)
{
	takt_slot sub = slot_new();
	uint64_t va = va_new(PAGES * PAGE);
	struct account before = account(test_factory);

	for (unsigned i = 0; i < 3; i++) {
		CHECK_OK(takt_factory_sub(test_factory, PAGES + 4, sub));
		CHECK_OK(takt_trace_map(TAKT_ROOT_LOG, sub, TAKT_ROOT_TASK, 0, va, PAGES));
		record(0, TAKT_TRACE_ALL);
		CHECK_OK(takt_factory_destroy(test_factory, sub));
		CHECK_ERR(takt_trace_control(TAKT_ROOT_LOG, 0, 0), TAKT_E_STATE);
		CHECK_EQ(account(test_factory).objects, before.objects);
		CHECK_EQ(account(test_factory).pages, before.pages);
	}
}

TEST(it_survives_its_task)
{
	takt_slot task = slot_new(), sub = slot_new();

	CHECK_OK(takt_factory_sub(test_factory, PAGES + 4, sub));
	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "reader", task));
	CHECK_OK(takt_trace_map(TAKT_ROOT_LOG, sub, task, 0, 0x10000, PAGES));
	record(0, TAKT_TRACE_ALL);
	CHECK_OK(takt_factory_destroy(test_factory, task));
	takt_yield();
	record(0, TAKT_TRACE_MASK(SWITCH));
	CHECK_OK(takt_factory_destroy(test_factory, sub));
}

/* --- What is recorded ------------------------------------------------------------------------- */

TEST(off_records_nothing)
{
	struct worker *w = worker_new(server_echo, NULL);
	ring_t r = ring_new(0, PAGES);
	takt_slot gate;
	struct takt_msg m;
	uint64_t written;

	worker_start(w);
	gate = gate_new(w->slot, 5);
	CHECK_OK(call_words(gate, 0, 1, 2, &m));
	CHECK_EQ(r->written, 0);
	record(0, TAKT_TRACE_ALL);
	record(0, 0);
	written = r->written;
	CHECK_OK(call_words(gate, 0, 1, 2, &m));
	CHECK_EQ(r->written, written);
}

TEST(a_call_and_its_reply_in_order)
{
	struct worker *w = worker_new(server_echo, NULL);
	uint64_t self = birth(SLOT_THREAD), gate_birth, server, at = 0, last = 0;
	ring_t r = ring_new(0, PAGES);
	struct takt_trace_record e;
	takt_slot gate;
	struct takt_msg m;

	w->passive = true;
	worker_start(w);
	gate = gate_new(w->slot, 5);
	CHECK_OK(call_words(gate, 0, 1, 2, &m));
	gate_birth = birth(gate);
	server = birth(w->slot);
	record(0, TAKT_TRACE_ALL);
	CHECK_OK(call_words(gate, 0, 11, 22, &m));
	CHECK_EQ(m.w[0], 12);
	record(0, 0);
	do
		e = find(r, &at, TAKT_TRACE_INVOKE, self);
	while (e.w[1] != gate_birth);
	CHECK_EQ(e.arg, (unsigned)TAKT_GATE << 16);
	CHECK_EQ(e.w[2], 11);
	CHECK_EQ(e.w[3], 22);
	e = find(r, &at, TAKT_TRACE_SWITCH, server);
	CHECK_EQ(e.arg, TEST_PRIO); /* on the caller's time */
	CHECK_EQ(e.w[1], birth(SLOT_SC));
	CHECK(e.w[2]); /* it has a name */
	e = find(r, &at, TAKT_TRACE_REPLY, server);
	CHECK_EQ(e.w[1], self);
	CHECK_EQ(e.arg, 0);
	e = find(r, &at, TAKT_TRACE_SWITCH, self);
	CHECK_EQ(e.w[1], birth(SLOT_SC));
	for (at = 0; at < r->written; at++) {
		e = get(r, at);
		CHECK(e.time >= last && e.time <= takt_now());
		last = e.time;
	}
}

TEST(an_operation_by_its_number)
{
	ring_t r = ring_new(0, 1);
	uint64_t at = 0, self = birth(SLOT_THREAD), log = birth(TAKT_ROOT_LOG);
	struct takt_trace_record e;

	record(0, TAKT_TRACE_MASK(INVOKE));
	CHECK_ERR(takt_intc_get(0, 0, 0, 0, 0), TAKT_E_CAP);
	record(0, 0);
	CHECK_EQ(r->written, 2);
	e = find(r, &at, TAKT_TRACE_INVOKE, self);
	CHECK_EQ(e.arg, (unsigned)TAKT_NONE << 16 | TAKT_INTC_GET);
	CHECK_EQ(e.w[1], 0);
	e = find(r, &at, TAKT_TRACE_INVOKE, self);
	CHECK_EQ(e.arg, (unsigned)TAKT_LOG << 16 | TAKT_LOG_TRACE_CONTROL);
	CHECK_EQ(e.w[1], log);
}

TEST(an_interrupt_wakes_a_thread)
{
	takt_slot irq = irq_new(1);
	ring_t r = ring_new(0, PAGES);
	uint64_t at = 0, self = birth(SLOT_THREAD), sc = birth(SLOT_SC);
	struct takt_trace_record e;

	record(0, TAKT_TRACE_ALL & ~TAKT_TRACE_MASK(INVOKE));
	CHECK_OK(takt_irq_timer(irq, in_ms(2), 0, NULL));
	irqs_await(1);
	record(0, 0);
	(void)find(r, &at, TAKT_TRACE_SWITCH, 0); /* idle */
	while (get(r, at).kind != TAKT_TRACE_INTERRUPT)
		at++;
	CHECK_EQ(get(r, at).arg, 26); /* EL2's physical timer */
	e = find(r, &at, TAKT_TRACE_ACTIVATED, sc);
	CHECK_EQ(e.arg, TEST_PRIO);
	CHECK_EQ(e.w[1], self);
	e = find(r, &at, TAKT_TRACE_SWITCH, self);
	CHECK_EQ(e.arg, TEST_PRIO);
}

TEST(a_budget_runs_out_and_comes_back)
{
	struct worker *w = worker_new(spin_ms, (void *)4);
	ring_t r = ring_new(0, PAGES);
	struct takt_trace_record e;
	uint64_t at = 0, sc, back;

	w->budget = ms(2);
	w->period = ms(10);
	worker_make(w);
	sc = birth(w->sc);
	record(0, TAKT_TRACE_MASK(ACTIVATED) | TAKT_TRACE_MASK(DEPLETED) |
		  TAKT_TRACE_MASK(REPLENISHED) | TAKT_TRACE_MASK(SWITCH));
	worker_start(w);
	worker_join(w);
	record(0, 0);
	e = find(r, &at, TAKT_TRACE_ACTIVATED, sc);
	CHECK_EQ(e.arg, HELP_PRIO);
	CHECK_EQ(e.w[1], birth(w->slot));
	(void)find(r, &at, TAKT_TRACE_SWITCH, birth(w->slot));
	e = find(r, &at, TAKT_TRACE_DEPLETED, sc);
	back = e.w[2];
	CHECK(back > e.time);
	e = find(r, &at, TAKT_TRACE_REPLENISHED, sc);
	CHECK(e.time >= back);
	CHECK(e.w[2] > 0 && e.w[2] <= ms(2));
	(void)find(r, &at, TAKT_TRACE_SWITCH, birth(w->slot));
}

static void fault_at(void *address)
{
	*(volatile char *)address = 0;
}

TEST(a_fault)
{
	struct worker *w = worker_new(fault_at, (void *)va_new(PAGE));
	ring_t r = ring_new(0, PAGES);
	struct takt_trace_record e;
	struct takt_msg m;
	uint64_t at = 0;

	w->fault_gate = gate_new(SLOT_THREAD, 1);
	record(0, TAKT_TRACE_MASK(FAULT));
	worker_start(w);
	await_fault(&m);
	record(0, 0);
	answer(1);
	e = find(r, &at, TAKT_TRACE_FAULT, birth(w->slot));
	CHECK_EQ(e.w[1], m.w[TAKT_FAULT_SYNDROME]);
	CHECK_EQ(e.w[2], (uint64_t)w->arg);
	CHECK_EQ(e.w[3], m.w[TAKT_FAULT_PC]);
	CHECK_EQ(r->written, 1);
}

TEST(another_cpu)
{
	unsigned other = other_cpu();
	struct worker *w = worker_new(server_echo, NULL);
	ring_t here = ring_new(0, PAGES), there = ring_new(other, PAGES);
	struct takt_trace_record e;
	takt_slot gate;
	struct takt_msg m;
	uint64_t at = 0;

	CHECK_EQ(there->cpu, other);
	w->cpu = other;
	worker_start(w);
	gate = gate_new(w->slot, 5);
	CHECK_OK(call_words(gate, 0, 1, 2, &m));
	record(other, TAKT_TRACE_ALL);
	record(0, TAKT_TRACE_ALL);
	CHECK_OK(call_words(gate, 0, 1, 2, &m));
	record(0, 0);
	record(other, 0);
	e = find(here, &at, TAKT_TRACE_POST, TAKT_TRACE_INBOX_INVOKE);
	CHECK_EQ(e.arg, other);
	CHECK_EQ(e.w[1], TEST_PRIO);
	(void)find(here, &at, TAKT_TRACE_INBOX, TAKT_TRACE_INBOX_WAKE);
	at = 0;
	(void)find(there, &at, TAKT_TRACE_INBOX, TAKT_TRACE_INBOX_INVOKE);
	(void)find(there, &at, TAKT_TRACE_SWITCH, birth(w->slot));
	(void)find(there, &at, TAKT_TRACE_REPLY, birth(w->slot));
	(void)find(there, &at, TAKT_TRACE_POST, TAKT_TRACE_INBOX_WAKE);
}

TEST(the_ring_goes_round)
{
	ring_t r = ring_new(0, 1);
	uint64_t self = birth(SLOT_THREAD);

	record(0, TAKT_TRACE_MASK(INVOKE));
	for (uint64_t i = 0; i < 200; i++)
		CHECK_ERR(takt_memory_sync(0, i, 0, 0), TAKT_E_CAP);
	record(0, 0);
	CHECK_EQ(r->capacity, 63);
	CHECK_EQ(r->written, 201);
	for (uint64_t i = 201 - 63; i < 200; i++) {
		struct takt_trace_record e = get(r, i);

		CHECK_EQ(e.kind, TAKT_TRACE_INVOKE);
		CHECK_EQ(e.w[0], self);
		CHECK_EQ(e.w[2], i);
	}
}

TEST(a_dump)
{
	ring_t r = ring_new(0, 1);

	record(0, TAKT_TRACE_ALL);
	takt_sleep_until(in_ms(1));
	record(0, 0);
	rt_trace_dump((const struct takt_trace_ring *)r);
}

static const struct test tests[] = {
	T(map_errors),
	T(map_without_memory),
	T(control_errors),
	T(the_header),
	T(it_is_read_only),
	T(it_ends_with_its_factory),
	T(it_survives_its_task),
	T(off_records_nothing),
	T(a_call_and_its_reply_in_order),
	T(an_operation_by_its_number),
	T(an_interrupt_wakes_a_thread),
	T(a_budget_runs_out_and_comes_back),
	T(a_fault),
	T(another_cpu),
	T(the_ring_goes_round),
	T(a_dump),
};
const struct suite suite_trace = SUITE("trace", tests);
