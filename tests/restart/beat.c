/* SPDX-License-Identifier: MIT */
/* A rhythm that nobody may disturb: a timer of `beat-us`, and how late each beat was. */
#include <stdio.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "proto.h"

static takt_ticks next, period;
static uint64_t beats, latest, missed;

static void on_irq(void *self, uint64_t badges)
{
	takt_ticks now = takt_now(), late = now - next;

	(void)self;
	(void)badges;
	if (now < next)
		return; /* the signal of a beat that has been missed already */
	beats++;
	if (late > latest)
		latest = late;
	for (next += period; next <= now; next += period)
		missed++;
}

static int handle(void *self, struct takt_msg *m)
{
	(void)self;
	if (TAKT_TAG_LABEL(m->tag) != BEAT_READ)
		return TAKT_E_OP;
	m->w[0] = beats;
	m->w[1] = takt_ticks_to_ns(latest);
	m->w[2] = missed;
	latest = missed = 0;
	return server_words(m, 3);
}

int main(void)
{
	takt_slot timer = env_slot_alloc();
	int err = takt_create_irq(TAKT_SELF_FACTORY, timer);

	period = takt_ns_to_ticks(env_number("beat-us", 1000) * 1000);
	if (!err)
		err = takt_irq_bind_thread(timer, TAKT_SELF_THREAD, 1);
	next = takt_now() + period;
	if (!err)
		err = takt_irq_timer(timer, next, period, NULL);
	if (err) {
		printf("# beat: no timer: %s\n", rt_error(err));
		return 1;
	}
	server_run(&(struct server){.handle = handle, .irq = on_irq});
}
