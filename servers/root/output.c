/* SPDX-License-Identifier: MIT */
/* What root has to say, and where. Only the worker prints: the watcher waits for nobody. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <takt/proto/console.h>
#include <takt/rt.h>

#include "root.h"

#define CONSOLE_NS 200000000ull /* root waits no longer than this for the console */
#define LOG_BYTES 40
#define KEPT 2048

static struct {
	takt_slot session;
	const struct compartment *server;
	char kept[KEPT]; /* what was said while the console did not run */
	unsigned kept_len;
} output;

void output_to(takt_slot session, const struct compartment *server)
{
	output.session = session;
	output.server = server;
}

/* Bytes taken. The console may be the very one that is in trouble, so there is a deadline. */
static unsigned to_console(const char *s, unsigned len)
{
	int n;

	if (output.server->state != CONTROL_RUNNING || output.server->halted)
		return 0;
	n = console_write_until(output.session, s, len,
				takt_now() + takt_ns_to_ticks(CONSOLE_NS));
	return n < 0 ? 0 : (unsigned)n;
}

static void keep(const char *s, unsigned len)
{
	unsigned n = len < KEPT - output.kept_len ? len : KEPT - output.kept_len;

	memcpy(output.kept + output.kept_len, s, n);
	output.kept_len += n;
}

static bool write_kept(void)
{
	unsigned n = output.kept_len ? to_console(output.kept, output.kept_len) : 0;

	output.kept_len -= n;
	memmove(output.kept, output.kept + n, output.kept_len);
	return !output.kept_len;
}

/* Root's own instead of the runtime's. */
void rt_write(const char *s, unsigned len)
{
	if (output.session) {
		unsigned n = write_kept() ? to_console(s, len) : 0;

		keep(s + n, len - n);
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
