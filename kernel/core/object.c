/* SPDX-License-Identifier: MIT */
#include <core/object.h>
#include <core/quiesce.h>
#include <core/trace.h>
#include <object/factory.h>
#include <object/task.h>
#include <object/thread.h>

void *object_alloc(struct factory *f, size_t size, enum takt_type type)
{
	struct object *o = kmem_alloc(f, size);

	if (o) {
		o->type = (u8)type;
		__atomic_fetch_add(&f->objects, 1, __ATOMIC_RELAXED);
	}
	return o;
}

void object_born(struct object *o)
{
	/* Whoever can find the object by its birth finds it complete. */
	__atomic_store_n(&o->birth, birth_next(), __ATOMIC_RELEASE);
}

void object_discard(struct object *o)
{
	__atomic_store_n(&o->birth, 0, __ATOMIC_RELEASE);
	__atomic_fetch_sub(&kmem_owner(o)->objects, 1, __ATOMIC_RELAXED);
	kmem_free(o);
}

/* Where the record of the object's end is kept: the factory whose memory it is in. A factory made
 * of an extent lies in its own memory; that goes back to whoever holds the extent. */
static struct factory *limbo_of(struct object *o)
{
	if (o->type == TAKT_FACTORY) {
		struct factory *f = container_of(o, struct factory, object);

		return f->parent ? f->parent : kmem_owner(f->extent);
	}
	return kmem_owner(o);
}

/* One step; true when the object's memory is free. */
static bool reclaim_one(struct factory *f, struct object *o)
{
	unsigned type = o->type; /* when it is freed, it may be something else at once */

	if (type == TAKT_TASK && !task_reclaim(container_of(o, struct task, object)))
		return false;
	/* A factory made of an extent is in nobody's count. */
	if (type == TAKT_TASK || kmem_owner(o) == f)
		__atomic_fetch_sub(&f->objects, 1, __ATOMIC_RELAXED);
	switch (type) {
	case TAKT_TASK: /* done above */
		break;
	case TAKT_THREAD:
		thread_reclaim(container_of(o, struct thread, object));
		break;
	case TAKT_FACTORY:
		factory_reclaim(container_of(o, struct factory, object));
		break;
	case OBJECT_TRACE:
		trace_reclaim(container_of(o, struct trace, object));
		break;
	default:
		kmem_free(o);
		break;
	}
	return true;
}

/* The oldest, off the list so that nobody else works on it, unless it has to wait; then those behind
 * it, whose rounds are hardly ever earlier ones, wait, too. */
static struct object *take_from_limbo(struct factory *f)
{
	struct object *o;

	spin_lock(&f->lock);
	o = f->limbo;
	if (o && quiesce_done(o->limbo_round))
		f->limbo = o->limbo;
	else
		o = NULL;
	spin_unlock(&f->lock);
	return o;
}

static void put_into_limbo(struct factory *f, struct object *o)
{
	o->limbo = NULL;
	spin_lock(&f->lock);
	if (f->limbo)
		f->limbo_last->limbo = o;
	else
		f->limbo = o;
	f->limbo_last = o;
	spin_unlock(&f->lock);
}

/* There is more to free of it. */
static void back_into_limbo(struct factory *f, struct object *o)
{
	spin_lock(&f->lock);
	o->limbo = f->limbo;
	if (!f->limbo)
		f->limbo_last = o;
	f->limbo = o;
	spin_unlock(&f->lock);
}

void object_retire(struct object *o)
{
	__atomic_store_n(&o->birth, 0, __ATOMIC_RELEASE);
	if (o->type == TAKT_FACTORY)
		factory_retire(container_of(o, struct factory, object));
	o->limbo_round = quiesce_after();
	put_into_limbo(limbo_of(o), o);
}

bool object_reclaim(struct factory *f)
{
	struct object *o = f->limbo ? take_from_limbo(f) : NULL;

	if (!o)
		return false;
	if (!reclaim_one(f, o))
		back_into_limbo(f, o);
	return true;
}
