/* SPDX-License-Identifier: MIT */
/*
 * Cancellation: what a thread waits for is given up, here or on the CPU where its invocation is. It
 * follows the invocation as a message of its own, and never waits for one of a lower priority.
 */
#include <core/arch.h>
#include <core/cpu.h>
#include <core/ipc.h>
#include <core/quiesce.h>
#include <object/thread.h>

/* Who wanted it stopped goes on: its invocation is done again. */
void ipc_cancel_over(struct thread *t)
{
	struct thread *s = t->stopper;

	if (!s)
		return;
	t->stopper = NULL;
	s->waits_stop = NULL;
	s->repeat = true;
	remote_return(s);
}

/* Gives up what a thread of this or another CPU waits for here. False if it is not here any more. */
static bool give_up(struct thread *t)
{
	struct thread *s = t->peer;

	/* At home the node brings a result: it is not thrown away. */
	if (!local(t) && (inbox_remove(this_cpu()->id, &t->node) || quiesce_cancel(t))) {
		return true;
	} else if (t->waits_stop) {
		t->waits_stop->stopper = NULL;
		t->waits_stop = NULL;
	} else if (!list_empty(&t->want_link)) {
		list_del(&t->want_link);
	} else if (s && s->caller == t) {
		ipc_orphan(s);
	} else {
		return false;
	}
	return true;
}

/* If t became more urgent meanwhile, so does its cancellation. */
static void post_cancel(struct thread *t, unsigned cpu)
{
	unsigned prio = __atomic_load_n(&t->invoke_prio, __ATOMIC_RELAXED);

	inbox_post(cpu, &t->cancel_node, INBOX_CANCEL, prio);
	inbox_hurry(cpu, &t->cancel_node, __atomic_load_n(&t->invoke_prio, __ATOMIC_RELAXED));
}

void ipc_hurry(struct thread *t, const struct thread *asker)
{
	unsigned prio = local(asker) ? thread_prio(asker) : asker->invoke_prio;

	/* Its messages may be of less than that: they remember the priority at which they were sent. */
	if (prio > t->invoke_prio)
		__atomic_store_n(&t->invoke_prio, (u8)prio, __ATOMIC_RELAXED);
	dmb_ish();
	inbox_hurry(t->cpu, &t->node, prio); /* the result, if it has come home already */
	if (t->cancelling)
		inbox_hurry(__atomic_load_n(&t->cancel_node.cpu, __ATOMIC_RELAXED), &t->cancel_node,
			    prio);
}

static void cancel_blocked(struct thread *t, int error)
{
	unsigned at = __atomic_load_n(&t->request_cpu, __ATOMIC_RELAXED);

	if (quiesce_cancel(t) || (at == t->cpu && give_up(t))) {
		t->repeat = false;
		t->peer = NULL;
		ipc_result(t, error);
		thread_wake(t);
	} else if (t->cancelling || at != t->cpu) {
		bool under_way = t->cancelling;

		t->cancelling = true;
		__atomic_store_n(&t->cancel_error, (s16)error, __ATOMIC_RELAXED);
		if (!under_way)
			post_cancel(t, at);
	}
}

/* The cancellation has come back. */
static void cancel_home(struct thread *t)
{
	int error = t->cancel_error;

	t->cancelling = false;
	if (t->state != THREAD_BLOCKED)
		ipc_cancel_over(t);
	else if (inbox_remove(t->cpu, &t->node)) /* its answer waits here for its turn */
		thread_wake(t);
	else if (error) /* it was on its way from one CPU to another: after it once more */
		cancel_blocked(t, error);
}

void ipc_cancel_here(struct thread *t)
{
	unsigned here = this_cpu()->id;
	unsigned at = __atomic_load_n(&t->request_cpu, __ATOMIC_RELAXED);
	int error = __atomic_load_n(&t->cancel_error, __ATOMIC_RELAXED);

	if (here == t->cpu) {
		cancel_home(t);
		return;
	}
	if (!error) { /* what it was to end is over */
		post_cancel(t, t->cpu);
		return;
	}
	if (at == here && give_up(t)) {
		ipc_result(t, error);
		t->peer = NULL;
		remote_return(t);
		at = t->cpu;
	}
	/* After it to where it went, or home: nothing is left to do there but to say so. */
	post_cancel(t, at == here ? t->cpu : at);
}

void ipc_cancel(struct thread *t, int error)
{
	switch ((enum thread_state)t->state) {
	case THREAD_OPEN:
		ipc_abort(t, error);
		this_cpu()->resched = true;
		break;
	case THREAD_WANT:
		ipc_end_call(t, error);
		this_cpu()->resched = true;
		break;
	case THREAD_WAIT:
		ipc_result(t, error);
		thread_wake(t);
		break;
	case THREAD_BLOCKED:
		cancel_blocked(t, error);
		break;
	case THREAD_STOPPED:
	case THREAD_RUN:
	case THREAD_IDLE:
		break;
	}
}
