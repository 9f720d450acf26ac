/* SPDX-License-Identifier: MIT */
/*
 * The kernel's mapping; layout.h says what lies where. After boot no table is added: kernel frames
 * are mapped by writing one entry of a table that exists, and each frame's entry is written only by
 * who owns the frame, so that no lock is needed.
 */
#include <arch/boot.h>
#include <arch/cache.h>
#include <arch/entry.h>
#include <core/arch.h>
#include <core/cpu.h>
#include <takt/objects.h>

extern u64 idmap_l1[], image_l2[]; /* boot.c */

static u64 kernel_l1[TABLE_ENTRIES] ALIGNED(4096);
static u64 area_l2[TABLE_ENTRIES] ALIGNED(4096);
static u64 area_l3[AREA_TABLES][TABLE_ENTRIES] ALIGNED(4096);
static u64 window_l3[TABLE_ENTRIES] ALIGNED(4096);
static unsigned area_next; /* pages used */

/* New entries are visible to the table walks of all CPUs, and to what this one does next. */
static void entries_written(void)
{
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

void mmu_early_init(void)
{
	u64 area = image_pa(area_l2).v | ENTRY_TABLE;

	for (unsigned i = 0; i < AREA_TABLES; i++)
		area_l2[i] = image_pa(area_l3[i]).v | ENTRY_TABLE;
	area_l2[INDEX_L2(WINDOW_VA)] = image_pa(window_l3).v | ENTRY_TABLE;
	kernel_l1[INDEX_L1(IMAGE_VA)] = idmap_l1[INDEX_L1(IMAGE_VA)];
	kernel_l1[INDEX_L1(AREA_VA)] = area;
	idmap_l1[INDEX_L1(AREA_VA)] = area;
	entries_written();
}

/* The root without the identity mapped page. The image's entries are the same in both. */
void mmu_use_kernel_root(void)
{
	entries_written();
	WRITE_SYSREG(ttbr0_el2, image_pa(kernel_l1).v);
	isb();
	__asm__ volatile("tlbi alle2\n\tdsb nsh\n\tisb" : : : "memory");
}

void *map_area(paddr_t pa, u64 size, bool device)
{
	u64 offset = pa.v & (PAGE_SIZE - 1);
	u64 pages = ALIGN_UP(offset + size, PAGE_SIZE) >> PAGE_SHIFT;
	u64 entry = (pa.v - offset) | (device ? PAGE_DEVICE : PAGE_CONST);
	u64 va = AREA_VA + area_next * PAGE_SIZE + offset;

	if (pages > AREA_TABLES * TABLE_ENTRIES - area_next)
		return NULL;
	for (u64 i = 0; i < pages; i++) {
		area_l3[area_next / TABLE_ENTRIES][area_next % TABLE_ENTRIES] =
			entry + i * PAGE_SIZE;
		area_next++;
	}
	entries_written();
	return (void *)va;
}

void *arch_map_device(u64 base, u64 size)
{
	void *va = map_area(PADDR(base), size, true);

	if (!va)
		panic("no room to map the device at %lx, %lx bytes", base, size);
	return va;
}

/* --- Window ------------------------------------------------------------------------------- */

/*
 * The window tables are common to all CPUs, but only CPU n uses window n; so invalidating it there
 * is enough. What others may have fetched speculatively is never used.
 */
void *arch_window(paddr_t frame)
{
	unsigned cpu = this_cpu()->id;

	if (window_l3[cpu])
		arch_window_close();
	window_l3[cpu] = frame.v | PAGE_DATA;
	__asm__ volatile("dsb nshst\n\tisb" : : : "memory");
	return (void *)(WINDOW_VA + cpu * PAGE_SIZE);
}

void arch_window_close(void)
{
	unsigned cpu = this_cpu()->id;

	window_l3[cpu] = 0;
	__asm__ volatile("dsb nshst\n\ttlbi vae2, %0\n\tdsb nsh\n\tisb"
			 :
			 : "r"((WINDOW_VA + cpu * PAGE_SIZE) >> PAGE_SHIFT)
			 : "memory");
}

void arch_clear_frame(paddr_t frame)
{
	void *p = arch_window(frame);

	zero_pages(p, PAGE_SIZE);
	cache_clean_invalidate(p, PAGE_SIZE);
	arch_window_close();
}

void arch_sync_frame(paddr_t frame, u64 size, unsigned kind)
{
	u64 offset = frame.v & (PAGE_SIZE - 1);
	char *p = (char *)arch_window(PADDR(frame.v - offset)) + offset;

	if (kind == TAKT_SYNC_CODE)
		cache_sync_code(p, size);
	else
		cache_clean_invalidate(p, size);
	arch_window_close();
}

/* --- One to one --------------------------------------------------------------------------- */

static u64 *linear_entry(u64 pa)
{
	u64 *l2 = entry_table(kernel_l1[INDEX_L1(pa)]);
	u64 *l3 = entry_table(l2[INDEX_L2(pa)]);

	return &l3[INDEX_L3(pa)];
}

void arch_kernel_map(paddr_t pa, u64 size)
{
	for (u64 a = pa.v; a < pa.v + size; a += PAGE_SIZE)
		*linear_entry(a) = a | PAGE_DATA;
	entries_written();
}

void arch_kernel_unmap(paddr_t pa, u64 size)
{
	for (u64 a = pa.v; a < pa.v + size; a += PAGE_SIZE)
		*linear_entry(a) = 0;
	__asm__ volatile("dsb ishst" : : : "memory");
	for (u64 a = pa.v; a < pa.v + size; a += PAGE_SIZE)
		__asm__ volatile("tlbi vae2is, %0" : : "r"(a >> PAGE_SHIFT) : "memory");
	__asm__ volatile("dsb ish\n\tisb" : : : "memory");
}

/* --- Tables for all RAM, made while booting ------------------------------------------------ */

/* Table frames: as many as needed, in one piece, taken one by one. They are written through the
 * window until they are mapped themselves. */
static u64 pool, pool_size, pool_used;

static u64 pool_take(void)
{
	u64 frame = pool + pool_used;

	pool_used += PAGE_SIZE;
	zero_pages(arch_window(PADDR(frame)), PAGE_SIZE);
	return frame;
}

/* Calls `visit` for every 2 MiB that hold RAM, in order, once. */
static void for_chunks(void (*visit)(u64 chunk))
{
	u64 next = 0;

	for (unsigned i = 0; i < platform.memories; i++) {
		u64 end = platform.memory[i].base + platform.memory[i].size;

		next = MAX(next, ALIGN_DOWN(platform.memory[i].base, L2_SIZE));
		for (; next < end; next += L2_SIZE)
			visit(next);
	}
}

static u64 counted_gib = UINT64_MAX;

static void count_chunk(u64 chunk)
{
	pool_size += PAGE_SIZE;
	if (chunk >> L1_SHIFT != counted_gib) {
		counted_gib = chunk >> L1_SHIFT;
		pool_size += PAGE_SIZE;
	}
}

static void make_chunk(u64 chunk)
{
	u64 *l1 = &kernel_l1[INDEX_L1(chunk)];
	u64 *l2;
	u64 l3;

	if (!*l1)
		*l1 = pool_take() | ENTRY_TABLE;
	l3 = pool_take();
	l2 = arch_window(PADDR(*l1 & ENTRY_ADDRESS));
	l2[INDEX_L2(chunk)] = l3 | ENTRY_TABLE;
}

/* As arch_kernel_map for one frame, before the tables themselves are mapped. */
static void map_by_window(u64 pa)
{
	u64 *l2 = arch_window(PADDR(kernel_l1[INDEX_L1(pa)] & ENTRY_ADDRESS));
	u64 *l3 = arch_window(PADDR(l2[INDEX_L2(pa)] & ENTRY_ADDRESS));

	l3[INDEX_L3(pa)] = pa | PAGE_DATA;
}

void mmu_init_linear(void)
{
	for_chunks(count_chunk);
	pool = boot_take(pool_size, PAGE_SIZE);
	for_chunks(make_chunk);
	for (u64 pa = pool; pa < pool + pool_used; pa += PAGE_SIZE)
		map_by_window(pa);
	arch_window_close();
	entries_written();
}
