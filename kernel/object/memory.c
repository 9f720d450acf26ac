/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/invoke.h>
#include <core/quiesce.h>
#include <object/factory.h>
#include <object/mapping.h>
#include <object/memory.h>
#include <object/task.h>

/* --- State ----------------------------------------------------------------------------------- */

struct memory *memory_create(struct factory *f, u64 base, u64 size, unsigned kind)
{
	struct memory *m = object_alloc(f, sizeof(*m), TAKT_MEMORY);

	if (!m)
		return NULL;
	m->base = base;
	m->size = size;
	m->kind = (u8)kind;
	list_init(&m->mappings);
	list_init(&m->leaving);
	return m;
}

#define SORT_STEP 2 /* mappings */

/* The mappings into their set, as many as one step may do. True when all are there. With m's lock. */
static bool sort_mappings(struct memory *m)
{
	for (unsigned n = 0; n < SORT_STEP && !list_empty(&m->mappings); n++) {
		struct range *r = list_first(&m->mappings, struct range, link);

		list_del(&r->link);
		ranges_insert(&m->mapped, r);
	}
	return list_empty(&m->mappings);
}

/* One step: whether there is another one to do. */
static bool must_sort(struct memory *m)
{
	bool sorted;

	spin_lock(&m->lock);
	sorted = sort_mappings(m);
	spin_unlock(&m->lock);
	return !sorted;
}

int memory_carve(struct memory *parent, struct memory *child)
{
	int err = 0;

	spin_lock(&parent->lock);
	if (parent->claimed || parent->object.dying) {
		err = TAKT_E_STATE;
		goto out;
	}
	if (parent->uses == MEMORY_USES || parent->depth == MEMORY_DEPTH) {
		err = TAKT_E_QUOTA;
		goto out;
	}
	if (!sort_mappings(parent)) {
		err = E_RESTART;
		goto out;
	}
	if (ranges_meet(parent->mapped, child->base - parent->base, child->size) ||
	    ranges_meet(parent->children, child->base, child->size)) {
		err = TAKT_E_EXISTS;
		goto out;
	}
	child->in_parent.base = child->base;
	child->in_parent.size = child->size;
	ranges_insert(&parent->children, &child->in_parent);
	parent->uses++;
	child->parent = parent;
	child->depth = (u8)(parent->depth + 1);
	child->writable = parent->writable;
out:
	spin_unlock(&parent->lock);
	return err;
}

/* The range is the parent's own again. */
static void uncarve(struct memory *m)
{
	struct memory *parent = m->parent;

	if (!parent)
		return;
	spin_lock(&parent->lock);
	if (m->in_parent.height)
		ranges_remove(&parent->children, &m->in_parent);
	else
		list_del(&m->in_parent.link);
	parent->uses--;
	spin_unlock(&parent->lock);
	m->parent = NULL;
}

/* The same, a step before, for what is found through its parent until its end. */
static void leave_parent(struct memory *m)
{
	struct memory *parent = m->parent;

	spin_lock(&parent->lock);
	ranges_remove(&parent->children, &m->in_parent);
	list_add_head(&parent->leaving, &m->in_parent.link);
	spin_unlock(&parent->lock);
}

static struct memory *self_memory(struct object *self)
{
	return container_of(self, struct memory, object);
}

/* --- Checks ---------------------------------------------------------------------------------- */

static int check_part(const struct memory *m, u64 offset, u64 size)
{
	u64 end;

	if (!IS_ALIGNED(offset | size, PAGE_SIZE))
		return TAKT_E_ALIGN;
	if (!size || !add_ok(offset, size, &end) || end > m->size)
		return TAKT_E_RANGE;
	return 0;
}

int memory_settle_step(struct memory *m)
{
	return object_reclaim(kmem_owner(m)) ? E_RESTART : 0;
}

/* --- Operations ------------------------------------------------------------------------------ */

static void unlink_memory(struct object *self)
{
	uncarve(self_memory(self));
}

int memory_op_derive(struct object *self, u64 rights, struct invocation *in)
{
	struct memory *m = self_memory(self);
	struct factory *f = container_of(in->cap[0], struct factory, object);
	struct memory *child;
	int err;

	if (!(in->cap_right[0] & TAKT_R_FACTORY_CREATE))
		return TAKT_E_RIGHTS;
	err = check_part(m, in->w[0], in->w[1]);
	if (!err)
		err = invocation_window(in);
	if (!err)
		err = memory_settle(m);
	if (err)
		return err;
	if (must_sort(m))
		return E_RESTART;
	child = memory_create(f, m->base + in->w[0], in->w[1], m->kind);
	if (!child)
		return TAKT_E_NOMEM;
	object_born(&child->object); /* before others can find it through its parent */
	err = memory_carve(m, child);
	if (err) {
		object_discard(&child->object);
		return err;
	}
	return invocation_give(in, &child->object, in->w[2] & rights, unlink_memory);
}

int memory_op_to_factory(struct object *self, u64 rights, struct invocation *in)
{
	struct memory *m = self_memory(self);
	struct factory *f;
	int err;

	(void)rights;
	if (m->kind != TAKT_MEMORY_RAM || m->size < 4 * PAGE_SIZE)
		return TAKT_E_INVAL;
	err = invocation_window(in);
	if (!err)
		err = memory_settle(m);
	if (err)
		return err;
	if (m->depth == MEMORY_DEPTH)
		return TAKT_E_QUOTA;
	spin_lock(&m->lock);
	if (m->claimed || m->object.dying || m->uses)
		err = TAKT_E_STATE;
	else
		m->claimed = true;
	spin_unlock(&m->lock);
	if (err)
		return err;
	f = factory_in(m->base, m->size, m);
	m->factory = f;
	return invocation_give(in, &f->object, TAKT_R_ALL, NULL);
}

int memory_op_info(struct object *self, u64 rights, struct invocation *in)
{
	struct memory *m = self_memory(self);

	(void)rights;
	in->w[0] = m->base;
	in->w[1] = m->size;
	in->w[2] = m->kind;
	return 0;
}

#define SYNC_STEP 3 /* pages */

int memory_op_sync(struct object *self, u64 rights, struct invocation *in)
{
	struct memory *m = self_memory(self);
	u64 offset = in->w[0], size = in->w[1];
	int err = check_part(m, offset, size);

	(void)rights;
	if (err)
		return err;
	if (in->w[2] > TAKT_SYNC_COHERENCY || m->kind != TAKT_MEMORY_RAM || m->claimed)
		return TAKT_E_INVAL;
	/* A bounded part at a time; the rest by restarting with the cursor in the arguments. */
	for (unsigned i = 0; i < SYNC_STEP && size; i++) {
		arch_sync_frame(PADDR(m->base + offset), PAGE_SIZE, (unsigned)in->w[2]);
		offset += PAGE_SIZE;
		size -= PAGE_SIZE;
	}
	if (!size)
		return 0;
	in->w[0] = offset;
	in->w[1] = size;
	return E_RESTART;
}

/* --- Destroy --------------------------------------------------------------------------------- */

#define CLEAR_STEP 16 /* pages; an interrupt that waits ends the step after any of them */
#define MANY_USES 16 /* to take one out of their set is a step of its own */

int memory_teardown(struct memory *m, u64 *round)
{
	struct mapping *map = NULL;
	bool claimed = false;

	/* Its factory is gone but for its memory, or just comes into being. */
	if (__atomic_load_n(&m->claimed, __ATOMIC_ACQUIRE)) {
		if (object_reclaim(kmem_owner(m)))
			return E_RESTART;
		*round = quiesce_after();
		return TAKT_E_AGAIN;
	}
	spin_lock(&m->lock);
	if (!list_empty(&m->mappings))
		map = list_first(&m->mappings, struct mapping, range.link);
	else if (m->mapped)
		map = container_of(m->mapped, struct mapping, range);
	if (map)
		claimed = mapping_claim(map);
	spin_unlock(&m->lock);
	if (map) {
		int err = claimed ? mapping_shrink(map) : E_RESTART;

		return err ? err : E_RESTART;
	}
	if (m->kind == TAKT_MEMORY_RAM && m->writable && m->cleared < m->size) {
		for (unsigned i = 0; i < CLEAR_STEP && m->cleared < m->size; i++) {
			if (i && irq_waiting())
				break;
			arch_clear_frame(PADDR(m->base + m->cleared));
			m->cleared += PAGE_SIZE;
		}
		return E_RESTART;
	}
	if (m->parent && m->in_parent.height && m->parent->uses > MANY_USES) {
		leave_parent(m);
		return E_RESTART;
	}
	uncarve(m);
	return 0;
}
