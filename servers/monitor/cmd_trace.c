/* SPDX-License-Identifier: MIT */
/* The kernel's event traces, for a monitor that has the property `trace`. */
#include <stdio.h>
#include <string.h>
#include <takt/rt.h>
#include <takt/trace_reader.h>

#include "cmd.h"

#define PAGES 32 /* of a ring */

static struct rt_trace rings; /* none while cpus is 0 */
static bool recording;

static int on(void)
{
	int err = 0;

	if (!rings.cpus)
		err = rt_trace_open(&rings, env_cap("trace"), PAGES);
	if (!err)
		err = rt_trace_control(&rings, TAKT_TRACE_ALL);
	recording = !err;
	return err;
}

static int off(void)
{
	int err = rt_trace_control(&rings, 0);

	recording = recording && err;
	return err;
}

/* Recording rests meanwhile, for the dump would fill the rings with itself. */
static int dump(void)
{
	bool go_on = recording;
	int err = off();

	for (unsigned cpu = 0; !err && cpu < rings.cpus; cpu++)
		rt_trace_dump(rings.ring[cpu]);
	rt_trace_print_end();
	return !err && go_on ? on() : err;
}

static const char *reason(int err)
{
	switch (err) {
	case TAKT_E_EXISTS:
		return "somebody else records";
	case TAKT_E_NOMEM:
		return "kernel-memory does not hold the rings";
	default:
		return rt_error(err);
	}
}

static void trace(int count, char **word)
{
	int err;

	(void)count;
	if (!env_cap("trace")) {
		printf("this monitor may not trace\n");
		return;
	}
	if (!strcmp(word[1], "on")) {
		err = on();
	} else if (strcmp(word[1], "off") && strcmp(word[1], "dump")) {
		printf("usage: trace on|off|dump\n");
		return;
	} else if (!rings.cpus) {
		printf("nothing was recorded; try trace on\n");
		return;
	} else {
		err = strcmp(word[1], "off") ? dump() : off();
	}
	if (err)
		printf("trace: %s\n", reason(err));
	else
		printf("trace: %s\n", recording ? "on" : "off");
}

const struct command cmd_trace[] = {
	{"trace", "on|off|dump", "record what the kernel does, for tools/trace-json", 1, 1, trace},
	{NULL},
};
