/* SPDX-License-Identifier: MIT */
/* A machine whose guest does what it can to harm others. */
#include <stdio.h>

#include "tester.h"

#define STEP_NS 100000000ull

/* It lives for `millis`; in the end it is destroyed in whatever state it is. Nobody notices. */
void test_hostile(void)
{
	unsigned v = find("hostile"), steps = 0, running = 0;
	uint64_t millis = env_number("millis", 2000), consumed;
	struct control_account before, after;
	struct beat beat;
	takt_ticks end;

	/* Root may still be building the others. */
	ok(wait_state(find("pv"), CONTROL_RUNNING) && wait_state(find("tester"), CONTROL_RUNNING),
	   "its neighbours run");
	before = account();
	beat = read_beat();
	ok(start(v), "the hostile machine starts");
	end = takt_now() + takt_ns_to_ticks(millis * 1000000);
	while (takt_now() < end) {
		sleep_ns(STEP_NS);
		steps++;
		running += info_of(v).state == CONTROL_RUNNING;
	}
	consumed = takt_ticks_to_ns(info_of(v).consumed);
	ok(running == steps, "its monitor runs at %u of %u instants", running, steps);
	ok(consumed > millis * 1000, "it consumed %llu us", (unsigned long long)consumed / 1000);
	rhythm("hostility", beat);
	beat = read_beat();
	ok(restart(v), "the hostile machine is restarted");
	sleep_ns(STEP_NS);
	ok(stop(v), "the hostile machine is destroyed");
	after = account();
	ok(same(&before, &after), "all that it had is back");
	rhythm("its end", beat);
}
