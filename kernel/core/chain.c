/* SPDX-License-Identifier: MIT */
/*
 * Chains of calls. An SC never moves from thread to thread: to find out whom it pays for, the
 * dispatcher walks from its home thread along the open calls to the tip of the chain. Donation,
 * helping and several SCs a thread all follow from that one rule.
 */
#include <core/arch.h>
#include <core/chain.h>
#include <core/cpu.h>
#include <core/ipc.h>
#include <core/sched.h>

#define WALK_HOPS 16

/* `deadline`: the earliest of the calls on the way to t; its timer lets the SC look again. */
static void park(struct sc *sc, struct thread *t, u64 deadline)
{
	sc_deactivate(sc);
	sc->state = SC_PARKED;
	list_add_tail(&t->parked, &sc->link);
	if (deadline != TAKT_NEVER)
		timer_start(&cpus[sc->cpu], &sc->timer, deadline);
}

void sc_unpark(struct sc *sc)
{
	sc_deactivate(sc);
	sc_activate(sc);
}

void sc_unpark_all(struct thread *t)
{
	while (!list_empty(&t->parked))
		sc_unpark(list_first(&t->parked, struct sc, link));
}

static bool peer_lives(const struct thread *t)
{
	const struct thread *peer = ipc_peer(t);

	return peer && peer->state != THREAD_STOPPED;
}

/* The call's deadline passed, or whom it wants is gone: it ends. */
static bool give_up_call(struct thread *t)
{
	if (t->deadline != TAKT_NEVER && t->deadline <= now_ticks())
		ipc_cancel(t, TAKT_E_TIMEOUT);
	else if (t->state == THREAD_WANT && !peer_lives(t))
		ipc_cancel(t, TAKT_E_GONE);
	else
		return false;
	return true;
}

struct thread *chain_walk(struct cpu *c, struct sc *sc)
{
	struct thread *t = sc->home;
	struct thread *want = NULL;
	u64 deadline = TAKT_NEVER;

	for (unsigned hops = 0; hops <= WALK_HOPS; hops++) {
		switch ((enum thread_state)t->state) {
		case THREAD_RUN:
			c->chain_deadline = deadline;
			/* Or a server that was given an SC of its own while it serves: its caller
			 * does not run on that. */
			c->tangled = want || deadline != TAKT_NEVER ||
				     (sc->home->caller && !sc->home->remote_caller);
			if (unlikely(sc->home->has_events)) {
				c->tangled |= TANGLED_EVENTS;
				c->sampled = sc->home;
			}
			return t;
		case THREAD_OPEN:
		case THREAD_WANT:
			deadline = MIN(deadline, t->deadline);
			if (give_up_call(t)) { /* from the start: whoever stopped told others */
				t = sc->home;
				want = NULL;
				deadline = TAKT_NEVER;
				continue;
			}
			if (t->state == THREAD_OPEN) {
				t = t->peer;
				continue;
			}
			if (!want)
				want = t;
			if (t->peer->state != THREAD_WAIT) {
				t = t->peer; /* help it to finish */
				continue;
			}
			ipc_restart(t); /* now OPEN, or failed and RUN */
			if (want == t)
				want = NULL;
			continue;
		case THREAD_IDLE:
			if (t == sc->home)
				break;
			/* fall through */
		case THREAD_BLOCKED:
			park(sc, t, deadline);
			return NULL;
		case THREAD_WAIT:
		case THREAD_STOPPED:
			ASSERT(t == sc->home);
			break;
		}
		if (t == sc->home) {
			sc_deactivate(sc);
			return NULL;
		}
	}
	ipc_cancel(want ? want : sc->home, TAKT_E_DEADLOCK);
	c->resched = true;
	return NULL;
}
