/* SPDX-License-Identifier: MIT */
/* What time brings to a CPU: replenishments, ends of slices, deadlines, and the timers of irqs. */
#include <arch/switch.h>
#include <core/arch.h>
#include <core/chain.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/dispatch.h>
#include <core/ipc.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>

/* A refill, or a deadline in the chain of a parked SC. */
static void sc_timer_due(struct cpu *c, struct sc *sc)
{
	if (sc->state == SC_PARKED) {
		sc_unpark(sc);
		return;
	}
	TRACE(c, REPLENISHED, sc->prio, sc->object.birth, sc->home->object.birth,
	      sc->refill.amount);
	sc_enqueue(c, sc);
}

static void thread_timer_due(struct thread *t)
{
	switch ((enum thread_state)t->state) {
	case THREAD_WAIT:
		if (!t->timed) { /* a monitor: it is its guest's */
			machine_timer_due(t);
			break;
		}
		t->regs->x[0] = (u64)TAKT_E_TIMEOUT;
		thread_wake(t);
		break;
	case THREAD_IDLE:
		if (t->kind == TAKT_THREAD_PV) {
			thread_untimed(t);
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
		sc_put(c, now, false);
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
