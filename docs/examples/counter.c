/* SPDX-License-Identifier: MIT */
/* A small server: a counter for each badge. */
#include <takt/env.h>
#include <takt/server.h>

#include "counter.h"

#define COUNTERS 4

static struct server server;

static struct {
	uint64_t sum, limit;
	takt_slot irq; /* to be triggered at the limit; 0: none */
} counter[COUNTERS];

static void drop_irq(uint64_t n)
{
	if (!counter[n].irq)
		return;
	(void)!takt_task_cap_delete(TAKT_SELF_TASK, counter[n].irq, 1);
	env_slot_free(counter[n].irq);
	counter[n].irq = 0;
}

static int add(uint64_t n, struct takt_msg *m)
{
	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	m->w[0] = counter[n].sum += m->w[0];
	if (counter[n].irq && counter[n].sum >= counter[n].limit) {
		(void)!takt_irq_trigger(
			counter[n].irq); /* one that is gone is its maker's affair */
		drop_irq(n);
	}
	return server_words(m, 1);
}

static int notify(uint64_t n, const struct takt_msg *m)
{
	enum takt_type type;
	uint64_t rights;
	int slot, err;

	if (TAKT_TAG_WORDS(m->tag) < 1 || TAKT_TAG_CAPS(m->tag) != 1)
		return TAKT_E_MSG;
	/* Nothing but an irq: to trigger a gate would be to call whoever is behind it. */
	err = takt_task_cap_inspect(TAKT_SELF_TASK, server.window, &type, &rights);
	if (err)
		return err;
	if (type != TAKT_IRQ)
		return TAKT_E_TYPE;
	slot = server_keep_cap(&server, 0);
	if (slot < 0)
		return slot;
	drop_irq(n);
	counter[n].irq = (takt_slot)slot;
	counter[n].limit = m->w[0];
	return 0;
}

/* `m` holds the call and takes the answer; the result is the caller's error. */
static int handle(void *self, struct takt_msg *m)
{
	(void)self;
	if (m->badge >= COUNTERS)
		return TAKT_E_RANGE;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case COUNTER_ADD:
		return add(m->badge, m);
	case COUNTER_NOTIFY:
		return notify(m->badge, m);
	default:
		return TAKT_E_OP;
	}
}

int main(void)
{
	server.handle = handle;
	server.window = server_window();
	server_run(&server);
}
