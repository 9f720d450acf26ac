/* SPDX-License-Identifier: MIT */
/* Physical memory. What the kernel has not mapped, and what it gave back, must not be touched: the
 * address sanitizer watches that. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <arch/fake.h>

#include "internal.h"

#ifdef FAKE_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define FRAMES (FAKE_RAM_SIZE / PAGE_SIZE)

static bool mapped[FRAMES];
static u64 boot_at;

static u64 frame_index(u64 pa)
{
	ASSERT(pa >= FAKE_RAM && pa < FAKE_RAM + FAKE_RAM_SIZE);
	return (pa - FAKE_RAM) / PAGE_SIZE;
}

bool fake_mapped(u64 pa)
{
	return mapped[frame_index(pa)];
}

void fake_memory_init(void)
{
	void *ram = mmap((void *)FAKE_RAM, FAKE_RAM_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (ram != (void *)FAKE_RAM) {
		perror("# mmap of the fake RAM");
		exit(1);
	}
	/* What was in memory before the kernel: not zeros. */
	memset(ram, 0x5a, FAKE_RAM_SIZE);
	boot_at = FAKE_RAM;
	ASAN_POISON_MEMORY_REGION(ram, FAKE_RAM_SIZE);
}

void *boot_alloc(u64 size, u64 align)
{
	u64 at = ALIGN_UP(boot_at, align);

	boot_at = at + size;
	ASSERT(boot_at <= platform.image.base + platform.image.size);
	ASAN_UNPOISON_MEMORY_REGION((void *)at, size);
	memset((void *)at, 0, size);
	return (void *)at;
}

unsigned arch_free_memory(struct region *out, unsigned max)
{
	u64 base = platform.archive.base + ALIGN_UP(platform.archive.size, PAGE_SIZE);

	ASSERT(max);
	out[0] = (struct region){base, FAKE_RAM + FAKE_RAM_SIZE - base};
	return 1;
}

void arch_kernel_map(paddr_t pa, u64 size)
{
	ASSERT(IS_ALIGNED(pa.v | size, PAGE_SIZE));
	for (u64 at = pa.v; at < pa.v + size; at += PAGE_SIZE) {
		ASSERT(!mapped[frame_index(at)]);
		mapped[frame_index(at)] = true;
	}
	ASAN_UNPOISON_MEMORY_REGION(kva(pa), size);
}

void arch_kernel_unmap(paddr_t pa, u64 size)
{
	ASSERT(IS_ALIGNED(pa.v | size, PAGE_SIZE));
	for (u64 at = pa.v; at < pa.v + size; at += PAGE_SIZE) {
		ASSERT(mapped[frame_index(at)]);
		mapped[frame_index(at)] = false;
	}
	ASAN_POISON_MEMORY_REGION(kva(pa), size);
}

void *arch_window(paddr_t frame)
{
	(void)frame;
	panic("nobody needs a window here");
}

void arch_window_close(void)
{
}

void arch_clear_frame(paddr_t frame)
{
	ASSERT(!mapped[frame_index(frame.v)]);
	ASAN_UNPOISON_MEMORY_REGION(kva(frame), PAGE_SIZE);
	memset(kva(frame), 0, PAGE_SIZE);
	ASAN_POISON_MEMORY_REGION(kva(frame), PAGE_SIZE);
}

void arch_sync_frame(paddr_t frame, u64 size, unsigned kind)
{
	ASSERT(!mapped[frame_index(frame.v)] && size <= PAGE_SIZE && kind <= 1);
}

u8 fake_peek(u64 pa)
{
	u8 v;

	ASSERT(!mapped[frame_index(pa)]);
	ASAN_UNPOISON_MEMORY_REGION((void *)ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE);
	v = *(u8 *)pa;
	ASAN_POISON_MEMORY_REGION((void *)ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE);
	return v;
}

void fake_poke(u64 pa, u8 v)
{
	ASSERT(!mapped[frame_index(pa)]);
	ASAN_UNPOISON_MEMORY_REGION((void *)ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE);
	*(u8 *)pa = v;
	ASAN_POISON_MEMORY_REGION((void *)ALIGN_DOWN(pa, PAGE_SIZE), PAGE_SIZE);
}

/* The kernel's memset, see meson.build: memory that is zeroed as a whole is in use again. */
void *fake_memset(void *p, int c, size_t n)
{
	u64 at = (u64)p;

	if (at >= FAKE_RAM && at < FAKE_RAM + FAKE_RAM_SIZE) {
		ASSERT(mapped[frame_index(at)] && mapped[frame_index(at + n - 1)]);
		ASAN_UNPOISON_MEMORY_REGION(p, n);
	}
	return memset(p, c, n);
}

void zero_pages(void *p, u64 size)
{
	ASSERT(IS_ALIGNED((u64)p | size, PAGE_SIZE));
	fake_memset(p, 0, size);
}

/* Memory that was given back is out of bounds, but for an object's first word: a stale capability
 * looks there for the birth number. */
void __wrap_kmem_free(void *p);
void __real_kmem_free(void *p);
void __wrap_kmem_free(void *p)
{
	struct frame *fr = frame_of((u64)p);
	bool whole = frame_class(fr) == FRAME_WHOLE;
	u64 keep = whole ? 0 : sizeof(u64);
	u64 size = whole ? PAGE_SIZE : 64ul << frame_class(fr);

	ASSERT(frame_owner(fr) && (whole || fr->used >> ((u64)p % PAGE_SIZE / size) & 1));
	if (keep)
		ASSERT(*(u64 *)p == 0); /* nobody finds it any more */
	/* Before: a CPU stopped at the end of it finds the memory in use again, by another one. */
	ASAN_POISON_MEMORY_REGION((char *)p + keep, size - keep);
	__real_kmem_free(p);
}

/* What is written by its owner as a whole, without fake_memset. */
void *__wrap_kmem_alloc_class(struct factory *f, unsigned size_class);
void *__real_kmem_alloc_class(struct factory *f, unsigned size_class);
void *__wrap_kmem_alloc_class(struct factory *f, unsigned size_class)
{
	void *p = __real_kmem_alloc_class(f, size_class);

	if (p)
		ASAN_UNPOISON_MEMORY_REGION(p, 64ul << size_class);
	return p;
}
