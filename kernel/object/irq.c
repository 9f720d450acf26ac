/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/dispatch.h>
#include <core/event.h>
#include <core/invoke.h>
#include <core/sched.h>
#include <object/irq.h>
#include <object/sc.h>
#include <object/thread.h>

/* --- State ----------------------------------------------------------------------------------- */

static struct irq *line[IRQC_LINES]; /* gone from here before they are destroyed */
static struct spinlock line_lock;

struct irq *irq_create(struct factory *f, u32 intid, bool edge)
{
	struct irq *irq = object_alloc(f, sizeof(*irq), TAKT_IRQ);

	if (!irq)
		return NULL;
	irq->intid = intid;
	irq->edge = edge;
	irq->timer.kind = TIMER_IRQ;
	list_init(&irq->node.link);
	list_init(&irq->bound);
	list_init(&irq->late);
	object_born(&irq->object);
	return irq;
}

int intc_get_line(u32 intid, struct irq *irq)
{
	int err = TAKT_E_EXISTS;

	spin_lock(&line_lock);
	if (!line[intid]) {
		__atomic_store_n(&line[intid], irq, __ATOMIC_RELEASE);
		err = 0;
	}
	spin_unlock(&line_lock);
	return err;
}

void intc_put_line(struct irq *irq)
{
	spin_lock(&line_lock);
	if (line[irq->intid] == irq)
		__atomic_store_n(&line[irq->intid], NULL, __ATOMIC_RELEASE);
	spin_unlock(&line_lock);
}

/* --- Arrival --------------------------------------------------------------------------------- */

static inline void deliver(struct irq *irq)
{
	struct thread *t = irq->thread;

	if (likely(irq->target == IRQ_THREAD))
		thread_signal(t, irq->badge);
	else if (irq->target == IRQ_UNBOUND)
		return;
	else if (t->way == TAKT_THREAD_PV)
		pv_arrive(t, irq->virq);
	else if (t->way == VIRQ_WITH_SC)
		event_arrive_pv(t, irq->virq);
	else
		virq_arrive(t, irq->virq, irq->intid, irq->intid);
}

/* Out of line; what fires with a timer has it inlined. */
void irq_deliver(struct irq *irq)
{
	deliver(irq);
}

/* Of the message that brings an irq to its CPU: the target's priority, not the sender's, for it does
 * no more there than make the target ready. A vCPU may run already, on any of its SCs, and is to be
 * interrupted then: hence one more than all of them. */
static unsigned message_prio(const struct thread *t)
{
	const struct sc *sc;

	if (t->kind != TAKT_THREAD_PLAIN)
		return MIN(event_prio(t) + 1, PRIORITIES - 1u);
	sc = __atomic_load_n(&t->sc[0], __ATOMIC_RELAXED);
	return sc ? sc->prio : 0;
}

/* While the lock is held the binding stays, so the message is nowhere but where unbind() looks for
 * it. */
static NOINLINE void send(struct irq *irq)
{
	spin_lock(&irq->lock);
	if (irq->target != IRQ_UNBOUND)
		inbox_post(irq->cpu, &irq->node, INBOX_IRQ, message_prio(irq->thread));
	spin_unlock(&irq->lock);
}

void irq_arrive(struct irq *irq)
{
	/* Bound on this CPU: nobody else can unbind it. */
	if (likely(*(struct cpu *volatile *)&irq->on == this_cpu()))
		irq_deliver(irq);
	else
		send(irq);
}

/* Nobody's: it is not to come again. */
static NOINLINE void stray(u32 intid, u32 raw)
{
	irqc_disable(intid);
	irqc_deactivate(raw);
}

/* What an irq is bound to here nobody else changes. What it was made with is seen by whoever sees
 * that it has the line, for it is read through that pointer. */
void irq_hardware(u32 intid, u32 raw)
{
	struct irq *irq = likely(intid < IRQC_LINES) ? *(struct irq *volatile *)&line[intid] : NULL;

	if (unlikely(!irq) || unlikely(irq->on != this_cpu())) {
		stray(intid, raw);
		return;
	}
	/* Active until the handler's ack, or the guest's end of interrupt: that is its mask. */
	irq->held = true;
	irq_deliver(irq);
}

/* Apart, so that irq_trap needs no stack frame for them. */
static NOINLINE struct takt_frame *stray_trap(struct cpu *c, u32 intid, u32 raw)
{
	stray(intid, raw);
	return leave_quickly(c);
}

static NOINLINE struct takt_frame *deliver_trap(struct cpu *c, struct irq *irq)
{
	irq_deliver(irq);
	return leave_quickly(c);
}

static NOINLINE struct takt_frame *vcpu_trap(struct cpu *c, struct irq *irq)
{
	struct thread *t = irq->thread;

	if (t == c->thread && t->way == TAKT_THREAD_PV && t->wait_word == RUN_IN_GUEST &&
	    !t->pending)
		return pv_trap(t, irq->virq);
	return deliver_trap(c, irq);
}

struct takt_frame *irq_trap(struct cpu *c, u32 intid, u32 raw)
{
	struct irq *irq = *(struct irq *volatile *)&line[intid];
	struct thread *t;

	if (unlikely(!irq) || unlikely(irq->on != c))
		return stray_trap(c, intid, raw);
	irq->held = true;
	t = irq->thread;
	if (unlikely(!irq->badge))
		return vcpu_trap(c, irq);
	if (unlikely(!signal_simply(c, t, irq->badge)))
		return deliver_trap(c, irq);
	return leave_for(c, t);
}

static NOINLINE struct takt_frame *guest_trap_otherwise(struct cpu *c, u32 intid, u32 raw)
{
	irq_hardware(intid, raw);
	return sched_same_or(c, machine_same) ? NULL : LEAVE_DECIDE;
}

struct takt_frame *irq_trap_guest(struct cpu *c, u32 intid, u32 raw)
{
	struct irq *irq = *(struct irq *volatile *)&line[intid];
	struct thread *t = c->thread;

	/* Else it may be a stray one, or somebody else's. With a badge it is for the monitor. */
	if (unlikely(!irq) || unlikely(irq->on != c) || unlikely(irq->thread != t) ||
	    unlikely(irq->badge) || unlikely(!virq_arrive_simply(t, irq->virq, intid)))
		return guest_trap_otherwise(c, intid, raw);
	irq->held = true;
	return NULL;
}

static NOINLINE struct takt_frame *trigger_otherwise(struct irq *irq, struct cpu *c)
{
	if (unlikely(irq->target == IRQ_UNBOUND))
		c->thread->regs->x[0] = (u64)TAKT_E_STATE;
	else
		irq_arrive(irq);
	return leave_quickly(c);
}

static NOINLINE struct takt_frame *trigger_urgent(struct irq *irq, struct cpu *c)
{
	struct thread *t = irq->thread;

	return signal_simply(c, t, irq->badge) ? leave_for(c, t) : trigger_otherwise(irq, c);
}

/* Calls come last, so that no stack frame is needed. */
struct takt_frame *irq_trigger_quickly(struct irq *irq, struct cpu *c)
{
	struct thread *t;
	u64 badge;

	if (unlikely(*(struct cpu *volatile *)&irq->on != c))
		return trigger_otherwise(irq, c);
	t = irq->thread;
	badge = irq->badge;
	if (unlikely(!badge) || unlikely(!waits_simply(t)))
		return trigger_otherwise(irq, c);
	if ((int)t->sc[0]->prio > c->prio)
		return trigger_urgent(irq, c);
	if (unlikely(!queue_simply(c, t->sc[0])))
		return trigger_otherwise(irq, c);
	end_wait(t, badge);
	return NULL;
}

static bool still_pending(struct irq *irq, struct thread *t)
{
	if (irq->target == IRQ_THREAD)
		return t->pending & irq->badge;
	return t->kind == TAKT_THREAD_PV && t->pv->pending & 1u << irq->virq;
}

static bool armed(const struct irq *irq)
{
	return irq->timer.queued || !list_empty(&irq->late);
}

static void disarm(struct irq *irq)
{
	if (!armed(irq))
		return;
	timerq_remove(&this_cpu()->timers, &irq->timer);
	list_del(&irq->late);
	irq->thread->timers--;
}

/* Armed anew for the next instant that is to come. Periods that have passed are counted, not delivered
 * in a burst. */
static void next_period(struct irq *irq, u64 now)
{
	u64 next = irq->timer.when + irq->period;

	if (next <= now) {
		u64 missed = (now - next) / irq->period + 1;

		irq->overruns += missed;
		next += missed * irq->period;
	}
	if (next > now) {
		timer_start(this_cpu(), &irq->timer, next);
	} else { /* time itself ends before */
		timerq_remove(&this_cpu()->timers, &irq->timer);
		irq->thread->timers--;
	}
}

/* It was in `state` before this arrival: whether another one would tell it nothing new. */
static bool heard(const struct irq *irq, const struct thread *t, u8 state)
{
	if (irq->target == IRQ_THREAD)
		return t->pending & irq->badge;
	return this_cpu()->thread != t && t->state == state;
}

/*
 * A thread that does not get to run, because others are more urgent or it has no time, is not to
 * interrupt them with each of its periods. Its timer halts until it has taken the signal. One that
 * goes on has stayed in the queue, where moving is half the work of leaving and coming back.
 */
void irq_timer_fired(struct irq *irq, u64 now)
{
	struct thread *t = irq->thread;
	u8 state = t->state;

	if (still_pending(irq, t))
		irq->overruns++;
	deliver(irq);
	if (!irq->period) {
		disarm(irq);
	} else if (heard(irq, t, state)) {
		timerq_remove(&this_cpu()->timers, &irq->timer);
		list_add_tail(&t->late, &irq->late);
		t->has_late = t->kind != TAKT_THREAD_PLAIN;
	} else {
		next_period(irq, now);
	}
}

static void go_on(struct irq *irq)
{
	list_del(&irq->late);
	next_period(irq, now_ticks());
}

void irq_timers_go_on(struct thread *t)
{
	t->has_late = false;
	while (!list_empty(&t->late)) /* TAKT_THREAD_TIMERS at most */
		go_on(list_first(&t->late, struct irq, late));
}

/* --- Operations ------------------------------------------------------------------------------ */

static struct irq *self_irq(struct object *self)
{
	return container_of(self, struct irq, object);
}

/* A bound irq belongs to its target's CPU. */
#define ON_ITS_CPU(irq)                                                                            \
	do {                                                                                       \
		if ((irq)->target != IRQ_UNBOUND && (irq)->cpu != this_cpu()->id)                  \
			return E_REMOTE((irq)->cpu);                                               \
	} while (0)

static void unbind(struct irq *irq)
{
	struct thread *t = irq->thread;

	if (irq->target == IRQ_UNBOUND)
		return;
	disarm(irq);
	if (irq->target == IRQ_VCPU && t->machine)
		(void)!virq_bind(t, irq->virq, IRQ_SOFT);
	if (irq->brings_sc)
		event_bind(t, irq->virq, 0, TAKT_LEAVE_EOI);
	irq->brings_sc = false;
	list_del(&irq->bound);
	spin_lock(&irq->lock);
	irq->target = IRQ_UNBOUND;
	irq->thread = NULL;
	irq->on = NULL;
	(void)!inbox_remove(irq->cpu, &irq->node);
	spin_unlock(&irq->lock);
	if (irq->intid == IRQ_SOFT)
		return;
	irqc_disable(irq->intid);
	if (irq->held) { /* or the line stays dead */
		irqc_deactivate(irq->intid);
		irq->held = false;
	}
}

static void route_line(struct irq *irq, unsigned cpu)
{
	if (irq->intid == IRQ_SOFT)
		return;
	irqc_configure(irq->intid, irq->edge, cpu);
	irqc_enable(irq->intid);
}

static int check_target(struct irq *irq, struct thread *t)
{
	if (irq->target != IRQ_UNBOUND)
		return TAKT_E_STATE;
	if (t->cpu == CPU_UNPLACED)
		return TAKT_E_STATE;
	if (t->cpu != this_cpu()->id)
		return E_REMOTE(t->cpu);
	return 0;
}

/* Two CPUs may bind the same irq at a time: one of them finds it bound. */
static int attach(struct irq *irq, struct thread *t, enum irq_target target, u64 badge, u32 virq)
{
	int err = TAKT_E_STATE;

	spin_lock(&irq->lock);
	if (irq->target == IRQ_UNBOUND && !irq->object.dying) {
		irq->thread = t;
		irq->cpu = t->cpu;
		irq->on = this_cpu(); /* see check_target() */
		irq->badge = badge;
		irq->virq = virq;
		__atomic_store_n(&irq->target, (u8)target, __ATOMIC_RELEASE);
		list_add_tail(&t->irqs, &irq->bound);
		err = 0;
	}
	spin_unlock(&irq->lock);
	if (!err)
		route_line(irq, t->cpu);
	return err;
}

int irq_op_bind_thread(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);
	struct thread *t = container_of(in->cap[0], struct thread, object);
	int err;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_THREAD_SERVE))
		return TAKT_E_RIGHTS;
	if (!in->w[0])
		return TAKT_E_INVAL;
	err = check_target(irq, t);
	if (err)
		return err;
	return attach(irq, t, IRQ_THREAD, in->w[0], 0);
}

int irq_op_bind_vcpu(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);
	struct thread *t = container_of(in->cap[0], struct thread, object);
	struct sc *sc = in->caps > 1 ? container_of(in->cap[1], struct sc, object) : NULL;
	int err;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_THREAD_VIRQ))
		return TAKT_E_RIGHTS;
	if (sc && !(in->cap_right[1] & TAKT_R_SC_BIND))
		return TAKT_E_RIGHTS;
	if (t->kind == TAKT_THREAD_PLAIN)
		return TAKT_E_STATE;
	if (in->w[0] > (t->kind == TAKT_THREAD_PV ? 31u : 255u))
		return TAKT_E_RANGE;
	err = check_target(irq, t);
	if (!err && sc && sc->home != t)
		err = TAKT_E_STATE;
	if (!err && t->kind == TAKT_THREAD_MACHINE)
		err = virq_bind(t, (u32)in->w[0], irq->intid);
	if (err)
		return err;
	err = attach(irq, t, IRQ_VCPU, 0, (u32)in->w[0]);
	if (err && t->kind == TAKT_THREAD_MACHINE)
		(void)!virq_bind(t, (u32)in->w[0], IRQ_SOFT);
	if (!err && sc) {
		irq->brings_sc = true;
		event_bind(t, irq->virq, sc->index, TAKT_LEAVE_EOI);
	}
	return err;
}

int irq_op_unbind(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);

	(void)rights;
	(void)in;
	ON_ITS_CPU(irq);
	unbind(irq);
	return 0;
}

int irq_op_trigger(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);

	(void)rights;
	(void)in;
	if (irq->target == IRQ_UNBOUND)
		return TAKT_E_STATE;
	irq_arrive(irq);
	return 0;
}

int irq_op_ack(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);

	(void)rights;
	(void)in;
	ON_ITS_CPU(irq);
	if (irq->held) {
		irq->held = false;
		irqc_deactivate(irq->intid);
	}
	return 0;
}

int irq_op_timer(struct object *self, u64 rights, struct invocation *in)
{
	struct irq *irq = self_irq(self);
	u64 at = in->w[0], period = in->w[1];

	(void)rights;
	if (irq->intid != IRQ_SOFT || irq->target == IRQ_UNBOUND)
		return TAKT_E_STATE;
	/* A shorter period would let a timer alone keep the CPU busy: 10 us. A longer one than half of
	 * all time has no next instant. */
	if (period && (period < platform.counter_hz / 100000 || period > TAKT_NEVER / 2))
		return TAKT_E_RANGE;
	ON_ITS_CPU(irq);
	if (at != TAKT_NEVER && !armed(irq) && irq->thread->timers == TAKT_THREAD_TIMERS)
		return TAKT_E_QUOTA;
	if (!list_empty(&irq->late))
		go_on(irq); /* it has missed periods meanwhile */
	in->w[0] = irq->overruns;
	irq->overruns = 0;
	irq->period = period;
	disarm(irq);
	if (at != TAKT_NEVER) {
		irq->thread->timers++;
		timer_start(this_cpu(), &irq->timer, at);
	}
	return 0;
}

/* --- Destroy --------------------------------------------------------------------------------- */

#define UNBIND_AT_ONCE 4

bool irq_unbind_some(struct thread *t)
{
	unsigned n;

	for (n = 0; n < UNBIND_AT_ONCE && !list_empty(&t->irqs); n++)
		unbind(list_first(&t->irqs, struct irq, bound));
	return n;
}

int irq_teardown(struct irq *irq)
{
	bool bound;

	ON_ITS_CPU(irq);
	unbind(irq);
	spin_lock(&irq->lock); /* who was just about to bind it has done so, or does not any more */
	bound = irq->target != IRQ_UNBOUND;
	spin_unlock(&irq->lock);
	if (bound)
		return E_RESTART;
	if (irq->intid != IRQ_SOFT)
		intc_put_line(irq);
	return 0;
}
