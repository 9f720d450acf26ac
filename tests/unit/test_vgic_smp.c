/* SPDX-License-Identifier: MIT */
/*
 * The kernel's virtual GIC across CPUs: vCPUs 0 and 2 are on CPU 0, 1 and 3 on CPU 1. Vcpu 0 is in its
 * guest on CPU 0, vCPU 1 on CPU 1.
 */
#include <stdlib.h>

#include <core/invoke.h>

#include "vgic_model.h"

#define SPI 60

static bool mail(unsigned n)
{
	return vgic_has_mail(vgic_of(vcpu[n]));
}

/* vCPU n takes nothing but SPI, or SGI, `intid`. */
static bool takes(unsigned n, unsigned intid)
{
	on_cpu(vcpu[n]->cpu);
	if (now != vcpu[n])
		load(n);
	if (ack() != intid)
		return false;
	eoi(intid);
	return ack() == 1023;
}

/* vCPU n goes to sleep, as machine_wait does. */
static void sleeps(unsigned n)
{
	vcpu[n]->state = THREAD_IDLE;
}

TEST(sgi_to_a_guest_that_runs_interrupts_it_once)
{
	setup_across();
	CHECK(configure(1, 3, EDGE, 0x80) == 0);
	CHECK(virq_sync(vcpu[1], 3) == 0);
	kicks[1] = 0;
	enter();
	on_cpu(1);
	enter();
	on_cpu(0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(virq_sgi_from(vcpu[0], 2, 4) == 0);
	CHECK(kicks[1] == 1 && inbox_prio(1) < 0);
	CHECK(takes(1, 3));
	on_cpu(0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(kicks[1] == 2);
	CHECK(takes(1, 3));
}

TEST(sgi_of_several_sources_one_by_one)
{
	setup_across();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	CHECK(virq_sgi(vcpu[0], 2, 3, 0) == 0);
	CHECK(virq_sgi(vcpu[2], 2, 3, 2) == 0);
	on_cpu(1);
	CHECK(virq_sgi(vcpu[3], 2, 3, 3) == 0);
	for (unsigned seen = 0, n = 0; n < 3; n++) {
		CHECK(ack() == 3);
		for (unsigned i = 0; i < LRS; i++)
			if (LR[i] & A)
				seen |= 1u << (LR[i] >> 10 & 7);
		eoi(3);
		CHECK(n < 2 || seen == 0xd);
	}
	CHECK(ack() == 1023);
}

TEST(sleeper_is_woken_at_its_own_priority)
{
	setup_across();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	on_cpu(1);
	enter();
	sleeps(1);
	on_cpu(0);
	kicks[1] = 0;
	base[1].prio = 7;
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(kicks[1] == 0 && inbox_prio(1) == 7); /* the inbox knows whether to interrupt */
	CHECK(takes(1, 3));
	CHECK(wakes == 1);
}

/* It comes past its mailbox by itself: its sender must not be able to cost the CPU anything. */
TEST(guest_that_does_not_run_is_not_told)
{
	setup_across();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	on_cpu(1);
	enter();
	load(3); /* vCPU 1 was preempted, or has no budget */
	on_cpu(0);
	kicks[1] = 0;
	for (unsigned i = 0; i < 100; i++)
		CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(kicks[1] == 0 && inbox_prio(1) < 0 && mail(1));
	CHECK(takes(1, 3));
}

/* In its monitor, maybe switched off: its CPU does it, no more urgently than the sender is. */
TEST(mail_is_taken_while_the_guest_is_left)
{
	struct sc sc = {.prio = 4};

	setup_across();
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0);
	on_cpu(1);
	enter();
	vcpu[1]->in_guest = false;
	vcpu[1]->state = THREAD_WAIT;
	on_cpu(0);
	cpus[0].sc = &sc;
	kicks[1] = 0;
	SET(SPI, LATCH);
	CHECK(kicks[1] == 0 && inbox_prio(1) == 4);
	on_cpu(1);
	CHECK(!mail(1));
	on_cpu(0);
	/* So an interrupt can be taken away from a vCPU that is off. */
	CHECK(configure(0, SPI, EDGE, 0xa0) == 0);
	on_cpu(1);
	CHECK(takes(0, SPI));
	cpus[0].sc = NULL;
}

static void send_sgi(void)
{
	fake_cpu = 0;
	(void)!virq_sgi_from(vcpu[0], 2, 3);
}

/* The sender comes between any two steps of the other side. */
TEST(no_wake_up_is_lost)
{
	for (unsigned moment = 0; moment < 3; moment++) {
		setup_across();
		vcpu[1]->vp->virq[3] = EDGE;
		CHECK(virq_sync(vcpu[1], 3) == 0);
		on_cpu(1);
		enter();
		if (moment == 0) {
			vcpu[1]->in_guest = false; /* vcpu_exit has done this; its barrier */
			meanwhile = send_sgi;
			machine_left(vcpu[1]);
			CHECK(inbox_prio(1) == 10);
			on_cpu(1);
			CHECK(!mail(1));
		} else if (moment == 1) {
			sleeps(1);
			send_sgi();
			fake_cpu = 1;
			CHECK(mail(1)); /* so machine_wait does not sleep, */
			on_cpu(1);
			CHECK(vcpu[1]->state == THREAD_RUN); /* and it would be woken */
		} else {
			cpus[1].thread = NULL; /* before it is chosen */
			send_sgi();
			fake_cpu = 1;
			CHECK(inbox_prio(1) < 0 && mail(1)); /* machine_collect sees it */
		}
		CHECK(takes(1, 3));
	}
}

TEST(retarget_to_another_cpu)
{
	setup_across();
	CHECK(configure(0, SPI, EDGE, 0xa0) == 0);
	SET(SPI, LATCH);
	enter();
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0); /* pending: at once */
	CHECK(ack() == 1023);
	on_cpu(1);
	CHECK(ack() == SPI);
	on_cpu(0);
	CHECK(configure(2, SPI, EDGE, 0xa0) == 0); /* active: when it ends */
	CHECK(virq_query(vcpu[0], SPI) == E_REMOTE(1));
	on_cpu(1);
	CHECK(virq_query(vcpu[0], SPI) == 2);
	eoi(SPI);
	CHECK(virq_set(vcpu[1], SPI, TAKT_VIRQ_LATCH) == 0);
	enter();
	CHECK(ack() == 1023);
	CHECK(takes(2, SPI));
	CHECK(takes(0, 1023) || true);
	CHECK(virq_query(vcpu[0], SPI) == 0);
}

TEST(mail_follows_its_interrupt)
{
	setup_across();
	CHECK(configure(0, SPI, EDGE, 0xa0) == 0);
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0); /* goes to vCPU 1 */
	SET(SPI, LATCH);			   /* ... and this after it */
	CHECK(mail(1));
	on_cpu(1);
	CHECK(configure(3, SPI, EDGE, 0xa0) == 0); /* which has passed it on before it looks */
	CHECK(takes(3, SPI));
	/* A vCPU that had it finds the mark and sends it after the interrupt. */
	on_cpu(0);
	vgic_of(vcpu[1])->mail.posted[0] |= 1ul << SPI;
	vgic_of(vcpu[1])->mail.any |= 1;
	virq_post(shared_at(vm->vgic, SPI - 32), TAKT_VIRQ_LATCH);
	on_cpu(1);
	load(1);
	enter();
	CHECK(ack() == 1023);
	CHECK(takes(3, SPI));
}

TEST(lines_of_other_cpus)
{
	setup_across();
	CHECK(configure(1, SPI, LEVEL, 0xa0) == 0);
	SET(SPI, HIGH);
	SET(SPI, LOW);
	on_cpu(1);
	CHECK(ack() == 1023);
	on_cpu(0);
	SET(SPI, HIGH);
	on_cpu(1);
	CHECK(ack() == SPI);
	CHECK(virq_query(vcpu[1], SPI) == (1 | 2 | 4));
	on_cpu(0);
	SET(SPI, LOW);
	on_cpu(1);
	enter();
	CHECK(virq_query(vcpu[1], SPI) == 2);
	eoi(SPI);
	CHECK(ack() == 1023);
}

/* Edges are counted as the device made them, though several changes travel as one. */
TEST(edges_of_other_cpus)
{
	static const struct {
		unsigned before; /* line */
		const char *changes;
		bool edge;
	} cases[] = {
		{0, "H", true},	 {1, "H", false},  {0, "HL", true}, {1, "L", false},
		{1, "LH", true}, {0, "LHL", true}, {1, "HH", false}, {0, "HU", false},
		{0, "KU", false}, {1, "UK", true}, {1, "LHU", false},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup_across();
		CHECK(configure(1, SPI, EDGE, 0xa0) == 0);
		if (cases[i].before)
			SET(SPI, HIGH);
		on_cpu(1);
		while (ack() == SPI)
			eoi(SPI);
		on_cpu(0);
		for (const char *c = cases[i].changes; *c; c++)
			CHECK(virq_set(vcpu[0], SPI,
				       *c == 'H'   ? TAKT_VIRQ_HIGH
				       : *c == 'L' ? TAKT_VIRQ_LOW
				       : *c == 'K' ? TAKT_VIRQ_LATCH
						   : TAKT_VIRQ_UNLATCH) == 0);
		on_cpu(1);
		CHECK(ack() == (cases[i].edge ? SPI : 1023));
	}
}

TEST(activity_set_from_another_cpu)
{
	setup_across();
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0);
	SET(SPI, ACTIVATE);
	SET(SPI, LATCH);
	on_cpu(1);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[1], SPI) == 3);
	on_cpu(0);
	SET(SPI, ACTIVATE);
	SET(SPI, DEACTIVATE);
	CHECK(takes(1, SPI));
}

TEST(hardware_stays_with_its_cpu)
{
	setup_across();
	CHECK(configure(0, SPI, LEVEL, 0xa0) == 0);
	CHECK(virq_bind(vcpu[0], SPI, 77) == 0);
	CHECK(configure(1, SPI, LEVEL, 0xa0) == 0); /* another CPU: no */
	CHECK(!mail(1));
	phys_active[77] = true;
	virq_arrive(vcpu[0], SPI, 77, 77);
	CHECK(takes(0, SPI));
	CHECK(!phys_active[77]);
	CHECK(configure(2, SPI, LEVEL, 0xa0) == 0); /* of the same CPU */
	phys_active[77] = true;
	virq_arrive(vcpu[0], SPI, 77, 77);
	CHECK(takes(2, SPI));
	CHECK(!phys_active[77]);
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0);
	CHECK(virq_bind(vcpu[2], SPI, IRQ_SOFT) == 0); /* then it goes */
	SET(SPI, LATCH);
	CHECK(takes(1, SPI));
	on_cpu(0);
	CHECK(virq_bind(vcpu[0], SPI, 77) == TAKT_E_CPU);
	CHECK(virq_bind(vcpu[0], SPI, IRQ_SOFT) == 0);
	virq_arrive(vcpu[0], SPI, IRQ_SOFT, 0); /* a software interrupt finds its way */
	CHECK(takes(1, SPI));
}

TEST(vcpu_that_goes_leaves_its_interrupts_to_others)
{
	setup_across();
	CHECK(configure(1, SPI, EDGE, 0xa0) == 0);
	on_cpu(1);
	enter();
	vgic_save(vgic_of(now));
	CHECK(!vgic_cpu_destroy(vgic_of(vcpu[1]))); /* in steps, */
	vgic_of(vcpu[3])->attached = false;
	CHECK(vgic_attach(vcpu[3]) && vgic_of(vcpu[3])->index != 1); /* until then nobody gets its index */
	while (!vgic_cpu_destroy(vgic_of(vcpu[1])))
		;
	vgic_of(vcpu[3])->attached = false;
	CHECK(vgic_attach(vcpu[3]) && vgic_of(vcpu[3])->index == 1);
	vm->vgic->vcpu[1] = (struct weak){NULL, 0};
	vcpu[1]->object.birth = 0;
	on_cpu(0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0); /* to nobody */
	CHECK(configure(0, SPI, EDGE, 0xa0) == 0);
	SET(SPI, LATCH);
	CHECK(takes(0, SPI));
}

TEST(reset_keeps_the_configuration)
{
	setup_across();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	on_cpu(1);
	vgic_save(vgic_of(now));
	now = NULL;
	reset_vcpu(1);
	vgic_of(vcpu[1])->vmcr = 0xf8000001;
	load(1);
	CHECK(ack() == 1023);
	on_cpu(0);
	CHECK(virq_sgi_from(vcpu[0], 2, 3) == 0);
	CHECK(takes(1, 3));
}

/* Both CPUs do what comes to their minds; in the end every edge has been taken by who it was for. */
#define FUZZ_IRQS 16

static void random_step(void)
{
	unsigned intid = 40 + (unsigned)rand() % FUZZ_IRQS;

	switch (rand() % 6) {
	case 0:
	case 1:
		(void)!virq_set(vcpu[fake_cpu], intid, TAKT_VIRQ_LATCH);
		break;
	case 2:
		(void)!configure((unsigned)rand() % VCPUS, intid, EDGE, (unsigned)rand() & 0xf8);
		break;
	case 3:
		(void)!virq_sgi_from(now, (u64)rand() & 0xf, (u32)rand() & 3);
		break;
	case 4:
		load(((unsigned)rand() & 2) | fake_cpu);
		break;
	case 5:
		for (unsigned n; (n = ack()) != 1023;)
			eoi(n);
		break;
	}
}

static void other_cpu(void)
{
	on_cpu(!fake_cpu);
	random_step();
}

/* Long enough for an interrupt that changes hands to arrive, and be taken. */
static void everybody_runs(void)
{
	for (unsigned i = 0; i < 2 * VCPUS; i++) {
		on_cpu(i % CPUS);
		load(i % VCPUS);
		for (unsigned intid; (intid = ack()) != 1023;)
			eoi(intid);
	}
	on_cpu(0);
}

TEST(random_operations)
{
	setup_across();
	srand(1);
	for (unsigned n = 0; n < VCPUS; n++)
		for (unsigned i = 0; i < 4; i++) {
			vcpu[n]->vp->virq[i] = EDGE;
			CHECK(virq_sync(vcpu[n], i) == 0);
		}
	for (unsigned step = 0; step < 200000; step++) {
		on_cpu((unsigned)rand() % CPUS);
		if (rand() % 2)
			meanwhile = other_cpu;
		random_step();
		meanwhile = NULL;
		for (unsigned n = 0; n < VCPUS; n++) {
			fake_cpu = n % CPUS;
			CHECK(consistent(vgic_of(vcpu[n])));
		}
	}
	everybody_runs();
	for (unsigned i = 0; i < FUZZ_IRQS; i++) {
		unsigned n = i % VCPUS;

		CHECK(configure(n, 40 + i, EDGE, 0x80) == 0);
		everybody_runs();
		SET(40 + i, LATCH);
		CHECK(takes(n, 40 + i));
	}
}

int main(void)
{
	if (model_main())
		return 1;
	RUN(sgi_to_a_guest_that_runs_interrupts_it_once);
	RUN(sgi_of_several_sources_one_by_one);
	RUN(sleeper_is_woken_at_its_own_priority);
	RUN(guest_that_does_not_run_is_not_told);
	RUN(mail_is_taken_while_the_guest_is_left);
	RUN(no_wake_up_is_lost);
	RUN(retarget_to_another_cpu);
	RUN(mail_follows_its_interrupt);
	RUN(lines_of_other_cpus);
	RUN(edges_of_other_cpus);
	RUN(activity_set_from_another_cpu);
	RUN(hardware_stays_with_its_cpu);
	RUN(vcpu_that_goes_leaves_its_interrupts_to_others);
	RUN(reset_keeps_the_configuration);
	RUN(random_operations);
	free(frame_dir[1]);
	return tap_done();
}
