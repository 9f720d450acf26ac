/* SPDX-License-Identifier: MIT */
/* The loop of a server. */
#include <stdbool.h>
#include <takt/rt.h>
#include <takt/server.h>

takt_slot server_window(void)
{
	return env_slots_alloc(TAKT_MAX_CAPS);
}

int server_keep_cap(const struct server *s, unsigned n)
{
	takt_slot slot;
	int err;

	if (!s->window || n >= TAKT_MAX_CAPS)
		return TAKT_E_RANGE;
	slot = env_slot_alloc();
	if (!slot)
		return TAKT_E_QUOTA;
	err = takt_task_cap_copy(TAKT_SELF_TASK, s->window + n, slot, TAKT_R_ALL);
	if (err) {
		env_slot_free(slot);
		return err;
	}
	return (int)slot;
}

/* Handles a call and turns it into the answer. */
static void handle_call(struct server *s, struct takt_msg *m)
{
	unsigned caps = TAKT_TAG_CAPS(m->tag);
	int err;

	m->tag &= ~SERVER_ANSWER;
	err = s->handle(s->self, m);
	if (err || !(m->tag & SERVER_ANSWER))
		m->tag = TAKT_TAG(err, 0, 0);
	m->tag &= ~SERVER_ANSWER;
	if (caps && s->window)
		(void)!takt_task_cap_delete(TAKT_SELF_TASK, s->window, TAKT_MAX_CAPS);
}

/*
 * `reply_wait` answers nobody where nobody is owed one, so it serves after irqs and time-outs, too.
 * Where the answer itself is refused (the handler passed a bad capability), its caller gets the
 * error in the next round.
 */
void server_run(struct server *s)
{
	struct takt_msg m = {.window = s->window};

	if (!rt_thread_number())
		rt_ready();
	for (;;) {
		int err = takt_reply_wait(&m, s->deadline ? s->deadline : TAKT_NEVER);

		if (err == TAKT_E_TIMEOUT) {
			m.tag = 0;
			s->deadline = 0;
			if (s->timeout)
				s->timeout(s->self);
		} else if (err) {
			m.tag = TAKT_TAG(err, 0, 0);
		} else if (m.tag == TAKT_TAG_IRQ) {
			m.tag = 0;
			if (s->irq)
				s->irq(s->self, m.w[0]);
		} else {
			handle_call(s, &m);
		}
	}
}
