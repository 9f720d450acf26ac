/* SPDX-License-Identifier: MIT */
/* Extents: children, and what they say about themselves. Mappings are in test_map.c. */
#include <string.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)
#define RW (TAKT_MAP_READ | TAKT_MAP_WRITE)

static int derive(takt_slot mem, uint64_t offset, uint64_t size, takt_slot *child)
{
	*child = slot_new();
	return takt_memory_derive(mem, test_factory, offset, size, TAKT_R_ALL, *child);
}

static uint64_t rights_of(takt_slot slot)
{
	enum takt_type type;
	uint64_t rights = 0;

	CHECK_OK(takt_task_cap_inspect(TAKT_ROOT_TASK, slot, &type, &rights));
	return rights;
}

TEST(children_are_parts)
{
	takt_slot all = ram_new(8 * PAGE), child, grandchild;
	uint64_t base, size, child_base, child_size;

	CHECK_OK(takt_memory_info(all, &base, &size));
	CHECK_EQ(size, 8 * PAGE);
	CHECK_OK(derive(all, 2 * PAGE, 4 * PAGE, &child));
	CHECK_OK(takt_memory_info(child, &child_base, &child_size));
	CHECK_EQ(child_base, base + 2 * PAGE);
	CHECK_EQ(child_size, 4 * PAGE);
	CHECK_OK(derive(child, 3 * PAGE, PAGE, &grandchild));
	CHECK_OK(takt_memory_info(grandchild, &child_base, &child_size));
	CHECK_EQ(child_base, base + 5 * PAGE);
	CHECK_EQ(child_size, PAGE);
}

TEST(info_needs_no_right_and_tells_the_kind)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_MEMORY_INFO, 0, 0)};
	takt_slot weak = cap_with(TAKT_ROOT_DEVICES, 0);

	CHECK_OK(takt_call(weak, &m));
	CHECK_EQ(m.w[2], TAKT_MEMORY_DEVICE);
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_MEMORY_INFO, 0, 0)};
	CHECK_OK(takt_call(cap_with(ram_new(PAGE), 0), &m));
	CHECK_EQ(m.w[1], PAGE);
	CHECK_EQ(m.w[2], TAKT_MEMORY_RAM);
}

TEST(children_have_their_parents_rights_at_most)
{
	takt_slot all = ram_new(4 * PAGE), weak, child = slot_new();

	CHECK_OK(takt_memory_derive(all, test_factory, 0, PAGE, TAKT_R_MEM_READ, child));
	CHECK_EQ(rights_of(child), TAKT_R_MEM_READ);
	weak = cap_with(all, TAKT_R_MEM_DERIVE | TAKT_R_MEM_READ);
	CHECK_OK(derive(weak, PAGE, PAGE, &child));
	CHECK_EQ(rights_of(child), TAKT_R_MEM_DERIVE | TAKT_R_MEM_READ);
}

TEST(derive_errors)
{
	takt_slot all = ram_new(8 * PAGE), child;
	struct account before = account(test_factory);

	CHECK_ERR(derive(all, 1, PAGE, &child), TAKT_E_ALIGN);
	CHECK_ERR(derive(all, 0, PAGE + 8, &child), TAKT_E_ALIGN);
	CHECK_ERR(derive(all, 0, 0, &child), TAKT_E_RANGE);
	CHECK_ERR(derive(all, 0, 9 * PAGE, &child), TAKT_E_RANGE);
	CHECK_ERR(derive(all, 8 * PAGE, PAGE, &child), TAKT_E_RANGE);
	CHECK_ERR(derive(all, -PAGE, 2 * PAGE, &child), TAKT_E_RANGE);
	CHECK_ERR(derive(all, PAGE, -PAGE, &child), TAKT_E_RANGE);
	CHECK_ERR(derive(all, -PAGE, -PAGE, &child), TAKT_E_RANGE);
	child = slot_new();
	CHECK_ERR(takt_memory_derive(all, cap_without(test_factory, TAKT_R_FACTORY_CREATE), 0, PAGE,
				     TAKT_R_ALL, child), TAKT_E_RIGHTS);
	CHECK_ERR(takt_memory_derive(all, test_factory, 0, PAGE, TAKT_R_ALL, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_derive(all, test_factory, 0, PAGE, TAKT_R_ALL, TAKT_ROOT_SLOTS),
		  TAKT_E_RANGE);
	CHECK_ERR(takt_memory_derive(all, test_factory, 0, PAGE, TAKT_R_ALL, SLOT_THREAD),
		  TAKT_E_EXISTS);
	/* None of them has taken the range, or kernel memory. */
	CHECK_EQ(account(test_factory).objects, before.objects);
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_OK(derive(all, 0, 8 * PAGE, &child));
}

TEST(children_do_not_overlap)
{
	takt_slot all = ram_new(8 * PAGE), child;
	struct account before;

	CHECK_OK(derive(all, 2 * PAGE, 2 * PAGE, &child));
	before = account(test_factory);
	CHECK_ERR(derive(all, 2 * PAGE, 2 * PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(all, 0, 8 * PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(all, PAGE, 2 * PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(all, 3 * PAGE, 2 * PAGE, &child), TAKT_E_EXISTS);
	CHECK_EQ(account(test_factory).objects, before.objects);
	CHECK_OK(derive(all, PAGE, PAGE, &child));
	CHECK_OK(derive(all, 4 * PAGE, 4 * PAGE, &child));
	CHECK_OK(derive(all, 0, PAGE, &child));
	CHECK_ERR(derive(all, 7 * PAGE, PAGE, &child), TAKT_E_EXISTS);
}

TEST(what_is_carved_out_cannot_be_used_through_the_parent)
{
	takt_slot all = ram_new(8 * PAGE), child;
	uint64_t va = va_new(8 * PAGE);

	CHECK_OK(derive(all, 2 * PAGE, 2 * PAGE, &child));
	CHECK_ERR(takt_task_map(TAKT_ROOT_TASK, all, va, 0, 8 * PAGE, RW), TAKT_E_EXISTS);
	CHECK_ERR(takt_task_map(TAKT_ROOT_TASK, all, va, 3 * PAGE, PAGE, RW), TAKT_E_EXISTS);
	CHECK(window_map(all, 0, 2 * PAGE, RW));
	CHECK(window_map(all, 4 * PAGE, 4 * PAGE, RW));
	CHECK(window_map(child, 0, 2 * PAGE, RW));
}

TEST(what_is_mapped_cannot_be_carved_out)
{
	takt_slot all = ram_new(8 * PAGE), child, task = slot_new();

	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "t", task));
	CHECK_OK(takt_task_map(task, all, 0x10000, 2 * PAGE, 2 * PAGE, TAKT_MAP_READ));
	CHECK_ERR(derive(all, 3 * PAGE, PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(all, 0, 8 * PAGE, &child), TAKT_E_EXISTS);
	CHECK_OK(derive(all, 4 * PAGE, PAGE, &child));
	CHECK_OK(takt_task_unmap(task, 0x10000, 2 * PAGE));
	CHECK_OK(derive(all, 2 * PAGE, 2 * PAGE, &child));
}

TEST(derive_without_memory_takes_nothing)
{
	takt_slot all = ram_new(4 * PAGE), factory = factory_new(4), child = slot_new();
	struct account before;
	unsigned n = 0;
	int err;

	while (!(err = takt_memory_derive(TAKT_ROOT_DEVICES, factory, (0x10000 + n) * PAGE, PAGE, 0,
					  child))) {
		slot_clear(child);
		n++;
	}
	CHECK_ERR(err, TAKT_E_NOMEM);
	CHECK(n > 0);
	before = account(factory);
	CHECK_EQ(before.free, 0);
	CHECK_ERR(takt_memory_derive(all, factory, 0, PAGE, TAKT_R_ALL, child), TAKT_E_NOMEM);
	CHECK_EQ(slot_type(child), TAKT_NONE);
	CHECK_EQ(account(factory).objects, before.objects);
	CHECK_OK(takt_memory_derive(all, test_factory, 0, PAGE, TAKT_R_ALL, child));
}

/* --- As many children and mappings as there may be: bounded all the same ----------------------- */

#define USES 256

static int map_in(takt_slot task, takt_slot mem, uint64_t va, uint64_t page)
{
	return takt_task_map(task, mem, va + page * PAGE, page * PAGE, PAGE, RW);
}

TEST(many_children)
{
	takt_slot all = ram_new(2 * USES * PAGE), child[USES], more;
	uint64_t va = va_new(2 * USES * PAGE);

	CHECK_OK(map_in(TAKT_ROOT_TASK, all, va, 1)); /* makes the tables */
	for (unsigned i = 0; i < USES - 2; i++)
		CHECK_OK(derive(all, 2 * i * PAGE, PAGE, &child[i]));
	/* One more of either kind, in all places. */
	for (unsigned i = 3; i < 2 * (USES - 2); i += 37) {
		CHECK_ERR(derive(all, i * PAGE, 2 * PAGE, &more), TAKT_E_EXISTS);
		CHECK_ERR(map_in(TAKT_ROOT_TASK, all, va, i & ~1u), TAKT_E_EXISTS);
		CHECK_OK(map_in(TAKT_ROOT_TASK, all, va, i | 1));
		CHECK_ERR(map_in(TAKT_ROOT_TASK, all, va, 2 * USES - 1), TAKT_E_QUOTA);
		CHECK_ERR(derive(all, (2 * USES - 1) * PAGE, PAGE, &more), TAKT_E_QUOTA);
		CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va + (i | 1) * PAGE, PAGE));
		CHECK_OK(derive(all, (i | 1) * PAGE, PAGE, &more));
		CHECK_OK(takt_factory_destroy(test_factory, more));
	}
	for (unsigned i = 0; i < USES - 2; i += 2)
		CHECK_OK(takt_factory_destroy(test_factory, child[i]));
	CHECK_ERR(derive(all, 4 * PAGE, 4 * PAGE, &more), TAKT_E_EXISTS);
	CHECK_OK(derive(all, 3 * PAGE, 3 * PAGE, &more));
	CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va + PAGE, PAGE));
}

/* In three tasks, which may have 128 each, from the middle to both sides. */
TEST(many_mappings)
{
	takt_slot all = ram_new(2 * USES * PAGE), task[3], child;
	uint64_t va = va_new(2 * USES * PAGE);

	for (unsigned i = 0; i < 3; i++)
		task[i] = task_new();
	for (unsigned i = 0; i < USES - 1; i++)
		CHECK_OK(map_in(task[i % 3], all, va, i % 2 ? USES - i : USES + i));
	CHECK_ERR(derive(all, USES * PAGE, PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(all, 0, USES * PAGE, &child), TAKT_E_EXISTS);
	CHECK_OK(derive(all, (USES + 1) * PAGE, PAGE, &child));
	CHECK_ERR(map_in(task[0], all, va, USES + 1), TAKT_E_QUOTA);
	CHECK_OK(takt_factory_destroy(test_factory, child));
	/* Some of those that are sorted go, and others come. */
	for (unsigned i = 0; i < USES - 1; i += 5) {
		uint64_t page = i % 2 ? USES - i : USES + i;

		CHECK_OK(takt_task_unmap(task[i % 3], va + page * PAGE, PAGE));
		CHECK_OK(derive(all, page * PAGE, PAGE, &child));
		CHECK_ERR(map_in(task[i % 3], all, va, page), TAKT_E_EXISTS);
		CHECK_OK(takt_factory_destroy(test_factory, child));
		CHECK_OK(map_in(task[i % 3], all, va, page));
	}
	CHECK_ERR(derive(all, USES * PAGE, PAGE, &child), TAKT_E_EXISTS);
}

TEST(ram_is_not_among_the_devices)
{
	takt_slot child;
	uint64_t base, size;

	CHECK_OK(takt_memory_info(TAKT_ROOT_MEMORY, &base, &size));
	CHECK_ERR(derive(TAKT_ROOT_DEVICES, base, PAGE, &child), TAKT_E_EXISTS);
	CHECK_ERR(derive(TAKT_ROOT_DEVICES, 0, 1ull << 40, &child), TAKT_E_EXISTS);
	CHECK_ERR(takt_task_map(TAKT_ROOT_TASK, TAKT_ROOT_DEVICES, va_new(PAGE), base, PAGE,
				RW | TAKT_MAP_DEVICE), TAKT_E_EXISTS);
	CHECK_EQ(rights_of(TAKT_ROOT_DEVICES) & TAKT_R_MEM_EXEC, 0);
}

/* --- memory.sync ------------------------------------------------------------------------------ */

TEST(sync_covers_long_ranges)
{
	takt_slot all = ram_new(0x80000);
	char *p = window_map(all, 0, 0x80000, RW);

	memset(p, 0x5a, 0x80000);
	CHECK_OK(takt_memory_sync(all, 0, 0x80000, TAKT_SYNC_COHERENCY));
	CHECK_OK(takt_memory_sync(all, 0, 0x80000, TAKT_SYNC_CODE));
	CHECK_EQ(p[0x7ffff], 0x5a);
}

TEST(sync_errors)
{
	takt_slot all = ram_new(4 * PAGE), factory = slot_new();

	CHECK_ERR(takt_memory_sync(all, 8, PAGE, 0), TAKT_E_ALIGN);
	CHECK_ERR(takt_memory_sync(all, 0, 8, 0), TAKT_E_ALIGN);
	CHECK_ERR(takt_memory_sync(all, 0, 0, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_sync(all, 0, 5 * PAGE, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_sync(all, -PAGE, 2 * PAGE, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_memory_sync(all, 0, PAGE, 2), TAKT_E_INVAL);
	CHECK_ERR(takt_memory_sync(TAKT_ROOT_DEVICES, 0x09010000, PAGE, 1), TAKT_E_INVAL);
	CHECK_OK(takt_memory_to_factory(all, factory));
	CHECK_ERR(takt_memory_sync(all, 0, PAGE, 1), TAKT_E_INVAL);
}

static const struct test tests[] = {
	T(children_are_parts),
	T(info_needs_no_right_and_tells_the_kind),
	T(children_have_their_parents_rights_at_most),
	T(derive_errors),
	T(children_do_not_overlap),
	T(what_is_carved_out_cannot_be_used_through_the_parent),
	T(what_is_mapped_cannot_be_carved_out),
	T(derive_without_memory_takes_nothing),
	T(many_children),
	T(many_mappings),
	T(ram_is_not_among_the_devices),
	T(sync_covers_long_ranges),
	T(sync_errors),
};
const struct suite suite_memory = SUITE("memory", tests);
