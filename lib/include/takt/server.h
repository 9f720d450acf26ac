/* SPDX-License-Identifier: MIT */
/*
 * The loop of a server. A handler gets each message and turns it into the answer in place:
 *
 *   static int handle(void *self, struct takt_msg *m)
 *   {
 *           switch (TAKT_TAG_LABEL(m->tag)) {
 *           case GPIO_SET: ...; return 0;              answer without words
 *           case GPIO_GET: m->w[0] = level; return server_words(m, 1);
 *           default: return TAKT_E_OP;
 *           }
 *   }
 *   int main(void) { ...; server_run(&(struct server){.handle = handle, .self = &state}); }
 */
#ifndef TAKT_SERVER_H
#define TAKT_SERVER_H

#include <takt/sys.h>

struct server {
	/* A call: m->badge tells whose, m->w[] and takt_utcb()->words[6..] are its words. Returns
	 * the result that the caller gets (0 or a negative takt_error). An answer without error
	 * carries words and capabilities if the handler called server_answer or server_words. */
	int (*handle)(void *self, struct takt_msg *m);
	/* Irqs bound to this thread arrived: the or of their badges. No answer goes out. */
	void (*irq)(void *self, uint64_t badges);
	/* The deadline passed (see `deadline`). May be null, as may `irq`. */
	void (*timeout)(void *self);
	void *self;
	/* Instant at which `timeout` is called, changed by handlers as they like; 0: never. */
	takt_ticks deadline;
	/* First of TAKT_MAX_CAPS empty slots (server_window) where passed capabilities arrive; 0:
	 * none are taken. What a handler wants to keep it moves away with server_keep_cap; the
	 * slots are emptied before the next message. */
	takt_slot window;
};

#define SERVER_ANSWER (1ull << 63) /* in m->tag: the handler has written it */

/* Gives the answer words (m->w[], from the seventh on in the UTCB) and capabilities (m->cap[]).
 * Returns 0. */
static inline int server_answer(struct takt_msg *m, unsigned words, unsigned caps)
{
	m->tag = TAKT_TAG(0, words, caps) | SERVER_ANSWER;
	return 0;
}

static inline int server_words(struct takt_msg *m, unsigned n)
{
	return server_answer(m, n, 0);
}

/* Slots for server.window, or 0. */
takt_slot server_window(void);

/* Moves capability `n` of the message out of the window. Returns its new slot, or an error. */
TAKT_MUST_CHECK int server_keep_cap(const struct server *s, unsigned n);

/*
 * A client's irq, for the server to trigger: whether what arrived in slot `window` of the server's
 * own task is one, with R_IRQ_TRIGGER. Triggering anything else could be a call to a server of the
 * client's, which might never answer. E_CAP, E_TYPE, E_RIGHTS.
 */
TAKT_MUST_CHECK int server_check_irq(takt_slot task, takt_slot window);

/* Checks that, and puts it in the place of what is in `slot`, which a client has for good: asking
 * again and again uses up nothing. What was there stays if the new one is refused. */
TAKT_MUST_CHECK int server_replace_irq(takt_slot task, takt_slot window, takt_slot slot);

/* Tells root that the program is ready for its clients (once), then serves for ever. */
void server_run(struct server *s) __attribute__((noreturn));

/* A server that its description gives a thread on each CPU (threads-per-cpu): where the threads
 * 1.. begin, with their number, after thread 0 has called server_run. main's thread is number 0. */
void server_thread(unsigned index);

#endif
