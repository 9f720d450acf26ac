/* SPDX-License-Identifier: MIT */
/* The frame table and the allocator of kernel memory; see frame.h for why frames are typed. */
#include <arch/inline.h>
#include <core/arch.h>
#include <core/frame.h>
#include <object/factory.h>

struct frame *frame_dir[PHYS_GIBS];

#define SLOTS(class) (PAGE_SIZE >> SLOT_SHIFT(class))
#define ALL_SLOTS(class) (~0ul >> (64 - SLOTS(class)))

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
	if (!gib) /* frame 0 is looked up, even where there is no RAM */
		lo = 0;

	u64 first = (lo >> PAGE_SHIFT) & 0x3ffff;
	u64 count = (hi - lo) >> PAGE_SHIFT;
	struct frame *table = boot_alloc(count * sizeof(struct frame), PAGE_SIZE);

	frame_dir[gib] = table - first;
}

void frame_table_init(void)
{
	static struct frame nothing;

	for (u64 gib = 0; gib < PHYS_GIBS; gib++)
		table_for_gib(gib);
	if (!frame_dir[0]) /* empty slots are looked up as frame 0 */
		frame_dir[0] = &nothing;
}

/* --- Frames ----------------------------------------------------------------------------------- */

/* A frame off f's own list, or its share of RAM never used. With f's lock. */
static inline u32 own_frame(struct factory *f)
{
	u32 n = f->free;

	if (n != FRAME_NONE) {
		f->free = frame_by_number(n)->next;
	} else if (f->fresh < f->fresh_end) {
		arch_kernel_map(PADDR(f->fresh), PAGE_SIZE);
		n = (u32)(f->fresh >> PAGE_SHIFT);
		f->fresh += PAGE_SIZE;
	}
	return n;
}

/* A sub-factory has pages set aside for it further up; which ones shows only now. */
static NOINLINE u32 frame_from_above(struct factory *f)
{
	u32 n = FRAME_NONE;

	for (struct factory *up = f->parent; up && n == FRAME_NONE; up = up->parent) {
		spin_lock(&up->lock);
		n = own_frame(up);
		spin_unlock(&up->lock);
	}
	return n;
}

/* With f's lock. */
static inline u32 take_free(struct factory *f)
{
	u32 n;

	if (!f->free_pages)
		return FRAME_NONE;
	n = own_frame(f);
	if (n == FRAME_NONE)
		n = frame_from_above(f);
	ASSERT(n != FRAME_NONE);
	f->free_pages--;
	frame_set_owner(frame_by_number(n), f, FRAME_WHOLE);
	return n;
}

/* With f's lock. */
static void give_frame(struct factory *f, u32 n)
{
	struct frame *fr = frame_by_number(n);

	__atomic_store_n(&fr->unborn, 0, __ATOMIC_RELEASE);
	frame_set_owner(fr, f, FRAME_WHOLE);
	fr->used = 0;
	fr->next = f->free;
	f->free = n;
	f->free_pages++;
}

static void partial_push(struct factory *f, u32 n)
{
	struct frame *fr = frame_by_number(n);
	u32 *head = &f->partial[frame_class(fr)];

	fr->prev = FRAME_NONE;
	fr->next = *head;
	if (fr->next != FRAME_NONE)
		frame_by_number(fr->next)->prev = n;
	*head = n;
}

static void partial_remove(struct factory *f, struct frame *fr)
{
	if (fr->prev != FRAME_NONE)
		frame_by_number(fr->prev)->next = fr->next;
	else
		f->partial[frame_class(fr)] = fr->next;
	if (fr->next != FRAME_NONE)
		frame_by_number(fr->next)->prev = fr->prev;
}

void frame_hold_objects(struct factory *f, u32 n, unsigned size_class)
{
	struct frame *fr = frame_by_number(n);

	frame_set_owner(fr, f, size_class);
	fr->used = 0;
	/* Births given out from here on are objects of this frame. */
	__atomic_store_n(&fr->unborn, ~birth_next(), __ATOMIC_RELEASE);
	partial_push(f, n);
}

/* --- Objects and pages ------------------------------------------------------------------------- */

void *kmem_alloc_class(struct factory *f, unsigned class)
{
	void *p = NULL;

	spin_lock(&f->lock);
	u32 n = f->partial[class];
	if (n == FRAME_NONE) {
		n = take_free(f);
		if (n == FRAME_NONE)
			goto out;
		frame_hold_objects(f, n, class);
	}
	struct frame *fr = frame_by_number(n);
	unsigned slot = (unsigned)__builtin_ctzll(~fr->used);

	fr->used |= 1ul << slot;
	if (fr->used == ALL_SLOTS(class))
		partial_remove(f, fr);
	p = (char *)kva(PADDR((u64)n << PAGE_SHIFT)) + ((size_t)slot << SLOT_SHIFT(class));
out:
	spin_unlock(&f->lock);
	return p;
}

void *kmem_alloc(struct factory *f, size_t size)
{
	void *p = kmem_alloc_raw(f, size);

	return p ? memset(p, 0, (size + 63) & ~63ul) : NULL;
}

void *kmem_alloc_page(struct factory *f)
{
	void *p;

	spin_lock(&f->lock);
	u32 n = take_free(f);

	if (n != FRAME_NONE)
		frame_by_number(n)->used = 1;
	spin_unlock(&f->lock);
	if (n == FRAME_NONE)
		return NULL;
	p = kva(PADDR((u64)n << PAGE_SHIFT));
	zero_pages(p, PAGE_SIZE);
	return p;
}

void kmem_free(void *p)
{
	u64 pa = kpa(p).v;
	struct frame *fr = frame_of(pa);
	struct factory *f = frame_owner(fr);
	unsigned class = frame_class(fr);
	u32 n = (u32)(pa >> PAGE_SHIFT);

	spin_lock(&f->lock);
	if (class == FRAME_WHOLE) {
		give_frame(f, n);
	} else {
		if (fr->used == ALL_SLOTS(class))
			partial_push(f, n);
		fr->used &= ~(1ul << ((pa & (PAGE_SIZE - 1)) >> SLOT_SHIFT(class)));
		if (!fr->used) {
			partial_remove(f, fr);
			give_frame(f, n);
		}
	}
	spin_unlock(&f->lock);
}

/* --- Between factories ------------------------------------------------------------------------ */

bool kmem_reserve(struct factory *from, struct factory *to, u32 pages)
{
	bool ok;

	spin_lock(&from->lock);
	ok = from->free_pages >= pages;
	if (ok) {
		from->free_pages -= pages;
		from->pages -= pages;
		to->free_pages = to->pages = pages;
	}
	spin_unlock(&from->lock);
	return ok;
}

bool kmem_return(struct factory *sub, unsigned most)
{
	struct factory *up = sub->parent;
	bool all;

	spin_lock(&up->lock);
	while (most-- && sub->free != FRAME_NONE) {
		u32 n = sub->free;

		sub->free = frame_by_number(n)->next;
		give_frame(up, n);
		sub->pages--;
		sub->free_pages--;
		up->pages++;
	}
	all = sub->free == FRAME_NONE;
	if (all) { /* the others were never taken */
		up->pages += sub->pages;
		up->free_pages += sub->free_pages;
		sub->pages = sub->free_pages = 0;
	}
	spin_unlock(&up->lock);
	return all;
}

void frame_forget(u64 pa)
{
	__atomic_store_n(&frame_of(pa)->unborn, 0, __ATOMIC_RELEASE);
}

void frame_release(u64 pa)
{
	struct frame *fr = frame_of(pa);

	arch_kernel_unmap(PADDR(pa), PAGE_SIZE);
	__atomic_store_n(&fr->unborn, 0, __ATOMIC_RELEASE);
	fr->owner = 0;
	fr->used = 0;
}
