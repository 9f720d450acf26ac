/* SPDX-License-Identifier: MIT */
/*
 * The hot path of call and reply: local, the server waiting, at most six words, no capability, no
 * deadline. It does what ipc.c does for that case and nothing else; whatever is unusual returns
 * false before anything was changed, and ipc.c does it. Build with FAST=0 to leave it out: the tests
 * must see no difference.
 *
 * The SC that runs stays the same, so no queue, no timer and no account is touched.
 */
#include <arch/switch.h>
#include <core/context.h>
#include <core/fastpath.h>
#include <core/invoke.h>
#include <object/gate.h>
#include <object/task.h>

/* The tag's upper part holds a number of words and nothing else, up to what fits registers. */
static inline bool short_message(u64 tag)
{
	return tag >> 16 <= TAKT_REG_WORDS;
}

static inline void copy_words(struct takt_frame *to, const struct takt_frame *from)
{
	/* All six: a branch for each would cost more. What the sender's stub left in unused ones is
	 * its own business; the kernel's values are never there. */
	for (unsigned i = 1; i <= 7; i++)
		to->x[i] = from->x[i];
}

/* From t to the thread `next`, on the same SC. */
static inline void hand_over(struct cpu *c, struct thread *next)
{
	c->thread = next;
	switch_native(c, next);
}

static inline bool fast_call(struct cpu *c, struct thread *t, struct takt_frame *r)
{
	struct task *task = t->task;
	u64 slot = r->x[0];

	if (unlikely(!short_message(r->x[1]) || slot >= task->slots))
		return false;

	struct cap cap = task->leaf[slot / CAP_LEAF_SLOTS][slot % CAP_LEAF_SLOTS];
	struct object *o = cap_object(cap);

	if (unlikely(!o || o->type != TAKT_GATE || o->dying ||
		     !(cap.word >> CAP_RIGHTS_SHIFT & TAKT_R_GATE_CALL)))
		return false;

	struct gate *g = container_of(o, struct gate, object);
	struct object *target = weak_get(g->target[c->id]);
	struct thread *s = container_of(target, struct thread, object);

	if (unlikely(!target || s->state != THREAD_WAIT || s->timer.queued || s->in_guest ||
		     t->depth >= CALL_DEPTH))
		return false;

	copy_words(s->regs, r);
	s->regs->x[0] = 0;
	s->regs->x[8] = g->badge;
	s->caller = t;
	s->remote_caller = false;
	s->depth = (u8)(t->depth + 1);
	s->state = THREAD_RUN;
	t->state = THREAD_OPEN;
	t->deadline = TAKT_NEVER;
	t->peer = s;
	t->peer_birth = s->object.birth;
	hand_over(c, s);
	return true;
}

static inline bool fast_reply_wait(struct cpu *c, struct thread *s, struct takt_frame *r)
{
	struct thread *t = s->caller;

	if (unlikely(!t || !short_message(r->x[1]) || s->remote_caller || t->faulted ||
		     s->pending || !list_empty(&s->wanters)))
		return false;
	/* Without help on the way, the chain from the SC's home leads to s through t. A paravirtual
	 * guest takes its interrupts on the way back. */
	if (unlikely(c->helping || c->chain_deadline != TAKT_NEVER || t->in_guest))
		return false;

	copy_words(t->regs, r);
	t->regs->x[0] = 0;
	t->state = THREAD_RUN;
	t->peer = NULL;
	s->caller = NULL;
	s->depth = 0;
	s->deadline = TAKT_NEVER;
	s->state = THREAD_WAIT;
	hand_over(c, t);
	return true;
}

bool fastpath(struct cpu *c)
{
	struct thread *t = c->thread;
	struct takt_frame *r = c->frame;

	if (unlikely(c->resched))
		return false;
	if (r->x[8] == TAKT_CALL)
		return fast_call(c, t, r);
	if (r->x[8] == TAKT_REPLY_WAIT)
		return fast_reply_wait(c, t, r);
	return false;
}
