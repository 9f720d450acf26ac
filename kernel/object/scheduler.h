/* SPDX-License-Identifier: MIT */
/* Scheduler: the right to make scheduling contexts, bounded in CPUs, priorities and time. */
#ifndef OBJECT_SCHEDULER_H
#define OBJECT_SCHEDULER_H

#include <arch/inline.h>
#include <core/list.h>
#include <core/object.h>

struct sc;

struct scheduler {
	struct object object;
	struct spinlock lock;
	u8 lowest, highest;
	u16 cpu_mask;
	u16 share_left[MAX_CPUS]; /* per mille */
	u16 share[MAX_CPUS]; /* taken from the parent */
	struct scheduler *parent;
	struct list children; /* of sibling */
	struct list sibling;
	struct list scs; /* struct sc.sched_link */
	u32 sc_count; /* of them */
	u64 consumed; /* ticks, by those that are gone */
};
/* Bounds the walk over them. */
#define SCHEDULER_SCS 256
_Static_assert(sizeof(struct scheduler) <= 256, "size class");

/* One step of its end: an SC that it made is released. Its children are gone. */
int scheduler_teardown(struct scheduler *s) MUST_CHECK;

/* The SC goes: its share comes back. */
void scheduler_forget(struct sc *sc);

struct scheduler *scheduler_create(struct factory *f, unsigned lowest, unsigned highest,
				   u64 cpu_mask, unsigned share) MUST_CHECK;

/* Takes the share that the SC needs for budget and period, in place of what it holds. E_RANGE for
 * times out of bounds, E_QUOTA. */
int scheduler_afford(struct scheduler *s, struct sc *sc, u64 budget, u64 period) MUST_CHECK;
#endif
