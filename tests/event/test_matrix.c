/* SPDX-License-Identifier: MIT */
/*
 * For both kinds of vCPU, every combination of what an interrupt with an event SC can meet: its budget, where it comes
 * from, what the vCPU does, and whether the hog that competes for the CPU is more urgent. When the
 * handler begins, and what it was charged to, follows from the rules; `expect` says how.
 *
 * With one CPU and counted time everything is checked. With more, the vCPU is on another CPU than
 * who raises the interrupt, and what is checked is the order.
 */
#include <stdio.h>

#include "machine.h"

enum budget { FULL, NEARLY_OUT, OUT, JUST_REPLENISHED };
enum source { HARDWARE, TIMER, SOFTWARE };
enum doing { RUNNING, PREEMPTED, IDLE, IN_MONITOR, MASKED };

#define VIRQ 7 /* of a paravirtual guest; machine.h has those of the other */
#define LEFT 8	     /* of a budget that is nearly out */
#define REFILL 150   /* of one that is out: so long after the arrival */
#define HOG_WORK 300
#define BUSY 50	     /* the guest opens interrupts, or is resumed, so long after the arrival */
#define HANDLER 30   /* what it takes */
#define SLACK 15     /* system calls of the test and of others on the same CPU */

static struct {
	struct vm_guest *machine; /* null: it is paravirtual */
	enum budget budget;
	enum doing doing;
	takt_ticks prepare, arrival; /* instants */
	takt_ticks raised; /* when it was, at the latest */
	takt_slot irq;
	enum source source;
	/* what happened */
	volatile unsigned times;
	volatile takt_ticks begin, end;
	volatile uint64_t irq_sc;
} now_testing;
#define X now_testing

/* --- A hardware line: the PL031 real-time clock ----------------------------------------------- */

#define RTC_BASE 0x09010000
#define RTC_LINE 34

enum { RTC_DATA, RTC_MATCH, RTC_LOAD, RTC_CONTROL, RTC_MASK, RTC_RAW, RTC_MASKED, RTC_CLEAR };

static volatile uint32_t *rtc;

static void rtc_raise(void)
{
	rtc[RTC_MASK] = 1;
	rtc[RTC_MATCH] = rtc[RTC_DATA];
	while (!rtc[RTC_RAW]) /* the second may have changed between the two */
		rtc[RTC_MATCH] = rtc[RTC_DATA];
}

/* --- The guest -------------------------------------------------------------------------------- */

static void handler(unsigned n)
{
	X.begin = takt_now();
	X.irq_sc = pv_page->guest.irq_sc;
	X.times++;
	if (X.source == HARDWARE) {
		rtc[RTC_CLEAR] = 1;
		(void)!takt_irq_ack(X.irq);
	}
	if (n == VIRQ)
		burn(units(HANDLER));
	X.end = takt_now();
}

static void be_busy(void)
{
	spin_until(X.arrival + units(BUSY));
}

/* What the guest uses of the budget from `prepare` on: its replenishment is due a period later. */
static takt_ticks to_use(void)
{
	if (X.budget == FULL)
		return 0;
	if (X.budget == NEARLY_OUT)
		return units(BUDGET - LEFT);
	if (X.doing == RUNNING) /* less is left than is worth a switch */
		return units(BUDGET) - us(2);
	return units(BUDGET + 20); /* the base is less urgent: it goes on with that */
}

static void use_budget(void)
{
	takt_ticks use = to_use();

	spin_until(X.prepare);
	if (!use)
		return;
	guest_select(event_index);
	burn(use);
	guest_select(0);
}

static void guest(void)
{
	use_budget();
	switch (X.doing) {
	case MASKED:
		be_busy();
		pv_unmask(ALL);
		break;
	case IN_MONITOR:
		pv_page->open = ALL;
		spin_until(X.arrival - units(50));
		guest_visit_monitor();
		break;
	case IDLE:
		pv_unmask(ALL);
		while (!X.times)
			(void)pv_wait(ALL, TAKT_NEVER);
		break;
	case RUNNING:
	case PREEMPTED:
		pv_unmask(ALL);
		break;
	}
	while (!X.end)
		;
	(void)pv_mask();
	guest_finish();
}

/* --- Rules ------------------------------------------------------------------------------------ */

/* The instants between which the handler has to begin. */
static void expect(int rel, const struct hog *h, takt_ticks *from, takt_ticks *to)
{
	bool busy = X.doing == MASKED || X.doing == IN_MONITOR;
	takt_ticks at = X.arrival, opens = at + units(BUSY);
	bool before_hog;

	switch (X.budget) {
	case OUT: /* the base is less urgent than the hog */
		before_hog = rel > 0;
		at += units(REFILL);
		break;
	case NEARLY_OUT: /* what there is does not last until the guest opens its interrupts */
		before_hog = rel > 0 && !busy;
		break;
	default:
		/* Busy, it runs on its event SC already when the hog comes: that has to be more
		 * urgent to get the CPU. */
		before_hog = busy ? rel >= 0 : rel > 0;
		break;
	}
	if (X.doing == RUNNING)
		at = X.arrival;
	else if (!before_hog)
		at = h->ended;
	else if (busy && X.budget != OUT)
		at = opens;
	*from = at;
	*to = at + units(SLACK);
}

static void check_begin(int rel, const struct hog *h)
{
	takt_ticks from, to;

	expect(rel, h, &from, &to);
	if (exact_time()) {
		if (X.begin < from || X.begin > to)
			printf("#  began %lld ns after the arrival, not %lld; hog %lld to %lld\n",
			       (long long)takt_ticks_to_ns(X.begin - X.arrival),
			       (long long)takt_ticks_to_ns(from - X.arrival),
			       h ? (long long)takt_ticks_to_ns(h->began - X.arrival) : 0,
			       h ? (long long)takt_ticks_to_ns(h->ended - X.arrival) : 0);
		CHECK(X.begin >= from);
		CHECK(X.begin <= to);
	} else if (h && rel && X.budget != NEARLY_OUT && X.budget != OUT &&
		   X.raised < X.arrival + units(10)) { /* the host let it be in time */
		CHECK_EQ(X.begin < h->ended, from != h->ended);
	} else {
		CHECK(X.begin >= X.arrival);
	}
}

/* Who paid? */
static void check_charge(int rel, const struct hog *h, takt_ticks used)
{
	bool busy = X.doing == MASKED || X.doing == IN_MONITOR;

	if (!exact_time())
		return;
	CHECK(used <= units(BUSY + HANDLER + SLACK));
	if (X.doing == RUNNING) {
		/* Not above the base, which runs: nothing changes. */
		if (rel <= 0 || X.budget == OUT)
			CHECK(used <= units(3));
		else if (X.budget == NEARLY_OUT)
			CHECK(used <= units(LEFT + 3) && used >= units(LEFT / 2));
		else
			CHECK(used >= units(HANDLER));
	} else if (X.budget == NEARLY_OUT) {
		/* The rest of the handler waits until its base gets the CPU. */
		CHECK(used <= units(LEFT + 3));
		if (rel > 0 && !busy)
			CHECK(X.end >= h->ended);
	} else if (rel > 0) {
		CHECK(used >= units(HANDLER));
		CHECK(X.budget == OUT || X.end <= X.arrival + units(BUSY + HANDLER + SLACK));
	}
}

/* --- One combination -------------------------------------------------------------------------- */

static void raise_at_arrival(void)
{
	if (X.source == TIMER && !X.machine)
		CHECK_OK(takt_irq_timer(X.irq, X.arrival, 0, NULL));
	takt_sleep_until(X.arrival - (X.source == SOFTWARE ? us(1) : us(2)));
	spin_until(X.arrival);
	if (X.source == SOFTWARE)
		CHECK_OK(takt_irq_trigger(X.irq));
	else if (X.source == HARDWARE)
		rtc_raise();
	X.raised = takt_now();
}

/* The other kind of guest: it does by itself what guest() does. */
static void make_machine(int rel)
{
	unsigned base = X.doing == RUNNING ? (unsigned)(EVENT_PRIO - rel) : BASE_PRIO;
	struct vm_guest *g = vm_new(base, units(BUDGET), units(PERIOD));

	X.machine = g;
	g->idle = X.doing == IDLE;
	g->visits = X.doing == IN_MONITOR;
	g->timer = X.source == TIMER;
	g->prepare = X.prepare;
	g->arrival = X.arrival;
	g->masked_until = X.doing == MASKED ? X.arrival + units(BUSY) : 0;
	g->visit_at = X.arrival - units(50);
	g->use = to_use();
	g->work = units(HANDLER);
	if (X.source == HARDWARE) {
		g->rtc = (volatile uint32_t *)RTC_BASE;
		vm_device(RTC_BASE);
	}
	vm_enable(X.source == TIMER ? VM_TIMER : VM_SPI, X.source == SOFTWARE);
}

static void make_paravirtual(int rel)
{
	X.machine = NULL;
	guest_new(guest, X.doing == RUNNING ? (unsigned)(EVENT_PRIO - rel) : BASE_PRIO,
		  units(BUDGET), units(PERIOD));
	on_interrupt = handler;
}

static takt_slot make_irq(void)
{
	takt_slot irq = slot_new();

	if (X.machine && X.source == TIMER) {
		CHECK_OK(takt_thread_virq_sc(vcpu->slot, VM_TIMER, event_sc, TAKT_LEAVE_EOI));
		return 0;
	}

	if (X.source == HARDWARE)
		CHECK_OK(takt_intc_get(TAKT_ROOT_INTC, test_factory, RTC_LINE, 0, irq));
	else
		CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, X.machine ? VM_SPI : VIRQ, event_sc));
	return irq;
}

static struct hog *compete(int rel)
{
	unsigned prio = (unsigned)(EVENT_PRIO - rel);

	switch (X.doing) {
	case RUNNING:
		return NULL;
	case PREEMPTED:
	case IDLE:
		return hog_new(prio, X.arrival - units(100), units(HOG_WORK));
	default:
		return hog_new(prio, X.arrival + units(20), units(HOG_WORK));
	}
}

/* rel: how much more urgent the event SC is than the hog, or, without one, than the base. */
static void combination(int rel, bool machine)
{
	struct hog *h;
	uint64_t before;

	X.times = 0;
	X.begin = X.end = 0;
	X.prepare = in_ms(1) + units(200);
	switch (X.budget) {
	case OUT:
		X.arrival = X.prepare + units(PERIOD - REFILL);
		break;
	case JUST_REPLENISHED:
		X.arrival = X.prepare + units(PERIOD + 15);
		break;
	default:
		X.arrival = X.prepare + units(2000);
		break;
	}
	if (machine)
		make_machine(rel);
	else
		make_paravirtual(rel);
	X.irq = make_irq();
	on_exit_guest = be_busy;
	h = compete(rel);
	guest_run();
	takt_sleep_until(X.arrival - units(200));
	before = consumed(event_sc);
	raise_at_arrival();
	guest_ended();
	if (h)
		worker_join(h->worker);
	if (machine) {
		X.times = (unsigned)X.machine->times;
		X.begin = X.machine->begin;
		X.end = X.machine->end;
	} else {
		CHECK_EQ(X.irq_sc, event_index + 1);
		CHECK_EQ(pv_page->pending, 0);
		CHECK_EQ(pv_page->guest.irq_sc, 0);
	}
	CHECK_EQ(X.times, 1);
	check_begin(rel, h);
	check_charge(rel, h, consumed(event_sc) - before);
	if (X.irq)
		CHECK_OK(takt_factory_destroy(test_factory, X.irq));
}

static void matrix(bool machine, enum budget budget, enum source source, enum doing doing)
{
	X.budget = budget;
	X.source = source;
	X.doing = doing;
	if (source == HARDWARE) {
		rtc = window_map(TAKT_ROOT_DEVICES, RTC_BASE, TAKT_PAGE_SIZE,
				 TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE);
		rtc[RTC_CLEAR] = 1;
	}
	for (int rel = -1; rel <= 1; rel++)
		combination(rel, machine);
}

#define EACH_DOING(F, b, s) F(b, s, RUNNING) F(b, s, PREEMPTED) F(b, s, IDLE) F(b, s, IN_MONITOR) F(b, s, MASKED)
#define EACH_SOURCE(F, b) EACH_DOING(F, b, HARDWARE) EACH_DOING(F, b, TIMER) EACH_DOING(F, b, SOFTWARE)
#define EACH(F)                                                                                    \
	EACH_SOURCE(F, FULL)                                                                       \
	EACH_SOURCE(F, NEARLY_OUT)                                                                 \
	EACH_SOURCE(F, OUT)                                                                        \
	EACH_SOURCE(F, JUST_REPLENISHED)

#define DEFINE(b, s, d)                                                                            \
	TEST(b##_##s##_##d)                                                                        \
	{                                                                                          \
		matrix(false, b, s, d);                                                            \
	}                                                                                          \
	TEST(machine_##b##_##s##_##d)                                                              \
	{                                                                                          \
		matrix(true, b, s, d);                                                             \
	}
EACH(DEFINE)

#define ENTRY(b, s, d) T(b##_##s##_##d),
static const struct test tests[] = {EACH(ENTRY)};
const struct suite suite_event_matrix = SUITE("event_matrix", tests);

#define MACHINE_ENTRY(b, s, d) T(machine_##b##_##s##_##d),
static const struct test machine_tests[] = {EACH(MACHINE_ENTRY)};
const struct suite suite_machine_matrix = SUITE("machine_matrix", machine_tests);
