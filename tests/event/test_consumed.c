/* SPDX-License-Identifier: MIT */
/* What a paravirtual guest is told of the time that its SCs have consumed. */
#include "guest.h"

#define LOOKS 400
#define VIRQ 4

static volatile unsigned wrong;

static uint64_t accounted(void)
{
	return consumed(vcpu->sc) + consumed(event_sc);
}

/* The clock and the page are between two answers of the kernel to the same question. */
static void look(void)
{
	uint64_t before = pv_consumed(), is = accounted(), after = pv_consumed();

	if (before > is || is > after)
		wrong++;
}

static void in_interrupt(unsigned n)
{
	(void)n;
	look();
}

static void guest(void)
{
	pv_unmask(ALL);
	for (unsigned i = 0; i < LOOKS; i++) {
		look();
		if (i % 10 == 3)
			pv_select(event_index);
		if (i % 10 == 6)
			pv_select(0);
		if (i % 40 == 9)
			(void)pv_wait(1, takt_now() + units(50));
		if (i % 40 == 19)
			guest_visit_monitor();
	}
	(void)pv_mask();
	guest_finish();
}

static void interrupt_often(void *stop)
{
	while (!*(volatile bool *)stop) {
		takt_ticks end;

		takt_sleep_until(takt_now() + units(30));
		end = takt_now() + units(7);
		while (takt_now() < end)
			;
	}
}

/* Whoever runs meanwhile, whichever of its SCs it runs on, and however it came back. */
TEST(a_guest_knows_what_it_has_consumed)
{
	volatile bool *stop = pool_new(1);
	struct worker *other = worker_new(interrupt_often, (void *)stop);
	takt_slot irq = slot_new();

	wrong = 0;
	guest_new(guest, BASE_PRIO, units(300), units(1000));
	on_interrupt = in_interrupt;
	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, VIRQ, event_sc));
	CHECK_OK(takt_irq_timer(irq, takt_now() + units(100), units(170), NULL));
	other->prio = EVENT_PRIO + 5;
	other->cpu = guest_cpu();
	worker_start(other);
	guest_run();
	guest_ended();
	*stop = true;
	worker_join(other);
	CHECK_EQ(wrong, 0);
	CHECK(accounted() > 0);
}

static const struct test tests[] = {
	T(a_guest_knows_what_it_has_consumed),
};
const struct suite suite_consumed = SUITE("consumed", tests);
