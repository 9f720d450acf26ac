/* SPDX-License-Identifier: MIT */
/* Software-triggered irqs, and yield. */
#include "bench.h"

#define SLOT(arg) ((takt_slot)(uintptr_t)(arg))

static void wait_and_stamp(void *unused)
{
	(void)unused;
	for (;;) {
		wait();
		SHARED->stamp = stamp();
	}
}

static void yield_and_stamp(void *unused)
{
	(void)unused;
	for (;;) {
		takt_yield();
		SHARED->stamp = stamp();
	}
}

/* The waiter gets the CPU after each sample, while this thread sleeps. */
static void trigger(void *irq)
{
	expect(takt_irq_trigger(SLOT(irq)), 0);
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t begin = stamp();

		PUT_ASIDE(begin);
		(void)!takt_irq_trigger(SLOT(irq));
		record(i, stamp() - begin - stamp_cost);
		takt_sleep_until(takt_now() + takt_ns_to_ticks(20000));
	}
	driver_done();
}

static void trigger_to_partner(void *irq)
{
	MEASURE_TO_PARTNER((void)!takt_irq_trigger(SLOT(irq)), 0);
	driver_done();
}

static void yield(void *unused)
{
	(void)unused;
	MEASURE_TO_PARTNER(takt_yield(), 0);
	driver_done();
}

static takt_slot start_waiter(unsigned prio)
{
	struct actor waiter = {.task = far, .prio = prio, .fn = wait_and_stamp};

	actor_make(&waiter);
	actor_start(&waiter);
	return irq_to(&waiter, 1);
}

void bench_signals(void)
{
	struct actor peer = {.task = far, .prio = PRIO_DRIVER, .fn = yield_and_stamp};

	drive_plain("signal.noswitch", false, trigger, start_waiter(PRIO_LOW));
	drive_plain("signal.switch", false, trigger_to_partner, start_waiter(PRIO_HIGH));

	actor_make(&peer);
	actor_start(&peer);
	drive_plain("yield.switch", false, yield, 0);
	must(takt_thread_stop(peer.slot), "yield's partner");
}
