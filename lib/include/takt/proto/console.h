/* SPDX-License-Identifier: MIT */
/* Protocol of a console session. The gate stands for one session. Calls never block on the device:
 * the session has a buffer, and what does not fit is refused or lost, not waited for. */
#ifndef TAKT_PROTO_CONSOLE_H
#define TAKT_PROTO_CONSOLE_H

#include <stdbool.h>
#include <takt/sys.h>

enum console_op {
	CONSOLE_WRITE,	/* w0: bytes, at most CONSOLE_MAX, from word 1 on -> w0: bytes taken. Those
			   that there is no room for are lost, and counted; with CONSOLE_AGAIN or-ed
			   to w0 they are not: the caller tries again with them */
	CONSOLE_READ,	/* w0: greatest number of bytes -> w0: bytes, from word 1 on */
	CONSOLE_NOTIFY, /* c0: irq (R_IRQ_TRIGGER) to trigger when input arrives in an empty queue,
			   and at once if there is some */
	/* Of the control session alone, which has nothing of the others: */
	CONSOLE_INFO,	/* w0: session -> w0: level, w1: lines lost ever, w2: bytes that wait to go
			   out, w3: 1 if it is the interactive one, w4..w6: its name, zero-padded;
			   E_RANGE: there is no such session */
	CONSOLE_LEVEL,	/* w0: session, w1: level, lines above which are not shown */
};

#define CONSOLE_AGAIN (1ull << 32)
#define CONSOLE_CONTROL 0x100 /* cell of the control session: <&console 0x100> */
#define CONSOLE_NAME 24	      /* bytes of a name, the end included */

/* A line that begins with "<N>" has level N, as in Linux's kernel log; a session's level is INFO
 * until somebody changes it. Lines without are always shown. */
enum console_level { CONSOLE_ERROR, CONSOLE_WARNING, CONSOLE_INFORMATION, CONSOLE_DEBUG };

/* Root gives a program that has a session this as its TAKT_SELF_LOG. */
_Static_assert((int)CONSOLE_WRITE == (int)TAKT_LOG_WRITE, "a session is as good as a log");

#define CONSOLE_MAX ((TAKT_MAX_WORDS - 1) * 8)

/* Bytes taken or read, or an error. In lib/rt/console.c. console_write is CONSOLE_WRITE with
 * CONSOLE_AGAIN, console_print without. */
TAKT_MUST_CHECK int console_write(takt_slot session, const void *data, unsigned len);
TAKT_MUST_CHECK int console_print(takt_slot session, const void *data, unsigned len);
TAKT_MUST_CHECK int console_read(takt_slot session, void *data, unsigned len);

/* console_print of one message's worth at most, and not beyond the deadline. */
TAKT_MUST_CHECK int console_write_until(takt_slot session, const void *data, unsigned len,
					takt_ticks deadline);

static inline TAKT_MUST_CHECK int console_notify(takt_slot session, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_NOTIFY, 0, 1), .cap = {irq}};

	return takt_call(session, &m);
}

struct console_info {
	unsigned level, waiting;
	bool interactive;
	uint64_t lost;
	char name[CONSOLE_NAME];
};

TAKT_MUST_CHECK int console_info(takt_slot control, unsigned session, struct console_info *info);

static inline TAKT_MUST_CHECK int console_level(takt_slot control, unsigned session, unsigned level)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_LEVEL, 2, 0), .w = {session, level}};

	return takt_call(control, &m);
}
#endif
