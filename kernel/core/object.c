/* SPDX-License-Identifier: MIT */
#include <core/object.h>
#include <core/quiesce.h>
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

void object_retire(struct object *o)
{
	struct factory *f = limbo_of(o);

	__atomic_store_n(&o->birth, 0, __ATOMIC_RELEASE);
	o->limbo_round = quiesce_after();
	spin_lock(&f->lock);
	o->limbo = f->limbo;
	f->limbo = o;
	spin_unlock(&f->lock);
}

static void reclaim_one(struct factory *f, struct object *o)
{
	if (kmem_owner(o) == f) /* a factory made of an extent is not in anybody's count */
		__atomic_fetch_sub(&f->objects, 1, __ATOMIC_RELAXED);
	switch (o->type) {
	case TAKT_TASK:
		task_reclaim(container_of(o, struct task, object));
		break;
	case TAKT_THREAD:
		thread_reclaim(container_of(o, struct thread, object));
		break;
	case TAKT_FACTORY:
		factory_reclaim(container_of(o, struct factory, object));
		break;
	default:
		kmem_free(o);
		break;
	}
}

#define RECLAIM_STEP 4

bool object_reclaim(struct factory *f)
{
	for (unsigned n = 0; n <= RECLAIM_STEP; n++) {
		struct object **link = &f->limbo;
		struct object *o;

		spin_lock(&f->lock);
		while ((o = *link) && !quiesce_done(o->limbo_round))
			link = &o->limbo;
		if (o && n < RECLAIM_STEP)
			*link = o->limbo;
		spin_unlock(&f->lock);
		if (!o || n == RECLAIM_STEP)
			return o;
		reclaim_one(f, o);
	}
	return false;
}
