/* SPDX-License-Identifier: MIT */
/*
 * Mapping: a range of a task's address space with a part of an extent, or kernel frames, behind it.
 * It has a record: one of those that lie in the task's tables, or one more that the task's factory
 * pays. A task has its records sorted by address; an extent has those of what is mapped of it as a set of
 * ranges, and the new ones on a list until a child is to be carved out.
 *
 * Locks: an extent's, then the task's.
 */
#ifndef OBJECT_MAPPING_H
#define OBJECT_MAPPING_H

#include <core/list.h>
#include <core/object.h>
#include <core/ranges.h>

struct memory;
struct task;

#define MAP_ACCESS (0ul | TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_EXEC)

enum mapping_state { MAPPING_GROWS, MAPPING_WHOLE, MAPPING_SHRINKS };

/* Made and removed in steps: `done` pages of it have entries, or have none any more. */
struct mapping {
	u64 birth;    /* as an object's: none */
	union {
		u64 head; /* little-endian, all of these: MAPPING_HEAD */
		struct {
			u8 type; /* OBJECT_INTERNAL */
			u8 state;
			bool claimed; /* somebody is at it; under the task's lock */
			bool failed;  /* shrinks because it could not grow: its caller learns that
					 at the end */
			u32 flags; /* TAKT_MAP_* */
		};
	};
	struct range range; /* in the extent; of kernel frames, base: who maps them */
	struct memory *memory; /* null: kernel frames */
	struct task *task;
	u64 va;
	u32 done, end; /* pages; while it shrinks: of how many */
};
#define MAPPING_HEAD(state, flags) (OBJECT_INTERNAL | (state) << 8 | (u64)(flags) << 32)
_Static_assert(sizeof(struct mapping) <= 128, "size class");
_Static_assert(offsetof(struct mapping, birth) == offsetof(struct object, birth) &&
		       offsetof(struct mapping, type) == offsetof(struct object, type),
	       "who looks through frames takes it for an object");

/* One step of mapping part of an extent, arguments checked. 0 when all is mapped, E_RESTART; E_STATE
 * if the extent or task is going, E_EXISTS, E_NOMEM, E_QUOTA. */
int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size,
		    u64 flags) MUST_CHECK;

/* Maps a kernel frame of a UTCB or state page; and the reverse. */
int task_map_frame(struct task *t, u64 va, void *frame) MUST_CHECK;
void task_unmap_frame(struct task *t, u64 va);
/* Several that need not lie together, access as TAKT_MAP_*; E_RESTART: not all yet. */
int task_check_va(u64 va, u64 size) MUST_CHECK;
int task_map_frames(struct task *t, u64 va, void *const *frame, unsigned n, u64 access) MUST_CHECK;
int task_unmap_frames(struct task *t, u64 va) MUST_CHECK;

/* One step of removing all of a task's mappings. */
int task_unmap_any(struct task *t) MUST_CHECK;

/* The right to change a mapping: one CPU at a time works on it. With its task's lock, or with that of
 * the extent on whose list it is found. False if somebody else is at it: try again later. */
bool mapping_claim(struct mapping *m) MUST_CHECK;

/* One step of taking a claimed mapping away, of either side's end or of unmap, after which the claim
 * is over. 0 when it is gone. */
int mapping_shrink(struct mapping *m) MUST_CHECK;
#endif
