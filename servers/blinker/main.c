/* SPDX-License-Identifier: MIT */
/*
 * blinker: a native real-time program. It toggles an LED at absolute instants, so that a late
 * wake-up never shifts the following ones, and keeps account of how late it was.
 *
 *   led-gpios      the line
 *   period-ms      period of the LED: it toggles every half of it
 *   report-s       seconds between two lines on the console; 0: none
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/proto/gpio.h>
#include <takt/rt.h>

/* Lateness of the wake-ups: bucket n counts those below BUCKET_NS << n, the last one all others. */
#define BUCKETS 8
#define BUCKET_NS 10000u

struct lateness {
	uint64_t count, missed; /* missed: toggles left out because their instant had passed */
	uint64_t least, most, sum; /* ns */
	uint64_t bucket[BUCKETS];
};

static void account(struct lateness *l, uint64_t ns)
{
	unsigned n = 0;

	while (n < BUCKETS - 1 && ns >= (uint64_t)BUCKET_NS << n)
		n++;
	l->bucket[n]++;
	if (!l->count || ns < l->least)
		l->least = ns;
	if (ns > l->most)
		l->most = ns;
	l->sum += ns;
	l->count++;
}

/* One line: the console must never be what makes the next toggle late. */
static void report(const struct lateness *l)
{
	char line[192];
	int n = snprintf(line, sizeof(line),
			 "late min %" PRIu64 " avg %" PRIu64 " max %" PRIu64 " us, of %" PRIu64
			 ", missed %" PRIu64 "; below 10us<<n:",
			 l->least / 1000, l->sum / l->count / 1000, l->most / 1000, l->count,
			 l->missed);

	for (int i = 0; i < BUCKETS && n < (int)sizeof(line); i++)
		n += snprintf(line + n, sizeof(line) - n, " %" PRIu64, l->bucket[i]);
	puts(line);
}

/* The line as an output. The server refuses while it changes another one's direction. */
static int take_line(takt_slot led)
{
	int err;

	while ((err = gpio_direction(led, 1)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(1000000));
	return err;
}

static int blink(takt_slot led, takt_ticks half, takt_ticks report_every)
{
	static struct lateness late;
	takt_ticks next = takt_now() + half, next_report = next + report_every;
	unsigned level = 0;

	for (;;) {
		takt_ticks now;
		int err;

		takt_sleep_until(next);
		now = takt_now();
		level ^= 1;
		err = gpio_set(led, level);
		if (err)
			return err;
		account(&late, takt_ticks_to_ns(now - next));
		if (report_every && now >= next_report) {
			report(&late);
			next_report += report_every;
			now = takt_now();
		}
		/* Keep the rhythm, and the phase of the LED, when instants have passed already. */
		for (next += half; next <= now; next += half) {
			late.missed++;
			level ^= 1;
		}
	}
}

int main(void)
{
	takt_slot led = env_cap("led-gpios");
	uint64_t period_ms = env_number("period-ms", 500);
	uint64_t report_s = env_number("report-s", 10);
	int err;

	if (!period_ms || period_ms > 3600000 || report_s > 86400) {
		printf("blinker: period-ms or report-s is out of range\n");
		return EXIT_FAILURE;
	}
	err = take_line(led);
	if (!err) {
		rt_ready();
		err = blink(led, takt_ns_to_ticks(period_ms * 500000),
			    takt_ns_to_ticks(report_s * 1000000000));
	}
	printf("blinker: cannot drive its line: %s\n", rt_error(err));
	return EXIT_FAILURE;
}
