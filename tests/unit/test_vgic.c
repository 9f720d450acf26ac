/* SPDX-License-Identifier: MIT */
/* The kernel's virtual GIC on one CPU. */
#include <stdlib.h>

#include "vgic_model.h"

/* --- Tests ------------------------------------------------------------------------------- */

TEST(nothing_pending)
{
	setup();
	CHECK(ack() == 1023);
	CHECK(!vgic_pending(vgic_of(now)));
}

TEST(level_lowered_by_its_handler)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	CHECK(vgic_pending(vgic_of(now)));
	CHECK(ack() == 40);
	CHECK(virq_query(vcpu[0], 40) == (2 | 4 | 1));
	SET(40, LOW);
	CHECK(virq_query(vcpu[0], 40) == 2);
	CHECK(!(LR[0] & EOI)); /* its end needs no exit */
	eoi(40);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 40) == 0);
}

TEST(level_still_high_comes_again)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(ack() == 40);
		eoi(40);
	}
	SET(40, LOW); /* withdrawn before it is taken */
	CHECK(ack() == 1023);
}

TEST(level_raised_while_active)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	CHECK(ack() == 40);
	SET(40, LOW);
	SET(40, HIGH);
	eoi(40);
	CHECK(ack() == 40);
	SET(40, LOW);
	eoi(40);
	CHECK(ack() == 1023);
}

TEST(edge_while_active_is_kept)
{
	setup();
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	SET(41, LATCH);
	CHECK(ack() == 41);
	SET(41, LATCH);
	SET(41, LATCH);
	eoi(41);
	CHECK(ack() == 41);
	eoi(41);
	CHECK(ack() == 1023);
}

TEST(disabling_takes_it_back)
{
	setup();
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	SET(41, LATCH);
	enter();
	CHECK(LR[0] & P);
	CHECK(configure(0, 41, TAKT_VIRQ_EDGE, 0xa0) == 0);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 41) == 1);
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	CHECK(ack() == 41);
	eoi(41);
	SET(41, LATCH);
	enter();
	SET(41, UNLATCH);
	CHECK(ack() == 1023);
}

TEST(disabled_edge_is_latched_by_its_unsynced_configuration)
{
	setup();
	vm_page->virq[41 - 32] = TAKT_VIRQ_EDGE;
	SET(41, HIGH);
	SET(41, LOW);
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	CHECK(ack() == 41);
}

TEST(most_urgent_first_beyond_the_list_registers)
{
	setup();
	for (unsigned i = 0; i < 12; i++) {
		CHECK(configure(0, 40 + i, EDGE, 0xf0 - i * 8) == 0);
		SET(40 + i, LATCH);
		enter(); /* each finds the list registers full of less urgent ones */
	}
	for (unsigned i = 12; i-- > 0;) {
		CHECK(ack() == 40 + i);
		eoi(40 + i);
	}
	CHECK(ack() == 1023);
}

TEST(nested_beyond_the_list_registers)
{
	setup();
	for (unsigned i = 0; i < 10; i++) {
		CHECK(configure(0, 40 + i, i == 1 ? LEVEL : EDGE, 0xf0 - i * 8) == 0);
		if (i == 1)
			CHECK(virq_bind(vcpu[0], 41, 99) == 0);
	}
	for (unsigned i = 0; i < 10; i++) {
		if (i == 1) {
			phys_active[99] = true;
			virq_arrive(vcpu[0], 41, 99, 99);
		} else {
			SET(40 + i, LATCH);
		}
		CHECK(ack() == 40 + i);
	}
	SET(40, LATCH); /* spilled by now */
	CHECK(virq_query(vcpu[0], 40) == 3);
	CHECK(phys_active[99]);
	for (unsigned i = 10; i-- > 0;) {
		CHECK(virq_query(vcpu[0], 40 + i) & 2);
		eoi(40 + i);
	}
	CHECK(!phys_active[99]);
	CHECK(ack() == 40);
	eoi(40);
	CHECK(ack() == 1023);
	CHECK(!vgic_of(now)->spilled_levels);
}

TEST(hardware_link)
{
	setup();
	CHECK(configure(0, 50, LEVEL, 0xa0) == 0);
	CHECK(virq_bind(vcpu[0], 50, 77) == 0);
	CHECK(virq_bind(vcpu[0], 50, 78) == TAKT_E_EXISTS);
	CHECK(virq_bind(vcpu[0], 51, 30) == TAKT_E_RANGE);
	for (unsigned i = 0; i < 3; i++) {
		phys_active[77] = true;
		virq_arrive(vcpu[0], 50, 77, 77);
		CHECK(ack() == 50);
		CHECK(phys_active[77]);
		eoi(50);
		CHECK(!phys_active[77]);
	}
	CHECK(ack() == 1023);
	phys_active[77] = true; /* unbinding lets the line go */
	virq_arrive(vcpu[0], 50, 77, 77);
	CHECK(ack() == 50);
	CHECK(virq_bind(vcpu[0], 50, IRQ_SOFT) == 0);
	CHECK(!phys_active[77]);
}

/* The line's interrupt comes while the guest runs: does it go straight into a list register? */
static bool simply(unsigned intid, unsigned hw)
{
	phys_active[hw] = true;
	return virq_arrive_simply(vcpu[0], intid, hw);
}

TEST(hardware_interrupts_the_running_guest)
{
	setup();
	CHECK(configure(0, 50, LEVEL, 0xa0) == 0);
	CHECK(configure(0, 51, EDGE, 0x80) == 0);
	CHECK(virq_bind(vcpu[0], 50, 77) == 0);
	CHECK(virq_bind(vcpu[0], 51, 78) == 0);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(simply(50, 77) && !vgic_of(now)->dirty);
		CHECK(consistent(vgic_of(now)));
		CHECK(ack() == 50 && phys_active[77]);
		CHECK(simply(51, 78)); /* interrupts the handler */
		CHECK(ack() == 51);
		eoi(51);
		eoi(50);
		CHECK(!phys_active[77] && !phys_active[78]);
	}
	CHECK(ack() == 1023);
}

TEST(hardware_interrupts_a_guest_that_is_not_that_simple)
{
	setup();
	CHECK(configure(0, 50, LEVEL, 0xa0) == 0);
	CHECK(virq_bind(vcpu[0], 50, 77) == 0);
	CHECK(configure(0, 30, LEVEL, 0xa0) == 0);
	CHECK(virq_bind(vcpu[0], 30, 79) == 0);
	CHECK(!simply(30, 79)); /* private */
	CHECK(configure(0, 50, 0, 0xa0) == 0);
	CHECK(!simply(50, 77)); /* disabled */
	CHECK(configure(1, 50, LEVEL, 0xa0) == 0);
	CHECK(!simply(50, 77)); /* the other vCPU's */
	CHECK(configure(0, 50, LEVEL, 0xa0) == 0);
	for (unsigned i = 0; i <= LRS; i++) {
		CHECK(configure(0, 40 + i, EDGE, 0xc0) == 0);
		SET(40 + i, LATCH);
	}
	enter();
	CHECK(!simply(50, 77)); /* others wait for a list register */
	virq_arrive(vcpu[0], 50, 77, 77);
	CHECK(ack() == 50);
	CHECK(consistent(vgic_of(now)));
	eoi(50);
	CHECK(!phys_active[77]);
}

TEST(timer_follows_its_machine)
{
	setup();
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	phys_active[27] = true;
	vgic_timer(vgic_of(now));
	enter();
	CHECK(LR[0] & HW);
	load(1);
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
	load(0);
	CHECK(phys_active[27]);
	CHECK(ack() == 27);
	eoi(27);
	CHECK(!phys_active[27]);
	load(1);
	load(0);
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
}

TEST(sgi_of_several_sources_one_by_one)
{
	setup();
	CHECK(configure(0, 3, EDGE, 0x80) == 0);
	CHECK(virq_sgi(vcpu[0], 1, 3, 0) == 0);
	CHECK(virq_sgi(vcpu[0], 1, 3, 1) == 0);
	for (unsigned source = 0; source < 2; source++) {
		CHECK(ack() == 3);
		for (unsigned i = 0; i < LRS; i++)
			CHECK(!(LR[i] & A) || (LR[i] >> 10 & 7) == source);
		if (!source) /* again, while it is active */
			CHECK(virq_sgi(vcpu[0], 1, 3, 0) == 0);
		eoi(3);
		if (!source) {
			CHECK(ack() == 3);
			CHECK((LR[0] >> 10 & 7) == 0);
			eoi(3);
		}
	}
	CHECK(ack() == 1023);
	CHECK(virq_sgi(vcpu[0], 1, 16, 0) == TAKT_E_RANGE);
	CHECK(virq_sgi(vcpu[0], 0x100, 3, 0) == TAKT_E_RANGE);
}

TEST(sleeper_wakes)
{
	setup();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	vcpu[1]->state = THREAD_IDLE;
	CHECK(virq_sgi(vcpu[0], 2, 4, 0) == 0); /* not enabled */
	CHECK(wakes == 0);
	CHECK(virq_sgi(vcpu[0], 2, 3, 0) == 0);
	CHECK(wakes == 1);
	load(1);
	CHECK(ack() == 3);
	eoi(3);
}

TEST(retarget)
{
	setup();
	CHECK(configure(0, 60, EDGE, 0xa0) == 0);
	SET(60, LATCH);
	enter();
	CHECK(configure(1, 60, EDGE, 0xa0) == 0); /* pending: at once */
	CHECK(ack() == 1023);
	load(1);
	CHECK(ack() == 60);
	CHECK(configure(0, 60, EDGE, 0xa0) == 0); /* active: when it ends */
	SET(60, LATCH);
	CHECK(virq_query(vcpu[1], 60) & 2);
	eoi(60);
	CHECK(virq_set(vcpu[1], 60, TAKT_VIRQ_LATCH) == 0);
	while (ack() == 60)
		eoi(60);
	load(0);
	SET(60, LATCH);
	CHECK(ack() == 60);
	eoi(60);
}

TEST(masked_does_not_end_wfi)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	GICH[2] = 0x80000001; /* priority mask 0x80 */
	CHECK(!vgic_pending(vgic_of(now)));
	enter();
	CHECK(!vgic_pending(vgic_of(now)));
	GICH[2] = 0xf8000000; /* group off */
	CHECK(!vgic_pending(vgic_of(now)));
	GICH[2] = 0xf8000001;
	CHECK(vgic_pending(vgic_of(now)));
}

/* --- Event SCs ----------------------------------------------------------------------------------- */

static void bring(unsigned intid, unsigned index, bool stays)
{
	struct thread *t = vcpu[0];
	u64 bit = 1ul << intid % 64;

	t->events = 0x7e;
	for (unsigned i = 0; i < 3; i++)
		if (index >> i & 1)
			t->virq_sc[i][intid / 64] |= bit;
	if (stays)
		t->virq_stays[intid / 64] |= bit;
	brought = leaves = 0;
}

TEST(an_event_sc_is_left_with_the_last_interrupt_that_brought_it)
{
	setup();
	CHECK(configure(0, 40, EDGE, 0x80) == 0);
	CHECK(configure(0, 41, EDGE, 0x90) == 0);
	CHECK(configure(0, 42, EDGE, 0xa0) == 0);
	bring(40, 5, false);
	bring(41, 5, false);
	SET(40, LATCH);
	SET(41, LATCH);
	SET(42, LATCH);
	CHECK(brought == 2 && machine_untaken(vcpu[0]) == 1u << 5);
	CHECK(ack() == 40);
	CHECK(machine_untaken(vcpu[0]) == (1u << 5 | 1));
	eoi(40);
	CHECK(leaves == 0); /* 41 is pending */
	CHECK(ack() == 41);
	CHECK(machine_untaken(vcpu[0]) == 1);
	SET(41, LATCH); /* once more, while it is active */
	eoi(41);
	CHECK(leaves == 0);
	CHECK(ack() == 41);
	maintained = 0;
	eoi(41);
	CHECK(maintained == 1);
	CHECK(leaves == 1 && left_sc == 5);
	CHECK(ack() == 42);
	eoi(42);
	CHECK(maintained == 1);
	CHECK(leaves == 1);
}

TEST(an_event_sc_that_stays_costs_no_maintenance)
{
	setup();
	CHECK(configure(0, 40, EDGE, 0x80) == 0);
	bring(40, 2, true);
	SET(40, LATCH);
	CHECK(brought == 1);
	CHECK(ack() == 40);
	maintained = 0;
	eoi(40);
	CHECK(maintained == 0);
	CHECK(leaves == 0);
}

TEST(a_line_with_an_event_sc_is_freed_by_maintenance)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0x80) == 0);
	CHECK(virq_bind(vcpu[0], 40, 70) == 0);
	bring(40, 1, false);
	for (unsigned i = 1; i <= 3; i++) {
		phys_active[70] = true;
		virq_arrive(vcpu[0], 40, 70, 70);
		CHECK(ack() == 40);
		CHECK(phys_active[70]);
		CHECK(!(LR[0] & HW)); /* no link: the kernel is to know */
		eoi(40);
		CHECK(!phys_active[70]);
		CHECK(leaves == i && left_sc == 1);
	}
}

TEST(reset_leaves_nothing)
{
	setup();
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	CHECK(configure(0, 5, EDGE, 0xa0) == 0);
	CHECK(configure(0, 40, EDGE, 0x20) == 0);
	phys_active[27] = true;
	vgic_timer(vgic_of(now));
	CHECK(virq_sgi(vcpu[0], 1, 5, 0) == 0);
	SET(40, LATCH);
	CHECK(ack() == 40);
	vgic_save(vgic_of(now));
	reset_vcpu(0);
	vgic_load(vgic_of(vcpu[0]));
	nesting = 0;
	GICH[2] = 0xf8000001;
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
	CHECK(configure(0, 5, EDGE, 0xa0) == 0);
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 40) == 0);
}

/* --- Random operations ------------------------------------------------------------------- */

#define FUZZ_IRQS 24

TEST(random_operations)
{
	unsigned taken[64], depth = 0, got = 0;

	setup();
	srand(1);
	for (unsigned i = 0; i < FUZZ_IRQS; i++)
		CHECK(configure(0, 40 + i, i & 1 ? EDGE : LEVEL, (unsigned)rand() & 0xf8) == 0);
	for (unsigned step = 0; step < 300000; step++) {
		unsigned intid = 40 + (unsigned)rand() % FUZZ_IRQS, n;

		switch (rand() % 8) {
		case 0:
		case 1:
			SET(intid, HIGH);
			break;
		case 2:
			SET(intid, LOW);
			break;
		case 3:
			SET(intid, LATCH);
			break;
		case 4:
			n = (unsigned)rand();
			CHECK(configure(0, intid, (intid & 1 ? EDGE : LEVEL) & ~(n & 1),
					n >> 8 & 0xf8) == 0);
			break;
		case 5:
			n = nesting < 60 ? ack() : 1023;
			if (n != 1023) {
				taken[depth++] = n;
				got++;
				if (!(n & 1) && rand() % 4)
					SET(n, LOW);
			}
			break;
		case 6:
			if (depth)
				eoi(taken[--depth]);
			break;
		case 7:
			if (rand() % 16 == 0)
				load(1);
			load(0);
			break;
		}
		CHECK(consistent(vgic_of(vcpu[0])));
	}
	CHECK(got > 1000);
	/* All that is left is delivered. */
	while (depth)
		eoi(taken[--depth]);
	for (unsigned i = 0; i < FUZZ_IRQS; i++) {
		SET(40 + i, LOW);
		CHECK(configure(0, 40 + i, i & 1 ? EDGE : LEVEL, 0x80) == 0);
		if (i & 1)
			SET(40 + i, LATCH);
	}
	for (unsigned n, seen = 0; (n = ack()) != 1023; seen++) {
		CHECK(seen < 2 * FUZZ_IRQS);
		eoi(n);
	}
	for (unsigned i = 0; i < FUZZ_IRQS; i++)
		CHECK(virq_query(vcpu[0], 40 + i) == 0);
}

int main(void)
{
	if (model_main())
		return 1;
	RUN(nothing_pending);
	RUN(level_lowered_by_its_handler);
	RUN(level_still_high_comes_again);
	RUN(level_raised_while_active);
	RUN(edge_while_active_is_kept);
	RUN(disabling_takes_it_back);
	RUN(disabled_edge_is_latched_by_its_unsynced_configuration);
	RUN(most_urgent_first_beyond_the_list_registers);
	RUN(nested_beyond_the_list_registers);
	RUN(hardware_link);
	RUN(hardware_interrupts_the_running_guest);
	RUN(hardware_interrupts_a_guest_that_is_not_that_simple);
	RUN(timer_follows_its_machine);
	RUN(sgi_of_several_sources_one_by_one);
	RUN(sleeper_wakes);
	RUN(retarget);
	RUN(masked_does_not_end_wfi);
	RUN(an_event_sc_is_left_with_the_last_interrupt_that_brought_it);
	RUN(an_event_sc_that_stays_costs_no_maintenance);
	RUN(a_line_with_an_event_sc_is_freed_by_maintenance);
	RUN(reset_leaves_nothing);
	RUN(random_operations);
	free(frame_dir[1]);
	return tap_done();
}
