/* SPDX-License-Identifier: MIT */
/* What root does once the compartments run: it serves their calls and faults, and reports. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <takt/proto/console.h>
#include <takt/proto/root.h>
#include <takt/rt.h>

#include "root.h"

#define CONSOLE_NS 200000000ull /* root waits no longer than this for the console */
#define LOG_BYTES 40

static struct {
	takt_slot session;
	const struct compartment *server;
} output;

void output_to(takt_slot session, const struct compartment *server)
{
	output.session = session;
	output.server = server;
}

/* Root's own instead of the runtime's: the console may be the very one that is in trouble, so it is
 * asked with a deadline, and the kernel's log is there when it does not answer. */
void rt_write(const char *s, unsigned len)
{
	if (output.session && output.server->state == RUNNING) {
		takt_ticks deadline = takt_now() + takt_ns_to_ticks(CONSOLE_NS);

		if (console_write_until(output.session, s, len, deadline) >= 0)
			return;
	}
	for (unsigned n; len; s += n, len -= n) {
		n = len < LOG_BYTES ? len : LOG_BYTES;
		if (takt_log_write(TAKT_ROOT_LOG, s, n))
			return;
	}
}

int complain(const char *node, const char *property, const char *format, ...)
{
	va_list args;

	printf("root: %s%s%s%s", node ? node : "", node ? ": " : "", property ? property : "",
	       property ? ": " : "");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	return TAKT_E_INVAL;
}

int checked(const char *node, const char *what, int err)
{
	if (err)
		complain(node, what, "%s", rt_error(err));
	return err;
}

/*
 * Stopping the thread that is in the fault ends the calls that it serves, too. A thread that the
 * program made itself, which root cannot name, is stopped by the answer.
 */
static int handle_fault(struct compartment *c, const struct takt_msg *m)
{
	printf("root: %s: fault: pc %#llx sp %#llx syndrome %#llx address %#llx pstate %#llx; "
	       "stopped\n",
	       c->desc.name, (unsigned long long)m->w[TAKT_FAULT_PC],
	       (unsigned long long)m->w[TAKT_FAULT_SP],
	       (unsigned long long)m->w[TAKT_FAULT_SYNDROME],
	       (unsigned long long)m->w[TAKT_FAULT_ADDRESS],
	       (unsigned long long)m->w[TAKT_FAULT_PSTATE]);
	compartment_stop(c);
	return 1;
}

static int handle_command(struct compartment *c, const struct takt_msg *m)
{
	switch (TAKT_TAG_LABEL(m->tag)) {
	case ROOT_READY:
		c->ready = true;
		return 0;
	default:
		return TAKT_E_OP;
	}
}

/* Returns the label of the answer. */
static int handle(const struct takt_msg *m)
{
	struct compartment *c;
	bool fault = TAKT_TAG_LABEL(m->tag) == TAKT_LABEL_FAULT;

	if (TAKT_TAG_LABEL(m->tag) == TAKT_LABEL_IRQ ||
	    (m->badge & BADGE_INDEX) >= compartment_count)
		return 0;
	c = &compartments[m->badge & BADGE_INDEX];
	/* A program may call its fault gate, too, but that is no fault. */
	if (fault && (m->badge & BADGE_FAULT))
		return handle_fault(c, m);
	return m->badge & BADGE_FAULT ? TAKT_E_OP : handle_command(c, m);
}

void watch(takt_ticks deadline, const volatile bool *until)
{
	static struct takt_msg m; /* the answer to the last call, until the next `watch` */

	while (!until || !*until) {
		int err = takt_reply_wait(&m, deadline);

		if (err == TAKT_E_TIMEOUT) {
			m.tag = 0;
			return;
		}
		m.tag = TAKT_TAG(err ? err : handle(&m), 0, 0);
	}
}
