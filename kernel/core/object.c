/* SPDX-License-Identifier: MIT */
#include <core/object.h>
#include <object/factory.h>

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
