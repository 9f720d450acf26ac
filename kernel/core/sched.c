/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher. An SC never moves from thread to thread: to find out whom it pays for, the
 * dispatcher walks from its home thread along the open calls to the tip of the chain. Donation,
 * helping and several SCs a thread all follow from that one rule.
 */
#include <arch/switch.h>
#include <core/arch.h>
#include <core/budget.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/inbox.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/dispatch.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>

#define WALK_HOPS 16

struct cpu cpus[MAX_CPUS];

u64 sched_min_budget;

void sched_init_cpu(struct cpu *c)
{
	sched_min_budget = platform.counter_hz / 500000;
	c->id = (unsigned)(c - cpus);
	c->prio = -1;
	c->timer_at = TAKT_NEVER;
	c->chain_deadline = TAKT_NEVER;
	c->slice_end = TAKT_NEVER;
	c->world = WORLD_NONE;
	for (unsigned i = 0; i < PRIORITIES; i++)
		list_init(&c->ready[i]);
	inbox_init(&c->inbox);
}

/* --- Scheduling contexts ---------------------------------------------------------------------- */

static NOINLINE void sc_wait_refill(struct cpu *c, struct sc *sc)
{
	u64 when = sc->refill.time;

	sc->state = SC_DEPLETED;
	TRACE(c, DEPLETED, sc->prio, sc->object.birth, sc->home->object.birth, when);
	timer_start(c, &sc->timer, when);
}

/* An SC that wants to run goes to the ready queue, or waits for its refill. */
static inline void sc_queue(struct cpu *c, struct sc *sc, bool at_head)
{
	struct sc_refill *h = &sc->refill;

	if (likely(round_robin(sc))) {
		if (unlikely(!h->amount)) {
			h->amount = sc->budget;
			at_head = false;
		}
	} else if (h->amount < sched_min_budget || h->time > now_ticks()) {
		sc_wait_refill(c, sc);
		return;
	}
	ready_insert(c, sc, at_head);
}

/* Where it is rare. */
static NOINLINE void sc_queue_apart(struct cpu *c, struct sc *sc)
{
	sc_queue(c, sc, false);
}

static NOINLINE void raise_depleted(struct sc *sc)
{
	struct object *irq = weak_get(sc->depleted_irq);

	if (irq)
		irq_arrive(container_of(irq, struct irq, object));
	if (unlikely(sc->home->episodes))
		event_depleted(sc->home, sc->index);
	ipc_timeout(sc);
}

/* The running SC leaves the CPU but still wants to run. */
static inline void sc_put(struct cpu *c, u64 now, bool at_head)
{
	struct sc *sc = c->sc;

	sc_charge(sc, now);
	c->sc = NULL;
	c->slice_end = TAKT_NEVER;
	c->resched = true; /* nobody hands over what is not there */
	sc_queue(c, sc, at_head);
	if (unlikely(sc->state == SC_DEPLETED))
		raise_depleted(sc);
}

/* Its slice is used up, or given up. */
static NOINLINE void sc_put_last(struct cpu *c, u64 now)
{
	sc_put(c, now, false);
}

/* Apart, so that sc_activate needs no stack frame for it. */
static COLD void activate_traced(struct sc *sc)
{
	struct cpu *c = this_cpu();

	TRACE(c, ACTIVATED, sc->prio, sc->object.birth, sc->home->object.birth);
	sc_queue_apart(c, sc);
}

void sc_activate(struct sc *sc)
{
	struct cpu *c = this_cpu();

	ASSERT(sc->cpu == c->id);
	if (sc->state != SC_DORMANT)
		return;
	if (unlikely(c->tracing))
		activate_traced(sc);
	else
		sc_queue(c, sc, false);
}

void sc_deactivate(struct sc *sc)
{
	struct cpu *c = &cpus[sc->cpu];

	switch ((enum sc_state)sc->state) {
	case SC_RUNNING:
		sc_charge(sc, now_ticks());
		c->sc = NULL;
		c->slice_end = TAKT_NEVER;
		c->resched = true;
		break;
	case SC_READY:
		ready_remove(c, sc);
		break;
	case SC_DEPLETED:
		timerq_remove(&c->timers, &sc->timer);
		break;
	case SC_PARKED:
		list_del(&sc->link);
		timerq_remove(&c->timers, &sc->timer);
		break;
	case SC_UNBOUND:
	case SC_DORMANT:
		return;
	}
	sc->state = SC_DORMANT;
}

void sc_account(struct sc *sc)
{
	if (sc->state != SC_RUNNING)
		return;
	sc_charge(sc, now_ticks());
	cpus[sc->cpu].slice_end = sc->started + sc->refill.amount;
}

void sc_update(struct sc *sc, u64 budget, u64 period)
{
	u64 now = now_ticks();
	u64 old = sc->budget;
	bool ring = !round_robin(sc) && budget != period;
	bool wants = sc->state == SC_RUNNING || sc->state == SC_READY || sc->state == SC_DEPLETED;

	sc_deactivate(sc); /* charged, off its queue */
	sc_set_budget(sc, budget, period);
	if (!ring) {
		sc_refill_reset(sc, now);
	} else if (budget > old) {
		sc_refill_add(sc, now + period, budget - old);
	} else {
		for (u64 less = old - budget; less;) {
			struct sc_refill *last = sc_refill_last(sc);
			u64 take = MIN(less, last->amount);

			last->amount -= take;
			less -= take;
			if (!last->amount && sc->count > 1)
				sc->count--;
		}
	}
	if (wants)
		sc_activate(sc);
}

void sc_bind(struct sc *sc, struct thread *t, unsigned index)
{
	sc->home = t;
	sc->index = (u8)index;
	sc->state = SC_DORMANT;
	t->sc[index] = sc;
}

void sc_release(struct sc *sc)
{
	struct thread *t = sc->home;

	sc_deactivate(sc);
	t->sc[sc->index] = NULL;
	sc->home = NULL;
	sc->state = SC_UNBOUND;
	if (unlikely(t->events))
		event_detached(t, sc->index);
}

/* --- The walk ------------------------------------------------------------------------------- */

/* `deadline`: the earliest of the calls on the way to t; its timer lets the SC look again. */
static void park(struct sc *sc, struct thread *t, u64 deadline)
{
	sc_deactivate(sc);
	sc->state = SC_PARKED;
	list_add_tail(&t->parked, &sc->link);
	if (deadline != TAKT_NEVER)
		timer_start(&cpus[sc->cpu], &sc->timer, deadline);
}

static NOINLINE void unpark(struct sc *sc)
{
	sc_deactivate(sc);
	sc_activate(sc);
}

void sc_unpark_all(struct thread *t)
{
	while (!list_empty(&t->parked))
		unpark(list_first(&t->parked, struct sc, link));
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

/*
 * Finds the thread that the SC is to run: the tip of its home's chain of calls. Null when there is
 * none; the SC is off the CPU then.
 */
static struct thread *walk(struct cpu *c, struct sc *sc)
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

/* --- Choosing ------------------------------------------------------------------------------- */

/* What the hardware timer was set to has come, or it is to be set to the instant. */
static void program_timer(struct cpu *c)
{
	c->timer_at = MIN(timerq_next(&c->timers), MIN(c->slice_end, c->chain_deadline));
	timer_set(c->timer_at);
}

/*
 * The usual case, without asking again for what is known already: a thread in no call, more urgent
 * than all others that are ready, takes over from a round-robin SC or from none. It does what a turn
 * of the loop in choose() and a walk would do; null: it is not that case. `machines`: the thread may
 * be a machine's in its guest, and the guest world may be loaded.
 */
static ALWAYS_INLINE struct thread *take_simply(struct cpu *c, bool machines)
{
	struct sc *old = c->sc, *sc = c->next;
	bool direct = likely(sc);
	struct thread *t;
	u64 now;

	if (unlikely(!direct)) {
		if (!c->ready_levels)
			return NULL;
		sc = ready_first(c, ready_queue_top(c));
	}
	t = sc->home;
	if (t->wait_word != RUN_PLAINLY &&
	    !(machines && t->wait_word == RUN_IN_GUEST && t->machine && !t->pending))
		return NULL;
	if (t->caller || inbox_top(&c->inbox) >= 0)
		return NULL;
	now = now_ticks();
	if (old &&
	    (sc->prio <= old->prio || !round_robin(old) || now + sched_min_budget > c->slice_end))
		return NULL;
	if (direct)
		c->next = NULL;
	else
		ready_remove(c, sc);
	if (old) {
		put_simply(c, old, now);
		if (unlikely(c->ready_levels >> old->prio))
			ready_enqueue(c, old, true);
		else
			c->next = old;
	}
	sc_run(c, sc, now);
	c->thread = t;
	c->chain_deadline = TAKT_NEVER;
	c->not_fast = machines ? c->not_fast & NOT_FAST_GUEST : 0; /* the rest was `resched` alone */
	return likely(publish(c, sc->prio)) ? t : NULL;
}

/* All of it, with nothing but `resched` in c->not_fast. */
static inline bool leave_simply(struct cpu *c)
{
	struct thread *t = take_simply(c, false);

	if (!t)
		return false;
	context_switch(c, t);
	timer_by(c, c->slice_end);
	return true;
}

/* With NOT_FAST_GUEST, too, and to a guest. */
static NOINLINE bool leave_with_machines(struct cpu *c)
{
	struct thread *t = take_simply(c, true);

	if (!t)
		return false;
	if (t->in_guest) {
		if (unlikely(!machine_collect(t))) {
			c->resched = true;
			return false;
		}
		if (t != c->loaded || c->world != WORLD_GUEST) /* it is not the last that ran */
			context_load(c, t);
		machine_before_guest(t);
	} else {
		context_load(c, t);
	}
	timer_by(c, c->slice_end);
	return true;
}

/* True: what woke the CPU is somebody to run, and ready to go on. */
static bool idle(struct cpu *c)
{
	u64 since = now_ticks();

	c->thread = NULL;
	if (unlikely(c->tracing))
		trace_switch(c);
	c->chain_deadline = TAKT_NEVER;
	c->slice_end = TAKT_NEVER;
	c->tangled = 0;
	if (!publish(c, -1))
		return false;
	program_timer(c);
	while (unlikely(log_waiting() && !irq_waiting()))
		log_drain();
	cpu_wfi();
	c->idle_ticks += now_ticks() - since;
	irq_poll();
	if ((c->not_fast & ~NOT_FAST_GUEST) == NOT_FAST_RESCHED && leave_with_machines(c))
		return true;
	c->resched = true; /* as in leave_slowly */
	return false;
}

/* Null: c->thread is loaded already. */
static NOINLINE struct thread *choose(struct cpu *c)
{
	if (unlikely(log_waiting()))
		log_drain();
	for (;;) {
		int ready = ready_top(c);
		int in = inbox_top(&c->inbox);
		int current = c->sc ? (int)c->sc->prio : -1;

		if (in >= 0 && in >= ready && in >= current) {
			inbox_work(&c->inbox);
			if (irq_waiting()) /* preemption point between two pieces of work */
				irq_poll();
			continue;
		}
		if (ready > current) {
			u64 now = now_ticks();
			struct sc *sc = ready_first(c, ready);

			if (c->sc)
				sc_put(c, now, true);
			ready_remove(c, sc);
			sc_run(c, sc, now);
			continue; /* the one put back may have triggered something */
		}
		if (!c->sc) {
			if (idle(c))
				return NULL;
			continue;
		}
		if (unlikely(c->sc->home->has_events) && !event_confirm(c->sc->home, c->sc))
			continue;

		struct thread *t = walk(c, c->sc);

		/* A call that ended on the way may have made somebody more urgent ready. */
		if (t && ready_top(c) <= (int)c->sc->prio && publish(c, c->sc->prio))
			return t;
	}
}

static NOINLINE void leave_slowly(struct cpu *c)
{
	bool chosen = false;
	struct thread *t;

	if (c->not_fast == (NOT_FAST_GUEST | NOT_FAST_RESCHED) && leave_with_machines(c))
		return;
	if (unlikely(c->not_fast & ~NOT_FAST_RESCHED) && c->tangled & TANGLED_EVENTS)
		event_sample(c);
	for (;;) {
		if (c->resched || inbox_top(&c->inbox) > c->prio) {
			c->resched = true; /* nobody hands over meanwhile */
			t = choose(c);
			if (!t)
				return;
			c->thread = t;
			if (unlikely(t->has_late))
				irq_timers_go_on(t);
			c->resched = false; /* all that asked for it is decided */
			chosen = true;
			if (c->sc->home->kind == TAKT_THREAD_PV)
				pv_began(c->sc->home, c->sc->started);
		}
		if (unlikely(c->thread->in_guest)) {
			vcpu_before_guest(c->thread);
			if (c->resched)
				continue;
		}
		break;
	}
	if (unlikely(c->not_fast)) {
		if (c->tracing)
			trace_switch(c);
		if (c->tangled & TANGLED_EVENTS)
			event_hint(c);
	}
	context_load(c, c->thread);
	if (unlikely(c->thread->in_guest && c->thread->kind == TAKT_THREAD_MACHINE))
		machine_before_guest(c->thread);
	if (chosen)
		timer_by(c, MIN(c->slice_end, c->chain_deadline));
}

/* The way back to a paravirtual guest, whose interrupt may have come. Apart, so that sched_leave
 * needs no stack frame. */
static NOINLINE void leave_to_guest(struct cpu *c)
{
	struct thread *t = c->thread;

	if (unlikely(t->pending)) {
		leave_slowly(c);
	} else if (t->machine) {
		if (unlikely(!machine_collect(t))) {
			c->resched = true;
			leave_slowly(c);
			return;
		}
		if (unlikely(!context_cross(c, t)))
			context_load(c, t);
		machine_before_guest(t);
	} else {
		pv_before_guest(t);
		context_switch(c, t);
	}
}

/* A machine's guest was left, or has trapped and goes on; nothing is to be decided. */
static NOINLINE void leave_machine(struct cpu *c)
{
	struct thread *t = c->thread;

	if (unlikely(t != c->loaded || t->pending)) {
		leave_slowly(c);
		return;
	}
	if (t->in_guest)
		machine_before_guest(t);
	else if (unlikely(!context_cross(c, t)))
		context_load(c, t);
}

void sched_leave(void)
{
	struct cpu *c = this_cpu();

	if (likely(!c->not_fast)) {
		/* What runs is decided: the thread that ran, or the other end of its call. */
		if (c->thread->in_guest)
			leave_to_guest(c);
		else
			context_switch(c, c->thread);
	} else if (c->not_fast == NOT_FAST_GUEST) {
		leave_machine(c);
	} else if (c->not_fast != NOT_FAST_RESCHED || !leave_simply(c)) {
		leave_slowly(c);
	}
}

/* From a round-robin SC to the next one at its priority, of a native thread in no call, or (`guest`)
 * of a machine's in its guest: that thread. Null: it is not that case. */
static ALWAYS_INLINE struct thread *take_turns(struct cpu *c, u64 now, bool guest)
{
	struct sc *old = c->sc, *sc = c->next;
	bool direct = likely(sc);
	struct thread *t;
	unsigned prio;

	if (unlikely(!round_robin(old)))
		return NULL;
	prio = old->prio;
	if (unlikely(!direct)) {
		if (!(c->ready_levels >> prio))
			return NULL;
		sc = ready_first(c, (int)prio);
	}
	t = sc->home;
	if (unlikely(sc->prio != prio))
		return NULL;
	if (guest ? unlikely(t->wait_word != RUN_IN_GUEST) || unlikely(!t->machine) ||
			    unlikely(t->pending)
		  : unlikely(t->wait_word != RUN_PLAINLY) || unlikely(t->caller))
		return NULL;
	if (unlikely(!direct))
		ready_remove(c, sc);
	if (!guest)
		now = now_ticks(); /* what comes before is not needed for longer than until here */
	old->consumed += now - old->started;
	old->refill.amount = now + old->spare <= c->slice_end ? c->slice_end - now : old->budget;
	old->state = SC_READY;
	if (unlikely(c->ready_levels >> prio)) {
		c->next = NULL;
		ready_enqueue(c, old, false);
	} else {
		c->next = old;
	}
	sc_run(c, sc, now);
	c->thread = t;
	return t;
}

static inline bool yield_simply(struct cpu *c)
{
	struct thread *t;

	if (unlikely(c->not_fast) || unlikely(!c->sc))
		return false;
	t = take_turns(c, 0, false);
	if (unlikely(!t))
		return false;
	c->chain_deadline = TAKT_NEVER;
	context_switch(c, t);
	timer_by(c, c->slice_end);
	return true;
}

static NOINLINE void yield_slowly(struct cpu *c)
{
	c->resched = true;
	if (c->sc)
		sc_put_last(c, now_ticks());
	sched_leave();
}

void sched_give_way(void)
{
	struct cpu *c = this_cpu();

	if (unlikely(!yield_simply(c)))
		yield_slowly(c);
}

/* --- The timer ------------------------------------------------------------------------------ */

/* A refill, or a deadline in the chain of a parked SC. */
static void sc_timer_due(struct cpu *c, struct sc *sc)
{
	if (sc->state == SC_PARKED) {
		unpark(sc);
		return;
	}
	TRACE(c, REPLENISHED, sc->prio, sc->object.birth, sc->home->object.birth,
	      sc->refill.amount);
	sc_queue_apart(c, sc);
}

static void thread_timer_due(struct thread *t)
{
	switch ((enum thread_state)t->state) {
	case THREAD_WAIT:
		t->regs->x[0] = (u64)TAKT_E_TIMEOUT;
		thread_wake(t);
		break;
	case THREAD_IDLE:
		if (t->kind == TAKT_THREAD_PV) {
			t->regs->x[0] = (u64)TAKT_E_TIMEOUT;
			vcpu_wake(t);
			break;
		}
		machine_timer_due(t);
		break;
	case THREAD_BLOCKED:
		if (t->deadline != TAKT_NEVER && t->deadline <= now_ticks()) {
			ipc_cancel(t, TAKT_E_TIMEOUT);
			break;
		}
		/* fall through */
	default:
		if (t->kind == TAKT_THREAD_MACHINE)
			machine_timer_due(t);
		break;
	}
}

/* Those that remain make the interrupt come again at once: what has become ready meanwhile, or is
 * signalled by hardware, goes first. */
#define TIMERS_AT_ONCE 3

void sched_timer(void)
{
	struct cpu *c = this_cpu();
	u64 now = now_ticks();

	c->timer_at = 0; /* it is set when all that is due has been seen to */
	for (unsigned n = 0; n < TIMERS_AT_ONCE && timerq_next(&c->timers) <= now; n++) {
		struct timer *t = c->timers.root;

		if (t->kind != TIMER_IRQ) /* a periodic one stays, and moves */
			timerq_remove(&c->timers, t);
		switch ((enum timer_kind)t->kind) {
		case TIMER_SC:
			sc_timer_due(c, container_of(t, struct sc, timer));
			break;
		case TIMER_THREAD:
			thread_timer_due(container_of(t, struct thread, timer));
			break;
		case TIMER_IRQ:
			irq_timer_fired(container_of(t, struct irq, timer), now);
			break;
		}
	}
	if (c->chain_deadline <= now) {
		c->chain_deadline = TAKT_NEVER; /* until the next walk, which gives up the call */
		c->resched = true;
	}
	if (c->slice_end <= now)
		sc_put_last(c, now);
	program_timer(c);
}

static NOINLINE struct takt_frame *timer_otherwise(struct cpu *c)
{
	sched_timer();
	return sched_same_or(c, machine_same) ? NULL : LEAVE_DECIDE;
}

struct takt_frame *sched_timer_trap(struct cpu *c)
{
	u64 now, next;

	if (c->not_fast != NOT_FAST_GUEST)
		return timer_otherwise(c);
	/* Most often a slice ended, and it is the turn of another machine. */
	now = now_ticks();
	next = timerq_next(&c->timers);
	if (likely(c->slice_end <= now && next > now && inbox_top(&c->inbox) < 0)) {
		struct thread *t = take_turns(c, now, true);

		if (likely(t)) {
			c->timer_at = MIN(next, c->slice_end);
			timer_set(c->timer_at);
			return machine_switch(c, t);
		}
	}
	return timer_otherwise(c);
}
