/* SPDX-License-Identifier: MIT */
/*
 * baremetal: a small executive as a paravirtual guest, the worked example of the vCPU interface.
 *
 *   led-gpios   the LED's line
 *   period-ms   the LED's period: it toggles every half of it
 *   report-s    seconds between two lines on the console
 *   edges       1: a line for each change of the LED, too (takt/edge.h)
 *
 * A tick interrupt releases activities by a table. Urgent ones run in the interrupt and preempt
 * the others, which run one after the other in the main loop; when none is left, the vCPU sleeps.
 * What is typed on the session "console" arrives as an interrupt, too: `assert` ends the guest.
 * The file is compiled without FP registers, because interrupts run in it.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <takt/edge.h>
#include <takt/env.h>
#include <takt/proto/gpio.h>
#include <takt/pv.h>
#include <takt/rt.h>

#define TICK_VIRQ 8 /* any of 0..31; a higher one would interrupt its handler */
#define INPUT_VIRQ 7
#define MASK (1u << TICK_VIRQ | 1u << INPUT_VIRQ)
#define TICK_HZ 1000

#define EDGES 16 /* a power of two; changes of the LED that are not printed yet */

struct activity {
	void (*run)(void);
	uint64_t every, next; /* ticks; 0: not released by the tick */
	uint64_t instant;     /* the last one that it was released for */
	bool urgent;
	volatile bool due;
};

static void toggle_led(void);
static void report(void);
static void report_edge(void);
static void take_input(void);

enum { LED, REPORT, EDGE, INPUT };

static struct activity activities[] = {
	[LED] = {.run = toggle_led, .urgent = true},
	[REPORT] = {.run = report},
	[EDGE] = {.run = report_edge},
	[INPUT] = {.run = take_input},
};
#define ACTIVITIES (sizeof(activities) / sizeof(activities[0]))

static struct pv_vcpu vcpu;
static takt_slot led;
static takt_ticks started, tick_length;
static bool edges;

/* Written at interrupt level. */
static struct {
	volatile uint64_t ticks, interrupts, toggles, errors;
	volatile takt_ticks latest; /* greatest lateness of a tick */
} seen;
/* Written at interrupt level, and printed in the main loop, which may be late. */
static struct edge changes[EDGES];
static volatile unsigned changed, printed; /* free-running */

/* At interrupt level. */
static void toggle_led(void)
{
	struct edge *e = &changes[changed % EDGES];

	e->number = ++seen.toggles;
	e->level = e->number & 1;
	e->due = started + activities[LED].instant * tick_length;
	e->before = takt_now();
	if (gpio_set(led, e->level))
		seen.errors++;
	e->after = takt_now();
	changed += edges && changed - printed < EDGES - 1;
	activities[EDGE].due = edges;
}

static void report_edge(void)
{
	static char line[EDGE_LINE];

	for (; printed != changed; printed++)
		pv_log(line, edge_line(line, "rtos", &changes[printed % EDGES]));
}

static void report(void)
{
	static char line[160];
	int len = snprintf(line, sizeof(line),
			   "%" PRIu64 " ticks in %" PRIu64 " interrupts, LED toggled %" PRIu64
			   " times, %" PRIu64 " errors, latest tick %" PRIu64 " us\n",
			   seen.ticks, seen.interrupts, seen.toggles, seen.errors,
			   takt_ticks_to_ns(seen.latest) / 1000);

	pv_log(line, (unsigned)len);
}

static void obey(const char *command)
{
	static const char failed[] = "stopped: assertion failed (asked for)\n",
			  help[] = "assert: fails an assertion, the end of this guest\n";

	if (!strcmp(command, "assert")) {
		pv_log(failed, sizeof(failed) - 1);
		pv_stop();
	}
	if (*command)
		pv_log(help, sizeof(help) - 1);
}

/* Characters make a command until its line ends; what does not fit is no command. */
static void take_input(void)
{
	static char command[16];
	static unsigned len;
	char c;

	while (pv_read(&c, 1)) {
		if (c != '\r' && c != '\n') {
			if (len < sizeof(command) - 1)
				command[len++] = c;
			continue;
		}
		command[len] = 0;
		len = 0;
		obey(command);
	}
}

/*
 * The tick. Ticks that passed while it was pending come as one interrupt, so their number is taken
 * from the clock; an activity that missed several of its instants runs once, at the next phase.
 */
void pv_interrupt(unsigned n)
{
	takt_ticks late, now = takt_now();

	if (n == INPUT_VIRQ)
		activities[INPUT].due = true;
	if (n != TICK_VIRQ)
		return;
	seen.interrupts++;
	seen.ticks = (now - started) / tick_length;
	late = (now - started) % tick_length;
	if (late > seen.latest)
		seen.latest = late;
	for (unsigned i = 0; i < ACTIVITIES; i++) {
		struct activity *a = &activities[i];

		if (!a->every || seen.ticks < a->next)
			continue;
		a->instant = seen.ticks - (seen.ticks - a->next) % a->every;
		a->next = a->instant + a->every;
		if (a->urgent)
			a->run();
		else
			a->due = true;
	}
}

static struct activity *take_due(void)
{
	for (unsigned i = 0; i < ACTIVITIES; i++) {
		if (activities[i].due) {
			activities[i].due = false;
			return &activities[i];
		}
	}
	return NULL;
}

/*
 * The main loop. That nothing is due and going to sleep must not be torn apart by a tick; so both
 * happen masked. The wait ends with the tick pending, and unmasking delivers it.
 */
static void guest(void)
{
	int err;

	started = takt_now();
	err = pv_timer(&vcpu, TICK_VIRQ, started + tick_length, tick_length);
	if (err) {
		static const char text[] = "no tick: the timer cannot be set\n";

		pv_log(text, sizeof(text) - 1);
		pv_stop();
	}
	for (;;) {
		uint32_t open = pv_mask() | MASK;
		struct activity *a = take_due();

		if (!a)
			(void)pv_wait(MASK, TAKT_NEVER);
		pv_unmask(open);
		if (a)
			a->run();
	}
}

static int take_line(void)
{
	int err;

	led = env_cap("led-gpios");
	while ((err = gpio_direction(led, 1)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(1000000));
	return err;
}

int main(void)
{
	uint64_t period_ms = env_number("period-ms", 500), report_s = env_number("report-s", 10);
	int err = take_line();

	if (err) {
		printf("cannot drive the LED's line: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	if (period_ms < 2 || period_ms > 3600000 || !report_s || report_s > 86400) {
		printf("period-ms or report-s is out of range\n");
		return EXIT_FAILURE;
	}
	tick_length = takt_hz() / TICK_HZ;
	activities[0].every = activities[0].next = period_ms * TICK_HZ / 2000;
	activities[1].every = activities[1].next = report_s * TICK_HZ;
	vcpu = (struct pv_vcpu){.name = "baremetal", .guest = guest, .upcall = pv_upcall};
	edges = env_number("edges", 0);
	err = pv_start(&vcpu);
	if (!err)
		err = pv_input(&vcpu, INPUT_VIRQ);
	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
