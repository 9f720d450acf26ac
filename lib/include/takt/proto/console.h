/* SPDX-License-Identifier: MIT */
/* Protocol of a console session. The gate stands for one session. Calls never block on the device:
 * the session has a buffer, and what does not fit is refused (a short count), not waited for. */
#ifndef TAKT_PROTO_CONSOLE_H
#define TAKT_PROTO_CONSOLE_H

#include <takt/sys.h>

enum console_op {
	CONSOLE_WRITE,	/* w0: bytes, at most CONSOLE_MAX, from word 1 on -> w0: bytes taken */
	CONSOLE_READ,	/* w0: greatest number of bytes -> w0: bytes, from word 1 on */
	CONSOLE_NOTIFY, /* c0: irq (R_IRQ_TRIGGER) to trigger when input arrives in an empty queue */
};

/* Root gives a program that has a session this as its TAKT_SELF_LOG. */
_Static_assert((int)CONSOLE_WRITE == (int)TAKT_LOG_WRITE, "a session is as good as a log");

#define CONSOLE_MAX ((TAKT_MAX_WORDS - 1) * 8)

/* Bytes taken or read, or an error. In lib/rt/console.c. */
TAKT_MUST_CHECK int console_write(takt_slot session, const void *data, unsigned len);
TAKT_MUST_CHECK int console_read(takt_slot session, void *data, unsigned len);

/* One message's worth at most, and not beyond the deadline. */
TAKT_MUST_CHECK int console_write_until(takt_slot session, const void *data, unsigned len,
					takt_ticks deadline);

static inline TAKT_MUST_CHECK int console_notify(takt_slot session, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_NOTIFY, 0, 1), .cap = {irq}};

	return takt_call(session, &m);
}
#endif
