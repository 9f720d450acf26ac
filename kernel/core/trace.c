/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/invoke.h>
#include <core/quiesce.h>
#include <core/trace.h>
#include <object/factory.h>
#include <object/mapping.h>
#include <object/sc.h>
#include <object/task.h>
#include <object/thread.h>

static struct takt_trace_ring *header(struct trace *r)
{
	return r->page[0];
}

/* --- Recording ------------------------------------------------------------------------------- */

static void record(struct cpu *c, enum takt_trace_kind kind, u32 arg, const u64 *w)
{
	struct trace *r = c->trace;
	struct takt_trace_ring *h = header(r);
	struct takt_trace_record *to;

	if (!(r->mask >> kind & 1))
		return;
	to = (struct takt_trace_record *)r->page[r->slot / TRACE_SLOTS] + r->slot % TRACE_SLOTS;
	to->time = now_ticks();
	to->kind = kind;
	to->arg = arg;
	for (unsigned i = 0; i < TAKT_TRACE_WORDS; i++)
		to->w[i] = w[i];
	if (++r->slot == r->pages * TRACE_SLOTS)
		r->slot = 1;
	__atomic_store_n(&h->written, h->written + 1, __ATOMIC_RELEASE);
}

void trace_event(struct cpu *c, enum takt_trace_kind kind, u32 arg, u64 w0, u64 w1, u64 w2, u64 w3)
{
	record(c, kind, arg, (const u64[TAKT_TRACE_WORDS]){w0, w1, w2, w3});
}

void trace_invoke(struct cpu *c, const struct thread *t, const struct object *o)
{
	const u64 *x = t->regs->x;
	u32 type = o ? o->type : TAKT_NONE;

	record(c, TAKT_TRACE_INVOKE, type << 16 | TAKT_TAG_LABEL(x[1]),
	       (const u64[TAKT_TRACE_WORDS]){t->object.birth, o ? o->birth : 0, x[2], x[3], x[4],
					     x[5]});
}

/* Names are arrays of bytes that need not be aligned. */
static u64 name_word(const char *name, unsigned i)
{
	u64 w;

	memcpy(&w, name + 8 * i, sizeof(w));
	return w;
}

void trace_switch(struct cpu *c)
{
	struct trace *r = c->trace;
	struct thread *t = c->thread;
	u64 thread = t ? t->object.birth : 0, sc = t && c->sc ? c->sc->object.birth : 0;
	const struct task *task;

	if (thread == r->last_thread && sc == r->last_sc)
		return;
	r->last_thread = thread;
	r->last_sc = sc;
	if (!t) {
		trace_event(c, TAKT_TRACE_SWITCH, 0, 0, 0, 0, 0);
		return;
	}
	task = t->task;
	record(c, TAKT_TRACE_SWITCH, c->sc->prio,
	       (const u64[TAKT_TRACE_WORDS]){thread, sc, name_word(t->name, 0),
					     name_word(t->name, 1), name_word(task->name, 0),
					     name_word(task->name, 1)});
}

/* --- Operations ------------------------------------------------------------------------------ */

/* The caller learns of the error when no CPU can be looking at the ring any more, so that its memory
 * is free again then. */
static int give_up(struct trace *r, struct thread *caller, int err)
{
	this_cpu()->trace = NULL;
	object_retire(&r->object);
	caller->regs->x[0] = (u64)(s64)err;
	caller->regs->x[1] = 0;
	quiesce_block(caller, r->object.limbo_round);
	return E_BLOCKED;
}

static int begin(struct factory *f, struct task *t, u64 va, u64 pages)
{
	struct trace *r = object_alloc(f, sizeof(*r), OBJECT_TRACE);

	if (!r)
		return TAKT_E_NOMEM;
	r->cpu = (u8)this_cpu()->id;
	r->pages = (u32)pages;
	r->task = weak_to(&t->object);
	r->va = va;
	object_born(&r->object);
	this_cpu()->trace = r;
	return E_RESTART;
}

static int finish(struct trace *r, struct task *t, struct thread *caller)
{
	struct takt_trace_ring *h = header(r);
	int err = task_map_frames(t, r->va, r->page, r->pages, TAKT_MAP_READ);

	r->mapped = !err || err == E_RESTART;
	if (!r->mapped)
		return give_up(r, caller, err);
	if (err)
		return err;
	r->slot = 1;
	h->magic = TAKT_TRACE_MAGIC;
	h->version = TAKT_TRACE_VERSION;
	h->cpu = r->cpu;
	h->capacity = r->pages * TRACE_SLOTS - 1;
	h->counter_hz = platform.counter_hz;
	r->complete = true;
	return 0;
}

int trace_map(struct factory *f, struct task *t, u64 va, u64 pages, struct thread *caller)
{
	struct trace *r = this_cpu()->trace;

	if (object_reclaim(f))
		return E_RESTART;
	if (!r)
		return begin(f, t, va, pages);
	if (r->complete || kmem_owner(r) != f || weak_get(r->task) != &t->object || r->va != va ||
	    r->pages != pages)
		return TAKT_E_EXISTS;
	if (r->made == r->pages)
		return finish(r, t, caller);
	r->page[r->made] = kmem_alloc_page(f);
	if (!r->page[r->made])
		return give_up(r, caller, TAKT_E_NOMEM);
	r->made++;
	return E_RESTART;
}

int trace_control(u64 mask)
{
	struct cpu *c = this_cpu();
	struct trace *r = c->trace;

	if (!r || !r->complete)
		return TAKT_E_STATE;
	r->mask = mask;
	header(r)->mask = mask;
	r->last_thread = r->last_sc = UINT64_MAX; /* who runs is recorded soon */
	c->tracing = mask != 0;
	return 0;
}

/* --- Destroy --------------------------------------------------------------------------------- */

int trace_teardown(struct trace *r)
{
	struct cpu *c = this_cpu();
	struct object *o = r->mapped ? weak_get(r->task) : NULL;

	if (r->cpu != c->id)
		return E_REMOTE(r->cpu);
	if (c->trace == r) {
		c->tracing = false;
		c->trace = NULL;
	}
	/* A task that is dying may still run. */
	return o ? task_unmap_frames(container_of(o, struct task, object), r->va) : 0;
}

void trace_reclaim(struct trace *r)
{
	for (unsigned i = 0; i < r->pages && r->page[i]; i++)
		kmem_free(r->page[i]);
	kmem_free(r);
}
