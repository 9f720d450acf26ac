/* SPDX-License-Identifier: MIT */
/* Task: address space and capability table. */
#ifndef OBJECT_TASK_H
#define OBJECT_TASK_H

#include <arch/inline.h>
#include <core/arch.h>
#include <core/list.h>
#include <core/object.h>
#include <takt/invoke.h>

#define CAP_LEAF_SLOTS (PAGE_SIZE / sizeof(struct cap)) /* 256 */
#define CAP_LEAVES (TAKT_MAX_SLOTS / CAP_LEAF_SLOTS) /* 64: bounds the end of a task */

struct vgic;

struct task {
	struct object object;
	u64 slots;	     /* usable */
	struct cap **leaf;   /* page of pointers to pages of slots */
	struct stage2 space;
	u8 kind; /* enum takt_task_kind */
	char name[16];
	struct spinlock lock;	/* address space and changes of the table; lookups take none */
	struct list mappings;	/* struct mapping.in_task */
	u16 mapping_count;
	u64 reclaim_cursor;
	struct list threads;	/* struct thread.task_link */
	struct list guests;	/* struct thread.guest_link: vCPUs whose guest it is */
	struct vgic *vgic;	/* VM: shared interrupts */
	void *vm_page;		/* their configuration, and where it is mapped */
	struct weak vm_owner;
	u64 vm_page_va;
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

/* One step of mapping part of an extent, arguments checked. 0 when all is mapped, E_RESTART; E_STATE
 * if the extent or task is going, E_EXISTS, E_NOMEM, E_QUOTA. */
struct memory;
int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size,
		    u64 flags) MUST_CHECK;

/* Maps a kernel frame of a UTCB or state page; and the reverse. */
int task_map_frame(struct task *t, u64 va, void *frame) MUST_CHECK;
void task_unmap_frame(struct task *t, u64 va);
/* Several that need not lie together; not more than a step's worth. access as TAKT_MAP_*. */
int task_check_va(u64 va, u64 size) MUST_CHECK;
int task_map_frames(struct task *t, u64 va, void *const *frame, unsigned n, u64 access) MUST_CHECK;
int task_unmap_frames(struct task *t, u64 va) MUST_CHECK; /* E_RESTART: not all yet */

/* One step of its end: part of a mapping goes. 0 when all is done. */
int task_teardown(struct task *t) MUST_CHECK;
/* One step of giving back its memory. True when that was all. */
bool task_reclaim(struct task *t) MUST_CHECK;

/* The right to change a mapping: one CPU at a time works on it. With its task's lock, or with that of
 * the extent on whose list it is found. False if somebody else is at it: try again later. */
struct mapping;
bool mapping_claim(struct mapping *m) MUST_CHECK;

/* One step of taking a claimed mapping away, of either side's end or of unmap, after which the claim
 * is over. 0 when it is gone. */
int mapping_shrink(struct mapping *m) MUST_CHECK;
#endif
