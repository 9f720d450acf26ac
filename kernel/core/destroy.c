/* SPDX-License-Identifier: MIT */
/*
 * Destruction: in steps, deepest first, without recursion. Nothing but the objects themselves says
 * how far it is, so it can be interrupted anywhere and begun again by anybody.
 */
#include <arch/inline.h>
#include <core/invoke.h>
#include <core/quiesce.h>
#include <core/trace.h>
#include <object/factory.h>
#include <object/gate.h>
#include <object/irq.h>
#include <object/memory.h>
#include <object/sc.h>
#include <object/scheduler.h>
#include <object/task.h>
#include <object/thread.h>

/* One step of any destruction at a time: steps are short, and two destroyers may meet in one tree. */
static struct spinlock lock;

/* The caller waits for the round, and then does its invocation again. */
static int wait_and_repeat(struct invocation *in, u64 round)
{
	in->caller->repeat = true;
	quiesce_block(in->caller, round);
	return E_BLOCKED;
}

static void mark(struct object *o)
{
	if (o->dying)
		return;
	o->dying = true;
	if (o->type == TAKT_FACTORY)
		container_of(o, struct factory, object)->dying_round = quiesce_after();
}

static struct object *first_thread(struct task *t)
{
	struct object *o = NULL;

	spin_lock(&t->lock);
	if (!list_empty(&t->threads))
		o = &list_first(&t->threads, struct thread, task_link)->object;
	else if (!list_empty(&t->guests))
		o = &list_first(&t->guests, struct thread, guest_link)->object;
	spin_unlock(&t->lock);
	return o;
}

static struct object *below_memory(struct memory *m)
{
	struct object *o = NULL;

	spin_lock(&m->lock);
	if (!list_empty(&m->leaving))
		o = &list_first(&m->leaving, struct memory, in_parent.link)->object;
	else if (m->children)
		o = &container_of(m->children, struct memory, in_parent)->object;
	else if (m->factory)
		o = &m->factory->object;
	spin_unlock(&m->lock);
	return o;
}

static struct object *below_scheduler(struct scheduler *s)
{
	struct object *o = NULL;

	spin_lock(&s->lock);
	if (!list_empty(&s->children))
		o = &list_first(&s->children, struct scheduler, sibling)->object;
	spin_unlock(&s->lock);
	return o;
}

/* Something that has to go before o, or null. */
static struct object *below(struct object *o, bool *more)
{
	switch (o->type) {
	case TAKT_MEMORY:
		return below_memory(container_of(o, struct memory, object));
	case TAKT_FACTORY:
		return factory_next(container_of(o, struct factory, object), more);
	case TAKT_TASK:
		return first_thread(container_of(o, struct task, object));
	case TAKT_SCHEDULER:
		return below_scheduler(container_of(o, struct scheduler, object));
	default:
		return NULL;
	}
}

/* E_AGAIN: when *round is over. */
static int teardown(struct object *o, struct invocation *in, u64 *round)
{
	switch (o->type) {
	case TAKT_TASK:
		return task_teardown(container_of(o, struct task, object));
	case TAKT_THREAD:
		return thread_teardown(container_of(o, struct thread, object), in);
	case TAKT_IRQ:
		return irq_teardown(container_of(o, struct irq, object));
	case TAKT_SC:
		return sc_teardown(container_of(o, struct sc, object));
	case TAKT_SCHEDULER:
		return scheduler_teardown(container_of(o, struct scheduler, object));
	case TAKT_GATE:
		gate_teardown(container_of(o, struct gate, object));
		return 0;
	case TAKT_MEMORY:
		return memory_teardown(container_of(o, struct memory, object), round);
	case TAKT_FACTORY:
		return factory_teardown(container_of(o, struct factory, object), round);
	case OBJECT_TRACE:
		return trace_teardown(container_of(o, struct trace, object));
	default:
		return 0;
	}
}

/* A dying factory is looked through only when nothing new can come out of it any more. */
static bool must_wait(struct object *o, u64 *round)
{
	if (o->type != TAKT_FACTORY)
		return false;
	*round = container_of(o, struct factory, object)->dying_round;
	return !quiesce_done(*round);
}

static int step(struct object *o, struct invocation *in)
{
	struct object *cur = o, *next;
	bool more = false;
	u64 round;
	int err;

	mark(cur);
	for (;;) {
		if (must_wait(cur, &round))
			return wait_and_repeat(in, round);
		next = below(cur, &more);
		if (!next)
			break;
		if (next == &in->caller->object || next == &in->caller->task->object)
			return TAKT_E_INVAL;
		cur = next;
		mark(cur);
	}
	if (more)
		return E_RESTART;
	err = teardown(cur, in, &round);
	if (err == TAKT_E_AGAIN)
		return wait_and_repeat(in, round);
	if (err)
		return err;
	object_retire(cur);
	if (cur != o)
		return E_RESTART;
	in->caller->regs->x[0] = 0;
	in->caller->regs->x[1] = 0;
	quiesce_block(in->caller, o->limbo_round);
	return E_BLOCKED;
}

int object_destroy(struct object *o, struct invocation *in)
{
	int err;

	spin_lock(&lock);
	err = o->birth ? step(o, in) : TAKT_E_CAP;
	spin_unlock(&lock);
	return err;
}

void object_withdraw(struct object *o, void (*unlink)(struct object *))
{
	spin_lock(&lock);
	if (o->birth && !o->dying) {
		o->dying = true;
		if (unlink)
			unlink(o);
		object_retire(o);
	}
	spin_unlock(&lock);
}
