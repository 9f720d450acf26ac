/* SPDX-License-Identifier: MIT */
/* Commands to root. */
#include <stdio.h>
#include <string.h>
#include <takt/rt.h>

#include "cmd.h"

#define PATIENCE_NS 5000000000ull

/* Whether root has come to an end with it. */
static bool settled(const struct control_info *info)
{
	return info->state != CONTROL_WAITING && info->state != CONTROL_STARTING &&
	       info->state != CONTROL_ENDING;
}

static const char *reason(int err)
{
	switch (err) {
	case TAKT_E_RIGHTS:
		return "this monitor may only look";
	case TAKT_E_STATE:
		return "it is in that state already";
	case TAKT_E_INVAL:
		return "its description is wrong: it cannot be built";
	default:
		return rt_error(err);
	}
}

static void run(enum control_op op, const char *name)
{
	takt_ticks end = takt_now() + takt_ns_to_ticks(PATIENCE_NS);
	struct control_info now;
	int n = cmd_find(name), err;

	if (n < 0)
		return;
	err = control_command(control, op, (unsigned)n);
	if (!err)
		err = control_info(control, (unsigned)n, &now);
	while (!err && !settled(&now)) {
		if (!cmd_wait_change(end)) {
			printf("%s: not done within %llu s; it is %s\n", name,
			       PATIENCE_NS / 1000000000, cmd_state(&now));
			return;
		}
		err = control_info(control, (unsigned)n, &now);
	}
	if (err)
		printf("%s: %s\n", name, reason(err));
	else
		printf("%s: %s\n", name, cmd_state(&now));
}

static void start(int count, char **word)
{
	(void)count;
	run(CONTROL_START, word[1]);
}

static void stop(int count, char **word)
{
	(void)count;
	run(CONTROL_STOP, word[1]);
}

static void restart(int count, char **word)
{
	(void)count;
	run(CONTROL_RESTART, word[1]);
}

static void kill(int count, char **word)
{
	(void)count;
	run(CONTROL_KILL, word[1]);
}

static void shut_down(unsigned reset)
{
	int err = control_command(control, CONTROL_SHUTDOWN, reset);

	printf("the board goes on: %s\n",
	       err == TAKT_E_RIGHTS ? "this monitor may not end it" : reason(err));
}

static void poweroff(int count, char **word)
{
	(void)count;
	(void)word;
	shut_down(0);
}

static void reset(int count, char **word)
{
	(void)count;
	(void)word;
	shut_down(1);
}

const struct command cmd_control[] = {
	{"start", "NAME", "build and start it", 1, 1, start},
	{"stop", "NAME", "destroy it; it stays stopped", 1, 1, stop},
	{"restart", "NAME", "destroy it and build it anew", 1, 1, restart},
	{"kill", "NAME", "destroy it; its restart policy says what follows", 1, 1, kill},
	{"poweroff", "", "switch the board off", 0, 0, poweroff},
	{"reset", "", "reset the board", 0, 0, reset},
	{NULL},
};
