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
	return user_done(waiter) && waiter->regs->x[1] == TAKT_TAG(TAKT_LABEL_IRQ, 1, 0) &&
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

int main(void)
{
	world_boot(2);
	RUN(trigger_wakes);
	RUN(two_triggers_are_one_message);
	RUN(a_timer_is_punctual_and_counts_overruns);
	RUN(periods_out_of_range);
	RUN(a_line_is_held_until_ack);
	RUN(paravirtual_interrupts_nest_by_number);
	return tap_done();
}
