/* SPDX-License-Identifier: MIT */
/* Decoding of system calls. What may be checked from the table of operations is checked here, so
 * that a handler sees genuine objects with the rights it asked for. */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/dispatch.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/gate.h>

#define TAKT_ANY 0xff

struct op_desc {
	op_handler handler;
	u16 rights;
	u8 words;
	u8 caps_least, caps_most;
	u8 cap_type[2];
};

#define C0 0, 0, {0, 0}
#define C1(t) 1, 1, {TAKT_##t, 0}
#define C2(t, u) 2, 2, {TAKT_##t, TAKT_##u}
#define C0_1(t) 0, 1, {TAKT_##t, 0}
#define C1_1(t, u) 1, 2, {TAKT_##t, TAKT_##u}
static const struct op_desc ops[] = {
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc)                               \
	{type##_op_##name, TAKT_##rights, words, caps},
#include <takt/objects.def>
};

/* The operations of a type stand together and by number: where they begin, and above that how many
 * there are. */
enum {
#define OBJECT(TYPE, type, doc) FIRST_##TYPE, BEFORE_##TYPE = FIRST_##TYPE - 1,
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc) INDEX_##TYPE##_##NAME,
#include <takt/objects.def>
	COUNT_NONE = (0
#define OBJECT(TYPE, type, doc) ), COUNT_##TYPE = (0
#define OP(...) +1
#include <takt/objects.def>
	)
};
static const u16 ops_of[TAKT_TYPES] = {
#define OBJECT(TYPE, type, doc) [TAKT_##TYPE] = FIRST_##TYPE | COUNT_##TYPE << 8,
#define OP(...)
#include <takt/objects.def>
};
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc)                               \
	_Static_assert(INDEX_##TYPE##_##NAME == FIRST_##TYPE + (number), "numbers have no gaps");
#include <takt/objects.def>

int invocation_window(struct invocation *in)
{
	struct cap *slot = task_slot(in->caller->task, in->window);

	if (!in->window || !slot)
		return TAKT_E_RANGE;
	return cap_object(*slot) ? TAKT_E_EXISTS : 0;
}

int invocation_give(struct invocation *in, struct object *o, u64 rights,
		    void (*unlink)(struct object *))
{
	int err = task_cap_insert(in->caller->task, in->window, o, rights);

	if (err)
		object_withdraw(o, unlink);
	return err;
}

/* Looks up a capability argument that the operation takes. */
static inline int resolve_cap(const struct op_desc *op, struct invocation *in, unsigned i)
{
	struct thread *t = in->caller;
	struct cap cap = task_cap(t->task, *(volatile u64 *)&t->regs->x[10 + i]);
	struct object *o = cap_object(cap);

	if (unlikely(!o))
		return TAKT_E_CAP;
	in->cap[i] = o;
	in->cap_right[i] = cap_rights(cap);
	if (likely(op->cap_type[i] == o->living))
		return 0;
	/* Destroy goes on with an object that it began to destroy. */
	if (o->dying && op != &ops[INDEX_FACTORY_DESTROY])
		return TAKT_E_CAP;
	return op->cap_type[i] == TAKT_ANY || op->cap_type[i] == o->type ? 0 : TAKT_E_TYPE;
}

static NOINLINE int resolve_caps(const struct op_desc *op, struct invocation *in)
{
	int err;

	if (unlikely(in->caps != op->caps_most) &&
	    (in->caps < op->caps_least || in->caps > op->caps_most))
		return TAKT_E_MSG;
	err = resolve_cap(op, in, 0);
	return likely(err || in->caps == 1) ? err : resolve_cap(op, in, 1);
}

/* Each word is read once. */
static void copy_words(u64 *to, const u64 *from)
{
	u64 a = from[0], b = from[1], c = from[2], d = from[3], e = from[4], f = from[5];

	__asm__ volatile("" : : : "memory");
	to[0] = a;
	to[1] = b;
	to[2] = c;
	to[3] = d;
	to[4] = e;
	to[5] = f;
}

static inline int invoke_object(struct object *o, u64 rights, struct invocation *in)
{
	unsigned label = TAKT_TAG_LABEL(in->tag), of = ops_of[o->type];
	const struct op_desc *op;

	if (unlikely(label >= of >> 8))
		return TAKT_E_OP;
	op = &ops[(of & 0xff) + label];
	__asm__("" : "+r"(op)); /* GCC would reckon it out twice */
	if (unlikely(op->rights & ~rights))
		return TAKT_E_RIGHTS;
	if (unlikely(TAKT_TAG_WORDS(in->tag) < op->words))
		return TAKT_E_MSG;
	in->caps = TAKT_TAG_CAPS(in->tag);
	if (in->caps | op->caps_least) { /* so there are some, or some are missing */
		int err = resolve_caps(op, in);

		if (unlikely(err))
			return err;
	}
	return op->handler(o, rights, in);
}

static int invoke_from_frame(struct thread *t, struct object *o, u64 rights)
{
	struct takt_frame *r = t->regs;
	struct invocation in; /* the rest is filled in as far as the operation needs it */
	int err;

	in.caller = t;
	in.tag = *(volatile u64 *)&r->x[1];
	in.window = r->x[14];
	copy_words(in.w, &r->x[2]);
	err = invoke_object(o, rights, &in);
	/* The result, or how far a long operation has come. */
	if (!err || err == E_RESTART)
		copy_words(&r->x[2], in.w);
	return err;
}

static void finish(struct thread *t, int err)
{
	if (err == E_BLOCKED)
		return;
	if (err <= E_REMOTE_BASE) {
		remote_send(t, (unsigned)(E_REMOTE_BASE - err));
		return;
	}
	if (err == E_RESTART) {
		t->regs->pc -= 4; /* the SVC again, after whatever waits */
	} else {
		t->regs->x[0] = (u64)(s64)err;
		t->regs->x[1] = 0;
	}
	if (t->cpu != this_cpu()->id)
		remote_return(t);
}

static void invoke(struct thread *t)
{
	u64 n = *(volatile u64 *)&t->regs->x[0];
	struct cap *slot = task_slot(t->task, n);
	struct cap cap = slot ? *slot : (struct cap){0, 0};
	struct object *o = cap_object(cap);
	u64 rights = cap_rights(cap);

	if (unlikely(this_cpu()->tracing))
		trace_invoke(this_cpu(), t, o);
	if (!o || o->dying) {
		finish(t, TAKT_E_CAP);
	} else if (o->type == TAKT_GATE) {
		if (rights & TAKT_R_GATE_CALL)
			ipc_call(t, container_of(o, struct gate, object),
				 rights & TAKT_R_GATE_TRANSFER);
		else
			finish(t, TAKT_E_RIGHTS);
	} else {
		finish(t, invoke_from_frame(t, o, rights));
	}
}

/* Apart, so that invoke_quickly saves few registers. */
static NOINLINE struct takt_frame *invoked(struct invocation *in, int err)
{
	struct cpu *c = this_cpu();
	struct thread *t = in->caller;

	save_pc(t->regs);
	if (likely(!err)) { /* as finish(); the caller is of this CPU */
		copy_words(&t->regs->x[2], in->w);
		t->regs->x[0] = t->regs->x[1] = 0;
		return leave_quickly(c);
	}
	if (err == E_RESTART)
		copy_words(&t->regs->x[2], in->w);
	finish(t, err);
	return LEAVE_DECIDE;
}

struct takt_frame *invoke_quickly(struct object *o, u64 rights, struct invocation *in)
{
	int err = invoke_object(o, rights, in);

	if (likely(!err && sched_same(this_cpu())))
		return NULL;
	return invoked(in, err);
}

void invoke_here(struct thread *caller)
{
	if (caller->faulted)
		ipc_fault_here(caller);
	else
		invoke(caller);
}

/* It is forgotten when the thread goes on: leave_slowly(), which therefore is to be the way. */
static void take_deadline(struct thread *t, u64 deadline)
{
	t->deadline = deadline;
	t->timed = deadline != TAKT_NEVER;
	if (t->timed)
		this_cpu()->resched = true;
}

void syscall_entry(struct thread *t)
{
	u64 flavour = t->regs->x[8];

	if (unlikely(flavour & TAKT_F_DEADLINE))
		take_deadline(t, t->regs->x[9]);
	switch (flavour & TAKT_FLAVOUR_MASK) {
	case TAKT_CALL:
		invoke(t);
		break;
	case TAKT_REPLY_WAIT:
		ipc_reply_wait(t);
		break;
	case TAKT_WAIT:
		ipc_wait(t);
		break;
	case TAKT_YIELD:
		t->regs->x[0] = 0;
		sched_give_way();
		return;
	case TAKT_RESUME:
		vcpu_resume(t);
		break;
	case TAKT_PV_SYNC:
	case TAKT_PV_WAIT:
	case TAKT_PV_RETURN:
		pv_syscall(t, (unsigned)(flavour & TAKT_FLAVOUR_MASK));
		break;
	default:
		finish(t, TAKT_E_OP);
		break;
	}
	sched_leave();
}
