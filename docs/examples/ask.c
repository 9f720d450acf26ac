/* SPDX-License-Identifier: MIT */
/* A client of counter.c: adds one every `period-ms`, and wants to know when `limit` is reached. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/rt.h>

#include "counter.h"

#define LIMIT_BADGE 1

static int want_limit(takt_slot gate, uint64_t limit)
{
	takt_slot irq = env_slot_alloc();
	int err = takt_create_irq(TAKT_SELF_FACTORY, irq);

	if (!err)
		err = takt_irq_bind_thread(irq, TAKT_SELF_THREAD, LIMIT_BADGE);
	return err ? err : counter_notify(gate, limit, irq);
}

int main(void)
{
	takt_slot gate = env_cap("gates");
	takt_ticks period = takt_ns_to_ticks(env_number("period-ms", 1000) * 1000000);
	takt_ticks next = takt_now();
	int err = want_limit(gate, env_number("limit", 3));

	while (!err) {
		struct takt_msg m = {0};
		uint64_t sum;

		err = counter_add(gate, 1, &sum);
		if (err)
			break;
		printf("%s: counted to %" PRIu64 "\n", env_string("takt,name", "?"), sum);
		next += period;
		while (takt_wait(&m, next) != TAKT_E_TIMEOUT)
			printf("%s: the limit is reached\n", env_string("takt,name", "?"));
	}
	printf("no counter: %s\n", rt_error(err));
	return EXIT_FAILURE;
}
