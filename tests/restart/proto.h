/* SPDX-License-Identifier: MIT */
/* What the programs of these tests say to each other. */
#ifndef RESTART_PROTO_H
#define RESTART_PROTO_H

#include <takt/sys.h>

enum echo_op {
	ECHO,	    /* w0 -> w0 + 1 */
	ECHO_HOLD,  /* w0: ns for which the answer is kept back */
	ECHO_HELD,  /* -> w0: HOLDs that came in so far */
};

enum beat_op {
	BEAT_READ, /* -> w0: beats, w1: greatest lateness in ns since the last READ, w2: missed */
};

static inline TAKT_MUST_CHECK int echo(takt_slot gate, uint64_t n, uint64_t *more)
{
	struct takt_msg m = {.tag = TAKT_TAG(ECHO, 1, 0), .w = {n}};
	int err = takt_call(gate, &m);

	*more = m.w[0];
	return err;
}

static inline TAKT_MUST_CHECK int echo_hold(takt_slot gate, uint64_t ns)
{
	struct takt_msg m = {.tag = TAKT_TAG(ECHO_HOLD, 1, 0), .w = {ns}};

	return takt_call(gate, &m);
}
#endif
