/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/invoke.h>
#include <object/factory.h>
#include <object/gate.h>
#include <object/irq.h>
#include <object/task.h>
#include <object/thread.h>

struct factory *factory_in(u64 base, u64 size, struct memory *extent)
{
	struct factory *f = kva(PADDR(base));

	arch_kernel_map(PADDR(base), size);
	memset(f, 0, PAGE_SIZE);
	/* The factory is the first object in its own first frame. */
	f->object.type = TAKT_FACTORY;
	f->extent = extent;
	kmem_adopt(f, base + PAGE_SIZE, size - PAGE_SIZE);
	f->pages++;
	frame_hold_objects(f, (u32)(base >> PAGE_SHIFT), FACTORY_SIZE_CLASS);
	frame_of(base)->used = 1;
	frame_of(base)->count = 1;
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
	unsigned words = TAKT_TAG_WORDS(in->caller->regs->x[1]);
	struct object *o;
	int err = invocation_window(in);

	(void)rights;
	if (err)
		return err;
	for (unsigned i = 1; i < 4 && i < words; i++)
		w[i] = in->w[i];
	err = TAKT_E_NOMEM;
	o = make(self_factory(self), w, &err);
	if (!o)
		return err;
	return invocation_give(in, o, TAKT_R_ALL);
}

int factory_op_info(struct object *self, u64 rights, struct invocation *in)
{
	struct factory *f = self_factory(self);

	(void)rights;
	in->w[0] = f->pages;
	in->w[1] = f->free_pages;
	in->w[2] = f->objects;
	return 0;
}
