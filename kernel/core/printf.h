/* SPDX-License-Identifier: MIT */
#ifndef CORE_PRINTF_H
#define CORE_PRINTF_H

#include <core/types.h>
#include <stdarg.h>

/* Where text goes: buffer[at & mask], as long as at < end. What does not fit counts in `at`, too. */
struct sink {
	char *buffer;
	u64 at, end, mask;
};

void put_text(struct sink *to, const char *text, size_t n);

/* Formats as klog in types.h; '-' pads on the right. */
void format_to(struct sink *to, const char *fmt, va_list ap);

/* Formats into buf, at most size bytes with the closing zero (size > 0). Returns the length. What
 * does not fit is cut off. */
size_t format_va(char *buf, size_t size, const char *fmt, va_list ap);
size_t format(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
