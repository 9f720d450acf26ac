/* SPDX-License-Identifier: MIT */
/*
 * monitor: shows what runs, and lets it be started and stopped, on a console session.
 *
 *   console   the session
 *   control   root's control; what the rights in its cell do not allow is refused there
 *   control-console, trace   what the commands in cmd_console.c and cmd_trace.c need, if any
 */
#include <stdio.h>
#include <stdlib.h>
#include <takt/proto/console.h>
#include <takt/rt.h>

#include "cmd.h"

#define PROMPT "takt> "
#define LINE 128
#define BADGE_INPUT 1
#define BADGE_CHANGE 2
#define BADGE_SERVER 4 /* a new console, which does not know whom to tell */

takt_slot control;

static takt_slot session, input, change;
static char line[LINE];
static unsigned length;
static uint64_t arrived; /* badges of signals not looked at yet */

/* --- Signals ---------------------------------------------------------------------------------- */

/* Waits for one of the signals in `mask`; the others are kept. Returns those that came, 0: none in
 * time. */
static uint64_t wait_for(uint64_t mask, takt_ticks deadline)
{
	uint64_t came;

	while (!(arrived & mask)) {
		struct takt_msg m = {0};

		if (takt_wait(&m, deadline))
			return 0;
		arrived |= m.w[0];
	}
	came = arrived & mask;
	arrived &= ~mask;
	return came;
}

bool cmd_wait_change(takt_ticks deadline)
{
	return wait_for(BADGE_CHANGE, deadline) != 0;
}

static int make_signal(uint64_t badge, takt_slot *irq)
{
	int err;

	*irq = env_slot_alloc();
	err = *irq ? takt_create_irq(TAKT_SELF_FACTORY, *irq) : TAKT_E_QUOTA;
	return err ? err : takt_irq_bind_thread(*irq, TAKT_SELF_THREAD, badge);
}

static int make_signals(void)
{
	int err = make_signal(BADGE_INPUT, &input);

	if (!err)
		err = rt_notify_servers(TAKT_SELF_THREAD, BADGE_SERVER);
	if (!err)
		err = make_signal(BADGE_CHANGE, &change);
	return err ? err : control_notify_by(control, change);
}

/* --- The line --------------------------------------------------------------------------------- */

static void prompt(void)
{
	printf(PROMPT);
	fflush(stdout);
}

static void enter(void)
{
	line[length] = 0;
	printf("\n");
	cmd_run(line);
	length = 0;
	prompt();
}

static void erase(unsigned n)
{
	for (; n && length; n--, length--)
		printf("\b \b");
	fflush(stdout);
}

static void type(char c)
{
	switch (c) {
	case '\r':
	case '\n':
		enter();
		break;
	case '\b':
	case 0x7f:
		erase(1);
		break;
	case 'U' - '@':
		erase(length);
		break;
	case 'C' - '@':
		length = 0;
		printf("^C\n");
		prompt();
		break;
	default:
		if (c < ' ' || c > '~' || length == LINE - 1)
			break;
		line[length++] = c;
		putchar(c);
		fflush(stdout);
	}
}

/* All there is: the next signal comes only when the queue has been empty. */
static void read_input(void)
{
	char c;

	while (console_read(session, &c, 1) == 1)
		type(c);
}

int main(void)
{
	int err;

	session = env_cap("console");
	control = env_cap("control");
	if (!session || !control) {
		printf("monitor: it needs a console and a control\n");
		return EXIT_FAILURE;
	}
	err = make_signals();
	if (err) {
		printf("monitor: no signals from console or root: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	prompt();
	for (uint64_t came = BADGE_SERVER;; came = wait_for(BADGE_INPUT | BADGE_SERVER, TAKT_NEVER)) {
		/* Where this is refused the console is about to end: the next one is told of. */
		if (came & BADGE_SERVER)
			(void)!console_notify(session, input);
		read_input();
	}
}
