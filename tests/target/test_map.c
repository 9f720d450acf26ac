/* SPDX-License-Identifier: MIT */
/* task.map and task.unmap: what a mapping lets a task do, and what it does not. */
#include <string.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)
#define RW (TAKT_MAP_READ | TAKT_MAP_WRITE)
#define VA 0x2000000000ull
#define SPACE (1ull << 39) /* end of a task's addresses */
#define BLOCK 0x200000ull
#define EC(syndrome) ((syndrome) >> 26)
#define EC_INSTRUCTION 0x20
#define EC_DATA 0x24
#define IS_PERMISSION(syndrome) (((syndrome) & 0x3c) == 0x0c)
#define IS_TRANSLATION(syndrome) (((syndrome) & 0x3c) == 0x04)

static takt_slot task_bare(void)
{
	takt_slot task = slot_new();

	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "bare", task));
	return task;
}

TEST(map_errors)
{
	takt_slot task = task_bare(), ram = ram_new(4 * PAGE);
	struct account before = account(test_factory);
	static const struct {
		uint64_t va, offset, size;
		int err;
	} bad[] = {
		{VA + 1, 0, PAGE, TAKT_E_ALIGN},
		{VA, 8, PAGE, TAKT_E_ALIGN},
		{VA, 0, PAGE - 1, TAKT_E_ALIGN},
		{VA, 0, 0, TAKT_E_RANGE},
		{VA, 0, 5 * PAGE, TAKT_E_RANGE},
		{VA, 4 * PAGE, PAGE, TAKT_E_RANGE},
		{VA, -PAGE, 2 * PAGE, TAKT_E_RANGE},
		{VA, 0, -PAGE, TAKT_E_RANGE},
		{SPACE, 0, PAGE, TAKT_E_RANGE},
		{SPACE - PAGE, 0, 2 * PAGE, TAKT_E_RANGE},
		{-PAGE, 0, PAGE, TAKT_E_RANGE},
		{-PAGE, 0, 2 * PAGE, TAKT_E_RANGE},
	};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERR(takt_task_map(task, ram, bad[i].va, bad[i].offset, bad[i].size, RW),
			  bad[i].err);
	CHECK_EQ(account(test_factory).free, before.free);
	CHECK_OK(takt_task_map(task, ram, VA, 0, PAGE, RW));
	CHECK_OK(takt_task_map(task, ram, SPACE - PAGE, PAGE, PAGE, RW));
	CHECK_OK(takt_task_map(task, ram, 0, 2 * PAGE, PAGE, RW));
}

TEST(map_flags)
{
	takt_slot task = task_bare(), ram = ram_new(PAGE), device = TAKT_ROOT_DEVICES;
	uint64_t uart = 0x09010000;

	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 0), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 8 | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 0x400 | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 0x300 | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 1ull << 22 | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, 1ull << 63 | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE, TAKT_MAP_ORDER(11) | RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, PAGE,
				TAKT_MAP_DEVICE | TAKT_MAP_READ | TAKT_MAP_EXEC), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, device, VA, uart, PAGE, RW), TAKT_E_INVAL);
	CHECK_ERR(takt_task_map(task, device, VA, uart, PAGE,
				TAKT_MAP_DEVICE | TAKT_MAP_READ | TAKT_MAP_EXEC), TAKT_E_RIGHTS);
	CHECK_OK(takt_task_map(task, device, VA, uart, PAGE, RW | TAKT_MAP_DEVICE));
	CHECK_OK(takt_task_map(task, ram, VA + PAGE, 0, PAGE, RW | TAKT_MAP_UNCACHED));
	CHECK_OK(takt_task_map(task, ram, VA + 2 * PAGE, 0, PAGE, RW | TAKT_MAP_ORDER(12)));
}

TEST(map_needs_the_rights_of_the_access)
{
	takt_slot task = task_bare(), ram = ram_new(PAGE);
	uint64_t va = VA;

	for (unsigned rights = 0; rights < 8; rights++) {
		takt_slot weak = cap_with(ram, rights);

		for (unsigned access = 1; access < 8; access++, va += PAGE)
			CHECK_ERR(takt_task_map(task, weak, va, 0, PAGE, access),
				  access & ~rights ? TAKT_E_RIGHTS : 0);
	}
}

TEST(mappings_do_not_overlap)
{
	takt_slot task = task_bare(), ram = ram_new(4 * PAGE);

	CHECK_OK(takt_task_map(task, ram, VA + PAGE, 0, 2 * PAGE, RW));
	CHECK_ERR(takt_task_map(task, ram, VA, 0, 2 * PAGE, RW), TAKT_E_EXISTS);
	CHECK_ERR(takt_task_map(task, ram, VA, 0, 4 * PAGE, RW), TAKT_E_EXISTS);
	CHECK_ERR(takt_task_map(task, ram, VA + 2 * PAGE, 0, PAGE, RW), TAKT_E_EXISTS);
	CHECK_OK(takt_task_map(task, ram, VA, 0, PAGE, RW)); /* the same memory, twice */
	CHECK_OK(takt_task_map(task, ram, VA + 3 * PAGE, 0, PAGE, RW));
}

TEST(unmap_takes_whole_mappings)
{
	takt_slot task = task_bare(), ram = ram_new(4 * PAGE);

	CHECK_OK(takt_task_map(task, ram, VA, 0, 4 * PAGE, RW));
	CHECK_ERR(takt_task_unmap(task, VA, PAGE), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, VA + PAGE, PAGE), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, VA, 5 * PAGE), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, VA + 1, 4 * PAGE), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, VA, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, UINT64_MAX, UINT64_MAX), TAKT_E_RANGE);
	CHECK_ERR(takt_task_map(task, ram, VA + 3 * PAGE, 0, PAGE, RW), TAKT_E_EXISTS);
	CHECK_OK(takt_task_unmap(task, VA, 4 * PAGE));
	CHECK_ERR(takt_task_unmap(task, VA, 4 * PAGE), TAKT_E_RANGE);
	CHECK_OK(takt_task_map(task, ram, VA + 3 * PAGE, 0, PAGE, RW));
}

TEST(kernel_pages_stay_mapped)
{
	struct worker *w = worker_new(server_echo, NULL);

	worker_make(w);
	CHECK_ERR(takt_task_unmap(TAKT_ROOT_TASK, w->utcb, PAGE), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(TAKT_ROOT_TASK, TAKT_ROOT_BOOTINFO_VA, PAGE), TAKT_E_RANGE);
}

/* --- What a task can do with it --------------------------------------------------------------- */

/* Three instructions, at an address of their own. */
static const uint32_t stub[] = {
	0xd2800540, /* mov x0, #42 */
	0xd65f03c0, /* ret */
};

struct attempt {
	uint64_t va;
	char what; /* r, w, x */
	volatile uint64_t result;
};

static void attempt(void *arg)
{
	struct attempt *a = arg;

	switch (a->what) {
	case 'r':
		a->result = *(volatile uint64_t *)a->va;
		break;
	case 'w':
		*(volatile uint64_t *)a->va = 43;
		a->result = 43;
		break;
	case 'x':
		a->result = ((uint64_t(*)(void))a->va)();
		break;
	}
}

/* Tries in a thread of that task. The syndrome of its fault, or 0 if there was none. */
static uint64_t try(takt_slot task, char what, uint64_t va, uint64_t *result)
{
	struct attempt *a = pool_new(sizeof(*a));
	struct worker *w = worker_new(attempt, a);
	struct takt_msg m = {0};

	*a = (struct attempt){.va = va, .what = what};
	w->task = task;
	w->fault_gate = gate_new(SLOT_THREAD, 1);
	worker_start(w);
	CHECK_OK(takt_wait(&m, in_ms(WAIT_MS)));
	if (TAKT_TAG_LABEL(m.tag) == TAKT_LABEL_IRQ) {
		if (result)
			*result = a->result;
		return 0;
	}
	CHECK_EQ(TAKT_TAG_LABEL(m.tag), TAKT_LABEL_FAULT);
	CHECK_EQ(m.w[TAKT_FAULT_ADDRESS], va);
	answer(1);
	return m.w[TAKT_FAULT_SYNDROME];
}

TEST(access_is_what_was_mapped)
{
	takt_slot task = task_new(), ram = ram_new(PAGE);
	uint32_t *code = window_map(ram, 0, PAGE, RW);
	uint64_t va = VA, syndrome, result;

	memcpy(code, stub, sizeof(stub));
	CHECK_OK(takt_memory_sync(ram, 0, PAGE, TAKT_SYNC_CODE));
	for (unsigned access = 1; access < 8; access++, va += PAGE) {
		CHECK_OK(takt_task_map(task, ram, va, 0, PAGE, access));
		syndrome = try(task, 'r', va, &result);
		CHECK(access & TAKT_MAP_READ ? !syndrome : IS_PERMISSION(syndrome));
		CHECK(!syndrome || EC(syndrome) == EC_DATA);
		CHECK(syndrome || (uint32_t)result == stub[0]);
		syndrome = try(task, 'w', va + 64, NULL);
		CHECK(access & TAKT_MAP_WRITE ? !syndrome : IS_PERMISSION(syndrome));
		CHECK_EQ(code[16], access & TAKT_MAP_WRITE ? 43 : 0);
		code[16] = 0;
		syndrome = try(task, 'x', va, &result);
		CHECK(access & TAKT_MAP_EXEC ? !syndrome : IS_PERMISSION(syndrome));
		CHECK(!syndrome || EC(syndrome) == EC_INSTRUCTION);
		CHECK(syndrome || result == 42);
	}
}

TEST(no_access_beside_a_mapping)
{
	takt_slot task = task_new(), ram = ram_new(4 * PAGE);

	CHECK_OK(takt_task_map(task, ram, VA, PAGE, PAGE, RW));
	CHECK(!try(task, 'w', VA + PAGE - 8, NULL));
	CHECK(IS_TRANSLATION(try(task, 'r', VA + PAGE, NULL)));
	CHECK(IS_TRANSLATION(try(task, 'r', VA - 8, NULL)));
	CHECK(IS_TRANSLATION(try(task, 'r', 0, NULL)));
	CHECK(try(task, 'r', SPACE - 8, NULL));
}

TEST(tasks_share_what_is_mapped_into_both)
{
	takt_slot ram = ram_new(2 * PAGE), a = task_new(), b = task_new();
	volatile uint64_t *own = window_map(ram, 0, 2 * PAGE, RW);
	uint64_t result;

	own[0] = 1;
	own[PAGE / 8] = 2;
	CHECK_OK(takt_task_map(a, ram, VA, 0, PAGE, RW));
	CHECK_OK(takt_task_map(b, ram, VA, PAGE, PAGE, RW));
	CHECK(!try(a, 'r', VA, &result));
	CHECK_EQ(result, 1);
	CHECK(!try(b, 'r', VA, &result));
	CHECK_EQ(result, 2);
	CHECK(!try(a, 'w', VA, NULL));
	CHECK_EQ(own[0], 43);
	CHECK_EQ(own[PAGE / 8], 2);
}

TEST(unmapped_is_gone)
{
	takt_slot task = task_new(), ram = ram_new(2 * PAGE);

	CHECK_OK(takt_task_map(task, ram, VA, 0, PAGE, RW));
	CHECK(!try(task, 'w', VA, NULL));
	CHECK_OK(takt_task_unmap(task, VA, PAGE));
	CHECK(IS_TRANSLATION(try(task, 'w', VA, NULL)));
	CHECK_OK(takt_task_map(task, ram, VA, PAGE, PAGE, TAKT_MAP_READ));
	CHECK(IS_PERMISSION(try(task, 'w', VA, NULL)));
}

/* Writes on and on; its fault tells that the mapping ended there. */
static void write_on(void *arg)
{
	struct attempt *a = arg;

	for (;;) {
		*(volatile uint64_t *)a->va = a->result;
		a->result = a->result + 1;
	}
}

TEST(unmapping_reaches_other_cpus)
{
	takt_slot ram = ram_new(PAGE), task = task_new();
	volatile uint64_t *own = window_map(ram, 0, PAGE, RW);
	struct attempt *a = pool_new(sizeof(*a));
	struct worker *w = worker_new(write_on, a);
	struct takt_msg m;
	uint64_t last;

	w->cpu = other_cpu();
	w->task = task;
	w->fault_gate = gate_new(SLOT_THREAD, 1);
	w->prio = HELP_PRIO;
	a->va = VA;
	a->result = 1;
	CHECK_OK(takt_task_map(task, ram, VA, 0, PAGE, RW));
	worker_start(w);
	while (*own < 1000)
		__asm__ volatile("yield");
	CHECK_OK(takt_task_unmap(task, VA, PAGE));
	last = *own;
	await_fault(&m);
	CHECK(IS_TRANSLATION(m.w[TAKT_FAULT_SYNDROME]));
	CHECK_EQ(m.w[TAKT_FAULT_ADDRESS], VA);
	CHECK_EQ(*own, last);
	answer(1);
}

TEST(blocks_are_used_where_they_fit)
{
	takt_slot task = task_bare(), ram = ram_new(2 * BLOCK);
	struct account before;

	CHECK_OK(takt_task_map(task, ram, VA - PAGE, 0, PAGE, RW)); /* the upper tables */
	CHECK_OK(takt_task_map(task, ram, VA + 0x3fe00000, 0, PAGE, RW | TAKT_MAP_ORDER(12)));
	before = account(test_factory);
	CHECK_OK(takt_task_map(task, ram, VA, 0, 2 * BLOCK, RW));
	CHECK(account(test_factory).free + 1 >= before.free); /* no table: the record at most */
	CHECK_OK(takt_task_unmap(task, VA, 2 * BLOCK));
	before = account(test_factory);
	CHECK_OK(takt_task_map(task, ram, VA, 0, 2 * BLOCK, RW | TAKT_MAP_ORDER(12)));
	CHECK_EQ(account(test_factory).free, before.free - 2);
	CHECK_OK(takt_task_unmap(task, VA, 2 * BLOCK));
	/* Not aligned to each other: pages, whatever the order. */
	before = account(test_factory);
	CHECK_OK(takt_task_map(task, ram, VA + 2 * BLOCK + PAGE, 0, BLOCK, RW));
	CHECK_EQ(account(test_factory).free, before.free - 2);
}

TEST(blocks_hold_what_pages_hold)
{
	takt_slot task = task_new(), ram = ram_new(2 * BLOCK);
	volatile uint64_t *own = window_map(ram, 0, 2 * BLOCK, RW | TAKT_MAP_ORDER(12));
	uint64_t result;

	for (uint64_t at = 0; at < 2 * BLOCK; at += PAGE)
		own[at / 8] = at + 1;
	CHECK_OK(takt_task_map(task, ram, VA, 0, 2 * BLOCK, RW));
	CHECK(!try(task, 'r', VA, &result));
	CHECK_EQ(result, 1);
	CHECK(!try(task, 'r', VA + 2 * BLOCK - PAGE, &result));
	CHECK_EQ(result, 2 * BLOCK - PAGE + 1);
	/* A block goes as a whole only. */
	CHECK_ERR(takt_task_unmap(task, VA, BLOCK), TAKT_E_RANGE);
	CHECK_ERR(takt_task_unmap(task, VA, PAGE), TAKT_E_RANGE);
	CHECK_OK(takt_task_unmap(task, VA, 2 * BLOCK));
	CHECK(IS_TRANSLATION(try(task, 'r', VA + 2 * BLOCK - PAGE, NULL)));
}

TEST(map_without_memory_maps_nothing)
{
	takt_slot ram = ram_new(BLOCK);
	uint64_t va = VA + BLOCK / 2; /* the range needs two tables at the end */
	unsigned failures = 0, pages = 5;

	for (;; pages++) {
		takt_slot factory = factory_new(pages), task = slot_new(), child = slot_new();
		int err;

		if (takt_create_task(factory, TAKT_TASK_NATIVE, "poor", task))
			continue;
		err = takt_task_map(task, ram, va, 0, BLOCK, RW | TAKT_MAP_ORDER(12));
		if (!err)
			break;
		failures++;
		CHECK_ERR(err, TAKT_E_NOMEM);
		/* Neither the task nor the extent remembers it. */
		CHECK_ERR(takt_task_unmap(task, va, BLOCK), TAKT_E_RANGE);
		if (failures == 3)
			CHECK_OK(takt_memory_derive(ram, test_factory, 0, PAGE, TAKT_R_ALL, child));
		if (failures == 3)
			break;
	}
	CHECK(failures >= 2);
}

static const struct test tests[] = {
	T(map_errors),
	T(map_flags),
	T(map_needs_the_rights_of_the_access),
	T(mappings_do_not_overlap),
	T(unmap_takes_whole_mappings),
	T(kernel_pages_stay_mapped),
	T(access_is_what_was_mapped),
	T(no_access_beside_a_mapping),
	T(tasks_share_what_is_mapped_into_both),
	T(unmapped_is_gone),
	T(unmapping_reaches_other_cpus),
	T(blocks_are_used_where_they_fit),
	T(blocks_hold_what_pages_hold),
	T(map_without_memory_maps_nothing),
};
const struct suite suite_map = SUITE("map", tests);
