/* SPDX-License-Identifier: MIT */
/*
 * Standard input and output on the session "console", or else on the kernel's log.
 *
 * A thread collects its line in thread-local memory and writes it in one piece, so the lines of
 * several threads do not mix and no lock is needed. Printing never waits: what the session does not
 * take at the second attempt is lost, and the session says so.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <takt/proto/console.h>

#include "rt_internal.h"

#define LINE_SIZE 160
#define LOG_BYTES 40 /* of one log.write */

static _Thread_local struct {
	unsigned len;
	char text[LINE_SIZE];
} line;

static void write_log(const char *s, unsigned len)
{
	for (unsigned n; len; s += n, len -= n) {
		n = len < LOG_BYTES ? len : LOG_BYTES;
		if (takt_log_write(TAKT_SELF_LOG, s, n))
			return;
	}
}

__attribute__((weak)) void rt_write(const char *s, unsigned len)
{
	takt_slot session = env_cap("console");
	int n;

	if (!session) {
		write_log(s, len);
		return;
	}
	n = console_write(session, s, len);
	if (n >= 0 && (unsigned)n < len) {
		takt_yield();
		(void)!console_print(session, s + n, len - (unsigned)n);
	}
}

void rt_stdio_flush(void)
{
	if (line.len)
		rt_write(line.text, line.len);
	line.len = 0;
}

static int put(char c, FILE *file)
{
	(void)file;
	line.text[line.len++] = c;
	if (c == '\n' || line.len == LINE_SIZE)
		rt_stdio_flush();
	return (unsigned char)c;
}

void rt_log(unsigned level, const char *format, ...)
{
	char text[LINE_SIZE];
	va_list args;
	int n = 0;

	if (env_cap("console"))
		n = snprintf(text, sizeof(text), "<%u>", level);
	else if (level > RT_INFO)
		return; /* nobody can ask the kernel's log for more */
	va_start(args, format);
	n += vsnprintf(text + n, sizeof(text) - (size_t)n, format, args);
	va_end(args);
	if (n > LINE_SIZE - 1)
		n = LINE_SIZE - 1;
	text[n] = '\n';
	if (line.len)
		(void)put('\n', NULL);
	rt_write(text, (unsigned)n + 1);
}

static int flush(FILE *file)
{
	(void)file;
	rt_stdio_flush();
	return 0;
}

static int get(FILE *file)
{
	takt_slot session = env_cap("console");
	unsigned char c;

	(void)file;
	rt_stdio_flush();
	return session && console_read(session, &c, 1) == 1 ? c : _FDEV_EOF;
}

static FILE out = FDEV_SETUP_STREAM(put, NULL, flush, _FDEV_SETUP_WRITE);
static FILE in = FDEV_SETUP_STREAM(NULL, get, NULL, _FDEV_SETUP_READ);

FILE *const stdout = &out;
FILE *const stderr = &out;
FILE *const stdin = &in;
