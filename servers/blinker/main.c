/* SPDX-License-Identifier: MIT */
/*
 * blinker: a native real-time program. It toggles an LED at absolute instants, so that a late
 * wake-up never shifts the following ones, and keeps account of how late it was.
 *
 *   led-gpios      the line
 *   period-ms      period of the LED: it toggles every half of it
 *   report-s       seconds between two reports of one line; 0: none
 *   edges          1: a line for each change of the LED, too (takt/edge.h)
 *   report-priority, report-budget-us, report-period-us
 *                  time for the thread that prints, from the program's share
 *
 * The thread that prints is another one, so that no console makes a toggle late. On the session
 * "console" it answers to `report`, with the whole histogram, to `clear`, and to `fault`: what becomes
 * of it then is in its description.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <takt/edge.h>
#include <takt/proto/console.h>
#include <takt/proto/gpio.h>
#include <takt/rt.h>

#include "lateness.h"

#define INPUT_BADGE 1
#define EDGE_BADGE 2
#define SERVER_BADGE 4
#define EDGES 64 /* a power of two */
#define COMMAND_SIZE 16
#define NS_PER_S 1000000000ull

static struct lateness lateness;
static takt_ticks report_every;

/* Changes that are to be printed: written by the LED's thread, read by the one that prints. */
static struct edge edges[EDGES];
static _Atomic uint64_t edges_put, edges_got;
static takt_slot edges_bell; /* 0: nobody wants them */

/* --- Reports ---------------------------------------------------------------------------------- */

static void summary(const struct lateness_figures *f)
{
	printf("late min %" PRIu64 " avg %" PRIu64 " max %" PRIu64 " ns, of %" PRIu64
	       ", missed %" PRIu64 "\n",
	       f->least, f->count ? f->sum / f->count : 0, f->most, f->count, f->missed);
}

static void histogram(const struct lateness_figures *f)
{
	for (unsigned n = 0; n < LATENESS_BUCKETS; n++)
		if (f->bucket[n])
			printf("%s %12" PRIu64 " ns: %" PRIu64 "\n",
			       n == LATENESS_BUCKETS - 1 ? "from" : "below",
			       (uint64_t)1 << (n == LATENESS_BUCKETS - 1 ? n - 1 : n),
			       f->bucket[n]);
}

static void report(bool full)
{
	struct lateness_figures f;

	if (!lateness_read(&lateness, &f)) {
		printf("the figures change too fast\n");
		return;
	}
	summary(&f);
	if (full)
		histogram(&f);
}

static void print_edges(void)
{
	uint64_t to = atomic_load_explicit(&edges_put, memory_order_acquire);
	uint64_t from = edges_got;

	for (; from != to; from++) {
		char line[EDGE_LINE];

		edge_line(line, "blinker", &edges[from % EDGES]);
		fputs(line, stdout);
		atomic_store_explicit(&edges_got, from + 1, memory_order_release);
	}
}

static __attribute__((noreturn)) void fault(void)
{
	volatile uintptr_t nowhere = 8;

	printf("blinker: a fault was asked for\n");
	for (;;)
		*(volatile int *)nowhere = 0;
}

static void obey(const char *command)
{
	if (!strcmp(command, "report"))
		report(true);
	else if (!strcmp(command, "clear"))
		lateness_clear(&lateness);
	else if (!strcmp(command, "fault"))
		fault();
	else if (*command)
		printf("report: how late the LED was; clear: count anew; fault: end by one\n");
}

/* Characters make a command until its line ends; what does not fit is no command. */
static void take_input(takt_slot session)
{
	static char command[COMMAND_SIZE];
	static unsigned len;
	char c[32];
	int n;

	while ((n = console_read(session, c, sizeof(c))) > 0)
		for (int i = 0; i < n; i++) {
			if (c[i] != '\r' && c[i] != '\n') {
				if (len < COMMAND_SIZE - 1)
					command[len++] = c[i];
				continue;
			}
			command[len] = 0;
			len = 0;
			obey(command);
		}
}

static void reporter(void *unused)
{
	takt_slot session = env_cap("console"), irq = env_slot_alloc();
	takt_ticks next = takt_now() + report_every;
	int err = session ? takt_create_irq(TAKT_SELF_FACTORY, irq) : 0;

	(void)unused;
	if (session && !err)
		err = takt_irq_bind_thread(irq, rt_thread_self(), INPUT_BADGE);
	if (session && !err)
		err = rt_notify_servers(rt_thread_self(), SERVER_BADGE);
	if (session && !err)
		err = console_notify(session, irq);
	if (err)
		printf("blinker: gets no input: %s\n", rt_error(err));
	if (edges_bell) {
		err = takt_irq_bind_thread(edges_bell, rt_thread_self(), EDGE_BADGE);
		if (err)
			printf("blinker: prints no edges: %s\n", rt_error(err));
	}
	for (;;) {
		struct takt_msg m = {0};

		if (takt_wait(&m, report_every ? next : TAKT_NEVER) == TAKT_E_TIMEOUT) {
			uint64_t missed;

			report(false);
			next = lateness_next(next, report_every, takt_now(), &missed);
			continue;
		}
		if (m.w[0] & EDGE_BADGE)
			print_edges();
		if (session && m.w[0] & SERVER_BADGE)
			(void)!console_notify(session, irq);
		if (m.w[0] & (INPUT_BADGE | SERVER_BADGE))
			take_input(session);
	}
}

static int start_reporter(void)
{
	static struct rt_thread t = {.name = "reporter", .fn = reporter};
	int err;

	if (env_number("edges", 0)) {
		edges_bell = env_slot_alloc();
		err = takt_create_irq(TAKT_SELF_FACTORY, edges_bell);
		if (err)
			return err;
	}
	t.cpu = (unsigned)env_number("cpu", 0);
	t.sc = env_slot_alloc();
	err = takt_scheduler_create_sc(
		TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, env_number("report-priority", 1),
		takt_ns_to_ticks(env_number("report-budget-us", 500) * 1000),
		takt_ns_to_ticks(env_number("report-period-us", 10000) * 1000), t.cpu, t.sc);
	return err ? err : rt_thread_create(&t);
}

/* --- The LED ---------------------------------------------------------------------------------- */

/* The line as an output; E_AGAIN while it changes too often. */
static int take_line(takt_slot led)
{
	int err;

	while ((err = gpio_direction(led, 1)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(1000000));
	return err;
}

/* One that finds no room is left out: its number is missing then. */
static void keep_edge(const struct edge *e)
{
	uint64_t put = edges_put;

	if (!edges_bell || put - atomic_load_explicit(&edges_got, memory_order_acquire) == EDGES)
		return;
	edges[put % EDGES] = *e;
	atomic_store_explicit(&edges_put, put + 1, memory_order_release);
	(void)!takt_irq_trigger(edges_bell);
}

static int blink(takt_slot led, takt_ticks half)
{
	struct edge e = {.due = takt_now() + half};

	for (;;) {
		uint64_t missed, next;
		int err;

		takt_sleep_until(e.due);
		e.before = takt_now();
		e.level ^= 1;
		err = gpio_set(led, e.level);
		if (err)
			return err;
		e.after = takt_now();
		e.number++;
		/* Keep the rhythm, and the phase of the LED, when instants have passed already. */
		next = lateness_next(e.due, half, takt_now(), &missed);
		lateness_add(&lateness, takt_ticks_to_ns(e.before - e.due), missed);
		keep_edge(&e);
		e.due = next;
		e.level ^= missed & 1;
	}
}

int main(void)
{
	takt_slot led = env_cap("led-gpios");
	uint64_t period_ms = env_number("period-ms", 500), report_s = env_number("report-s", 10);
	int err;

	if (!period_ms || period_ms > 3600000 || report_s > 86400) {
		printf("blinker: period-ms or report-s is out of range\n");
		return EXIT_FAILURE;
	}
	report_every = takt_ns_to_ticks(report_s * NS_PER_S);
	err = start_reporter();
	if (err)
		printf("blinker: no reports (report-..., priorities, share): %s\n", rt_error(err));
	err = take_line(led);
	if (!err) {
		rt_ready();
		err = blink(led, takt_ns_to_ticks(period_ms * 500000));
	}
	printf("blinker: cannot drive its line: %s\n", rt_error(err));
	return EXIT_FAILURE;
}
