/* SPDX-License-Identifier: MIT */
/*
 * What root has to give, and who has it: capability slots of its table, and RAM. Both are booked for
 * an owner, so that all of a compartment's can be taken back at once.
 *
 * The watcher only reads here, and what it reads is for information. All else is the worker's, or
 * before there is one.
 */
#include <string.h>
#include <takt/rt.h>

#include "../../lib/rt/rt_internal.h"
#include "root.h"

#define HEAP_SIZE 0x40000
#define BLOCK 0x200000ull
#define MAX_RANGES 256 /* as many children as an extent of the kernel's can have */
#define NOBODY 0xff

_Static_assert(OWNER_ROOT < NOBODY, "owners fit into a byte");
_Static_assert((int)TAKT_SELF_TASK == (int)TAKT_ROOT_TASK &&
	       (int)TAKT_SELF_THREAD == (int)TAKT_ROOT_THREAD &&
	       (int)TAKT_SELF_FACTORY == (int)TAKT_ROOT_FACTORY &&
	       (int)TAKT_SELF_SCHEDULER == (int)TAKT_ROOT_SCHEDULER &&
	       (int)TAKT_SELF_LOG == (int)TAKT_ROOT_LOG,
	       "the runtime finds in root what it finds in every program");

static uint8_t slot_owner[TAKT_ROOT_SLOTS - TAKT_ROOT_FREE]; /* 1 + owner; 0: free */

/* What is taken of the extent TAKT_ROOT_MEMORY + region. */
static struct range {
	uint64_t offset, size;
	uint8_t region, owner;
} ranges[MAX_RANGES];
static unsigned range_count;

const struct takt_bootinfo *bootinfo(void)
{
	return (const struct takt_bootinfo *)TAKT_ROOT_BOOTINFO_VA;
}

/* --- Slots ------------------------------------------------------------------------------------ */

takt_slot slots_alloc(unsigned owner, unsigned count)
{
	unsigned run = 0;

	for (unsigned i = 0; i < sizeof(slot_owner); i++) {
		run = slot_owner[i] ? 0 : run + 1;
		if (run < count)
			continue;
		memset(&slot_owner[i + 1 - count], (int)owner + 1, count);
		return TAKT_ROOT_FREE + i + 1 - count;
	}
	return 0;
}

takt_slot slot_alloc(unsigned owner)
{
	return slots_alloc(owner, 1);
}

/* Most of them are stale by now, which is as good as empty; what is not is emptied here. */
static void slots_release(unsigned owner)
{
	for (unsigned i = 0, n; i < sizeof(slot_owner); i += n) {
		for (n = 0; i + n < sizeof(slot_owner) && slot_owner[i + n] == owner + 1; n++)
			slot_owner[i + n] = 0;
		if (n)
			(void)checked(NULL, "emptying slots",
				      takt_task_cap_delete(TAKT_ROOT_TASK, TAKT_ROOT_FREE + i, n));
		else
			n = 1;
	}
}

/* --- RAM -------------------------------------------------------------------------------------- */

/* Where it overlaps something; null if it is free. */
static const struct range *taken(unsigned region, uint64_t offset, uint64_t size)
{
	for (unsigned i = 0; i < range_count; i++) {
		const struct range *r = &ranges[i];

		if (r->region == region && offset < r->offset + r->size &&
		    r->offset < offset + size)
			return r;
	}
	return NULL;
}

/* Small pieces come from the low end, large ones, aligned, from the high end. Returns an offset, or
 * UINT64_MAX. */
static uint64_t find_room(unsigned region, uint64_t size)
{
	uint64_t base = bootinfo()->memory[region].base, all = bootinfo()->memory[region].size;
	uint64_t at = 0, end = all;
	const struct range *r;

	if (size < BLOCK) {
		while (at <= all && size <= all - at) {
			r = taken(region, at, size);
			if (!r)
				return at;
			at = r->offset + r->size;
		}
		return UINT64_MAX;
	}
	while (end >= size) {
		at = (base + end - size) & ~(BLOCK - 1);
		if (at < base)
			return UINT64_MAX;
		at -= base;
		r = taken(region, at, size);
		if (!r)
			return at;
		end = r->offset;
	}
	return UINT64_MAX;
}

int ram_alloc(unsigned owner, takt_slot factory, uint64_t size, uint64_t rights, takt_slot *slot)
{
	size = (size + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	*slot = slot_alloc(owner);
	if (!*slot || range_count == MAX_RANGES)
		return TAKT_E_QUOTA;
	for (unsigned i = 0; i < bootinfo()->memories; i++) {
		uint64_t offset = find_room(i, size);
		int err;

		if (offset == UINT64_MAX)
			continue;
		err = takt_memory_derive(TAKT_ROOT_MEMORY + i, factory, offset, size, rights,
					 *slot);
		if (err)
			return err;
		ranges[range_count++] = (struct range){offset, size, (uint8_t)i, (uint8_t)owner};
		return 0;
	}
	return TAKT_E_NOMEM;
}

static void ram_release(unsigned owner)
{
	for (unsigned i = 0; i < range_count;) {
		if (ranges[i].owner == owner)
			ranges[i] = ranges[--range_count];
		else
			i++;
	}
}

uint64_t ram_of(unsigned owner)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < range_count; i++)
		if (ranges[i].owner == owner)
			sum += ranges[i].size;
	return sum;
}

/* Root's own instead of the runtime's: there is no TAKT_SELF_MEMORY. Where it fails, malloc does,
 * and who called that complains. */
void rt_heap_init(void)
{
	takt_slot slot;

	if (ram_alloc(OWNER_ROOT, TAKT_ROOT_FACTORY, HEAP_SIZE,
		      TAKT_R_MEM_READ | TAKT_R_MEM_WRITE, &slot) ||
	    takt_task_map(TAKT_ROOT_TASK, slot, TAKT_VA_HEAP, 0, HEAP_SIZE,
			  TAKT_MAP_READ | TAKT_MAP_WRITE))
		return;
	rt_heap_set(TAKT_VA_HEAP, HEAP_SIZE);
}

/* --- All together ----------------------------------------------------------------------------- */

void account_close(unsigned owner)
{
	slots_release(owner);
	ram_release(owner);
}

/* Nothing here may wait for another CPU: the watcher calls it on somebody else's time. */
void account_read(struct control_account *a)
{
	uint64_t factory[3] = {0}, scheduler[2] = {0};

	*a = (struct control_account){.cpus = bootinfo()->cpus, .started = started};
	for (unsigned i = 0; i < bootinfo()->memories; i++)
		a->ram += bootinfo()->memory[i].size;
	a->ram_free = a->ram;
	for (unsigned i = 0; i < range_count; i++)
		a->ram_free -= ranges[i].size;
	if (!takt_factory_info(TAKT_ROOT_FACTORY, factory)) {
		a->kernel_memory = factory[0] * TAKT_PAGE_SIZE;
		a->kernel_free = factory[1] * TAKT_PAGE_SIZE;
		a->objects = factory[2];
	}
	for (unsigned i = 0; i < sizeof(slot_owner); i++)
		a->slots_free += !slot_owner[i];
	for (unsigned i = 0; i < bootinfo()->cpus; i++)
		if (!takt_scheduler_account(TAKT_ROOT_SCHEDULER, i, scheduler))
			a->share_free[i] = scheduler[1];
}
