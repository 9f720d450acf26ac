/* SPDX-License-Identifier: MIT */
/*
 * The watcher: root's first thread. It answers calls at once, and remembers what they said. When it
 * has answered, a signal to itself brings it back at its own priority, the highest of all, to act on
 * that: there it is on nobody's time, and no other thread of root's comes in between.
 */
#include <takt/proto/root.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "root.h"

static takt_slot self_irq; /* to itself: there is something to act on */
static takt_slot window;
/* The call that is being handled gives reason to act. One that changes nothing must not: acting is at
 * root's priority and on root's time. */
static bool due;

/* Of several ends the first one counts. The thread that is in the fault stays so. */
static int handle_fault(struct compartment *c, const struct takt_msg *m)
{
	uint8_t none = END_NONE;

	due = atomic_compare_exchange_strong(&c->end, &none, END_FAULT);
	if (due)
		c->fault = *m;
	return 1;
}

static int handle_exit(struct compartment *c, const struct takt_msg *m)
{
	uint8_t none = END_NONE;

	due = atomic_compare_exchange_strong(&c->end, &none, END_EXIT);
	if (due)
		c->code = TAKT_TAG_WORDS(m->tag) ? (int)m->w[0] : 0;
	return 0;
}

int take_irq(const struct takt_msg *m, takt_slot slot)
{
	if (TAKT_TAG_CAPS(m->tag) < 1)
		return TAKT_E_MSG;
	return server_replace_irq(TAKT_ROOT_TASK, m->window, slot);
}

/* Returns the label of the answer, and in *words how many it has. */
static int handle_call(struct takt_msg *m, unsigned *words)
{
	bool fault = m->tag == TAKT_TAG_FAULT;
	struct compartment *c;

	if (m->badge & BADGE_WORKER) {
		due = true;
		return 0;
	}
	if ((m->badge & BADGE_INDEX) >= compartment_count)
		return TAKT_E_RANGE;
	c = &compartments[m->badge & BADGE_INDEX];
	if (m->badge & BADGE_CONTROL)
		return control_handle(c, m, words, &due);
	/* A program may call its fault gate, too, but that is no fault. */
	if (m->badge & BADGE_FAULT)
		return fault ? handle_fault(c, m) : TAKT_E_OP;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case ROOT_READY:
		due = !c->told_ready;
		c->told_ready = true;
		return 0;
	case ROOT_NOTIFY:
		return take_irq(m, c->server_irq);
	case ROOT_EXIT:
		return handle_exit(c, m);
	default:
		return TAKT_E_OP;
	}
}

static bool shall_end(const struct compartment *c)
{
	uint8_t command = c->command;

	return c->end || (command && command != CONTROL_START);
}

/* What the calls so far have come to. */
static void act(void)
{
	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];
		bool alive = c->state == CONTROL_STARTING || c->state == CONTROL_RUNNING;

		if (alive && !c->halted && shall_end(c)) {
			if (c->live)
				compartment_halt(c);
			c->halted = true;
		}
		if (c->told_ready)
			c->ready = true;
	}
	(void)!takt_irq_trigger(worker_irq);
}

int watch_init(void)
{
	int err;

	self_irq = slot_alloc(OWNER_ROOT);
	worker_irq = slot_alloc(OWNER_ROOT);
	watcher_gate = slot_alloc(OWNER_ROOT);
	window = slots_alloc(OWNER_ROOT, TAKT_MAX_CAPS);
	err = window ? takt_create_irq(TAKT_ROOT_FACTORY, self_irq) : TAKT_E_QUOTA;
	if (!err)
		err = takt_irq_bind_thread(self_irq, TAKT_ROOT_THREAD, 1);
	if (!err)
		err = takt_create_irq(TAKT_ROOT_FACTORY, worker_irq);
	if (!err)
		err = takt_create_gate(TAKT_ROOT_FACTORY, BADGE_WORKER, watcher_gate);
	if (!err)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, watcher_gate);
	return checked(NULL, "making the watcher's gate and signals", err);
}

void watch(void)
{
	struct takt_msg m = {.window = window};

	for (;;) {
		int err = takt_reply_wait(&m, TAKT_NEVER);
		unsigned words = 0, caps = TAKT_TAG_CAPS(m.tag);

		if (err) {
			m.tag = TAKT_TAG(err, 0, 0);
			continue;
		}
		if (m.tag == TAKT_TAG_IRQ) {
			act();
			m.tag = 0;
			continue;
		}
		due = false;
		err = handle_call(&m, &words);
		if (caps)
			(void)!takt_task_cap_delete(TAKT_ROOT_TASK, window, TAKT_MAX_CAPS);
		m.tag = TAKT_TAG(err, err ? 0 : words, 0);
		/* It arrives when this call is answered. */
		if (due)
			(void)!takt_irq_trigger(self_irq);
	}
}
