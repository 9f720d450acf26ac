/* SPDX-License-Identifier: MIT */
/* Factories: what they make, what they are made of, and how they end. */
#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)

static int create(takt_slot factory, uint64_t type, uint64_t w1, takt_slot out)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_FACTORY_CREATE, 4, 0), .w = {type, w1},
			     .window = out};

	return takt_call(factory, &m);
}

static const unsigned makes[] = {TAKT_TASK, TAKT_THREAD, TAKT_GATE, TAKT_IRQ};
#define MAKES (sizeof(makes) / sizeof(makes[0]))

TEST(makes_objects)
{
	struct account before = account(test_factory);
	struct takt_msg last = {0};

	for (unsigned i = 0; i < MAKES; i++) {
		takt_slot slot = slot_new();
		struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

		CHECK_OK(create(test_factory, makes[i], 0, slot));
		CHECK_OK(takt_call(TAKT_ROOT_TASK, &m));
		CHECK_EQ(m.w[0], makes[i]);
		CHECK_EQ(m.w[1], TAKT_R_ALL);
		CHECK(m.w[2] > last.w[2]); /* birth numbers increase */
		CHECK_EQ(account(test_factory).objects, before.objects + i + 1);
		last = m;
	}
	CHECK(account(test_factory).free < before.free);
	CHECK_EQ(account(test_factory).pages, before.pages);
}

TEST(short_messages_read_as_zero)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_FACTORY_CREATE, 1, 0),
			     .w = {TAKT_TASK, 0xdead, 0xbeef, 0xdead}, .window = slot_new()};

	CHECK_OK(takt_call(test_factory, &m));
}

TEST(create_errors)
{
	struct account before = account(test_factory);
	takt_slot slot = slot_new();
	static const uint64_t not_made[] = {TAKT_NONE, TAKT_SC, TAKT_SCHEDULER, TAKT_MEMORY,
					    TAKT_FACTORY, TAKT_INTC, TAKT_LOG, TAKT_TYPES, 255, 256,
					    1ull << 32 | TAKT_GATE, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(not_made) / sizeof(not_made[0]); i++)
		CHECK_ERR(create(test_factory, not_made[i], 0, slot), TAKT_E_INVAL);
	CHECK_ERR(create(test_factory, TAKT_TASK, TAKT_TASK_VM + 1, slot), TAKT_E_INVAL);
	CHECK_ERR(create(test_factory, TAKT_TASK, UINT64_MAX, slot), TAKT_E_INVAL);
	for (unsigned i = 0; i < MAKES; i++) {
		CHECK_ERR(create(test_factory, makes[i], 0, 0), TAKT_E_RANGE);
		CHECK_ERR(create(test_factory, makes[i], 0, TAKT_ROOT_SLOTS), TAKT_E_RANGE);
		CHECK_ERR(create(test_factory, makes[i], 0, SLOT_THREAD), TAKT_E_EXISTS);
	}
	CHECK_EQ(slot_type(slot), TAKT_NONE);
	CHECK_EQ(account(test_factory).objects, before.objects);
	CHECK_EQ(account(test_factory).free, before.free);
}

/* Makes objects of a type until the memory is gone. Returns how many. */
static unsigned exhaust(takt_slot factory, unsigned type)
{
	takt_slot slot = slot_new();

	for (unsigned n = 0;; n++) {
		int err = create(factory, type, 0, slot);

		if (err) {
			CHECK_ERR(err, TAKT_E_NOMEM);
			return n;
		}
		slot_clear(slot);
	}
}

TEST(exhaustion_is_an_error_and_leaves_nothing)
{
	for (unsigned i = 0; i < MAKES; i++) {
		takt_slot factory = factory_new(16), slot = slot_new();
		unsigned n = exhaust(factory, makes[i]);
		struct account full = account(factory);

		CHECK(n > 0);
		CHECK_EQ(full.objects, n);
		for (unsigned again = 0; again < 3; again++) {
			CHECK_ERR(create(factory, makes[i], 0, slot), TAKT_E_NOMEM);
			CHECK_EQ(account(factory).objects, full.objects);
			CHECK_EQ(account(factory).free, full.free);
		}
		CHECK_EQ(slot_type(slot), TAKT_NONE);
	}
}

/* What failed for want of a few pages has given the others back. */
TEST(a_task_that_does_not_fit_takes_nothing)
{
	unsigned fits = 0;

	for (unsigned pages = 4; pages < 10; pages++) {
		takt_slot factory = factory_new(pages), slot = slot_new();
		struct account before = account(factory);
		int err = create(factory, TAKT_TASK, 0, slot);

		if (!err) {
			fits++;
			continue;
		}
		CHECK_EQ(fits, 0);
		CHECK_ERR(err, TAKT_E_NOMEM);
		CHECK_EQ(account(factory).free, before.free);
		CHECK_EQ(account(factory).objects, before.objects);
	}
	CHECK(fits > 0);
}

TEST(others_do_not_notice)
{
	takt_slot poor = factory_new(8), slot = slot_new();
	struct account before = account(test_factory);

	(void)exhaust(poor, TAKT_IRQ);
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_OK(create(test_factory, TAKT_IRQ, 0, slot));
}

/* Threads are configured out of the factory that they come from. */
TEST(configure_without_memory_changes_nothing)
{
	takt_slot factory = factory_new(4), thread = slot_new();
	struct account before;
	uint64_t va = va_new(2 * PAGE);

	CHECK_OK(takt_create_thread(factory, "t", thread));
	(void)exhaust(factory, TAKT_THREAD);
	before = account(factory);
	CHECK_ERR(takt_thread_configure(thread, TAKT_ROOT_TASK, TAKT_ROOT_TASK, va,
					TAKT_THREAD_PLAIN, 0), TAKT_E_NOMEM);
	CHECK_ERR(takt_thread_configure(thread, TAKT_ROOT_TASK, TAKT_ROOT_TASK, va,
					TAKT_THREAD_PV, va + PAGE), TAKT_E_NOMEM);
	CHECK_EQ(account(factory).free, before.free);
	/* The addresses are free. */
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, ram_new(2 * PAGE), va, 0, 2 * PAGE, TAKT_MAP_READ));
	CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va, 2 * PAGE));
}

/* --- memory.to_factory ------------------------------------------------------------------------ */

TEST(extents_become_factories)
{
	takt_slot extent = ram_new(8 * PAGE), factory = slot_new(), child = slot_new();
	struct account a;

	CHECK_OK(takt_memory_to_factory(extent, factory));
	CHECK_EQ(slot_type(factory), TAKT_FACTORY);
	a = account(factory);
	CHECK_EQ(a.pages, 8);
	CHECK_EQ(a.objects, 0);
	CHECK(a.free >= 7 - 1 && a.free < 8);
	/* From now on the memory is the kernel's alone. */
	CHECK_ERR(takt_memory_to_factory(extent, child), TAKT_E_STATE);
	CHECK(takt_task_map(TAKT_ROOT_TASK, extent, va_new(PAGE), 0, PAGE, TAKT_MAP_READ) < 0);
	CHECK(takt_memory_derive(extent, test_factory, 0, PAGE, TAKT_R_ALL, child) < 0);
	CHECK_EQ(slot_type(child), TAKT_NONE);
}

TEST(to_factory_errors)
{
	takt_slot extent = ram_new(16 * PAGE), factory = slot_new(), child = slot_new();
	uint64_t va = va_new(PAGE);

	CHECK_ERR(takt_memory_to_factory(ram_new(3 * PAGE), factory), TAKT_E_INVAL);
	CHECK_ERR(takt_memory_to_factory(TAKT_ROOT_DEVICES, factory), TAKT_E_INVAL);
	CHECK_ERR(takt_memory_to_factory(extent, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_to_factory(extent, TAKT_ROOT_SLOTS), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_to_factory(extent, SLOT_THREAD), TAKT_E_EXISTS);
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, extent, va, 0, PAGE, TAKT_MAP_READ));
	CHECK_ERR(takt_memory_to_factory(extent, factory), TAKT_E_STATE);
	CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va, PAGE));
	CHECK_OK(takt_memory_derive(extent, test_factory, 0, 4 * PAGE, TAKT_R_ALL, child));
	CHECK_ERR(takt_memory_to_factory(extent, factory), TAKT_E_STATE);
	CHECK_OK(takt_memory_to_factory(child, factory));
}

static const struct test tests[] = {
	T(makes_objects),
	T(short_messages_read_as_zero),
	T(create_errors),
	T(exhaustion_is_an_error_and_leaves_nothing),
	T(a_task_that_does_not_fit_takes_nothing),
	T(others_do_not_notice),
	T(configure_without_memory_changes_nothing),
	T(extents_become_factories),
	T(to_factory_errors),
};
const struct suite suite_factory = SUITE("factory", tests);
