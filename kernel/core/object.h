/* SPDX-License-Identifier: MIT */
/* What every kernel object begins with, and capabilities to it. */
#ifndef CORE_OBJECT_H
#define CORE_OBJECT_H

#include <core/frame.h>
#include <core/types.h>
#include <takt/objects.h>

struct object {
	u64 birth;  /* globally unique, increasing; 0: not yet, or destroyed */
	union {
		u16 living; /* little-endian: the type, while it lives */
		struct {
			u8 type;    /* enum takt_type, or OBJECT_INTERNAL */
			bool dying; /* being destroyed: takes part in no operation any more */
		};
	};
	u16 reserved0;
	u32 reserved1;
	struct object *limbo; /* the next on the factory's list of destroyed objects */
	u64 limbo_round;      /* of quiescence, after which the memory may be reused */
};

/* In the memory of factories, but never named by a capability: mapping records. */
#define OBJECT_INTERNAL 0xff
#define OBJECT_TRACE 0xfe /* a ring of event traces */

/* A slot of a capability table. The rights share the word with the address, so that a read torn
 * between word and birth can only fail. */
struct cap {
	u64 word; /* bits 63..48 rights, 47..0 address; 0: empty */
	u64 birth;
};

#define CAP_RIGHTS_SHIFT 48
#define CAP_ADDRESS_MASK ((1ul << CAP_RIGHTS_SHIFT) - 1)

static inline u64 cap_rights(struct cap c)
{
	return c.word >> CAP_RIGHTS_SHIFT;
}

/* The object, or null where the slot is empty or stale. Valid until the kernel exit or preemption
 * point: destruction waits for both. */
static inline struct object *cap_object(struct cap c)
{
	struct object *o = (struct object *)(c.word & CAP_ADDRESS_MASK);

	if (!o || !frame_holds(frame_of((u64)o), c.birth) || o->birth != c.birth)
		return NULL;
	return o;
}

static inline struct cap cap_make(struct object *o, u64 rights)
{
	return (struct cap){(u64)o | rights << CAP_RIGHTS_SHIFT, o->birth};
}

/* A reference from one object to another that does not keep it alive. */
struct weak {
	struct object *object;
	u64 birth;
};

static inline struct object *weak_get(struct weak w)
{
	if (!w.object || !frame_holds(frame_of((u64)w.object), w.birth) ||
	    w.object->birth != w.birth)
		return NULL;
	return w.object;
}

static inline struct weak weak_to(struct object *o)
{
	return (struct weak){o, o->birth};
}

/* Makes a zeroed object of the type out of the factory, or null. The caller fills it in and then
 * publishes it with object_born. */
void *object_alloc(struct factory *f, size_t size, enum takt_type type) MUST_CHECK;
void object_born(struct object *o);

/* Takes back an object that no capability to it was ever handed out for. */
void object_discard(struct object *o);

/* The end of a living object that no capability leads to yet, unless somebody has found it through a
 * link and destroys it already. In destroy.c. */
void object_withdraw(struct object *o, void (*unlink)(struct object *));

struct invocation;

/*
 * Destroys o and what depends on it, one step at a time: first whatever lies deepest, o itself last.
 * E_RESTART or E_REMOTE until o is gone, then E_BLOCKED: the caller is woken with 0 when no CPU can
 * hold a pointer to it any more. In destroy.c.
 */
int object_destroy(struct object *o, struct invocation *in) MUST_CHECK;

/* Frees some of what left limbo. True if there is more to free now. */
bool object_reclaim(struct factory *f);

/* Takes a living object out of sight and puts it on its factory's list. */
void object_retire(struct object *o);

#endif
