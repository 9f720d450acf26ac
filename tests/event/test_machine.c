/* SPDX-License-Identifier: MIT */
/* How a machine's vCPU leaves an event SC, and what each of its SCs is charged with. */
#include "machine.h"

#define WORK 30	      /* of the handler */
#define RIVAL_PRIO 15 /* between base and event SC */

static takt_ticks arrival;
static struct hog *rival;

/* A machine that waits by WFI for VM_SPI, and then has `after` to do. The rival wants the CPU from
 * `from` units after the arrival on. */
static struct vm_guest *waiting(unsigned leave, takt_ticks budget, takt_ticks period,
				takt_ticks after, unsigned from)
{
	struct vm_guest *g;

	if (!exact_time())
		test_skip("needs counted time");
	g = vm_new(BASE_PRIO, budget, period);
	g->idle = true;
	g->work = units(WORK);
	g->after = after;
	vm_enable(VM_SPI, true);
	CHECK_OK(takt_thread_virq_sc(vcpu->slot, VM_SPI, event_sc, leave));
	arrival = in_ms(1);
	rival = hog_new(RIVAL_PRIO, arrival + units(from), units(100));
	return g;
}

static void raise_spi(void)
{
	CHECK_OK(takt_virq_set(vcpu->slot, VM_SPI, TAKT_VIRQ_LATCH));
}

static void interrupt(void)
{
	guest_run();
	takt_sleep_until(arrival - us(5));
	spin_until(arrival);
	raise_spi();
}

/* Until so long after the arrival, whoever ends meanwhile. */
static void let_run(takt_ticks after)
{
	(void)irqs_within(1ull << 62, arrival + after);
}

/* leave = "eoi": what the interrupt woke is the base's matter. */
TEST(left_at_the_end_of_the_interrupt)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_EOI, units(1000), units(10000), units(200), 10);

	interrupt();
	let_run(units(600));
	CHECK_EQ(g->times, 1);
	CHECK(g->begin <= arrival + us(5));
	CHECK(g->end <= rival->began);
	CHECK(g->over >= rival->ended);
	CHECK(consumed(event_sc) >= units(WORK));
	CHECK(consumed(event_sc) <= units(WORK + 5));
	CHECK(consumed(vcpu->sc) >= units(200));
}

/* leave = "idle": it goes on at the event's priority, and pays for it. */
TEST(left_by_wfi)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_IDLE, units(1000), units(10000), units(200), 10);

	interrupt();
	let_run(units(600));
	CHECK_EQ(g->times, 1);
	CHECK(g->over && g->over <= rival->began);
	CHECK(rival->began <= g->over + us(5));
	CHECK(consumed(event_sc) >= units(WORK + 200));
	CHECK(consumed(event_sc) <= units(WORK + 205));
}

/* The budget is gone within the handler: its rest is the base's. */
TEST(the_budget_ends_in_the_handler)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_EOI, units(100), units(10000), units(1), 20);

	g->work = units(300);
	interrupt();
	let_run(units(800));
	CHECK_EQ(g->times, 1);
	CHECK(g->begin <= arrival + us(5));
	CHECK(rival->began >= arrival + units(95) && rival->began <= arrival + units(105));
	CHECK(g->end >= rival->ended + units(150));
	CHECK(consumed(event_sc) >= units(95) && consumed(event_sc) <= units(105));
}

/* What the budget ended, its replenishment does not begin anew. */
TEST(no_episode_after_the_replenishment)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_IDLE, units(100), units(1000), units(2000), 1100);

	interrupt();
	let_run(units(3000));
	CHECK_EQ(g->times, 1);
	CHECK(g->over >= rival->ended);
	CHECK(rival->began <= rival->from + us(5));
	CHECK(consumed(event_sc) <= units(105));
}

/* Two that bring the same one: it is left with the last. */
TEST(the_last_one_ends_the_episode)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_EOI, units(1000), units(10000), units(1), 5);

	g->wanted = 2;
	vm_enable(VM_SPI + 1, true);
	CHECK_OK(takt_thread_virq_sc(vcpu->slot, VM_SPI + 1, event_sc, TAKT_LEAVE_EOI));
	guest_run();
	takt_sleep_until(arrival - us(5));
	spin_until(arrival);
	raise_spi();
	CHECK_OK(takt_virq_set(vcpu->slot, VM_SPI + 1, TAKT_VIRQ_LATCH));
	let_run(units(400));
	CHECK_EQ(g->times, 2);
	CHECK(g->end && g->end <= rival->began);
	CHECK(consumed(event_sc) >= units(2 * WORK));
	CHECK(consumed(event_sc) <= units(2 * WORK + 5));
}

/* Less urgent than the rival: the interrupt waits for both. */
TEST(one_without_time_is_the_bases)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_EOI, units(100), units(10000), units(1), 10);

	CHECK_OK(takt_thread_virq_sc(vcpu->slot, VM_SPI, 0, 0));
	rival->from = arrival - units(10);
	interrupt();
	let_run(units(400));
	CHECK_EQ(g->times, 1);
	CHECK(g->begin >= rival->ended);
	CHECK_EQ(consumed(event_sc), 0);
}

TEST(selecting_by_hypercall)
{
	struct vm_guest *g = waiting(TAKT_LEAVE_EOI, units(1000), units(10000), units(1), 10);

	g->prepare = arrival - units(500);
	g->use = units(200);
	interrupt();
	let_run(units(400));
	CHECK_EQ(g->times, 1);
	CHECK_EQ(g->refused, -3);
	CHECK(consumed(event_sc) >= units(200 + WORK));
	CHECK(consumed(event_sc) <= units(200 + WORK + 8));
}

static const struct test tests[] = {
	T(left_at_the_end_of_the_interrupt), T(left_by_wfi),
	T(the_budget_ends_in_the_handler),   T(no_episode_after_the_replenishment),
	T(the_last_one_ends_the_episode),    T(one_without_time_is_the_bases),
	T(selecting_by_hypercall),
};
const struct suite suite_machine = SUITE("machine", tests);
