/* SPDX-License-Identifier: MIT */
/* Memory: an extent of physical memory; extents form a tree of disjoint children. */
#ifndef OBJECT_MEMORY_H
#define OBJECT_MEMORY_H

#include <arch/inline.h>
#include <core/list.h>
#include <core/object.h>
#include <core/ranges.h>

struct task;

struct memory {
	struct object object;
	u8 kind; /* enum takt_memory_kind */
	bool claimed;  /* became a factory, or is the kernel's */
	bool writable; /* content may have been written: it is cleared at the end */
	u8 depth;      /* of extents and factories above it */
	u16 uses;      /* children and mappings */
	u64 cleared;   /* destroy: bytes cleared so far */
	struct factory *factory; /* what it became */
	struct spinlock lock; /* children and mappings */
	u64 base, size;
	struct memory *parent;
	struct range *children; /* set of their in_parent */
	struct list leaving;	/* children that are in the set no more, by in_parent.link */
	struct range in_parent;
	struct range *mapped; /* set of struct mapping.range: from the beginning of the extent */
	struct list mappings; /* those that are not in there yet, by range.link */
};
_Static_assert(sizeof(struct memory) <= 256, "size class");

/* Bound what is done about children and mappings, and thereby every operation on an extent. */
#define MEMORY_USES 256
#define MEMORY_DEPTH 16

/* An extent whose factory has been destroyed is free when that is reclaimed, at the latest by whoever
 * wants to use it: E_RESTART as long as this makes progress, else 0. */
int memory_settle_step(struct memory *m) MUST_CHECK;
static inline int memory_settle(struct memory *m)
{
	return m->claimed ? memory_settle_step(m) : 0;
}

struct memory *memory_create(struct factory *f, u64 base, u64 size, unsigned kind) MUST_CHECK;

/* One step of its end: a mapping that goes, or a part cleared. 0 when all is done; E_AGAIN: not before
 * the round that *round is set to is over. */
int memory_teardown(struct memory *m, u64 *round) MUST_CHECK;

/* Carves the child out of parent. E_EXISTS if it overlaps a child or a mapping; E_RESTART: more of
 * these are to be sorted before. */
int memory_carve(struct memory *parent, struct memory *child) MUST_CHECK;
#endif
