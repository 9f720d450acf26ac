/* SPDX-License-Identifier: MIT */
/* A small server: a counter for each badge. */
#include <takt/server.h>

#include "counter.h"

#define COUNTERS 4

static uint64_t counter[COUNTERS];

/* `m` holds the call and takes the answer; the result is the caller's error. */
static int handle(void *self, struct takt_msg *m)
{
	(void)self;
	if (m->badge >= COUNTERS)
		return TAKT_E_RANGE;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case COUNTER_ADD:
		if (TAKT_TAG_WORDS(m->tag) < 1)
			return TAKT_E_MSG;
		m->w[0] = counter[m->badge] += m->w[0];
		return server_words(m, 1);
	default:
		return TAKT_E_OP;
	}
}

int main(void)
{
	server_run(&(struct server){.handle = handle});
}
