/* SPDX-License-Identifier: MIT */
/* A vCPU that is stopped while an interrupt with an event SC arrives. */
#include "guest.h"

#define VIRQ 4
#define RIVAL_PRIO 15 /* between base and event SC */

static volatile bool go;
static volatile unsigned handled;
static volatile takt_ticks handled_at;

static void note(unsigned n)
{
	(void)n;
	handled_at = takt_now();
	handled = handled + 1;
}

static void guest_until_go(void)
{
	pv_unmask(ALL);
	while (!go)
		;
	(void)pv_mask();
	guest_finish();
}

/* It stays pending, and the guest is as urgent as it is when it is started again. */
TEST(stopped_with_an_interrupt_pending)
{
	struct hog *rival;
	takt_slot irq = slot_new();

	handled = 0;
	go = false;
	guest_new(guest_until_go, BASE_PRIO, units(1000), units(10000));
	on_interrupt = note;
	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, VIRQ, event_sc));
	guest_run();
	CHECK(quiet(vcpu->bit, 2));
	CHECK_OK(takt_thread_stop(vcpu->slot));
	CHECK_OK(takt_irq_trigger(irq));
	CHECK(quiet(vcpu->bit, 2));
	CHECK_EQ(handled, 0);
	CHECK_EQ(pv_page->pending, 1u << VIRQ);
	go = true;
	rival = hog_new(RIVAL_PRIO, takt_now(), units(3000));
	takt_sleep_until(takt_now() + units(200)); /* it has the CPU */
	guest_run(); /* from its monitor's beginning; it takes what is pending */
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(handled, 1);
	if (exact_time())
		CHECK(handled_at > rival->began && handled_at < rival->ended);
}

static const struct test tests[] = {
	T(stopped_with_an_interrupt_pending),
};
const struct suite suite_stop = SUITE("stop", tests);
