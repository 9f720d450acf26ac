/* SPDX-License-Identifier: MIT */
/*
 * A controller as a paravirtual guest, and how late its tick ever is beside what shares its CPU.
 *
 *   figure     the name of the figure
 *   ticks      how many; the figure is the greatest lateness, from when the tick was due to the
 *              first instructions of its handler
 *
 * The handler of the tick works for WORK_NS. Every tenth one releases housekeeping, which works for
 * CHORE_NS in the main loop. Both are CPU time, counted in instructions of a nanosecond each, so the
 * guest needs the same however it is scheduled. A tick that comes while one is pending is missed: it
 * is counted, and the oldest one's lateness is what counts. Compiled without FP registers.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/env.h>
#include <takt/pv.h>
#include <takt/rt.h>

#define TICK_VIRQ 8
#define TICK_MASK (1u << TICK_VIRQ)
#define TICK_NS 1000000
#define WORK_NS 50000
#define CHORE_TICKS 10
#define CHORE_NS 400000
#define SETTLE 20 /* ticks that do not count, while the others start */

static struct pv_vcpu vcpu;
static takt_ticks due, length;
static const char *figure;

/* Written at interrupt level. */
static struct {
	volatile uint64_t ticks, missed, chores;
	volatile takt_ticks latest;
} seen;

/* Two instructions a turn. */
static void work(uint64_t ns)
{
	uint64_t turns = ns / 2;

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(turns) : : "cc");
}

void pv_interrupt(unsigned n)
{
	takt_ticks now = takt_now(), late = now - due;

	/* A period that passed while the tick was pending came with it, not after it. */
	if (n != TICK_VIRQ || now < due)
		return;
	if (seen.ticks >= SETTLE && late > seen.latest)
		seen.latest = late;
	for (bool first = true; due <= now; due += length, first = false) {
		seen.ticks++;
		seen.missed += !first && seen.ticks > SETTLE;
		seen.chores += seen.ticks % CHORE_TICKS == 0;
	}
	work(WORK_NS);
}

static void report(void)
{
	char text[128];
	int len = snprintf(text, sizeof(text),
			   "# %s: %" PRIu64 " ticks, %" PRIu64 " missed\n%s %" PRIu64 " ns\n# end\n",
			   figure, seen.ticks - SETTLE, seen.missed, figure,
			   takt_ticks_to_ns(seen.latest));

	pv_log(text, (unsigned)len);
}

static void guest(void)
{
	uint64_t wanted = env_number("ticks", 1000) + SETTLE, done = 0;
	bool reported = false;
	int err;

	due = takt_now() + length;
	err = pv_timer(&vcpu, TICK_VIRQ, due, length);
	if (err) {
		static const char text[] = "no tick: the timer cannot be set\n";

		pv_log(text, sizeof(text) - 1);
		pv_stop();
	}
	for (;;) {
		uint32_t open = pv_mask() | TICK_MASK;
		bool chore = done < seen.chores;

		if (!chore)
			(void)pv_wait(TICK_MASK, TAKT_NEVER);
		pv_unmask(open);
		if (chore) {
			work(CHORE_NS);
			done++;
		}
		if (!reported && seen.ticks >= wanted) {
			report();
			reported = true;
		}
	}
}

int main(void)
{
	int err;

	figure = env_string("figure", "latency");
	length = takt_ns_to_ticks(TICK_NS);
	vcpu = (struct pv_vcpu){.name = "latency", .guest = guest, .upcall = pv_upcall};
	err = pv_start(&vcpu);
	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	/* Index 0 is the base: the figure would be another one. */
	if (env_count("event-scheduling") && !pv_sc_of[TICK_VIRQ]) {
		printf("the tick brings no scheduling context of its own\n");
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
