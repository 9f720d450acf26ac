/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory. The frame table, made at boot, has an entry for every frame of RAM. A frame that
 * belongs to a factory holds either objects of one size class or one whole page (table, UTCB, ...).
 *
 * This is what lets a stale capability fail closed: a slot remembers an object's birth number, and
 * a frame remembers since which one it holds objects, or that it holds none. A slot whose birth is
 * older is not followed; a younger one points to memory that is an object's still, and object.birth
 * tells whether it is the same one.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <core/types.h>

struct factory;

struct frame {
	u64 owner;	/* factory, and below its alignment FRAME_CLASS; 0: not kernel memory */
	u64 unborn;	/* ~ the last birth before it held objects; 0: it holds none. So that the
			   table needs nothing but zeroes at boot */
	u64 used;	/* bitmap of the slots in use */
	u32 next, prev; /* frame numbers: the factory's free or partial list */
};
_Static_assert(sizeof(struct frame) == 32, "one per frame of RAM");

#define FRAME_CLASS 0x7ul /* slots are 64 << class bytes, or FRAME_WHOLE */
#define FRAME_WHOLE 0x7u  /* one allocation of a page, or free */

#define SLOT_SHIFT(class) (6 + (class))
#define SIZE_CLASSES 6 /* 64, 128, 256, 512, 1024, 2048 bytes */
#define FRAME_NONE 0u
#define GIB_SHIFT 30
#define PHYS_GIBS 256 /* physical addresses up to 256 GiB, as the kernel's mapping */

/* One table per GiB that holds RAM; null elsewhere. */
extern struct frame *frame_dir[PHYS_GIBS];

static inline struct frame *frame_of(u64 pa)
{
	return &frame_dir[pa >> GIB_SHIFT][(pa >> PAGE_SHIFT) & 0x3ffff];
}

static inline struct frame *frame_by_number(u32 pfn)
{
	return frame_of((u64)pfn << PAGE_SHIFT);
}

/* Boot: makes the table. */
void frame_table_init(void);

/* A zeroed block of `size` bytes for an object of the factory, or null. */
void *kmem_alloc(struct factory *f, size_t size) MUST_CHECK;

/* The same, not zeroed, for who writes all of it; in slots of a size class. */
void *kmem_alloc_class(struct factory *f, unsigned size_class) MUST_CHECK;
static inline unsigned kmem_class(size_t size)
{
	return size <= 64 ? 0 : 58 - (unsigned)__builtin_clzll(size - 1);
}
static inline void *kmem_alloc_raw(struct factory *f, size_t size)
{
	return kmem_alloc_class(f, kmem_class(size));
}

/* A zeroed page that holds no objects, or null. */
void *kmem_alloc_page(struct factory *f) MUST_CHECK;

/* Gives back; no CPU may hold a pointer into it any more. */
void kmem_free(void *p);

static inline struct factory *frame_owner(const struct frame *fr)
{
	return (struct factory *)(fr->owner & ~FRAME_CLASS);
}
static inline unsigned frame_class(const struct frame *fr)
{
	return fr->owner & FRAME_CLASS;
}
static inline void frame_set_owner(struct frame *fr, const struct factory *f, unsigned class)
{
	fr->owner = (u64)f | class;
}

/* Objects with this birth may be in the frame. */
static inline bool frame_holds(const struct frame *fr, u64 birth)
{
	return birth > ~LOAD_ONCE(fr->unborn);
}

/* The factory that owns the memory at p. */
static inline struct factory *kmem_owner(const void *p)
{
	return frame_owner(frame_of((u64)p));
}

/* Sets pages of `from` aside for the factory `to`, which takes the frames when it needs them. */
bool kmem_reserve(struct factory *from, struct factory *to, u32 pages) MUST_CHECK;
/* Gives up to `most` frames of a sub-factory that ends back to its parent. True when that was all. */
bool kmem_return(struct factory *sub, unsigned most) MUST_CHECK;

/* Whatever objects were in the frame, no capability leads there any more. */
void frame_forget(u64 pa);

/* A frame that is kernel memory no longer; its content is cleared. */
void frame_release(u64 pa);

/* Makes frame n one that holds objects of a size class, and puts it on f's partial list. With f's
 * lock held, or before f is known to anybody. */
void frame_hold_objects(struct factory *f, u32 n, unsigned size_class);

/* The next birth number. Never reused: at one a nanosecond, 64 bits last for centuries. */
u64 birth_next(void) MUST_CHECK;

#endif
