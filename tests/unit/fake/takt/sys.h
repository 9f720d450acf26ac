/* SPDX-License-Identifier: MIT */
/* Stands in for lib/include/takt/sys.h on the host: a test plays the kernel in fake_invoke. */
#ifndef TAKT_SYS_H
#define TAKT_SYS_H

#include <takt/error.h>
#include <takt/invoke.h>
#include <takt/objects.h>
#include <takt/types.h>

#define TAKT_MUST_CHECK __attribute__((warn_unused_result))

struct takt_msg {
	uint64_t tag;
	uint64_t w[TAKT_REG_WORDS];
	takt_slot cap[TAKT_MAX_CAPS];
	takt_slot window;
	uint64_t badge;
};

/* Turns m into the answer; returns the error of the invocation. */
int fake_invoke(unsigned flavour, takt_slot slot, struct takt_msg *m);

static inline TAKT_MUST_CHECK int takt_call(takt_slot slot, struct takt_msg *m)
{
	int err = fake_invoke(TAKT_CALL, slot, m);

	return err ? err : (int16_t)TAKT_TAG_LABEL(m->tag);
}

#include <takt/sys_ops.h>

#endif
