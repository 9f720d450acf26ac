/* SPDX-License-Identifier: MIT */
/* What RAM is free at boot, and the allocator that takes from it until core/ takes over. */
#include <arch/boot.h>
#include <arch/cache.h>
#include <core/arch.h>

/* All ranges are page-aligned and disjoint. Each of the areas that are in use can split one. */
#define FREE_MAX (PLATFORM_REGIONS * 2 + 4)

static struct region free_ram[FREE_MAX];
static unsigned free_count;
static u64 piece, piece_left; /* rest of the page of the last small boot_alloc */

static void free_add(u64 base, u64 end)
{
	if (base >= end)
		return;
	if (free_count == FREE_MAX) /* lost, not wrong */
		return;
	free_ram[free_count].base = base;
	free_ram[free_count].size = end - base;
	free_count++;
}

static void free_exclude(const struct region *r)
{
	u64 from = ALIGN_DOWN(r->base, PAGE_SIZE);
	u64 to = ALIGN_UP(r->base + r->size, PAGE_SIZE);
	unsigned n = free_count;

	if (!r->size)
		return;
	for (unsigned i = 0; i < n; i++) {
		u64 base = free_ram[i].base, end = base + free_ram[i].size;

		if (to <= base || from >= end)
			continue;
		free_ram[i].size = 0; /* replaced by what is left on both sides */
		free_add(base, MIN(from, end));
		free_add(MAX(to, base), end);
	}

	unsigned kept = 0;

	for (unsigned i = 0; i < free_count; i++) {
		if (free_ram[i].size)
			free_ram[kept++] = free_ram[i];
	}
	free_count = kept;
}

void memory_init(void)
{
	for (unsigned i = 0; i < platform.memories; i++)
		free_add(platform.memory[i].base,
			 platform.memory[i].base + platform.memory[i].size);
	free_exclude(&platform.image);
	free_exclude(&platform.dtb);
	free_exclude(&platform.archive);
	for (unsigned i = 0; i < platform.reserved_count; i++)
		free_exclude(&platform.reserved[i]);
}

/* From the end of the largest range, so that what is left stays well aligned. */
u64 boot_take(u64 size, u64 align)
{
	struct region *best = &free_ram[0];
	u64 base;

	for (unsigned i = 1; i < free_count; i++) {
		if (free_ram[i].size > best->size)
			best = &free_ram[i];
	}
	size = ALIGN_UP(size, PAGE_SIZE);
	align = MAX(align, PAGE_SIZE);
	if (!free_count || best->size < size)
		panic("no memory for %lu KiB of tables", size >> 10);
	base = ALIGN_DOWN(best->base + best->size - size, align);
	if (base < best->base)
		panic("no memory for %lu KiB of tables", size >> 10);
	free_add(base + size, best->base + best->size);
	best->size = base - best->base;
	return base;
}

void *boot_alloc(u64 size, u64 align)
{
	u64 skip = -piece & (align - 1);
	u64 pa;

	if (skip <= piece_left && size <= piece_left - skip) {
		pa = piece + skip;
		piece_left -= skip + size;
	} else {
		pa = boot_take(size, align);
		arch_kernel_map(PADDR(pa), ALIGN_UP(size, PAGE_SIZE));
		zero_pages((void *)pa, ALIGN_UP(size, PAGE_SIZE));
		piece_left = ALIGN_UP(size, PAGE_SIZE) - size;
	}
	piece = pa + size;
	return (void *)pa;
}

unsigned arch_free_memory(struct region *out, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < free_count && n < max; i++) {
		if (free_ram[i].size)
			out[n++] = free_ram[i];
	}
	return n;
}
