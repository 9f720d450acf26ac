/* SPDX-License-Identifier: MIT */
/* The frame table and the allocator of kernel memory; see frame.h for why frames are typed. */
#include <arch/inline.h>
#include <core/arch.h>
#include <core/frame.h>
#include <object/factory.h>

struct frame *frame_dir[PHYS_GIBS];

#define NOT_OBJECTS UINT64_MAX
#define SLOT_SHIFT(size_class) (6 + (size_class))
#define SLOTS(size_class) (PAGE_SIZE >> SLOT_SHIFT(size_class))

static u64 next_birth = 1;

u64 birth_next(void)
{
	return __atomic_fetch_add(&next_birth, 1, __ATOMIC_RELAXED);
}

/* The part of one GiB's table between the first and last frame of RAM in it is made; the directory
 * entry is biased so that indexing by frame number within the GiB works. */
static void table_for_gib(u64 gib)
{
	u64 lo = UINT64_MAX, hi = 0;

	for (unsigned i = 0; i < platform.memories; i++) {
		u64 base = MAX(platform.memory[i].base, gib << GIB_SHIFT);
		u64 end = MIN(platform.memory[i].base + platform.memory[i].size,
			      (gib + 1) << GIB_SHIFT);

		if (base < end) {
			lo = MIN(lo, base);
			hi = MAX(hi, end);
		}
	}
	if (lo >= hi)
		return;

	u64 first = (lo >> PAGE_SHIFT) & 0x3ffff;
	u64 count = (hi - lo) >> PAGE_SHIFT;
	struct frame *table = boot_alloc(count * sizeof(struct frame), PAGE_SIZE);

	for (u64 i = 0; i < count; i++)
		table[i].born = NOT_OBJECTS;
	frame_dir[gib] = table - first;
}

void frame_table_init(void)
{
	for (u64 gib = 0; gib < PHYS_GIBS; gib++)
		table_for_gib(gib);
}

static u32 take_free(struct factory *f)
{
	u32 n = f->free;

	if (n != FRAME_NONE) {
		f->free = frame_by_number(n)->next;
		f->free_pages--;
	}
	return n;
}

static void partial_push(struct factory *f, u32 n)
{
	struct frame *fr = frame_by_number(n);

	fr->prev = FRAME_NONE;
	fr->next = f->partial[fr->size_class];
	if (fr->next != FRAME_NONE)
		frame_by_number(fr->next)->prev = n;
	f->partial[fr->size_class] = n;
}

static void partial_remove(struct factory *f, struct frame *fr)
{
	if (fr->prev != FRAME_NONE)
		frame_by_number(fr->prev)->next = fr->next;
	else
		f->partial[fr->size_class] = fr->next;
	if (fr->next != FRAME_NONE)
		frame_by_number(fr->next)->prev = fr->prev;
}

void frame_hold_objects(struct factory *f, u32 n, unsigned size_class)
{
	struct frame *fr = frame_by_number(n);

	fr->owner = f;
	fr->size_class = (u8)size_class;
	fr->whole = false;
	fr->used = 0;
	fr->count = 0;
	/* Births given out from here on are objects of this frame. */
	__atomic_store_n(&fr->born, birth_next(), __ATOMIC_RELEASE);
	partial_push(f, n);
}

static unsigned class_of(size_t size)
{
	unsigned c = 0;

	while (((size_t)64 << c) < size)
		c++;
	ASSERT(c < SIZE_CLASSES);
	return c;
}

void *kmem_alloc(struct factory *f, size_t size)
{
	unsigned cls = class_of(size);
	void *p = NULL;

	spin_lock(&f->lock);
	u32 n = f->partial[cls];
	if (n == FRAME_NONE) {
		n = take_free(f);
		if (n == FRAME_NONE)
			goto out;
		frame_hold_objects(f, n, cls);
	}
	struct frame *fr = frame_by_number(n);
	unsigned slot = (unsigned)__builtin_ctzll(~fr->used);

	fr->used |= 1ul << slot;
	if (++fr->count == SLOTS(cls))
		partial_remove(f, fr);
	p = (char *)kva(PADDR((u64)n << PAGE_SHIFT)) + ((size_t)slot << SLOT_SHIFT(cls));
out:
	spin_unlock(&f->lock);
	if (p)
		memset(p, 0, (size_t)64 << cls);
	return p;
}

void *kmem_alloc_page(struct factory *f)
{
	spin_lock(&f->lock);
	u32 n = take_free(f);

	if (n != FRAME_NONE) {
		struct frame *fr = frame_by_number(n);

		fr->owner = f;
		fr->whole = true;
		fr->used = 1;
		fr->count = 1;
	}
	spin_unlock(&f->lock);
	if (n == FRAME_NONE)
		return NULL;
	void *p = kva(PADDR((u64)n << PAGE_SHIFT));

	memset(p, 0, PAGE_SIZE);
	return p;
}

static void give_frame(struct factory *f, u32 n)
{
	struct frame *fr = frame_by_number(n);

	fr->born = NOT_OBJECTS;
	fr->used = 0;
	fr->count = 0;
	fr->whole = false;
	fr->next = f->free;
	f->free = n;
	f->free_pages++;
}

void kmem_free(void *p)
{
	u64 pa = kpa(p).v;
	struct frame *fr = frame_of(pa);
	struct factory *f = fr->owner;
	u32 n = (u32)(pa >> PAGE_SHIFT);

	spin_lock(&f->lock);
	if (fr->whole) {
		give_frame(f, n);
	} else {
		unsigned slot = (unsigned)((pa & (PAGE_SIZE - 1)) >> SLOT_SHIFT(fr->size_class));

		if (fr->count-- == SLOTS(fr->size_class))
			partial_push(f, n);
		fr->used &= ~(1ul << slot);
		if (fr->count == 0) {
			partial_remove(f, fr);
			give_frame(f, n);
		}
	}
	spin_unlock(&f->lock);
}

void kmem_adopt(struct factory *f, u64 base, u64 size)
{
	/* From the end, so that the list hands out ascending addresses. */
	for (u64 pa = base + size; pa > base;) {
		pa -= PAGE_SIZE;
		frame_of(pa)->owner = f;
		give_frame(f, (u32)(pa >> PAGE_SHIFT));
	}
	f->pages += (u32)(size >> PAGE_SHIFT);
}
