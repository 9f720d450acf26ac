/* SPDX-License-Identifier: MIT */
/*
 * The monitor's commands. A file cmd_*.c has a group of them: an array that ends with an entry
 * without a name, listed in cmd.c. A command gets its words, itself as the first one, and prints
 * what it has to say; there are at least `least` and at most `most` words behind its own.
 */
#ifndef MONITOR_CMD_H
#define MONITOR_CMD_H

#include <stdbool.h>
#include <takt/proto/control.h>

#define CMD_WORDS 8

struct command {
	const char *name, *words, *help; /* words: as the usage shows them */
	int least, most;
	void (*run)(int count, char **word);
};

extern const struct command cmd_compartments[]; /* cmd_compartments.c: list, info */
extern const struct command cmd_control[];	/* cmd_control.c: start, stop, ... */
extern const struct command cmd_console[];	/* cmd_console.c: sessions, level */
extern const struct command cmd_trace[];	/* cmd_trace.c: trace */

/* Runs a line, which is taken apart in place. */
void cmd_run(char *line);

/* What the commands share: root's control, 0 if the monitor has none. */
extern takt_slot control;

/* Index of the compartment of that name, or an error, which has been printed. */
int cmd_find(const char *name);

/* Waits until a change is told, or the deadline. Says whether it was in time. */
bool cmd_wait_change(takt_ticks deadline);

const char *cmd_state(const struct control_info *info);

#endif
