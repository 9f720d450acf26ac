/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include <takt/env.h>
#include <takt/sys.h>

#include "log.h"

#define LINE_MAX 160
#define LOG_CHUNK 40 /* of log.write */

struct line {
	unsigned len;
	char text[LINE_MAX];
};

static void (*log_sink)(void *self, const char *line, unsigned len);
static void *log_self;
static bool log_runs;

void vmm_log_to(void (*sink)(void *self, const char *line, unsigned len), void *self)
{
	log_self = self;
	log_sink = sink;
}

void vmm_log_run(void)
{
	log_runs = true;
}

/* One byte stays free for the line's end. */
static void put(struct line *l, char c)
{
	if (l->len < LINE_MAX - 1)
		l->text[l->len++] = c;
}

static void put_string(struct line *l, const char *s)
{
	while (*s)
		put(l, *s++);
}

static void put_number(struct line *l, uint64_t value, unsigned base)
{
	char digits[20];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put(l, digits[--n]);
}

static void put_signed(struct line *l, int64_t value)
{
	if (value < 0)
		put(l, '-');
	put_number(l, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void format_line(struct line *l, const char *f, va_list *args)
{
	for (; *f; f++) {
		bool wide;

		if (*f != '%') {
			put(l, *f);
			continue;
		}
		wide = *++f == 'l';
		f += wide;
		switch (*f) {
		case 's':
			put_string(l, va_arg(*args, const char *));
			break;
		case 'd':
			put_signed(l, wide ? va_arg(*args, long) : va_arg(*args, int));
			break;
		case 'u':
		case 'x':
			put_number(l,
				   wide ? va_arg(*args, unsigned long)
					: va_arg(*args, unsigned int),
				   *f == 'x' ? 16 : 10);
			break;
		default:
			put(l, *f);
			break;
		}
	}
	l->text[l->len++] = '\n';
}

void vmm_log(const char *format, ...)
{
	struct line l;
	va_list args;

	l.len = 0;
	put_string(&l, "vmm: ");
	va_start(args, format);
	format_line(&l, format, &args);
	va_end(args);

	if (log_runs && log_sink) {
		log_sink(log_self, l.text, l.len);
		return;
	}
	/* Not every program has the kernel's log, and there is nobody to complain to. */
	for (unsigned i = 0; i < l.len; i += LOG_CHUNK) {
		unsigned rest = l.len - i;

		(void)!takt_log_write(TAKT_SELF_LOG, l.text + i,
				      rest < LOG_CHUNK ? rest : LOG_CHUNK);
	}
}
