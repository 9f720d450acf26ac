/* SPDX-License-Identifier: MIT */
/* A client of counter.c: adds one every `period-ms`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/rt.h>

#include "counter.h"

int main(void)
{
	takt_slot gate = env_cap("gates");
	takt_ticks period = takt_ns_to_ticks(env_number("period-ms", 1000) * 1000000);

	for (takt_ticks next = takt_now();; next += period) {
		uint64_t sum;
		int err = counter_add(gate, 1, &sum);

		if (err) {
			printf("no counter: %s\n", rt_error(err));
			return EXIT_FAILURE;
		}
		printf("counted to %" PRIu64 "\n", sum);
		takt_sleep_until(next + period);
	}
}
