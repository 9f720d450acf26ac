/* SPDX-License-Identifier: MIT */
/* Kernel memory and extents: stale capabilities, exhaustion, what destruction leaves. */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define A (SLOT_FREE + 1)
#define B (SLOT_FREE + 2)
#define MANY (SLOT_FREE + 10)

static s64 create(u64 type, u64 slot)
{
	return root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(type, 0, 0, 0), C(), slot);
}

static s64 destroy(u64 slot)
{
	return root_call(SLOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(slot), 0);
}

TEST(a_stale_capability_is_none)
{
	struct object *first;
	struct cap stale;

	compartment(40);
	CHECK(!create(TAKT_GATE, A));
	first = object_in(root->task, A);
	stale = *task_slot(root->task, A);
	CHECK(!destroy(A));
	CHECK(!object_in(root->task, A) && destroy(A) == TAKT_E_CAP);
	/* The same memory is another object now, and then one of another type's frame. */
	CHECK(!create(TAKT_GATE, B));
	CHECK(object_in(root->task, B) == first && !cap_object(stale));
	CHECK(!destroy(B));
	for (u64 i = 0; i < 60; i++)
		CHECK(!create(i % 3 ? TAKT_IRQ : TAKT_THREAD, MANY + i));
	CHECK(!cap_object(stale));
	CHECK(compartment_end());
	CHECK(!cap_object(stale));
}

TEST(exhaustion_is_an_error_and_leaves_nothing)
{
	static const u64 types[] = {TAKT_TASK, TAKT_THREAD, TAKT_GATE, TAKT_IRQ};

	for (unsigned k = 0; k < ARRAY_SIZE(types); k++) {
		u64 n = 0;
		s64 err;

		compartment(24);
		while (!(err = create(types[k], MANY + n)))
			n++;
		CHECK(err == TAKT_E_NOMEM && n);
		CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0));
		CHECK(root_word(2) == n);
		/* One goes, one comes. */
		CHECK(!destroy(MANY) && !create(types[k], MANY));
		CHECK(create(types[k], MANY + n) == TAKT_E_NOMEM);
		CHECK(compartment_end());
	}
}

TEST(factories_within_factories)
{
	u64 in = SLOT_FACTORY;

	compartment(200);
	for (u64 i = 0; i < 5; i++) {
		CHECK(!root_call(in, TAKT_FACTORY_SUB, W(100 - 10 * i), C(), A + i));
		in = A + i;
		CHECK(!root_call(in, TAKT_FACTORY_CREATE, W(TAKT_TASK), C(), MANY + i));
	}
	CHECK(root_call(A + 1, TAKT_FACTORY_DESTROY, W(), C(A), 0) == TAKT_E_RIGHTS);
	CHECK(!destroy(A));
	for (u64 i = 0; i < 5; i++)
		CHECK(!object_in(root->task, A + i) && !object_in(root->task, MANY + i));
	CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0));
	CHECK(root_word(0) == 200 && root_word(2) == 0);
	CHECK(compartment_end());
}

TEST(children_are_disjoint_and_cleared)
{
	struct memory *m;
	u64 base;

	compartment(60);
	make_task(TASK);
	CHECK(!root_call(SLOT_MEMORY, TAKT_MEMORY_DERIVE, W(0x4000, 0x4000, TAKT_R_ALL),
			 C(SLOT_FACTORY), A));
	for (u64 at = 0x1000; at < 0x8000; at += 0x1000)
		CHECK(root_call(SLOT_MEMORY, TAKT_MEMORY_DERIVE, W(at, 0x4000, TAKT_R_ALL),
				C(SLOT_FACTORY), B) == TAKT_E_EXISTS);
	CHECK(root_call(SLOT_MEMORY, TAKT_MEMORY_TO_FACTORY, W(), C(), B) == TAKT_E_STATE);
	CHECK(root_call(TASK, TAKT_TASK_MAP, W(0x10000, 0x3000, 0x2000, 3), C(SLOT_MEMORY), 0) ==
	      TAKT_E_EXISTS);
	CHECK(!root_call(TASK, TAKT_TASK_MAP, W(0x10000, 0, 0x4000, 3), C(A), 0));
	m = ROOT_OBJECT(memory, A);
	base = m->base;
	for (u64 i = 0; i < 0x4000; i += 0x100)
		fake_poke(base + i, 0x77);
	CHECK(!destroy(A));
	for (u64 i = 0; i < 0x4000; i += 0x100)
		CHECK(fake_peek(base + i) == 0);
	CHECK(compartment_end());
}

TEST(tables_that_cannot_be_had)
{
	s64 err = 0;
	u64 n;

	compartment(16);
	make_task(TASK);
	/* Each in a GiB of its own takes two tables. */
	for (n = 0; n < 20 && !err; n++)
		err = root_call(TASK, TAKT_TASK_MAP, W(n << 30, n * PAGE_SIZE, PAGE_SIZE, 3),
				C(SLOT_MEMORY), 0);
	CHECK(err == TAKT_E_NOMEM && n > 2);
	check_invariants();
	CHECK(!root_call(TASK, TAKT_TASK_UNMAP, W(0, PAGE_SIZE), C(), 0));
	CHECK(root_call(TASK, TAKT_TASK_UNMAP, W(0, PAGE_SIZE), C(), 0) == TAKT_E_RANGE);
	CHECK(compartment_end());
}

static s64 map_one(u64 n)
{
	/* From above, so that each is put before all others. */
	return root_call(TASK, TAKT_TASK_MAP,
			 W((100 - n) * PAGE_SIZE, n % 64 * PAGE_SIZE, PAGE_SIZE, 3), C(SLOT_MEMORY),
			 0);
}

static s64 unmap_one(u64 n)
{
	return root_call(TASK, TAKT_TASK_UNMAP, W((100 - n) * PAGE_SIZE, PAGE_SIZE), C(), 0);
}

static u64 free_pages(void)
{
	return root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0) ? 0 : root_word(1);
}

/* Those in the task's tables are used first, and again; further ones are the factory's. */
TEST(records_of_mappings)
{
	u64 n, before;

	compartment(80);
	make_task(TASK);
	CHECK(!map_one(0)); /* makes the tables */
	before = free_pages();
	for (n = 1; n < TASK_RECORDS; n++)
		CHECK(!map_one(n));
	CHECK(free_pages() == before);
	for (; n < TASK_RECORDS + 40; n++)
		CHECK(!map_one(n));
	CHECK(free_pages() == before - 2);
	for (n = 0; n < TASK_RECORDS + 40; n += 3)
		CHECK(!unmap_one(n) && unmap_one(n) == TAKT_E_RANGE);
	before = free_pages();
	CHECK(!map_one(3) && map_one(3) == TAKT_E_EXISTS);
	for (n = 0; n < TASK_RECORDS; n += 3)
		CHECK(n == 3 || !map_one(n));
	CHECK(free_pages() == before);
	for (n = 1; n < TASK_RECORDS + 40; n += 3)
		CHECK(!unmap_one(n));
	CHECK(compartment_end());
}

TEST(a_factory_of_memory_comes_and_goes)
{
	compartment(20);
	for (unsigned i = 0; i < 5; i++) {
		CHECK(!root_call(SLOT_MEMORY, TAKT_MEMORY_TO_FACTORY, W(), C(), A));
		CHECK(!root_call(A, TAKT_FACTORY_CREATE, W(TAKT_TASK), C(), B));
		CHECK(root_call(SLOT_MEMORY, TAKT_MEMORY_TO_FACTORY, W(), C(), B + 1) ==
		      TAKT_E_STATE);
		CHECK(!root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(A), 0));
		CHECK(!object_in(root->task, A) && !object_in(root->task, B));
	}
	CHECK(compartment_end());
}

int main(void)
{
	world_boot(2);
	RUN(a_stale_capability_is_none);
	RUN(exhaustion_is_an_error_and_leaves_nothing);
	RUN(factories_within_factories);
	RUN(children_are_disjoint_and_cleared);
	RUN(tables_that_cannot_be_had);
	RUN(records_of_mappings);
	RUN(a_factory_of_memory_comes_and_goes);
	return tap_done();
}
