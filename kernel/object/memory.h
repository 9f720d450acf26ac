/* SPDX-License-Identifier: MIT */
/* Memory: an extent of physical memory; extents form a tree of disjoint children. */
#ifndef OBJECT_MEMORY_H
#define OBJECT_MEMORY_H

#include <arch/inline.h>
#include <core/list.h>
#include <core/object.h>

struct task;

struct memory {
	struct object object;
	u8 kind; /* enum takt_memory_kind */
	bool claimed; /* became a factory, or is the kernel's */
	struct spinlock lock; /* children and mappings */
	u64 base, size;
	struct memory *parent;
	struct list children; /* of sibling, sorted by base */
	struct list sibling;
	struct list mappings; /* struct mapping.in_memory */
};
_Static_assert(sizeof(struct memory) <= 128, "size class");

/* One mapped range; paid by the task's factory. */
struct mapping {
	struct list in_memory, in_task;
	struct memory *memory;
	struct task *task;
	u64 va, offset, size, flags;
};
_Static_assert(sizeof(struct mapping) <= 128, "size class");

struct memory *memory_create(struct factory *f, u64 base, u64 size, unsigned kind) MUST_CHECK;

/* Carves [base, base + size) out of parent for a child. E_RANGE, E_EXISTS if it overlaps a child
 * or a mapping. */
int memory_carve(struct memory *parent, struct memory *child) MUST_CHECK;
#endif
