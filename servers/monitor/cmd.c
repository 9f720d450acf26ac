/* SPDX-License-Identifier: MIT */
/* From a line to a command. */
#include <stdio.h>
#include <string.h>
#include <takt/rt.h>

#include "cmd.h"

static void help(int count, char **word);

static const struct command cmd_help[] = {
	{"help", "", "this list", 0, 0, help},
	{NULL},
};

static const struct command *const groups[] = {
	cmd_compartments,
	cmd_control,
	cmd_console,
	cmd_trace,
	cmd_help,
};

#define GROUPS (sizeof(groups) / sizeof(groups[0]))

static void help(int count, char **word)
{
	(void)count;
	(void)word;
	for (unsigned i = 0; i < GROUPS; i++)
		for (const struct command *c = groups[i]; c->name; c++)
			printf("%-8s %-13s %s\n", c->name, c->words, c->help);
}

static const struct command *find_command(const char *name)
{
	for (unsigned i = 0; i < GROUPS; i++)
		for (const struct command *c = groups[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c;
	return NULL;
}

void cmd_run(char *line)
{
	char *word[CMD_WORDS + 1], *rest;
	const struct command *c;
	int count = 0;

	for (char *w = strtok_r(line, " \t", &rest); w; w = strtok_r(NULL, " \t", &rest)) {
		if (count == CMD_WORDS + 1) {
			printf("%s: more than %d words behind it\n", word[0], CMD_WORDS);
			return;
		}
		word[count++] = w;
	}
	if (!count)
		return;
	c = find_command(word[0]);
	if (!c)
		printf("%s: no such command; try help\n", word[0]);
	else if (count - 1 < c->least || count - 1 > c->most)
		printf("usage: %s%s%s\n", c->name, *c->words ? " " : "", c->words);
	else
		c->run(count, word);
}

int cmd_find(const char *name)
{
	int n = control_find(control, name);

	if (n == TAKT_E_RANGE)
		printf("%s: no such compartment\n", name);
	else if (n < 0)
		printf("root's control: %s\n", rt_error(n));
	return n;
}

const char *cmd_state(const struct control_info *info)
{
	static const char *const name[] = {"waiting", "starting", "running", "stopped", "failed",
					   "ending"};

	return info->state < sizeof(name) / sizeof(name[0]) ? name[info->state] : "?";
}
