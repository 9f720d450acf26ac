/* SPDX-License-Identifier: MIT */
/* Task: address space and capability table. */
#ifndef OBJECT_TASK_H
#define OBJECT_TASK_H

#include <arch/inline.h>
#include <core/arch.h>
#include <core/list.h>
#include <core/object.h>

#define CAP_LEAF_SLOTS (PAGE_SIZE / sizeof(struct cap)) /* 256 */
#define CAP_LEAVES (PAGE_SIZE / sizeof(struct cap *))	/* 512 */

struct vgic;

struct task {
	struct object object;
	u8 kind; /* enum takt_task_kind */
	char name[16];
	struct stage2 space;
	struct spinlock lock;	/* address space and changes of the table; lookups take none */
	struct cap **leaf;	/* page of CAP_LEAVES pointers */
	u32 slots;		/* usable */
	struct list mappings;	/* struct mapping.in_task */
	struct vgic *vgic;	/* VM: shared interrupts */
};

/* The slot, or null beyond the table. */
static inline struct cap *task_slot(struct task *t, u64 slot)
{
	if (slot >= t->slots)
		return NULL;
	return &t->leaf[slot / CAP_LEAF_SLOTS][slot % CAP_LEAF_SLOTS];
}

/* Puts a capability into an empty slot (stale counts as empty). E_RANGE, E_EXISTS. */
int task_cap_insert(struct task *t, u64 slot, struct object *o, u64 rights) MUST_CHECK;

struct task *task_create(struct factory *f, unsigned kind, const u64 name[2]) MUST_CHECK;
int task_grow(struct task *t, u64 slots) MUST_CHECK;

/* Maps part of an extent, arguments checked. E_EXISTS, E_NOMEM. */
struct memory;
int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size,
		    u64 flags) MUST_CHECK;

/* Maps a kernel frame of a UTCB or state page; undone when the task ends. */
int task_map_frame(struct task *t, u64 va, void *frame) MUST_CHECK;
#endif
