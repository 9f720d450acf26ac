/* SPDX-License-Identifier: MIT */
/*
 * The kernel's log: text for the early console, until a driver takes the UART; kept in a ring until it
 * is let out.
 * Usable from any CPU at any time. What is written in one call stays together.
 */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <core/types.h>

#define LOG_SIZE 16384u /* a power of two */
#define LOG_LINE 240	/* what a panic can say */
#define LOG_PIECE 64	/* of a fault dump, put into words at a time */

/* Whether the log is copied to the early console; at first it is. */
void log_console(bool on);

/* Whether something waits for the early console, and how many bytes more may. What does not fit is
 * lost, and the log says later how much that was. */
bool log_waiting(void) MUST_CHECK;
size_t log_room(void) MUST_CHECK;

/* Lets a few characters out, as far as the device takes them at once; or all, however long it takes:
 * before power-off. */
void log_drain(void);
void log_flush(void);

/* From now on nobody waits for the console. */
void log_booted(void);

/* Text from elsewhere. */
void log_write(const char *text, size_t n);

/* How many bytes were ever written. */
u64 log_head(void) MUST_CHECK;

#endif
