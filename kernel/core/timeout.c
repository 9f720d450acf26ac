/* SPDX-License-Identifier: MIT */
/*
 * Time-out faults. A thread whose SC has used up its budget is told of by a message to its time-out
 * gate. The SC has nothing to donate, so this message goes the way of one to another CPU, also
 * where the handler is on the same one: the thread is BLOCKED, the handler runs on an SC of its
 * own. Nothing depends on it: where nobody takes it, the thread goes on at the next replenishment,
 * as one without a time-out gate does.
 */
#include <core/arch.h>
#include <core/cpu.h>
#include <core/inbox.h>
#include <core/ipc.h>
#include <object/gate.h>
#include <object/sc.h>
#include <object/thread.h>

/* The end of the open calls. Who helps a busy server on the way does so with time of its own: that
 * it has run out is not the server's fault, nor that of whom it works for. */
static struct thread *tip(const struct sc *sc)
{
	struct thread *t = sc->home;

	while (t->state == THREAD_OPEN)
		t = t->peer;
	return t;
}

void ipc_fault_here(struct thread *t)
{
	struct object *gate = weak_get(t->timed_out ? t->timeout_gate : t->fault_gate);

	if (gate)
		ipc_call(t, container_of(gate, struct gate, object), false);
	else
		ipc_fail(t, TAKT_E_GONE);
}

void ipc_timeout(const struct sc *sc)
{
	struct thread *t = tip(sc), *s;
	struct object *o = weak_get(t->timeout_gate);
	struct gate *g;

	if (likely(!o) || t->state != THREAD_RUN)
		return;
	g = container_of(o, struct gate, object);
	s = gate_target(g, t->cpu);
	/* A handler that waits for t would wait for itself. */
	if (!s || (s->cpu == t->cpu && ipc_circle(t, s)))
		return;
	t->faulted = t->timed_out = true;
	t->fault_verdict = FAULT_RESUME;
	t->fault_syndrome = sc->object.birth;
	t->fault_address = sc->refill.time;
	thread_untimed(t);
	t->state = THREAD_BLOCKED;
	t->peer = NULL;
	t->badge = g->badge;
	t->invoke_prio = sc->prio;
	__atomic_store_n(&t->request_cpu, s->cpu, __ATOMIC_RELAXED);
	this_cpu()->resched = true;
	if (s->cpu == t->cpu)
		ipc_message(t, s);
	else
		inbox_post(s->cpu, &t->node, INBOX_INVOKE, sc->prio);
}
