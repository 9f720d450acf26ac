/* SPDX-License-Identifier: MIT */
/* Scheduler: the right to make scheduling contexts, bounded in CPUs, priorities and time. */
#ifndef OBJECT_SCHEDULER_H
#define OBJECT_SCHEDULER_H

#include <arch/inline.h>
#include <core/object.h>

struct scheduler {
	struct object object;
	struct spinlock lock;
	u8 lowest, highest;
	u16 cpu_mask;
	u16 share_left[MAX_CPUS]; /* per mille */
	struct weak parent;
};
_Static_assert(sizeof(struct scheduler) <= 128, "size class");

struct scheduler *scheduler_create(struct factory *f, unsigned lowest, unsigned highest,
				   u64 cpu_mask, unsigned share) MUST_CHECK;

struct sc;

/* Takes the share that the SC needs for budget and period, in place of what it holds. E_RANGE for
 * times out of bounds, E_QUOTA. */
int scheduler_afford(struct scheduler *s, struct sc *sc, u64 budget, u64 period) MUST_CHECK;
#endif
