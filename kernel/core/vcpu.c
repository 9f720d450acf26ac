/* SPDX-License-Identifier: MIT */
/* What the two kinds of vCPU have in common: going into the guest context and out of it. */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/riders.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>
#include <object/sc.h>

static void refuse(struct thread *t, int error)
{
	t->regs->x[0] = (u64)(s64)error;
}

void vcpu_resume(struct thread *t)
{
	int err = 0;

	if (t->kind == TAKT_THREAD_PLAIN || t->in_guest || t->caller) {
		refuse(t, TAKT_E_STATE);
		return;
	}
	if (unlikely(t->has_late))
		irq_timers_go_on(t);
	if (t->kind == TAKT_THREAD_MACHINE)
		err = apply_riders(t);
	else
		pv_began(t, this_cpu()->sc->started); /* ways in that only threads take do not tell */
	t->in_guest = true;
	if (err) {
		vcpu_exit(t, TAKT_EXIT_ERROR, (u64)(s64)err, 0);
		return;
	}
	t->regs = t->kind == TAKT_THREAD_PV ? &t->pv->guest : &t->vp->guest;
	if (t->kind == TAKT_THREAD_MACHINE && *(volatile u32 *)&t->vp->standby) {
		t->vp->standby = 0;
		if (!t->pending)
			machine_wait(t);
	}
}

void vcpu_exit(struct thread *t, unsigned reason, u64 esr, u64 far)
{
	TRACE(this_cpu(), EXIT, reason, t->object.birth, esr, far, t->regs->pc);
	t->regs = &t->frame;
	t->frame.x[0] = reason;
	t->frame.pstate = 0;
	t->in_guest = false;
	if (t->kind == TAKT_THREAD_PV) {
		struct takt_pv_page *p = t->pv;

		p->reason = reason;
		p->esr = esr;
		p->far = far;
		t->frame.pc = *(volatile u64 *)&p->entry;
		t->frame.sp = *(volatile u64 *)&p->entry_sp;
	} else {
		struct takt_vcpu_page *p = t->vp;

		p->reason = reason;
		p->esr = esr;
		p->far = far;
		t->frame.pc = *(volatile u64 *)&p->entry;
		t->frame.sp = *(volatile u64 *)&p->entry_sp;
		machine_left(t);
	}
}

static NOINLINE void leave_for_event(struct thread *t)
{
	u64 events = thread_signals(t);

	if (t->kind == TAKT_THREAD_PV)
		t->pv->events = events;
	else
		t->vp->events = events;
	vcpu_exit(t, TAKT_EXIT_EVENT, 0, 0);
}

void vcpu_before_guest(struct thread *t)
{
	if (unlikely(t->pending))
		leave_for_event(t);
	else if (likely(t->way == TAKT_THREAD_PV))
		pv_before_guest(t);
	else if (t->way == VIRQ_WITH_SC)
		event_before_guest(t);
	else if (!machine_collect(t))
		this_cpu()->resched = true;
}

void vcpu_idle(struct thread *t, u64 deadline)
{
	struct cpu *c = this_cpu();

	t->state = THREAD_IDLE;
	if (deadline != TAKT_NEVER)
		timer_start(c, &t->timer, deadline);
	if (unlikely(t->has_events))
		event_idle(t);
	c->resched = true;
}

void vcpu_wake(struct thread *t)
{
	struct sc *sc = t->sc[0];

	/* A guest that sleeps has no invocation under way and no caller. */
	if (likely(t->wait_word == IDLE_IN_GUEST && sc && !t->timer.queued &&
		   list_empty(&t->parked))) {
		t->state = THREAD_RUN;
		sc_activate(sc);
	} else if (t->state == THREAD_IDLE) {
		thread_wake(t);
	}
}
