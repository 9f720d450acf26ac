/* SPDX-License-Identifier: MIT */
/*
 * Calls. A local call adds an edge from caller to server and runs the server on the SC that runs
 * now; no queue and no timer is written. A call to a thread on another CPU is a message to that
 * CPU; nothing is donated, the server runs on its own SC.
 */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/quiesce.h>
#include <core/dispatch.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>
#include <object/sc.h>
#include <object/task.h>

/* A fault message is no call of the thread's own: its registers stay for whoever looks at them. */
void ipc_result(struct thread *t, int error)
{
	if (t->faulted)
		return;
	t->regs->x[0] = (u64)(s64)error;
	t->regs->x[1] = 0;
}

NOINLINE void ipc_fail(struct thread *caller, int error)
{
	ipc_result(caller, error);
	caller->peer = NULL;
	if (caller->state == THREAD_BLOCKED)
		remote_return(caller);
	else
		caller->state = THREAD_RUN;
}

void remote_send(struct thread *t, unsigned cpu)
{
	if (local(t)) {
		t->state = THREAD_BLOCKED;
		t->peer = NULL;
		t->invoke_prio = (u8)thread_prio(t);
		this_cpu()->resched = true;
		if (t->deadline != TAKT_NEVER)
			timer_start(this_cpu(), &t->timer, t->deadline);
	} else if (cpu == t->cpu) { /* what it is about has moved to its own CPU: from the start */
		if (t->faulted)
			t->fault_verdict = FAULT_RESUME;
		else
			t->repeat = true;
		remote_return(t);
		return;
	}
	__atomic_store_n(&t->request_cpu, (u8)cpu, __ATOMIC_RELAXED);
	inbox_post(cpu, &t->node, INBOX_INVOKE, t->invoke_prio);
}

void remote_return(struct thread *t)
{
	__atomic_store_n(&t->request_cpu, t->cpu, __ATOMIC_RELAXED);
	inbox_post(t->cpu, &t->node, INBOX_WAKE, t->invoke_prio);
	/* Who hurried t just now found it neither there nor here. */
	dmb_ish();
	inbox_hurry(t->cpu, &t->node, __atomic_load_n(&t->invoke_prio, __ATOMIC_RELAXED));
}

/* --- Message transfer ----------------------------------------------------------------------- */

static int check_window(struct thread *to, u64 window, unsigned caps)
{
	if (caps > TAKT_MAX_CAPS)
		return TAKT_E_MSG;
	if (!window)
		return TAKT_E_RANGE;
	for (unsigned i = 0; i < caps; i++) {
		struct cap *slot = task_slot(to->task, window + i);

		if (!slot)
			return TAKT_E_RANGE;
		if (cap_object(*slot))
			return TAKT_E_EXISTS;
	}
	return 0;
}

int ipc_window(struct thread *to, u64 caps)
{
	return check_window(to, *(volatile u64 *)&to->regs->x[14],
			    caps > TAKT_MAX_CAPS ? TAKT_MAX_CAPS + 1 : (unsigned)caps);
}

/* Capabilities in x10.. of the sender go to the receiver's window (its x14). All or nothing. */
static int transfer_caps(struct thread *from, struct thread *to, unsigned caps)
{
	u64 window = *(volatile u64 *)&to->regs->x[14];
	struct object *object[TAKT_MAX_CAPS]; /* cannot be freed before this stay in the kernel ends */
	u64 rights[TAKT_MAX_CAPS];
	int err = check_window(to, window, caps);

	if (err)
		return err;
	for (unsigned i = 0; i < caps; i++) {
		u64 n = *(volatile u64 *)&from->regs->x[10 + i];
		struct cap *slot = task_slot(from->task, n);
		struct cap cap = slot ? *slot : (struct cap){0, 0};

		object[i] = cap_object(cap);
		rights[i] = cap_rights(cap);
		if (!object[i])
			return TAKT_E_CAP;
	}
	for (unsigned i = 0; i < caps; i++) {
		err = task_cap_insert(to->task, window + i, object[i], rights[i]);
		if (unlikely(err)) { /* the object is being destroyed */
			task_cap_remove(to->task, window, i);
			return err;
		}
	}
	return 0;
}

static void transfer_words(struct thread *from, struct thread *to, unsigned words)
{
	/* All that travel in registers, as the fast path does. */
	for (unsigned i = 0; i < TAKT_REG_WORDS; i++)
		to->regs->x[2 + i] = from->regs->x[2 + i];
	if (words <= TAKT_REG_WORDS || !from->utcb || !to->utcb)
		return;
	memcpy(&to->utcb->words[TAKT_REG_WORDS], &from->utcb->words[TAKT_REG_WORDS],
	       (words - TAKT_REG_WORDS) * sizeof(u64));
}

/* A fault is a call whose words the kernel makes; the registers of the thread stay as they are. */
static void transfer_fault(struct thread *from, struct thread *to)
{
	u64 *w = &to->regs->x[2];

	w[TAKT_FAULT_PC] = from->regs->pc;
	w[TAKT_FAULT_SP] = from->regs->sp;
	w[TAKT_FAULT_SYNDROME] = from->fault_syndrome;
	w[TAKT_FAULT_ADDRESS] = from->fault_address;
	w[TAKT_FAULT_THREAD] = from->object.birth;
	w[TAKT_FAULT_PSTATE] = from->regs->pstate;
	to->regs->x[1] = from->timed_out ? TAKT_TAG_TIMEOUT : TAKT_TAG_FAULT;
}

static int transfer(struct thread *from, struct thread *to, bool may_transfer)
{
	u64 tag = *(volatile u64 *)&from->regs->x[1];
	unsigned words = TAKT_TAG_WORDS(tag), caps = TAKT_TAG_CAPS(tag);

	if (words > TAKT_MAX_WORDS)
		return TAKT_E_MSG;
	if (caps) {
		int err = may_transfer ? transfer_caps(from, to, caps) : TAKT_E_RIGHTS;

		if (err)
			return err;
	}
	transfer_words(from, to, words);
	to->regs->x[1] = TAKT_TAG(TAKT_TAG_LABEL(tag), words, caps);
	return 0;
}

/* --- Call ----------------------------------------------------------------------------------- */

struct thread *ipc_peer(const struct thread *t)
{
	if (!weak_get((struct weak){&t->peer->object, t->peer_birth}) || t->peer->cpu != t->cpu)
		return NULL;
	return t->peer;
}

/* For whom it waits on this CPU, or null. */
static struct thread *waits_for(const struct thread *t)
{
	if (t->state == THREAD_BLOCKED && t->timed_out && t->request_cpu == t->cpu)
		return t->peer;
	if (t->state != THREAD_OPEN && t->state != THREAD_WANT)
		return NULL;
	return ipc_peer(t);
}

int ipc_circle(const struct thread *c, struct thread *s)
{
	struct thread *t = s;

	for (unsigned hops = 0; hops <= CALL_DEPTH; hops++) {
		if (t == c)
			return TAKT_E_DEADLOCK;
		t = waits_for(t);
		if (!t)
			return 0;
	}
	return TAKT_E_DEPTH;
}

/* s waits: it takes the call. The caller is set to OPEN, or stays BLOCKED if it is remote. */
static int connect(struct thread *caller, struct thread *s, bool remote)
{
	int err = 0;

	if (caller->faulted)
		transfer_fault(caller, s);
	else
		err = transfer(caller, s, caller->may_transfer);
	if (err)
		return err;
	if (unlikely(s->timed)) {
		timerq_remove(&this_cpu()->timers, &s->timer);
		thread_untimed(s);
	}
	s->regs->x[0] = 0;
	s->regs->x[8] = caller->badge;
	s->caller = caller;
	s->remote_caller = remote;
	s->state = THREAD_RUN;
	caller->peer = s;
	caller->peer_birth = s->object.birth;
	if (remote) {
		s->depth = 1;
		thread_activate(s);
	} else {
		caller->state = THREAD_OPEN;
		s->depth = (u8)(caller->depth + 1);
	}
	return 0;
}

void ipc_message(struct thread *caller, struct thread *s)
{
	int err;

	if (!s->sc[0]) { /* nobody pays for a passive server here */
		ipc_fail(caller, TAKT_E_CPU);
		return;
	}
	if (s->state == THREAD_STOPPED) {
		ipc_fail(caller, TAKT_E_GONE);
		return;
	}
	if (s->state != THREAD_WAIT) {
		list_add_tail(&s->wanters, &caller->want_link);
		s->wanted = true;
		if (local(caller))
			caller->peer = s; /* for who looks for circles */
		/* They are served on the server's own time, which is to get it free as well: whom it
		 * works for now may have none left. */
		thread_activate(s);
		this_cpu()->resched = true;
		return;
	}
	err = connect(caller, s, true);
	if (err)
		ipc_fail(caller, err);
}

/* Whom it calls may run at once: it is what the CPU ran, and nothing is to end the call. */
static inline bool runs_unbounded(const struct cpu *c, const struct thread *caller)
{
	return c->thread == caller && caller->deadline == TAKT_NEVER;
}

static void call_local(struct thread *caller, struct thread *s)
{
	struct cpu *c = this_cpu();
	int err;

	if (likely(s->state == THREAD_WAIT)) { /* it is no caller itself: no circle */
		err = caller->depth < CALL_DEPTH ? connect(caller, s, false) : TAKT_E_DEPTH;
	} else {
		err = caller->depth < CALL_DEPTH ? ipc_circle(caller, s) : TAKT_E_DEPTH;
		if (!err && s->state == THREAD_STOPPED)
			err = TAKT_E_GONE;
	}
	if (unlikely(err)) {
		ipc_fail(caller, err);
		return;
	}
	if (caller->state == THREAD_OPEN) {
		if (runs_unbounded(c, caller))
			c->thread = s;
		else
			c->resched = true;
		return;
	}
	caller->state = THREAD_WANT;
	caller->peer = s;
	caller->peer_birth = s->object.birth;
	/* Helping it is what the dispatcher would come to, where it has decided all else. */
	if (runs_unbounded(c, caller) && !c->not_fast && s->wait_word == RUN_PLAINLY) {
		c->tangled = TANGLED_CALLS;
		c->thread = s;
	} else {
		c->resched = true;
	}
}

void ipc_call(struct thread *caller, struct gate *g, bool may_transfer)
{
	struct thread *s = gate_target(g, caller->cpu);

	caller->badge = g->badge;
	caller->may_transfer = may_transfer;
	if (!s) {
		ipc_fail(caller, TAKT_E_GONE);
		return;
	}
	if (local(s)) {
		if (local(caller))
			call_local(caller, s);
		else
			ipc_message(caller, s);
		return;
	}
	remote_send(caller, s->cpu);
}

void ipc_restart(struct thread *caller)
{
	struct thread *s = caller->peer;
	int err = connect(caller, s, false);

	if (err)
		ipc_fail(caller, err);
}

/* Callers of other CPUs that queue here. */
static void drop_wanters(struct thread *t)
{
	while (!list_empty(&t->wanters)) {
		struct thread *w = list_first(&t->wanters, struct thread, want_link);

		list_del(&w->want_link);
		ipc_fail(w, TAKT_E_GONE);
	}
	t->wanted = false;
}

/*
 * The local call of `caller` ends with the error. A thread whose fault nobody answers does not go
 * on: it stops, and then the call that it was serving ends in turn.
 */
void ipc_end_call(struct thread *caller, int error)
{
	while (caller) {
		struct thread *next = caller->caller;

		caller->peer = NULL;
		if (!caller->faulted) {
			caller->state = THREAD_RUN;
			ipc_result(caller, error);
			return;
		}
		caller->faulted = false;
		caller->state = THREAD_STOPPED;
		fault_dump(caller, caller->fault_syndrome, caller->fault_address);
		drop_wanters(caller);
		caller->caller = NULL;
		caller->depth = 0;
		error = TAKT_E_GONE;
		if (next && caller->remote_caller) {
			caller->remote_caller = false;
			ipc_fail(next, error);
			return;
		}
		caller = next;
	}
}

/* s has no caller any more: it goes on, and its reply is dropped. The calls that it has open begin
 * with it now. */
void ipc_orphan(struct thread *s)
{
	s->caller = NULL;
	s->remote_caller = false;
	s->depth = 0;
	for (unsigned depth = 1; s->state == THREAD_OPEN; depth++) {
		s = s->peer;
		s->depth = (u8)depth;
	}
}

void ipc_abort(struct thread *caller, int error)
{
	struct thread *s = caller->peer;

	ipc_orphan(s);
	ipc_end_call(caller, error);
	/* The orphan keeps its state and runs on its own SC, if it has one. */
	thread_activate(s);
}

/* --- Reply, wait ---------------------------------------------------------------------------- */

/* It stops for good reason; who called it is told. */
static void stop_here(struct thread *t)
{
	ipc_detach(t);
	t->state = THREAD_STOPPED;
}

/* The handler's verdict: label 0 lets the thread go on, at word 0 if there is one. A thread of another
 * CPU learns it when its own CPU wakes it. */
static void reply_fault(struct thread *self, struct thread *caller)
{
	u64 tag = *(volatile u64 *)&self->regs->x[1];
	bool resume = TAKT_TAG_LABEL(tag) == 0;

	if (resume && TAKT_TAG_WORDS(tag))
		caller->regs->pc = self->regs->x[2];
	caller->fault_verdict = resume ? FAULT_RESUME : FAULT_STOP;
	if (!self->remote_caller) {
		caller->faulted = false;
		caller->state = THREAD_RUN;
		if (!resume)
			stop_here(caller);
	}
}

static inline void reply(struct thread *self, struct thread *caller)
{
	TRACE(this_cpu(), REPLY, TAKT_TAG_LABEL(self->regs->x[1]), self->object.birth,
	      caller->object.birth);
	self->caller = NULL;
	self->depth = 0;
	caller->peer = NULL;
	if (caller->faulted) {
		reply_fault(self, caller);
	} else {
		int err = transfer(self, caller, true); /* the caller opened a window for it */

		if (err)
			ipc_result(caller, err);
		else
			caller->regs->x[0] = 0;
		if (!self->remote_caller)
			caller->state = THREAD_RUN;
	}
	if (self->remote_caller) {
		remote_return(caller);
		self->remote_caller = false;
	}
}

/* The next caller on another CPU that found the server busy. */
static void serve_wanter(struct thread *self)
{
	while (self->state == THREAD_WAIT && !list_empty(&self->wanters)) {
		struct thread *caller = list_first(&self->wanters, struct thread, want_link);

		list_del(&caller->want_link);
		ipc_message(caller, self);
	}
	self->wanted = !list_empty(&self->wanters);
}

static void begin_wait(struct thread *self)
{
	struct cpu *c = this_cpu();

	c->resched = true;
	if (self->pending && self->sc[0]) { /* who has no SC runs for its callers only */
		end_wait(self, thread_signals(self));
		if (unlikely(!list_empty(&self->late)))
			irq_timers_go_on(self);
		thread_activate(self);
		return;
	}
	self->state = THREAD_WAIT;
	if (self->deadline != TAKT_NEVER)
		timer_start(c, &self->timer, self->deadline);
	serve_wanter(self);
}

/* self, which waits, was helped by the thread that the CPU's time belongs to: its call begins. */
static bool serve_helper(struct cpu *c, struct thread *self)
{
	struct thread *home = c->sc->home;

	if (home->state != THREAD_WANT || home->peer != self || home->caller ||
	    home->peer_birth != self->object.birth || home->deadline != TAKT_NEVER)
		return false;
	ipc_restart(home);
	if (likely(home->state == THREAD_OPEN))
		c->tangled = 0;
	else /* it has failed */
		c->resched = true;
	return true;
}

void ipc_reply_wait(struct thread *self)
{
	struct cpu *c = this_cpu();
	struct thread *caller = self->caller;
	bool remote = self->remote_caller;

	if (caller)
		reply(self, caller);
	if (caller && !remote && caller->wait_word == RUN_PLAINLY && self->wait_word == RUN_PLAINLY &&
	    c->thread == self && !self->news) {
		self->state = THREAD_WAIT;
		/* As fast_reply in assembly: no help on the way, so the caller is what the SC runs
		 * next. */
		if (!c->not_fast) {
			c->thread = caller;
			return;
		}
		if (c->not_fast == NOT_FAST_CALLS && serve_helper(c, self))
			return;
	}
	begin_wait(self);
}

void ipc_wait(struct thread *self)
{
	if (self->caller) {
		ipc_result(self, TAKT_E_STATE);
		return;
	}
	begin_wait(self);
}

/* --- Signals, faults, end ------------------------------------------------------------------- */

void thread_wake(struct thread *t)
{
	struct cpu *c = this_cpu();

	timerq_remove(&c->timers, &t->timer);
	thread_untimed(t);
	t->state = THREAD_RUN;
	if (t->repeat) {
		t->repeat = false;
		t->regs->pc -= 4; /* the SVC */
	}
	if (t->faulted) { /* a fault message to another CPU was answered, or failed */
		t->faulted = t->timed_out = false;
		if (t->fault_verdict == FAULT_UNHANDLED)
			fault_dump(t, t->fault_syndrome, t->fault_address);
		if (t->fault_verdict != FAULT_RESUME)
			stop_here(t);
	}
	if (t->stopping) {
		t->stopping = false;
		stop_here(t);
	}
	sc_unpark_all(t);
	if (unlikely(t->has_events))
		event_wake(t);
	else if (t->sc[0] && !(t->caller && !t->remote_caller))
		sc_activate(t->sc[0]);
	if (t->cancelling) /* which has come too late */
		__atomic_store_n(&t->cancel_error, 0, __ATOMIC_RELAXED);
	else
		ipc_cancel_over(t);
}

void thread_signal(struct thread *t, u64 badges)
{
	struct sc *sc = t->sc[0];
	struct cpu *c = this_cpu();

	if (waits_simply(t)) { /* thread_wake, where nothing else is to do */
		end_wait(t, badges | thread_signals(t));
		if (c->not_fast || !hand_over(c, sc, t))
			sc_activate(sc);
		return;
	}
	t->pending |= badges;
	t->signalled = t->pending != 0;
	if (t->state == THREAD_WAIT && sc) {
		end_wait(t, thread_signals(t));
		thread_wake(t);
	} else if (t->state == THREAD_IDLE) {
		vcpu_wake(t);
	} else if (this_cpu()->thread == t) {
		this_cpu()->resched = true; /* a guest leaves for its monitor */
	}
}

/* With the fault noted in the thread: nobody handles it. */
static NOINLINE void fault_unhandled(struct thread *t)
{
	fault_dump(t, t->fault_syndrome, t->fault_address);
	stop_here(t);
}

void ipc_fault(struct thread *t, u64 syndrome, u64 address)
{
	struct object *gate = weak_get(t->fault_gate);

	t->fault_syndrome = syndrome;
	t->fault_address = address;
	TRACE(this_cpu(), FAULT, 0, t->object.birth, syndrome, address, t->regs->pc);
	if (unlikely(!gate)) {
		fault_unhandled(t);
		return;
	}
	t->faulted = true;
	t->fault_verdict = FAULT_UNHANDLED;
	ipc_call(t, container_of(gate, struct gate, object), false);
	if (unlikely(t->state == THREAD_RUN)) { /* the call failed */
		t->faulted = false;
		fault_unhandled(t);
	}
}

void ipc_detach(struct thread *t)
{
	struct cpu *c = this_cpu();

	if (t->caller) {
		struct thread *caller = t->caller;

		t->caller = NULL;
		t->depth = 0;
		if (t->remote_caller) {
			ipc_fail(caller, TAKT_E_GONE);
		} else {
			ipc_end_call(caller, TAKT_E_GONE);
		}
		t->remote_caller = false;
	}
	if (t->state == THREAD_OPEN)
		ipc_abort(t, TAKT_E_GONE);
	drop_wanters(t);
	sc_unpark_all(t);
	timerq_remove(&c->timers, &t->timer);
	t->faulted = t->timed_out = false;
	c->resched = true;
}
