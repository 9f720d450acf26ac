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
	} else if (f->fresh < f->fresh_end) {
		arch_kernel_map(PADDR(f->fresh), PAGE_SIZE);
		n = (u32)(f->fresh >> PAGE_SHIFT);
		f->fresh += PAGE_SIZE;
	} else {
		return FRAME_NONE;
	}
	frame_by_number(n)->owner = f;
	f->free_pages--;
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

	fr->owner = f; /* already so, but for a factory's own first frame */
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

bool kmem_take(struct factory *from, struct factory *to, u32 pages)
{
	bool ok;

	spin_lock(&from->lock);
	ok = from->free_pages >= pages;
	for (u32 i = 0; ok && i < pages; i++) {
		u32 n = take_free(from);

		frame_by_number(n)->owner = to;
		give_frame(to, n);
	}
	if (ok) {
		from->pages -= pages;
		to->pages += pages;
	}
	spin_unlock(&from->lock);
	return ok;
}

/* With to's lock; `from` is nobody else's any more. */
static void give_one(struct factory *from, struct factory *to)
{
	u32 n = take_free(from);

	frame_by_number(n)->owner = to;
	give_frame(to, n);
	from->pages--;
	to->pages++;
}

void kmem_give_one(struct factory *from, struct factory *to)
{
	spin_lock(&to->lock);
	give_one(from, to);
	spin_unlock(&to->lock);
}

void frame_release(u64 pa)
{
	struct frame *fr = frame_of(pa);

	arch_kernel_unmap(PADDR(pa), PAGE_SIZE);
	__atomic_store_n(&fr->born, NOT_OBJECTS, __ATOMIC_RELEASE);
	fr->owner = NULL;
	fr->used = 0;
	fr->count = 0;
	fr->whole = false;
}

void kmem_return(struct factory *from, struct factory *to)
{
	spin_lock(&to->lock);
	while (from->free != FRAME_NONE)
		give_one(from, to);
	spin_unlock(&to->lock);
}
