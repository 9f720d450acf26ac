/* SPDX-License-Identifier: MIT */
/* Paravirtual vCPUs: interrupts that the guest masks by a store. */
#include <takt/pv.h>

#include "harness.h"

#define STACK 0x2000
#define ALL 0xffffffffu

static struct worker *vcpu;
static void (*guest_fn)(void);
static volatile unsigned came[64], comes; /* numbers of the interrupts, in their order */
static volatile unsigned depth_seen[64];
static void (*on_interrupt)(unsigned n);
static volatile uint64_t exit_reason;
static volatile int result;
static uint8_t guest_stack[STACK] __attribute__((aligned(16)));
static uint8_t upcall_stack[STACK] __attribute__((aligned(16)));

void pv_interrupt(unsigned n)
{
	came[comes % 64] = n;
	depth_seen[comes % 64] = pv_page->depth;
	comes = comes + 1;
	if (on_interrupt)
		on_interrupt(n);
}

/* The guest came back. The test looks at why. */
static void exited(uint64_t reason)
{
	struct takt_msg m = {0};

	exit_reason = reason;
	(void)!takt_irq_trigger(vcpu->done);
	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

static void monitor(void *unused)
{
	struct takt_msg m = {0};

	(void)unused;
	pv_page->upcall_entry = (uint64_t)pv_upcall;
	pv_page->upcall_sp = (uint64_t)(upcall_stack + STACK);
	pv_page->entry = (uint64_t)exited;
	pv_page->entry_sp = (uint64_t)vcpu->sp;
	pv_page->guest.sp = (uint64_t)(guest_stack + STACK);
	pv_page->guest.pc = (uint64_t)guest_fn;
	CHECK_OK(takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER));
}

/* For a guest that is done: its fault is the end. */
static void finish(void)
{
	__asm__ volatile("brk #0");
	__builtin_unreachable();
}

static void guest_prepare(void (*fn)(void), unsigned cpu)
{
	vcpu = worker_new(monitor, NULL);
	vcpu->kind = TAKT_THREAD_PV;
	vcpu->cpu = cpu;
	worker_make(vcpu);
	pv_page = (struct takt_pv_page *)vcpu->state;
	guest_fn = fn;
	comes = 0;
	on_interrupt = NULL;
	exit_reason = 0;
	result = 1;
}

static takt_slot virq_new(unsigned n)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, n, 0));
	return irq;
}

static void guest_run(void)
{
	worker_start(vcpu);
}

static void guest_ended(void)
{
	irqs_await(vcpu->bit);
	CHECK_EQ(exit_reason, TAKT_EXIT_FAULT);
	CHECK_EQ(pv_page->esr >> 26, 0x3c); /* finish */
}

/* The guest has run as far as it can by itself. */
static void settle(void)
{
	CHECK(quiet(vcpu->bit, 2));
}

/* --- Guests ----------------------------------------------------------------------------------- */

static volatile bool go;

/* With interrupts masked, until the test says so; then open. */
static void guest_masked(void)
{
	while (!go)
		;
	pv_unmask(ALL);
	finish();
}

static void guest_open(void)
{
	pv_unmask(ALL);
	while (!go)
		;
	finish();
}

static void guest_waiting(void)
{
	result = pv_wait(1u << 5, TAKT_NEVER);
	finish();
}

/* --- Tests ------------------------------------------------------------------------------------ */

TEST(a_guest_runs_and_ends)
{
	guest_prepare(finish, 0);
	guest_run();
	guest_ended();
	CHECK_EQ(pv_page->reason, TAKT_EXIT_FAULT);
	CHECK(pv_page->guest.pc >= (uint64_t)finish && pv_page->guest.pc < (uint64_t)finish + 16);
}

TEST(open_interrupts_arrive_at_once)
{
	takt_slot irq;

	go = false;
	guest_prepare(guest_open, 0);
	irq = virq_new(9);
	guest_run();
	settle();
	for (unsigned i = 1; i <= 10; i++) {
		CHECK_OK(takt_irq_trigger(irq));
		settle();
		CHECK_EQ(comes, i);
		CHECK_EQ(came[i - 1], 9);
		CHECK_EQ(depth_seen[i - 1], 1);
	}
	CHECK_EQ(pv_page->depth, 0);
	CHECK_EQ(pv_page->open, ALL);
	go = true;
	guest_ended();
}

TEST(open_interrupts_arrive_on_another_cpu)
{
	takt_slot irq;

	go = false;
	guest_prepare(guest_open, other_cpu());
	irq = virq_new(0);
	guest_run();
	settle();
	for (unsigned i = 1; i <= 10; i++) {
		CHECK_OK(takt_irq_trigger(irq));
		while (comes < i)
			(void)irqs_within(1, in_ms(1));
	}
	go = true;
	guest_ended();
	CHECK_EQ(comes, 10);
}

/* Masked ones wait, and come by urgency. */
TEST(masked_interrupts_wait)
{
	static const unsigned number[] = {3, 31, 0, 17};
	static const unsigned wanted[] = {31, 17, 3, 0};

	go = false;
	guest_prepare(guest_masked, 0);
	for (unsigned i = 0; i < 4; i++) {
		takt_slot irq = virq_new(number[i]);

		if (i == 0)
			guest_run();
		CHECK_OK(takt_irq_trigger(irq));
		CHECK_OK(takt_irq_trigger(irq)); /* twice is once */
	}
	settle();
	CHECK_EQ(comes, 0);
	CHECK_EQ(pv_page->pending, 1u << 3 | 1u << 31 | 1 | 1u << 17);
	go = true;
	guest_ended();
	CHECK_EQ(comes, 4);
	for (unsigned i = 0; i < 4; i++)
		CHECK_EQ(came[i], wanted[i]);
	CHECK_EQ(pv_page->pending, 0);
}

/* Only some levels. */
static void guest_partly(void)
{
	pv_unmask(0xff00);
	while (!go)
		;
	(void)pv_mask();
	pv_unmask(0xff);
	finish();
}

TEST(levels_are_masked_one_by_one)
{
	takt_slot low, high;

	go = false;
	guest_prepare(guest_partly, 0);
	low = virq_new(7);
	high = virq_new(8);
	guest_run();
	CHECK_OK(takt_irq_trigger(low));
	CHECK_OK(takt_irq_trigger(high));
	settle();
	CHECK_EQ(comes, 1);
	CHECK_EQ(came[0], 8);
	go = true;
	guest_ended();
	CHECK_EQ(comes, 2);
	CHECK_EQ(came[1], 7);
}

/* An interrupt's handler is interrupted by more urgent ones only. */
static takt_slot nested[32];

static void nest(unsigned n)
{
	if (comes <= 8 && n < 10) {
		(void)!takt_irq_trigger(nested[n]);     /* itself: pending */
		(void)!takt_irq_trigger(nested[n + 1]); /* comes now */
	}
}

static void guest_nest(void)
{
	pv_unmask(ALL);
	(void)!takt_irq_trigger(nested[3]);
	on_interrupt = NULL;
	(void)pv_mask();
	finish();
}

TEST(more_urgent_interrupts_nest)
{
	guest_prepare(guest_nest, 0);
	for (unsigned n = 3; n <= 10; n++)
		nested[n] = virq_new(n);
	on_interrupt = nest;
	guest_run();
	irqs_await(vcpu->bit);
	CHECK_EQ(exit_reason, TAKT_EXIT_FAULT);
	CHECK_EQ(comes, 15);
	/* 3 to 10, at ever greater depth; on the way back each comes anew. */
	for (unsigned i = 0; i < 8; i++) {
		CHECK_EQ(came[i], 3 + i);
		CHECK_EQ(depth_seen[i], 1 + i);
	}
	CHECK_EQ(pv_page->depth, 0);
	CHECK_EQ(pv_page->pending, 0);
}

/* --- Waiting ---------------------------------------------------------------------------------- */

TEST(wait_wakes_for_what_it_waits_for)
{
	takt_slot other, irq;

	guest_prepare(guest_waiting, 0);
	other = virq_new(6);
	irq = virq_new(5);
	guest_run();
	settle();
	CHECK_OK(takt_irq_trigger(other));
	settle();
	CHECK_EQ(result, 1);
	CHECK_OK(takt_irq_trigger(irq));
	guest_ended();
	CHECK_EQ(result, 0);
	CHECK_EQ(pv_page->pending, 1u << 5 | 1u << 6); /* masked: pending they stay */
	CHECK_EQ(comes, 0);
}

TEST(wait_returns_at_once)
{
	guest_prepare(guest_waiting, 0);
	CHECK_OK(takt_irq_trigger(virq_new(5))); /* before it begins */
	guest_run();
	guest_ended();
	CHECK_EQ(result, 0);
}

static volatile takt_ticks deadline, woken;

static void guest_sleeping(void)
{
	result = pv_wait(1, deadline);
	woken = takt_now();
	finish();
}

TEST(wait_times_out)
{
	guest_prepare(guest_sleeping, 0);
	deadline = in_ms(4);
	guest_run();
	guest_ended();
	CHECK_ERR(result, TAKT_E_TIMEOUT);
	CHECK(woken >= deadline);
	guest_prepare(guest_sleeping, 0);
	deadline = 0;
	guest_run();
	guest_ended();
	CHECK_ERR(result, TAKT_E_TIMEOUT);
}

/* A tick wakes it again and again; its handler runs with the wait behind it. */
static void guest_ticking(void)
{
	pv_unmask(ALL);
	while (comes < 10)
		(void)pv_wait(ALL, TAKT_NEVER);
	finish();
}

TEST(a_kernel_timer_ticks)
{
	takt_slot irq;
	takt_ticks at;

	guest_prepare(guest_ticking, 0);
	irq = virq_new(2);
	guest_run();
	settle();
	at = in_ms(1);
	CHECK_OK(takt_irq_timer(irq, at, ms(1), NULL));
	guest_ended();
	CHECK(comes >= 10);
	CHECK(!exact_time() || comes == 10);
	CHECK(takt_now() >= at + ms(9));
}

TEST(a_stopped_guest_takes_its_callers_along)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, 0)};
	takt_slot gate;

	guest_prepare(guest_waiting, 0);
	gate = gate_new(vcpu->slot, 0);
	guest_run();
	settle();
	/* It sleeps as a guest: nobody answers. */
	CHECK_ERR(takt_call_until(gate, &m, in_ms(3)), TAKT_E_TIMEOUT);
	CHECK_OK(takt_thread_stop(vcpu->slot));
	CHECK_ERR(takt_call(gate, &m), TAKT_E_GONE);
}

/* --- Calls ------------------------------------------------------------------------------------ */

static takt_slot bell, ring_gate;
static volatile unsigned heard[3];

/* Triggers the guest's interrupt, then answers. */
static void server_rings(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	while (!err) {
		CHECK_OK(takt_irq_trigger(bell));
		m.tag = TAKT_TAG(0, 0, 0);
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void guest_calling(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, 0)};

	pv_unmask(ALL);
	result = takt_call(ring_gate, &m);
	heard[0] = comes;
	(void)pv_mask();
	if (!result)
		result = takt_call(ring_gate, &m);
	heard[1] = comes;
	pv_unmask(ALL);
	heard[2] = comes;
	finish();
}

/* What arrives during a call is there when the answer is, or waits for the unmasking. */
TEST(an_interrupt_comes_with_the_answer)
{
	struct worker *server = worker_new(server_rings, NULL);

	server->passive = true;
	worker_start(server);
	ring_gate = gate_new(server->slot, 0);
	guest_prepare(guest_calling, 0);
	bell = virq_new(4);
	guest_run();
	guest_ended();
	CHECK_OK(result);
	CHECK_EQ(heard[0], 1);
	CHECK_EQ(heard[1], 1);
	CHECK_EQ(heard[2], 2);
}

/* --- A guest that lies ------------------------------------------------------------------------ */

static volatile uint32_t lie_depth, lie_open;

static void pop_frame(void)
{
	register uint64_t x8 __asm__("x8") = TAKT_PV_RETURN;

	__asm__ volatile("svc #0" : : "r"(x8) : "memory");
}

static void guest_lying(void)
{
	pv_page->depth = lie_depth;
	pv_page->open = lie_open;
	pop_frame();
	finish();
}

TEST(returning_from_no_interrupt)
{
	static const uint32_t depths[] = {0, 9, 100, 0x80000000, ALL};

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		guest_prepare(guest_lying, 0);
		lie_depth = depths[i];
		lie_open = 0;
		guest_run();
		irqs_await(vcpu->bit);
		CHECK_EQ(exit_reason, TAKT_EXIT_ERROR);
		CHECK_EQ((int64_t)pv_page->esr, TAKT_E_STATE);
	}
}

/* With no room for frames an interrupt stays pending. */
static void guest_full(void)
{
	pv_page->depth = lie_depth;
	pv_unmask(ALL);
	while (!go)
		;
	pv_page->depth = 0;
	pv_sync();
	finish();
}

TEST(no_room_for_frames)
{
	static const uint32_t depths[] = {8, 9, 0x80000000, ALL};

	for (unsigned i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
		takt_slot irq;

		go = false;
		guest_prepare(guest_full, 0);
		lie_depth = depths[i];
		irq = virq_new(4);
		guest_run();
		settle();
		CHECK_OK(takt_irq_trigger(irq));
		settle();
		CHECK_EQ(comes, 0);
		CHECK_EQ(pv_page->depth, depths[i]);
		CHECK_EQ(pv_page->pending, 1u << 4);
		go = true;
		guest_ended();
		CHECK_EQ(comes, 1);
	}
}

/* A frame that asks for privilege is popped; then the guest touches a register of EL2. */
static void privileged(void)
{
	__asm__ volatile("mrs x9, hcr_el2" : : : "x9");
	finish();
}

static void guest_greedy(void)
{
	pv_page->frame[0] = (struct takt_frame){.pc = (uint64_t)privileged, .pstate = 0x3c9,
						.sp = (uint64_t)(guest_stack + STACK)};
	pv_page->depth = 1;
	pop_frame();
	finish();
}

TEST(frames_give_no_privilege)
{
	guest_prepare(guest_greedy, 0);
	guest_run();
	irqs_await(vcpu->bit);
	CHECK_EQ(exit_reason, TAKT_EXIT_FAULT);
	CHECK_EQ(pv_page->guest.pc, (uint64_t)privileged);
	CHECK_EQ(pv_page->guest.pstate & 0x3df, 0);
}

/* Somebody else scribbles over the page all the while. Only the guest comes to harm. */
static void scribble(void *arg)
{
	volatile bool *stop = arg;
	volatile uint64_t *p = (volatile uint64_t *)pv_page;
	uint64_t x = 88172645463325252ull;

	while (!*stop) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[x % (TAKT_PAGE_SIZE / 8)] = x;
	}
}

TEST(a_page_of_nonsense)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(scribble, (void *)stop);
	takt_slot irq, nowhere = slot_new();

	w->cpu = cpus() - 1;
	go = false;
	guest_prepare(guest_open, 0);
	/* The monitor's entry is on that page, too. */
	CHECK_OK(takt_create_gate(test_factory, 0, nowhere));
	CHECK_OK(takt_thread_fault_gate(vcpu->slot, nowhere));
	irq = virq_new(1);
	w->prio = HELP_PRIO;
	guest_run();
	settle();
	worker_start(w);
	for (unsigned i = 0; i < 200; i++) {
		(void)irqs_within(1, takt_now() + us(100));
		CHECK_OK(takt_irq_trigger(irq));
	}
	*stop = true;
	worker_join(w);
	CHECK_OK(takt_thread_stop(vcpu->slot));
}

static const struct test tests[] = {
	T(a_guest_runs_and_ends),
	T(open_interrupts_arrive_at_once),
	T(open_interrupts_arrive_on_another_cpu),
	T(masked_interrupts_wait),
	T(levels_are_masked_one_by_one),
	T(more_urgent_interrupts_nest),
	T(wait_wakes_for_what_it_waits_for),
	T(wait_returns_at_once),
	T(wait_times_out),
	T(a_kernel_timer_ticks),
	T(a_stopped_guest_takes_its_callers_along),
	T(an_interrupt_comes_with_the_answer),
	T(returning_from_no_interrupt),
	T(no_room_for_frames),
	T(frames_give_no_privilege),
	T(a_page_of_nonsense),
};
const struct suite suite_pv = SUITE("pv", tests);
