/* SPDX-License-Identifier: MIT */
/*
 * The dispatcher of a CPU: what runs next, and the ways out of the kernel. Which SCs want to run is
 * in activate.c, whom one of them pays for in chain.c, and what time brings in sched_timer.c.
 */
#include <arch/switch.h>
#include <core/arch.h>
#include <core/budget.h>
#include <core/chain.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/dispatch.h>
#include <core/event.h>
#include <core/inbox.h>
#include <core/log.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>

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

/*
 * The usual case, without asking again for what is known already: a thread in no call, more urgent
 * than all others that are ready, takes over from a round-robin SC or from none. It does what a
 * turn of the loop in choose() and a walk would do; null: it is not that case. `guests`: the thread
 * may be a vCPU's in its guest, and a machine's registers may be loaded.
 */
static ALWAYS_INLINE struct thread *take_simply(struct cpu *c, bool guests)
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
	if (t->wait_word != RUN_PLAINLY && !(guests && t->wait_word == RUN_IN_GUEST && !t->pending))
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
	c->not_fast = guests ? c->not_fast & NOT_FAST_GUEST : 0; /* the rest was `resched` alone */
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
static NOINLINE bool leave_with_guests(struct cpu *c)
{
	struct thread *t = take_simply(c, true);

	if (!t)
		return false;
	if (t->in_guest && t->machine) {
		if (unlikely(!machine_collect(t))) {
			c->resched = true;
			return false;
		}
		if (t != c->loaded || c->world != WORLD_GUEST) /* it is not the last that ran */
			context_load(c, t);
		machine_before_guest(t);
	} else {
		if (t->in_guest) {
			pv_began(t, c->sc->started);
			pv_before_guest(t);
		}
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
	if ((c->not_fast & ~NOT_FAST_GUEST) == NOT_FAST_RESCHED && leave_with_guests(c))
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

		struct thread *t = chain_walk(c, c->sc);

		/* A call that ended on the way may have made somebody more urgent ready. */
		if (t && ready_top(c) <= (int)c->sc->prio && publish(c, c->sc->prio))
			return t;
	}
}

static NOINLINE void leave_slowly(struct cpu *c)
{
	bool chosen = false;
	struct thread *t;

	/* From a machine's guest to whomever, or from native code to a guest: leave_simply did the
	 * rest. */
	if ((c->not_fast == (NOT_FAST_GUEST | NOT_FAST_RESCHED) ||
	     (c->not_fast == NOT_FAST_RESCHED && c->next && c->next->home->in_guest)) &&
	    leave_with_guests(c))
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
	if (unlikely(c->thread->timed))
		thread_untimed(c->thread);
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
		sc_put(c, now_ticks(), false);
	sched_leave();
}

void sched_give_way(void)
{
	struct cpu *c = this_cpu();

	if (unlikely(!yield_simply(c)))
		yield_slowly(c);
}
