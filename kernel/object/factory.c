/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/invoke.h>
#include <core/quiesce.h>
#include <object/factory.h>
#include <object/gate.h>
#include <object/irq.h>
#include <object/memory.h>
#include <object/task.h>
#include <object/thread.h>

struct factory *factory_in(u64 base, u64 size, struct memory *extent)
{
	struct factory *f = kva(PADDR(base));

	/* The factory is the first object in its own first frame; the others are mapped when used. */
	arch_kernel_map(PADDR(base), PAGE_SIZE);
	memset(f, 0, PAGE_SIZE);
	f->object.type = TAKT_FACTORY;
	f->extent = extent;
	f->fresh = base + PAGE_SIZE;
	f->fresh_end = base + size;
	f->pages = (u32)(size >> PAGE_SHIFT);
	f->free_pages = f->pages - 1;
	frame_hold_objects(f, (u32)(base >> PAGE_SHIFT), FACTORY_SIZE_CLASS);
	frame_of(base)->used = 1;
	object_born(&f->object);
	return f;
}

static struct factory *self_factory(struct object *self)
{
	return container_of(self, struct factory, object);
}

static struct object *make(struct factory *f, const u64 *w, int *err)
{
	switch (w[0]) {
	case TAKT_TASK: {
		struct task *t;

		if (w[1] > TAKT_TASK_VM) {
			*err = TAKT_E_INVAL;
			return NULL;
		}
		t = task_create(f, (unsigned)w[1], &w[2]);
		return t ? &t->object : NULL;
	}
	case TAKT_THREAD: {
		struct thread *t = thread_create(f, &w[2]);

		return t ? &t->object : NULL;
	}
	case TAKT_GATE: {
		struct gate *g = gate_create(f, w[1]);

		return g ? &g->object : NULL;
	}
	case TAKT_IRQ: {
		struct irq *i = irq_create(f, IRQ_SOFT, true);

		return i ? &i->object : NULL;
	}
	default:
		*err = TAKT_E_INVAL;
		return NULL;
	}
}

int factory_op_create(struct object *self, u64 rights, struct invocation *in)
{
	/* Words that the message does not carry read as zero. */
	u64 w[4] = {in->w[0], 0, 0, 0};
	unsigned words = TAKT_TAG_WORDS(in->tag);
	struct object *o;
	int err = invocation_window(in);

	(void)rights;
	if (err)
		return err;
	if (object_reclaim(self_factory(self)))
		return E_RESTART;
	for (unsigned i = 1; i < 4 && i < words; i++)
		w[i] = in->w[i];
	err = TAKT_E_NOMEM;
	o = make(self_factory(self), w, &err);
	if (!o)
		return err;
	return invocation_give(in, o, TAKT_R_ALL, NULL);
}

int factory_op_info(struct object *self, u64 rights, struct invocation *in)
{
	struct factory *f = self_factory(self);

	(void)rights;
	if (object_reclaim(f))
		return E_RESTART;
	in->w[0] = f->pages;
	in->w[1] = f->free_pages;
	in->w[2] = f->objects;
	return 0;
}

static void return_pages(struct object *sub)
{
	(void)!kmem_return(self_factory(sub), 1); /* none was taken */
}

int factory_op_sub(struct object *self, u64 rights, struct invocation *in)
{
	struct factory *f = self_factory(self);
	u64 pages = in->w[0];
	struct factory *sub;
	int err;

	(void)rights;
	if (!pages || pages > UINT32_MAX)
		return TAKT_E_RANGE;
	err = invocation_window(in);
	if (err)
		return err;
	if (object_reclaim(f))
		return E_RESTART;
	sub = object_alloc(f, sizeof(*sub), TAKT_FACTORY);
	if (!sub)
		return TAKT_E_NOMEM;
	sub->parent = f;
	err = TAKT_E_NOMEM;
	if (!kmem_reserve(f, sub, (u32)pages))
		goto fail;
	object_born(&sub->object);
	return invocation_give(in, &sub->object, TAKT_R_ALL, return_pages);
fail:
	object_discard(&sub->object);
	return err;
}

/* --- Destroy --------------------------------------------------------------------------------- */

/* Whose memory the factory itself is in. */
static struct factory *factory_up(const struct factory *f)
{
	if (f->parent)
		return f->parent;
	return f->extent ? kmem_owner(f->extent) : NULL;
}

bool factory_contains(const struct factory *f, const struct factory *inner)
{
	while (inner && inner != f)
		inner = factory_up(inner);
	return inner;
}

/* What the caller stands on: itself, its task, or something that holds either. */
static bool carries_caller(struct object *o, struct thread *t)
{
	const struct factory *f = NULL;

	if (o == &t->object || o == &t->task->object)
		return true;
	if (o->type == TAKT_FACTORY)
		f = container_of(o, struct factory, object);
	else if (o->type == TAKT_MEMORY)
		f = container_of(o, struct memory, object)->factory;
	return f && (factory_contains(f, kmem_owner(t)) || factory_contains(f, kmem_owner(t->task)));
}

int factory_op_destroy(struct object *self, u64 rights, struct invocation *in)
{
	struct factory *f = self_factory(self);
	struct object *o = in->cap[0];
	struct factory *owner = kmem_owner(o);

	(void)rights;
	if (o->type == TAKT_FACTORY)
		owner = factory_up(container_of(o, struct factory, object));
	if (!owner || !factory_contains(f, owner))
		return TAKT_E_RIGHTS;
	if (carries_caller(o, in->caller))
		return TAKT_E_INVAL;
	return object_destroy(o, in);
}

#define SCAN_STEP 48 /* slots looked at in one step, up to a frame's more */
#define SCAN_FRAME 3 /* looking at a frame takes as long as at so many slots */
#define SCAN_FAR 12 /* whatever follows from looking at more is for the next step */

/* The range in which its frames lie: that of the extent, its own or an ancestor's. */
static void factory_range(const struct factory *f, u64 *base, u64 *end)
{
	while (f->parent)
		f = f->parent;
	*base = ALIGN_DOWN((u64)f, PAGE_SIZE);
	*end = f->fresh;
}

struct object *factory_next(struct factory *f, bool *more)
{
	unsigned n;
	u64 base, end;

	factory_range(f, &base, &end);
	f->cursor = MAX(f->cursor, base);
	for (n = 0; n < SCAN_STEP && f->cursor < end; n += SCAN_FRAME) {
		u64 frame = ALIGN_DOWN(f->cursor, PAGE_SIZE);
		struct frame *fr = frame_of(frame);
		unsigned class = frame_class(fr);
		u64 used = frame_owner(fr) == f && class != FRAME_WHOLE ? fr->used : 0;

		used &= ~0ul << (f->cursor % PAGE_SIZE >> SLOT_SHIFT(class));
		for (; used; used &= used - 1, n++) {
			u64 slot = (u64)__builtin_ctzll(used) << SLOT_SHIFT(class);
			struct object *o = kva(PADDR(frame + slot));

			if (!o->birth || o == &f->object)
				continue;
			f->cursor = frame + slot;
			*more = n > SCAN_FAR;
			return *more ? NULL : o;
		}
		f->cursor = frame + PAGE_SIZE;
	}
	*more = f->cursor < end || n > SCAN_FAR;
	return NULL;
}

#define RETURN_FRAMES 3

int factory_teardown(struct factory *f, u64 *round)
{
	u64 base, end;

	if (object_reclaim(f))
		return E_RESTART;
	if (f->limbo) {
		*round = f->limbo->limbo_round;
		return TAKT_E_AGAIN;
	}
	if (f->parent)
		return kmem_return(f, RETURN_FRAMES) ? 0 : E_RESTART;
	/* All frames but the first hold no objects by now. Who found that one did, and looks at the
	 * object, has to be through before the frames leave the kernel's mapping. */
	if (!f->release_round)
		f->release_round = quiesce_after();
	*round = f->release_round;
	if (!quiesce_done(*round))
		return TAKT_E_AGAIN;
	factory_range(f, &base, &end);
	/* Back from the end: `fresh` is the cursor. The first frame, with the factory, goes last. */
	if (f->fresh == base + PAGE_SIZE)
		return 0;
	for (unsigned n = 0; n < RETURN_FRAMES && f->fresh > base + PAGE_SIZE; n++) {
		f->fresh -= PAGE_SIZE;
		zero_pages(kva(PADDR(f->fresh)), PAGE_SIZE);
		frame_release(f->fresh);
	}
	return E_RESTART;
}

void factory_retire(struct factory *f)
{
	struct memory *m = f->extent;

	if (f->parent)
		return;
	/* Nobody who comes now may find it: its memory leaves the kernel's mapping after the round. */
	frame_forget((u64)f);
	spin_lock(&m->lock);
	m->factory = NULL;
	spin_unlock(&m->lock);
}

void factory_reclaim(struct factory *f)
{
	struct memory *m = f->extent;
	u64 base = (u64)f;

	if (f->parent) {
		kmem_free(f);
		return;
	}
	memset(f, 0, PAGE_SIZE);
	frame_release(base);
	m->cleared = 0;
	__atomic_store_n(&m->claimed, false, __ATOMIC_RELEASE);
}
