/* SPDX-License-Identifier: MIT */
/* Task: address space and capability table. */
#ifndef OBJECT_TASK_H
#define OBJECT_TASK_H

#include <arch/inline.h>
#include <core/arch.h>
#include <core/list.h>
#include <core/object.h>
#include <object/mapping.h>
#include <takt/invoke.h>

#define CAP_LEAF_SLOTS (PAGE_SIZE / sizeof(struct cap)) /* 256 */
#define CAP_LEAVES (TAKT_MAX_SLOTS / CAP_LEAF_SLOTS) /* 64: bounds the end of a task */
#define TASK_MAPPINGS 128			     /* bounds looking for one */

#define TASK_RECORDS 29 /* of mappings, that cost nothing more */

struct vgic;

/* A page. */
struct task_tables {
	struct cap *leaf[CAP_LEAVES];		/* pages of slots; fastpath.S finds them here */
	struct mapping *mapping[TASK_MAPPINGS]; /* by address */
	struct mapping record[TASK_RECORDS];
};
_Static_assert(offsetof(struct task_tables, leaf) == 0, "fastpath.S");
_Static_assert(sizeof(struct task_tables) <= PAGE_SIZE, "one page");
_Static_assert(TASK_MAPPINGS <= 255, "in a byte");

struct task {
	struct object object;
	u64 slots;	     /* usable */
	struct task_tables *tables;
	struct stage2 space;
	char name[16];
	u8 kind; /* enum takt_task_kind */
	struct spinlock lock;	/* address space and changes of the table; lookups take none */
	u8 mappings;		/* how many there are */
	u8 recent;		/* the place in their table that was looked for last */
	u32 records;		/* bit n: record[n] is free */
	u64 reclaim_cursor;
	struct list threads;	/* struct thread.task_link */
	struct list guests;	/* struct thread.guest_link: vCPUs whose guest it is */
	struct vgic *vgic;	/* VM: shared interrupts */
	struct vgic *vgic_made; /* the same, from when it is begun */
	bool vm_claimed;	/* somebody is making it */
	u8 vm_shared;		/* how many there will be */
	void *vm_page;		/* their configuration, and where it is mapped */
	struct weak vm_owner;
	u64 vm_page_va;
};

/* The slot, or null beyond the table. */
static inline struct cap *task_slot(struct task *t, u64 slot)
{
	if (slot >= t->slots)
		return NULL;
	return &t->tables->leaf[slot / CAP_LEAF_SLOTS][slot % CAP_LEAF_SLOTS];
}

/* What is in the slot; nothing, where there is none. */
static inline struct cap task_cap(const struct task *t, u64 slot)
{
	if (slot >= t->slots)
		return (struct cap){0, 0};
	return t->tables->leaf[slot / CAP_LEAF_SLOTS][slot % CAP_LEAF_SLOTS];
}

/* Puts a capability into an empty slot (stale counts as empty). E_RANGE, E_EXISTS. */
int task_cap_insert(struct task *t, u64 slot, struct object *o, u64 rights) MUST_CHECK;

/* Empties slots that exist. */
void task_cap_remove(struct task *t, u64 first, u64 count);

struct task *task_create(struct factory *f, unsigned kind, const u64 name[2]) MUST_CHECK;
int task_grow(struct task *t, u64 slots) MUST_CHECK;

/* One step of its end: part of a mapping goes. 0 when all is done. */
int task_teardown(struct task *t) MUST_CHECK;
/* One step of giving back its memory. True when that was all. */
bool task_reclaim(struct task *t) MUST_CHECK;
#endif
