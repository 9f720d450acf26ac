/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory. The frame table, made at boot, has an entry for every frame of RAM. A frame that
 * belongs to a factory holds either objects of one size class or one whole page (table, UTCB, ...).
 *
 * This is what lets a stale capability fail closed: a slot remembers an object's birth number, and
 * a frame remembers in `born` the number from which on births in it are objects (UINT64_MAX when it
 * holds none). A slot whose birth is older than `born` is not followed; a younger one points to
 * memory that is an object's still, and object.birth tells whether it is the same one.
 */
#ifndef CORE_FRAME_H
#define CORE_FRAME_H

#include <core/types.h>

struct factory;

struct frame {
	struct factory *owner; /* null: not kernel memory, or the kernel's own from boot */
	u64 born;
	u64 used;	 /* bitmap of the slots in use */
	u32 next, prev;	 /* frame numbers: the factory's free or partial list */
	u8 size_class;	 /* slots are 64 << size_class bytes */
	bool whole;	 /* one allocation of a page, not slots */
	u16 count;	 /* slots in use */
	u32 reserved;
};

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

/* A zeroed page that holds no objects, or null. */
void *kmem_alloc_page(struct factory *f) MUST_CHECK;

/* Gives back; no CPU may hold a pointer into it any more. */
void kmem_free(void *p);

/* The factory that owns the memory at p. */
static inline struct factory *kmem_owner(const void *p)
{
	return frame_of((u64)p)->owner;
}

/* Moves free pages to another factory: `pages` of them, or all free ones. */
bool kmem_take(struct factory *from, struct factory *to, u32 pages) MUST_CHECK;
void kmem_return(struct factory *from, struct factory *to);
void kmem_give_one(struct factory *from, struct factory *to);

/* A frame that is kernel memory no longer; its content is cleared. */
void frame_release(u64 pa);

/* Makes frame n one that holds objects of a size class, and puts it on f's partial list. With f's
 * lock held, or before f is known to anybody. */
void frame_hold_objects(struct factory *f, u32 n, unsigned size_class);

/* The next birth number. Never reused: at one a nanosecond, 64 bits last for centuries. */
u64 birth_next(void) MUST_CHECK;

#endif
