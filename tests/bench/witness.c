/* SPDX-License-Identifier: MIT */
/*
 * A native thread less urgent than the controller's tick and more urgent than its housekeeping: how
 * late it wakes says what the controller costs others. Prints "NAME VALUE ns" after so many waits.
 */
#include <inttypes.h>
#include <stdio.h>

#include <takt/env.h>
#include <takt/rt.h>

#define PERIOD_NS 777000 /* meets the controller's millisecond in all phases */
#define SETTLE 20

int main(void)
{
	uint64_t wanted = env_number("waits", 1000) + SETTLE;
	takt_ticks period = takt_ns_to_ticks(PERIOD_NS), due = takt_now() + period, latest = 0;

	for (uint64_t n = 0; n < wanted; n++) {
		takt_ticks now;

		takt_sleep_until(due);
		now = takt_now();
		if (n >= SETTLE && now - due > latest)
			latest = now - due;
		while (due <= now)
			due += period;
	}
	printf("%s %" PRIu64 " ns\n", env_string("figure", "witness"), takt_ticks_to_ns(latest));
	return 0;
}
