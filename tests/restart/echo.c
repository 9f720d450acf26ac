/* SPDX-License-Identifier: MIT */
/* A server that can hold an answer back: it spins, so that it does so on its client's time, too. */
#include <takt/server.h>

#include "proto.h"

static _Atomic uint64_t held;

/* QEMU is slow where the counter is read all the time. */
static void pause(void)
{
	for (volatile unsigned i = 0; i < 200; i++)
		;
}

static int handle(void *self, struct takt_msg *m)
{
	takt_ticks until;

	(void)self;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case ECHO:
		m->w[0]++;
		return server_words(m, 1);
	case ECHO_HOLD:
		until = takt_now() + takt_ns_to_ticks(m->w[0]);
		held++;
		while (takt_now() < until)
			pause();
		return 0;
	case ECHO_HELD:
		m->w[0] = held;
		return server_words(m, 1);
	default:
		return TAKT_E_OP;
	}
}

int main(void)
{
	server_run(&(struct server){.handle = handle});
}

void server_thread(unsigned index)
{
	(void)index;
	server_run(&(struct server){.handle = handle});
}
