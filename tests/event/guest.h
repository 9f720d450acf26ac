/* SPDX-License-Identifier: MIT */
/*
 * A paravirtual vCPU with an event SC, and a hog that competes with it.
 *
 * Times are in units: a microsecond where time is counted in instructions, else so much more that
 * the host's moods do not change the order of things.
 */
#ifndef GUEST_H
#define GUEST_H

#include <takt/pv.h>

#include "../target/harness.h"

#define ALL 0xffffffffu
#define BASE_PRIO 10
#define EVENT_PRIO 20
#define BUDGET 500 /* units */
#define PERIOD 5000

extern struct worker *vcpu;
extern takt_slot event_sc;
extern unsigned event_index; /* what the guest selects it by */

takt_ticks units(uint64_t n);
unsigned guest_cpu(void); /* where vCPU and hog are: another than the test's, if there is one */

/* A vCPU whose guest will be fn, with a base of base_prio and an event SC. Not started. */
void guest_new(void (*fn)(void), unsigned base_prio, takt_ticks budget, takt_ticks period);
void guest_run(void);

/* Of the guest: its end, and a visit to its monitor, which calls on_exit and resumes it. */
void guest_finish(void) __attribute__((noreturn));
void guest_visit_monitor(void);
extern void (*on_exit_guest)(void);
void guest_ended(void); /* of the test: waits for guest_finish */

void guest_select(uint32_t index); /* always with the system call */

/* Called for each interrupt, in the guest. */
extern void (*on_interrupt)(unsigned n);

uint64_t consumed(takt_slot sc); /* ticks */
void spin_until(takt_ticks when);
void burn(takt_ticks amount); /* of CPU time: what others take does not count */

/* A thread on the guest's CPU that wants `work` of CPU time from `from` on. */
struct hog {
	struct worker *worker;
	takt_ticks from, work;
	volatile takt_ticks began, ended; /* ended: 0 until then */
};
struct hog *hog_new(unsigned prio, takt_ticks from, takt_ticks work);
#endif
