/* SPDX-License-Identifier: MIT */
/* Factory: kernel memory for objects, made from an extent. */
#ifndef OBJECT_FACTORY_H
#define OBJECT_FACTORY_H

#include <arch/inline.h>
#include <core/object.h>

struct memory;

struct factory {
	struct object object;
	struct spinlock lock;
	u32 pages, free_pages;
	u32 objects;
	u32 free;		    /* frame list */
	u64 fresh, fresh_end;	    /* frames never used yet: not mapped for the kernel */
	struct object *limbo;	    /* destroyed objects that some CPU may still be looking at, */
	struct object *limbo_last;  /* oldest first */
	u64 cursor;		    /* destroy: no living object lies below it */
	u64 dying_round;	    /* destroy: after it, no new object comes out of it */
	u64 release_round;	    /* destroy: after it, no CPU looks for an object in its frames */
	u32 partial[SIZE_CLASSES];  /* frames with free slots */
	struct factory *parent;	    /* sub-factory */
	struct memory *extent;	    /* else, what it is made of */
};
#define FACTORY_SIZE_CLASS 2
_Static_assert(sizeof(struct factory) <= 64 << FACTORY_SIZE_CLASS, "size class");

/* Turns [base, base + size) into kernel memory, with the factory that hands it out at its start. */
struct factory *factory_in(u64 base, u64 size, struct memory *extent);

/* The next object in it that is not destroyed yet, from f->cursor on; null when there is none.
 * Looks at a bounded number of frames: *more tells that it has to be called again. */
struct object *factory_next(struct factory *f, bool *more);

/* The factory is an ancestor of that one, or the same. */
bool factory_contains(const struct factory *f, const struct factory *inner);

/* One step of its end, when nothing lives in it. 0 when all is done; E_AGAIN: not before the round
 * that *round is set to is over. */
int factory_teardown(struct factory *f, u64 *round) MUST_CHECK;
void factory_retire(struct factory *f);
void factory_reclaim(struct factory *f);
#endif
