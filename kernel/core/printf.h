/* SPDX-License-Identifier: MIT */
#ifndef CORE_PRINTF_H
#define CORE_PRINTF_H

#include <core/types.h>
#include <stdarg.h>

/* Formats into buf, at most size bytes with the closing zero (size > 0). Returns the length. What
 * does not fit is cut off. Formats as klog in types.h; '-' pads on the right. */
size_t format_va(char *buf, size_t size, const char *fmt, va_list ap);
size_t format(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
