/* SPDX-License-Identifier: MIT */
/* Protocol of root, the gate "root" of every compartment; the badge tells which one. */
#ifndef TAKT_PROTO_ROOT_H
#define TAKT_PROTO_ROOT_H

#include <takt/sys.h>

enum root_op {
	ROOT_READY, /* the program serves from now on; a passive one gives its start-up SC back */
	ROOT_EXIT,  /* w0: code. The program is at its end: all of it is taken away */
	/* c0: irq (R_IRQ_TRIGGER) to trigger when a server that the program has a route to runs
	 * (again): what that one had been told is lost. The last one counts. */
	ROOT_NOTIFY,
};

static inline TAKT_MUST_CHECK int root_ready(takt_slot root)
{
	struct takt_msg m = {.tag = TAKT_TAG(ROOT_READY, 0, 0)};

	return takt_call(root, &m);
}

static inline TAKT_MUST_CHECK int root_exit(takt_slot root, int code)
{
	struct takt_msg m = {.tag = TAKT_TAG(ROOT_EXIT, 1, 0), .w = {(uint64_t)(int64_t)code}};

	return takt_call(root, &m);
}

static inline TAKT_MUST_CHECK int root_notify(takt_slot root, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(ROOT_NOTIFY, 0, 1), .cap = {irq}};

	return takt_call(root, &m);
}
#endif
