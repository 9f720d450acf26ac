/* SPDX-License-Identifier: MIT */
/* The console's sessions, by its control session: control-console = <&console 0x100>. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <takt/proto/console.h>
#include <takt/rt.h>

#include "cmd.h"

static const char *const levels[] = {"error", "warning", "info", "debug"};

#define LEVELS (sizeof(levels) / sizeof(levels[0]))

static takt_slot control_session(void)
{
	takt_slot slot = env_cap("control-console");

	if (!slot)
		printf("this monitor has no control-console\n");
	return slot;
}

static void sessions(int count, char **word)
{
	takt_slot slot = control_session();
	struct console_info i;
	int err = 0;

	(void)count;
	(void)word;
	if (!slot)
		return;
	printf("%3s %-12s %-8s %9s %9s\n", "", "NAME", "LEVEL", "WAITING/B", "LOST");
	for (unsigned n = 0; !err; n++) {
		err = console_info(slot, n, &i);
		if (!err)
			printf("%c %x %-12s %-8s %9u %9llu\n", i.interactive ? '>' : ' ', n, i.name,
			       i.level < LEVELS ? levels[i.level] : "?", i.waiting,
			       (unsigned long long)i.lost);
	}
	if (err != TAKT_E_RANGE)
		printf("the console's control session: %s\n", rt_error(err));
}

/* Number of a session, given as its name or number; or an error, which has been printed. */
static int find_session(takt_slot slot, const char *word)
{
	char *end;
	unsigned long number = strtoul(word, &end, 16);
	struct console_info i;

	for (unsigned n = 0;; n++) {
		int err = console_info(slot, n, &i);

		if (err == TAKT_E_RANGE)
			printf("%s: no such session\n", word);
		else if (err)
			printf("the console's control session: %s\n", rt_error(err));
		if (err)
			return err;
		if (!strcmp(i.name, word) || (!*end && end == word + 1 && number == n))
			return (int)n;
	}
}

static void level(int count, char **word)
{
	takt_slot slot = control_session();
	unsigned wanted = 0;
	int n, err;

	(void)count;
	while (wanted < LEVELS && strcmp(levels[wanted], word[2]) &&
	       (word[2][0] != (char)('0' + wanted) || word[2][1]))
		wanted++;
	if (wanted == LEVELS) {
		printf("%s: levels are 0 error, 1 warning, 2 info, 3 debug\n", word[2]);
		return;
	}
	n = slot ? find_session(slot, word[1]) : TAKT_E_CAP;
	if (n < 0)
		return;
	err = console_level(slot, (unsigned)n, wanted);
	if (err)
		printf("%s: %s\n", word[1], rt_error(err));
	else
		printf("%s: %s\n", word[1], levels[wanted]);
}

const struct command cmd_console[] = {
	{"sessions", "", "the console's sessions", 0, 0, sessions},
	{"level", "SESSION LEVEL", "show its lines up to error, warning, info, or debug", 2, 2,
	 level},
	{NULL},
};
