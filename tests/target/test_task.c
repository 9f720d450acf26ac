/* SPDX-License-Identifier: MIT */
/* Tasks: capability tables. Address spaces are in test_memory.c. */
#include "harness.h"

#define OUTSIDE 256 /* of the table that a task begins with */
#define MOST_SLOTS TAKT_MAX_SLOTS

static takt_slot task_bare(void)
{
	takt_slot task = slot_new();

	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "bare", task));
	return task;
}

static struct takt_msg inspect(takt_slot task, uint64_t slot)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

	CHECK_OK(takt_call(task, &m));
	return m;
}

static int copy(takt_slot task, takt_slot cap, uint64_t to, uint64_t rights)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_COPY, 2, 1), .w = {to, rights},
			     .cap = {cap}};

	return takt_call(task, &m);
}

static int delete(takt_slot task, uint64_t first, uint64_t count)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_DELETE, 2, 0), .w = {first, count}};

	return takt_call(task, &m);
}

TEST(copies_have_the_rights_asked_for_at_most)
{
	takt_slot task = task_bare(), gate = slot_new(), weak;
	struct takt_msg original, m;

	CHECK_OK(takt_create_gate(test_factory, 7, gate));
	original = inspect(TAKT_ROOT_TASK, gate);
	CHECK_EQ(original.w[0], TAKT_GATE);
	CHECK_EQ(original.w[1], TAKT_R_ALL);
	CHECK_OK(copy(task, gate, 5, TAKT_R_GATE_CALL));
	m = inspect(task, 5);
	CHECK_EQ(m.w[0], TAKT_GATE);
	CHECK_EQ(m.w[1], TAKT_R_GATE_CALL);
	CHECK_EQ(m.w[2], original.w[2]);

	weak = cap_with(gate, TAKT_R_GATE_CALL | TAKT_R_GATE_BIND);
	CHECK_OK(copy(task, weak, 6, TAKT_R_ALL));
	CHECK_EQ(inspect(task, 6).w[1], TAKT_R_GATE_CALL | TAKT_R_GATE_BIND);
	CHECK_OK(copy(task, weak, 7, TAKT_R_GATE_TRANSFER));
	CHECK_EQ(inspect(task, 7).w[0], TAKT_GATE);
	CHECK_EQ(inspect(task, 7).w[1], 0);
	/* Bits that are no rights do not reach the object's address. */
	CHECK_OK(copy(task, weak, 8, UINT64_MAX));
	CHECK_EQ(inspect(task, 8).w[1], TAKT_R_GATE_CALL | TAKT_R_GATE_BIND);
}

TEST(copy_errors)
{
	takt_slot task = task_bare();

	CHECK_ERR(copy(task, TAKT_ROOT_LOG, 0, TAKT_R_ALL), TAKT_E_RANGE);
	CHECK_ERR(copy(task, TAKT_ROOT_LOG, OUTSIDE, TAKT_R_ALL), TAKT_E_RANGE);
	CHECK_ERR(copy(task, TAKT_ROOT_LOG, UINT64_MAX, TAKT_R_ALL), TAKT_E_RANGE);
	CHECK_ERR(copy(task, TAKT_ROOT_LOG, (1ull << 32) + 9, TAKT_R_ALL), TAKT_E_RANGE);
	CHECK_OK(copy(task, TAKT_ROOT_LOG, OUTSIDE - 1, TAKT_R_ALL));
	CHECK_ERR(copy(task, TAKT_ROOT_INTC, OUTSIDE - 1, TAKT_R_ALL), TAKT_E_EXISTS);
	CHECK_EQ(inspect(task, OUTSIDE - 1).w[0], TAKT_LOG);
}

TEST(delete_empties_slots)
{
	takt_slot task = task_bare();

	for (unsigned i = 10; i < 20; i++)
		CHECK_OK(copy(task, TAKT_ROOT_LOG, i, TAKT_R_ALL));
	CHECK_OK(delete(task, 12, 3));
	for (unsigned i = 9; i < 21; i++)
		CHECK_EQ(inspect(task, i).w[0],
			 i < 10 || i > 19 || (i >= 12 && i < 15) ? TAKT_NONE : TAKT_LOG);
	CHECK_OK(copy(task, TAKT_ROOT_INTC, 13, TAKT_R_ALL));
	CHECK_EQ(inspect(task, 13).w[0], TAKT_INTC);
	/* Empty slots are no error, nor is none at all, nor all of them. */
	CHECK_OK(delete(task, 12, 1));
	CHECK_OK(delete(task, 13, 0));
	CHECK_EQ(inspect(task, 13).w[0], TAKT_INTC);
	CHECK_OK(delete(task, 0, OUTSIDE));
	for (unsigned i = 0; i < OUTSIDE; i++)
		CHECK_EQ(inspect(task, i).w[0], TAKT_NONE);
}

TEST(delete_errors)
{
	takt_slot task = task_bare();

	CHECK_OK(copy(task, TAKT_ROOT_LOG, OUTSIDE - 1, TAKT_R_ALL));
	CHECK_ERR(delete(task, OUTSIDE - 1, 2), TAKT_E_RANGE);
	CHECK_ERR(delete(task, OUTSIDE, 1), TAKT_E_RANGE);
	CHECK_ERR(delete(task, 1, UINT64_MAX), TAKT_E_RANGE);
	CHECK_ERR(delete(task, UINT64_MAX, UINT64_MAX), TAKT_E_RANGE);
	CHECK_ERR(delete(task, UINT64_MAX, 1), TAKT_E_RANGE);
	CHECK_EQ(inspect(task, OUTSIDE - 1).w[0], TAKT_LOG);
}

TEST(inspect_errors)
{
	takt_slot task = task_bare();
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {OUTSIDE}};

	CHECK_ERR(takt_call(task, &m), TAKT_E_RANGE);
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {UINT64_MAX}};
	CHECK_ERR(takt_call(task, &m), TAKT_E_RANGE);
	m = inspect(task, 0);
	CHECK_EQ(m.w[0] | m.w[1] | m.w[2], 0);
}

TEST(tables_grow)
{
	takt_slot task = task_bare();
	struct account before = account(test_factory);

	CHECK_OK(takt_task_cap_grow(task, 1)); /* it never shrinks */
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_OK(copy(task, TAKT_ROOT_LOG, 3, TAKT_R_ALL));
	CHECK_OK(takt_task_cap_grow(task, 700));
	CHECK_OK(copy(task, TAKT_ROOT_LOG, 699, TAKT_R_ALL));
	CHECK_EQ(inspect(task, 3).w[0], TAKT_LOG);
	CHECK_EQ(inspect(task, 700).w[0], TAKT_NONE);
	CHECK_EQ(account(test_factory).free, before.free - 2);
	CHECK_EQ(account(test_factory).objects, before.objects);
	CHECK_ERR(takt_task_cap_grow(task, MOST_SLOTS + 1), TAKT_E_RANGE);
	CHECK_ERR(takt_task_cap_grow(task, UINT64_MAX), TAKT_E_RANGE);
}

TEST(growing_ends_with_the_factory)
{
	takt_slot factory = factory_new(12), task = slot_new();

	CHECK_OK(takt_create_task(factory, TAKT_TASK_NATIVE, "t", task));
	CHECK_ERR(takt_task_cap_grow(task, MOST_SLOTS), TAKT_E_NOMEM);
	CHECK_EQ(account(factory).free, 0);
	/* What is there can be used. */
	CHECK_OK(copy(task, TAKT_ROOT_LOG, OUTSIDE, TAKT_R_ALL));
	CHECK_EQ(inspect(task, OUTSIDE).w[0], TAKT_LOG);
}

TEST(map_right_and_cap_right_are_two_rights)
{
	takt_slot task = task_bare(), map_only = cap_with(task, TAKT_R_TASK_MAP),
		  cap_only = cap_with(task, TAKT_R_TASK_CAP), ram = ram_new(TAKT_PAGE_SIZE);

	CHECK_OK(takt_task_map(map_only, ram, 0x10000, 0, TAKT_PAGE_SIZE, TAKT_MAP_READ));
	CHECK_OK(takt_task_unmap(map_only, 0x10000, TAKT_PAGE_SIZE));
	CHECK_ERR(takt_task_map(cap_only, ram, 0x10000, 0, TAKT_PAGE_SIZE, TAKT_MAP_READ),
		  TAKT_E_RIGHTS);
	CHECK_OK(copy(cap_only, ram, 5, TAKT_R_ALL));
	CHECK_ERR(copy(map_only, ram, 6, TAKT_R_ALL), TAKT_E_RIGHTS);
}

/* --- Virtual machines ------------------------------------------------------------------------- */

#define CONFIG_VA 0x40000000

static takt_slot vm_new(takt_slot factory)
{
	takt_slot vm = slot_new();

	CHECK_OK(takt_create_task(factory, TAKT_TASK_VM, "vm", vm));
	return vm;
}

TEST(vm_config_errors)
{
	takt_slot vm = vm_new(test_factory), owner = task_bare();

	CHECK_ERR(takt_task_vm_config(owner, owner, 32, CONFIG_VA), TAKT_E_STATE);
	CHECK_ERR(takt_task_vm_config(vm, cap_without(owner, TAKT_R_TASK_MAP), 32, CONFIG_VA),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_task_vm_config(vm, owner, 33, CONFIG_VA), TAKT_E_RANGE);
	CHECK_ERR(takt_task_vm_config(vm, owner, 256, CONFIG_VA), TAKT_E_RANGE);
	CHECK_ERR(takt_task_vm_config(vm, owner, 1ull << 32, CONFIG_VA), TAKT_E_RANGE);
	CHECK_ERR(takt_task_vm_config(vm, owner, 32, CONFIG_VA + 8), TAKT_E_ALIGN);
	CHECK_ERR(takt_task_vm_config(vm, owner, 32, 1ull << 39), TAKT_E_RANGE);
	CHECK_OK(takt_task_map(owner, ram_new(TAKT_PAGE_SIZE), CONFIG_VA, 0, TAKT_PAGE_SIZE,
			       TAKT_MAP_READ));
	CHECK_ERR(takt_task_vm_config(vm, owner, 32, CONFIG_VA), TAKT_E_EXISTS);
	/* None of them has left anything. */
	CHECK_OK(takt_task_vm_config(vm, owner, 32, CONFIG_VA + TAKT_PAGE_SIZE));
	CHECK_ERR(takt_task_vm_config(vm, owner, 32, CONFIG_VA + 2 * TAKT_PAGE_SIZE),
		  TAKT_E_STATE);
}

TEST(vm_config_without_memory_changes_nothing)
{
	takt_slot owner = task_bare(), factory, vm;

	CHECK_OK(takt_task_map(owner, ram_new(TAKT_PAGE_SIZE), CONFIG_VA, 0, TAKT_PAGE_SIZE,
			       TAKT_MAP_READ)); /* tables are there, records too */
	for (unsigned pages = 6; pages < 12; pages++) {
		factory = factory_new(pages);
		vm = slot_new();
		if (takt_create_task(factory, TAKT_TASK_VM, "vm", vm))
			continue;
		if (!takt_task_vm_config(vm, owner, 224, CONFIG_VA + 2 * TAKT_PAGE_SIZE))
			return; /* enough at last */
		CHECK_OK(takt_task_map(owner, ram_new(TAKT_PAGE_SIZE),
				       CONFIG_VA + 2 * TAKT_PAGE_SIZE, 0, TAKT_PAGE_SIZE,
				       TAKT_MAP_READ));
		CHECK_OK(takt_task_unmap(owner, CONFIG_VA + 2 * TAKT_PAGE_SIZE, TAKT_PAGE_SIZE));
	}
	CHECK(!"ever enough");
}

static const struct test tests[] = {
	T(copies_have_the_rights_asked_for_at_most),
	T(copy_errors),
	T(delete_empties_slots),
	T(delete_errors),
	T(inspect_errors),
	T(tables_grow),
	T(growing_ends_with_the_factory),
	T(map_right_and_cap_right_are_two_rights),
	T(vm_config_errors),
	T(vm_config_without_memory_changes_nothing),
};
const struct suite suite_task = SUITE("task", tests);
