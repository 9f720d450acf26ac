/* SPDX-License-Identifier: MIT */
/* Address space for what a program maps itself. */
#include <stdatomic.h>

#include "rt_internal.h"

#define BLOCK 0x200000ull /* large enough for block mappings */

static _Atomic uint64_t free_next = TAKT_VA_FREE;
static _Atomic uint64_t device_next = TAKT_VA_DEVICES;

/* Takes [result, result + size) below `end`, and leaves a page unmapped behind it. */
static uint64_t take(_Atomic uint64_t *next, uint64_t end, uint64_t size, uint64_t align)
{
	uint64_t old = atomic_load(next), start;

	if (!size || size > end || !align || align & (align - 1))
		return 0;
	do {
		start = (old + align - 1) & ~(align - 1);
		if (start > end - size)
			return 0;
	} while (!atomic_compare_exchange_weak(next, &old, start + size + TAKT_PAGE_SIZE));
	return start;
}

uint64_t rt_va_alloc(uint64_t size, uint64_t align)
{
	size = (size + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	if (align < TAKT_PAGE_SIZE)
		align = TAKT_PAGE_SIZE;
	return take(&free_next, TAKT_VA_FREE_END, size, align);
}

void *rt_map(takt_slot extent, uint64_t offset, uint64_t size, uint64_t flags)
{
	uint64_t va = rt_va_alloc(size, size >= BLOCK ? BLOCK : TAKT_PAGE_SIZE);

	if (!va || takt_task_map(TAKT_SELF_TASK, extent, va, offset, size, flags))
		return NULL;
	return (void *)va;
}

volatile void *rt_map_device(takt_slot extent, uint64_t size)
{
	uint64_t base, all, va;

	if (takt_memory_info(extent, &base, &all))
		return NULL;
	if (!size)
		size = all;
	size = (size + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	va = take(&device_next, TAKT_VA_DEVICES_END, size, TAKT_PAGE_SIZE);
	if (!va || takt_task_map(TAKT_SELF_TASK, extent, va, 0, size,
				 TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE))
		return NULL;
	return (volatile void *)va;
}
