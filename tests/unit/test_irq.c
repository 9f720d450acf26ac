/* SPDX-License-Identifier: MIT */
/* Irqs: signals of threads on their own and on other CPUs, kernel timers, hardware lines; and
 * paravirtual interrupts. */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define WAITER (SLOT_FREE + 1)
#define OTHER (SLOT_FREE + 3)
#define IRQ (SLOT_FREE + 5)
#define VCPU (SLOT_FREE + 7)
#define LINE 60

static struct thread *waiter, *other;

static bool set_up(unsigned waiter_cpu)
{
	compartment(60);
	make_task(TASK);
	waiter = make_runner(WAITER, TASK, waiter_cpu, 30);
	other = make_runner(OTHER, TASK, 0, 20);
	make_irq(IRQ);
	give_cap(TASK, 10, IRQ, TAKT_R_ALL);
	user_flavour(waiter, TAKT_WAIT);
	return !root_call(IRQ, TAKT_IRQ_BIND_THREAD, W(0x4), C(WAITER), 0);
}

static bool signalled(void)
{
	return user_done(waiter) && waiter->regs->x[1] == TAKT_TAG_IRQ &&
	       waiter->regs->x[2] == 0x4;
}

TEST(trigger_wakes)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		CHECK(set_up(cpu));
		root_sleep();
		CHECK(waiter->state == THREAD_WAIT && cpus[0].thread == other);
		user_call(other, 10, TAKT_IRQ_TRIGGER, W(), C(), 0);
		settle();
		CHECK(signalled() && cpus[cpu].thread == waiter);
		CHECK(compartment_end());
	}
}

/* Who is no more urgent than the one that triggers runs when that sleeps: before those that are
 * less urgent, and after an equal that came first. */
TEST(trigger_of_less_urgent_ones)
{
	struct thread *equal;

	CHECK(set_up(0));
	equal = make_runner(VCPU, TASK, 0, 30);
	make_irq(VCPU + 2);
	user_flavour(equal, TAKT_WAIT);
	CHECK(!root_call(VCPU + 2, TAKT_IRQ_BIND_THREAD, W(0x8), C(VCPU), 0));
	root_sleep();
	CHECK(waiter->state == THREAD_WAIT && equal->state == THREAD_WAIT);
	CHECK(!root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0));
	CHECK(cpus[0].thread == root && signalled() && cpus[0].next == waiter->sc[0]);
	CHECK(!root_call(VCPU + 2, TAKT_IRQ_TRIGGER, W(), C(), 0));
	CHECK(cpus[0].thread == root && cpus[0].next == waiter->sc[0]);
	CHECK(user_done(equal) && equal->regs->x[2] == 0x8 && !equal->pending);
	CHECK(!root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0) && waiter->pending == 0x4);
	root_sleep();
	CHECK(cpus[0].thread == waiter);
	user_flavour(waiter, TAKT_WAIT);
	settle();
	CHECK(signalled() && !waiter->pending);
	user_flavour(waiter, TAKT_WAIT);
	settle();
	CHECK(waiter->state == THREAD_WAIT && cpus[0].thread == equal);
	user_flavour(equal, TAKT_WAIT);
	settle();
	CHECK(cpus[0].thread == other);
	CHECK(compartment_end());
}

TEST(trigger_of_one_that_cannot_run)
{
	CHECK(set_up(0));
	root_sleep();
	CHECK(waiter->state == THREAD_WAIT);
	CHECK(!root_call(WAITER, TAKT_THREAD_DETACH, W(), C(WAITER + 1), 0));
	CHECK(!root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0));
	CHECK(waiter->state == THREAD_WAIT && waiter->pending == 0x4);
	CHECK(!root_call(WAITER, TAKT_THREAD_ATTACH, W(), C(WAITER + 1), 0));
	CHECK(signalled() && !waiter->pending);
	user_flavour(waiter, TAKT_WAIT);
	root_sleep();
	CHECK(waiter->state == THREAD_WAIT);
	waiter->sc[0]->refill.amount = 0;
	CHECK(!root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0));
	CHECK(signalled() && waiter->sc[0]->refill.amount == waiter->sc[0]->budget);
	CHECK(compartment_end());
}

TEST(triggers_that_fail)
{
	CHECK(set_up(0));
	CHECK(!root_call(IRQ, TAKT_IRQ_UNBIND, W(), C(), 0));
	CHECK(root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0) == TAKT_E_STATE);
	CHECK(!root_call(IRQ, TAKT_IRQ_BIND_THREAD, W(0x4), C(WAITER), 0));
	give_cap(TASK, 11, IRQ, TAKT_R_ALL & ~TAKT_R_IRQ_TRIGGER);
	root_sleep();
	user_call(other, 11, TAKT_IRQ_TRIGGER, W(), C(), 0);
	settle();
	CHECK(user_done(other) && user_result(other) == TAKT_E_RIGHTS);
	CHECK(waiter->state == THREAD_WAIT && !waiter->pending);
	CHECK(compartment_end());
}

TEST(two_triggers_are_one_message)
{
	CHECK(set_up(1));
	root_sleep();
	step_checks = false;
	user_call(other, 10, TAKT_IRQ_TRIGGER, W(), C(), 0);
	while (step(0))
		;
	user_call(other, 10, TAKT_IRQ_TRIGGER, W(), C(), 0);
	while (step(0))
		;
	step_checks = true;
	settle();
	CHECK(signalled() && !waiter->pending);
	CHECK(compartment_end());
}

TEST(a_timer_is_punctual_and_counts_overruns)
{
	u64 at, period = FAKE_HZ / 1000;

	CHECK(set_up(0));
	at = fake_now + 5000;
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(at, period), C(), 0));
	root_sleep();
	advance(4999);
	CHECK(waiter->state == THREAD_WAIT);
	advance(1);
	CHECK(signalled() && fake_now == at);
	user_flavour(waiter, TAKT_WAIT);
	settle();
	advance(period);
	CHECK(signalled());
	advance(5 * period); /* nobody takes them */
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(TAKT_NEVER, 0), C(), 0));
	CHECK(root_word(0) == 4);
	CHECK(compartment_end());
}

static unsigned interrupts; /* of the timer of CPU 0 */

/* As advance(), and counts. */
static void pass(u64 ticks)
{
	u64 end = fake_now + ticks;

	for (u64 next = fake_next_timer(); next < end; next = fake_next_timer()) {
		fake_now = MAX(fake_now, next);
		interrupts++;
		settle();
	}
	fake_now = end;
}

/* Timers of a thread that does not get to run, for it is less urgent: two interrupts for each, however
 * long that lasts; what it missed is counted, and it goes on in step. */
TEST(a_timer_halts_until_its_signal_is_taken)
{
	u64 period = FAKE_HZ / 100000;
	struct irq *irq;
	u64 at;

	CHECK(set_up(0));
	irq = ROOT_OBJECT(irq, IRQ);
	CHECK(!root_call(WAITER, TAKT_THREAD_DETACH, W(), C(WAITER + 1), 0));
	make_sc(WAITER + 7, 10, 0, FAKE_HZ / 100, FAKE_HZ / 100);
	CHECK(!root_call(WAITER, TAKT_THREAD_ATTACH, W(), C(WAITER + 7), 0));
	user_flavour(other, TAKT_WAIT);
	root_sleep();
	CHECK(waiter->state == THREAD_WAIT);
	CHECK(!root_call(OTHER, TAKT_THREAD_CANCEL, W(), C(), 0));
	at = fake_now + 100000;
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(at, period), C(), 0));
	root_sleep();
	interrupts = 0;
	pass(100000 + 50 * period + period / 2);
	CHECK(signalled() && waiter->pending && cpus[0].thread == other);
	CHECK(interrupts <= 2 + (50 * period + 100000) / (FAKE_HZ / 100) + 1);
	CHECK(!irq->timer.queued && waiter->timers == 1);
	user_flavour(other, TAKT_WAIT);
	settle();
	user_flavour(waiter, TAKT_WAIT);
	settle();
	CHECK(signalled() && irq->timer.queued && irq->timer.when == at + 51 * period);
	CHECK(irq->overruns == 49);
	user_flavour(waiter, TAKT_WAIT);
	settle();
	CHECK(waiter->state == THREAD_WAIT);
	pass(period);
	CHECK(signalled() && irq->overruns == 49);
	CHECK(compartment_end());
}

/* No time, or no life: the timer waits for that as well, and goes on with it. */
TEST(timers_of_threads_that_cannot_take_them)
{
	u64 period = FAKE_HZ / 1000;
	struct irq *irq;

	for (unsigned stopped = 0; stopped < 2; stopped++) {
		CHECK(set_up(0));
		irq = ROOT_OBJECT(irq, IRQ);
		root_sleep();
		if (stopped)
			CHECK(!root_call(WAITER, TAKT_THREAD_STOP, W(), C(), 0));
		else
			CHECK(!root_call(WAITER, TAKT_THREAD_DETACH, W(), C(WAITER + 1), 0));
		CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now + period, period), C(), 0));
		root_sleep();
		advance(10 * period);
		CHECK(waiter->pending == 4 && !irq->timer.queued);
		if (stopped)
			CHECK(!root_call(WAITER, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0));
		else
			CHECK(!root_call(WAITER, TAKT_THREAD_ATTACH, W(), C(WAITER + 1), 0));
		CHECK(irq->timer.queued && irq->timer.when > fake_now);
		root_sleep();
		CHECK(stopped || signalled());
		CHECK(compartment_end());
	}
}

TEST(eight_timers_for_a_thread)
{
	CHECK(set_up(0));
	for (unsigned i = 0; i <= TAKT_THREAD_TIMERS; i++) {
		u64 slot = SLOT_FREE + 20 + i;
		s64 wanted = i < TAKT_THREAD_TIMERS ? 0 : TAKT_E_QUOTA;

		make_irq(slot);
		CHECK(!root_call(slot, TAKT_IRQ_BIND_THREAD, W(1ul << i), C(WAITER), 0));
		CHECK(root_call(slot, TAKT_IRQ_TIMER, W(fake_now + FAKE_HZ, 0), C(), 0) == wanted);
	}
	/* Another instant for one of them, or one less, or one that has fired, makes room or none. */
	CHECK(!root_call(SLOT_FREE + 20, TAKT_IRQ_TIMER, W(fake_now + 100, 0), C(), 0));
	CHECK(root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now, 0), C(), 0) == TAKT_E_QUOTA);
	CHECK(!root_call(SLOT_FREE + 21, TAKT_IRQ_TIMER, W(TAKT_NEVER, 0), C(), 0));
	CHECK(!root_call(SLOT_FREE + 21, TAKT_IRQ_TIMER, W(TAKT_NEVER, 0), C(), 0));
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now + FAKE_HZ, 0), C(), 0));
	CHECK(!root_call(SLOT_FREE + 22, TAKT_IRQ_UNBIND, W(), C(), 0));
	CHECK(waiter->timers == TAKT_THREAD_TIMERS - 1);
	root_sleep();
	advance(200);
	CHECK(waiter->timers == TAKT_THREAD_TIMERS - 2);
	CHECK(compartment_end());
}

/* The vCPU that does not get to run: the same, until it does. */
TEST(timers_of_a_vcpu_that_does_not_run)
{
	u64 period = FAKE_HZ / 100000;
	struct thread *v;
	struct irq *irq;

	CHECK(set_up(0));
	irq = ROOT_OBJECT(irq, IRQ);
	v = make_thread(VCPU, TASK, 0, TAKT_THREAD_PV);
	make_sc(VCPU + 1, 10, 0, FAKE_HZ / 100, FAKE_HZ / 100);
	CHECK(!root_call(VCPU, TAKT_THREAD_ATTACH, W(), C(VCPU + 1), 0));
	CHECK(!root_call(IRQ, TAKT_IRQ_UNBIND, W(), C(), 0));
	CHECK(!root_call(IRQ, TAKT_IRQ_BIND_VCPU, W(3), C(VCPU), 0));
	CHECK(!root_call(VCPU, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0));
	root_sleep(); /* `other` keeps the CPU from it */
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now + period, period), C(), 0));
	root_sleep();
	CHECK(cpus[0].thread == other);
	advance(20 * period + period / 2);
	CHECK(v->pv->pending == 1u << 3 && !irq->timer.queued && v->has_late);
	user_flavour(other, TAKT_WAIT);
	settle();
	CHECK(cpus[0].thread == v && irq->timer.queued && !v->has_late && irq->overruns >= 18);
	advance(3 * period); /* while it runs, each of them arrives */
	CHECK(irq->timer.queued);
	CHECK(compartment_end());
}

TEST(periods_out_of_range)
{
	static const u64 bad[] = {1, FAKE_HZ / 100000 - 1, TAKT_NEVER, TAKT_NEVER - 1, 1ul << 63};

	CHECK(set_up(0));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK(root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now, bad[i]), C(), 0) == TAKT_E_RANGE);
	CHECK(!root_call(IRQ, TAKT_IRQ_TIMER, W(fake_now, TAKT_NEVER / 2), C(), 0));
	root_sleep();
	advance(FAKE_HZ);
	CHECK(signalled());
	CHECK(compartment_end());
}

TEST(a_line_is_held_until_ack)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		CHECK(set_up(cpu));
		CHECK(!root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(LINE, 0), C(SLOT_FACTORY),
				 IRQ + 1));
		CHECK(root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(LINE, 0), C(SLOT_FACTORY),
				IRQ + 2) == TAKT_E_EXISTS);
		CHECK(!root_call(IRQ + 1, TAKT_IRQ_BIND_THREAD, W(0x4), C(WAITER), 0));
		root_sleep();
		fake_line(LINE, true);
		settle();
		CHECK(signalled());
		user_flavour(waiter, TAKT_WAIT);
		settle();
		CHECK(waiter->state == THREAD_WAIT); /* still active: it does not come again */
		CHECK(!root_call(IRQ + 1, TAKT_IRQ_ACK, W(), C(), 0));
		root_sleep();
		CHECK(signalled());
		fake_line(LINE, false);
		CHECK(compartment_end());
	}
}

TEST(paravirtual_interrupts_nest_by_number)
{
	struct thread *v;
	struct takt_pv_page *p;

	compartment(60);
	make_task(TASK);
	v = make_thread(VCPU, TASK, 0, TAKT_THREAD_PV);
	make_sc(VCPU + 1, 20, 0, FAKE_HZ / 100, FAKE_HZ / 100);
	CHECK(!root_call(VCPU, TAKT_THREAD_ATTACH, W(), C(VCPU + 1), 0));
	CHECK(!root_call(VCPU, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0));
	make_irq(IRQ);
	make_irq(IRQ + 1);
	CHECK(!root_call(IRQ, TAKT_IRQ_BIND_VCPU, W(3), C(VCPU), 0));
	CHECK(!root_call(IRQ + 1, TAKT_IRQ_BIND_VCPU, W(5), C(VCPU), 0));
	p = v->pv;
	p->upcall_entry = 0x6000;
	p->guest.pc = 0x7000;
	p->open = 1u << 3 | 1u << 5;
	user_flavour(v, TAKT_RESUME);
	root_sleep();
	CHECK(v->in_guest && v->regs->pc == 0x7000);
	CHECK(!root_call(IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0));
	root_sleep();
	CHECK(p->depth == 1 && v->regs->pc == 0x6000 && v->regs->x[0] == 3);
	CHECK(p->open == 0 || !(p->open & 1u << 3));
	CHECK(!root_call(IRQ + 1, TAKT_IRQ_TRIGGER, W(), C(), 0));
	root_sleep();
	CHECK(v->regs->x[0] == 5 ? p->depth == 2 : p->pending == 1u << 5);
	while (p->depth) {
		user_flavour(v, TAKT_PV_RETURN);
		settle();
	}
	CHECK(v->regs->pc == 0x7000 && !p->pending && p->open == (1u << 3 | 1u << 5));
	CHECK(compartment_end());
}

/* A hardware line while the guest runs: masked, open, and without room for another frame. */
TEST(a_line_interrupts_a_paravirtual_guest)
{
	struct takt_frame before;
	struct thread *v;
	struct takt_pv_page *p;

	compartment(60);
	make_task(TASK);
	v = make_thread(VCPU, TASK, 0, TAKT_THREAD_PV);
	make_sc(VCPU + 1, 20, 0, FAKE_HZ / 100, FAKE_HZ / 100);
	CHECK(!root_call(VCPU, TAKT_THREAD_ATTACH, W(), C(VCPU + 1), 0));
	CHECK(!root_call(VCPU, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0));
	CHECK(!root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(LINE, 1), C(SLOT_FACTORY), IRQ));
	CHECK(!root_call(IRQ, TAKT_IRQ_BIND_VCPU, W(3), C(VCPU), 0));
	p = v->pv;
	p->upcall_entry = 0x6000;
	p->upcall_sp = 0x5000;
	for (unsigned i = 0; i < 31; i++)
		p->guest.x[i] = 0x100 + i;
	p->guest.pc = 0x7000;
	p->guest.sp = 0x4000;
	p->guest.irq_sc = 2;
	user_flavour(v, TAKT_RESUME);
	root_sleep();
	fake_line(LINE, true); /* an edge */
	fake_line(LINE, false);
	settle();
	CHECK(cpus[0].thread == v && v->regs->pc == 0x7000 && p->pending == 1u << 3 && !p->depth);
	CHECK(!root_call(IRQ, TAKT_IRQ_ACK, W(), C(), 0));
	p->pending = 0;
	for (u32 depth = 0; depth < TAKT_PV_FRAMES; depth++) {
		p->open = 1u << 3 | 1u << 5 | 1;
		root_sleep();
		before = p->guest;
		fake_line(LINE, true);
		fake_line(LINE, false);
		settle();
		before.open = 1u << 3 | 1u << 5 | 1;
		CHECK(!memcmp(&before, &p->frame[depth], sizeof(before)));
		CHECK(v->regs->pc == 0x6000 && v->regs->x[0] == 3 && v->regs->x[30] == 0x11e);
		CHECK(v->regs->sp == (depth ? 0x4444 : 0x5000) && v->regs->irq_sc == 2);
		CHECK(p->depth == depth + 1 && p->open == 1u << 5 && !p->pending);
		p->guest.sp = 0x4444;
		CHECK(!root_call(IRQ, TAKT_IRQ_ACK, W(), C(), 0));
	}
	p->open = 1u << 3;
	root_sleep();
	fake_line(LINE, true);
	fake_line(LINE, false);
	settle();
	CHECK(p->depth == TAKT_PV_FRAMES && p->pending == 1u << 3);
	CHECK(compartment_end());
}

/* Visits to the kernel that destroying a thread takes with so many irqs and gates bound to it;
 * 0: it went wrong. */
static unsigned visits_of_destroy(unsigned bound)
{
	bool good = set_up(0);
	unsigned n = 0;

	for (unsigned i = 0; i < bound; i++) {
		make_irq(SLOT_FREE + 20 + i);
		good &= !root_call(SLOT_FREE + 20 + i, TAKT_IRQ_BIND_THREAD, W(1), C(WAITER), 0);
		make_gate(SLOT_FREE + 20 + bound + i, i, WAITER);
	}
	user_call(root, TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(WAITER), 0);
	for (; !user_done(root); n++)
		for (unsigned cpu = 0; cpu < platform.cpus; cpu++)
			(void)step(cpu);
	good &= !user_result(root);
	for (unsigned i = 0; i < bound; i++) { /* nobody is there */
		good &= root_call(SLOT_FREE + 20 + i, TAKT_IRQ_TRIGGER, W(), C(), 0) ==
			TAKT_E_STATE;
		good &= root_call(SLOT_FREE + 20 + bound + i, 0, W(), C(), 0) == TAKT_E_GONE;
	}
	return compartment_end() && good ? n : 0;
}

/* However much others have bound to a thread, nobody has to wait for all of it at once. */
TEST(much_is_bound)
{
	unsigned few = visits_of_destroy(4), many = visits_of_destroy(24);

	CHECK(few && many >= few + 20 / 4);
}

int main(void)
{
	world_boot(2);
	RUN(trigger_wakes);
	RUN(trigger_of_less_urgent_ones);
	RUN(trigger_of_one_that_cannot_run);
	RUN(triggers_that_fail);
	RUN(two_triggers_are_one_message);
	RUN(a_timer_is_punctual_and_counts_overruns);
	RUN(a_timer_halts_until_its_signal_is_taken);
	RUN(timers_of_threads_that_cannot_take_them);
	RUN(eight_timers_for_a_thread);
	RUN(timers_of_a_vcpu_that_does_not_run);
	RUN(periods_out_of_range);
	RUN(a_line_is_held_until_ack);
	RUN(paravirtual_interrupts_nest_by_number);
	RUN(a_line_interrupts_a_paravirtual_guest);
	RUN(much_is_bound);
	return tap_done();
}
