/* SPDX-License-Identifier: MIT */
/*
 * A client of a scheduler, whoever's: a thread for each of its CPU numbers, which says where its
 * scheduling context is and that it runs. "NAME: number N on CPU C, CPU C idles" comes from there.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/rt.h>

static void say(void *arg)
{
	const struct rt_thread *t = arg;
	uint64_t w[6];
	int err = takt_sc_info(t->sc, w);

	printf("%s: number %u on CPU %" PRIu64 "%s\n", env_string("takt,name", "?"), t->cpu, w[4],
	       err ? " (no answer)" : "");
}

int main(void)
{
	static struct rt_thread threads[TAKT_MAX_CPUS];
	unsigned count = (unsigned)env_number("threads", 2);

	for (unsigned i = 0; i < count && i < TAKT_MAX_CPUS; i++) {
		struct rt_thread *t = &threads[i];
		int err;

		*t = (struct rt_thread){
			.name = "say", .fn = say, .arg = t, .cpu = i, .sc = env_slot_alloc()};
		err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY,
					       env_number("priority", 0), takt_ns_to_ticks(500000),
					       takt_ns_to_ticks(10000000), i, t->sc);
		if (!err)
			err = rt_thread_create(t);
		if (err) {
			printf("%s: thread %u: %s\n", env_string("takt,name", "?"), i,
			       rt_error(err));
			return EXIT_FAILURE;
		}
	}
	for (;;)
		takt_sleep_until(TAKT_NEVER);
}
