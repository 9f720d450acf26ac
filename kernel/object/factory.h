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
	u32 partial[SIZE_CLASSES];  /* frames with free slots */
	struct factory *parent;	    /* sub-factory */
	struct memory *extent;	    /* else, what it is made of */
};
#define FACTORY_SIZE_CLASS 1
_Static_assert(sizeof(struct factory) <= 64 << FACTORY_SIZE_CLASS, "size class");

/* Turns [base, base + size) into kernel memory, with the factory that hands it out at its start. */
struct factory *factory_in(u64 base, u64 size, struct memory *extent);
#endif
