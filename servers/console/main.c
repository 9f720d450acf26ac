/* SPDX-License-Identifier: MIT */
/*
 * console: owns the UART and shares it among sessions.
 *
 *   device, irq      the PL011
 *   session-names    names of the sessions, in the order of their numbers
 *   session-colours  their colours, in the same order
 *   colours          "off": everything plain
 *   interactive      name of the session that has the terminal at first
 *   history          bytes of each session's output that are shown again when it gets the terminal
 *
 * A client holds a gate whose badge is its session. Each session has buffers of its own, so that
 * nobody's flood takes another's room, and no call waits for the device. Ctrl-T and a digit gives
 * the terminal to that session, Ctrl-T L lists them, Ctrl-T Ctrl-T sends one Ctrl-T.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#include <takt/proto/console.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "mux.h"
#include "uart.h"

#define IRQ_BADGE 1
#define HISTORY 4096
#define HISTORY_MAX 65536
#define ESCAPE_PATIENCE_NS 20000000 /* for the rest of an escape sequence, see mux.h */

struct console {
	struct server server;
	struct mux mux;
	struct uart uart;
	takt_slot irq;
	takt_slot notify[MUX_SESSIONS]; /* irqs to trigger; 0: none yet */
};

static struct console console;

/* Sends what there is to send, and takes care that held lines do not stay. */
static void start_output(struct console *c)
{
	uart_start(&c->uart);
	if (!c->mux.held)
		c->server.deadline = 0;
	else if (!c->server.deadline)
		c->server.deadline = takt_now() + takt_ns_to_ticks(ESCAPE_PATIENCE_NS);
}

static int next_byte(void *self)
{
	struct console *c = self;

	return mux_next(&c->mux);
}

static void input_byte(void *self, uint8_t byte)
{
	struct console *c = self;
	int session = mux_input(&c->mux, byte);

	/* An irq that is gone is its client's affair. */
	if (session >= 0 && c->notify[session])
		(void)!takt_irq_trigger(c->notify[session]);
}

static void on_irq(void *self, uint64_t badges)
{
	struct console *c = self;

	if (!(badges & IRQ_BADGE))
		return;
	uart_irq(&c->uart);
	start_output(c);
	if (takt_irq_ack(c->irq))
		fprintf(stderr, "console: its interrupt is gone\n");
}

static void on_timeout(void *self)
{
	struct console *c = self;

	c->server.deadline = 0;
	mux_break(&c->mux);
	start_output(c);
}

/* Message words from 1 on: the first ones came in registers, the rest in the UTCB. */
static uint64_t *word(struct takt_msg *m, unsigned n)
{
	return n < TAKT_REG_WORDS ? &m->w[n] : &takt_utcb()->words[n];
}

static int do_write(struct console *c, struct takt_msg *m)
{
	uint64_t words[CONSOLE_MAX / 8], bytes = m->w[0] & ~CONSOLE_AGAIN;
	unsigned count;

	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	if (bytes > CONSOLE_MAX)
		return TAKT_E_RANGE;
	count = (unsigned)(bytes + 7) / 8;
	if (TAKT_TAG_WORDS(m->tag) < 1 + count)
		return TAKT_E_MSG;
	for (unsigned i = 0; i < count; i++)
		words[i] = *word(m, 1 + i);
	if (m->w[0] & CONSOLE_AGAIN)
		bytes = mux_write(&c->mux, (unsigned)m->badge, (const uint8_t *)words,
				  (unsigned)bytes);
	else
		bytes = mux_print(&c->mux, (unsigned)m->badge, (const uint8_t *)words,
				  (unsigned)bytes);
	m->w[0] = bytes;
	start_output(c);
	return server_words(m, 1);
}

static int do_read(struct console *c, struct takt_msg *m)
{
	uint64_t words[CONSOLE_MAX / 8] = {0};
	unsigned count;

	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	m->w[0] = mux_read(&c->mux, (unsigned)m->badge, (uint8_t *)words,
			   m->w[0] < CONSOLE_MAX ? (unsigned)m->w[0] : CONSOLE_MAX);
	count = (unsigned)(m->w[0] + 7) / 8;
	for (unsigned i = 0; i < count; i++)
		*word(m, 1 + i) = words[i];
	return server_words(m, 1 + count);
}

/* A session keeps one slot for good. What was typed while nobody could be told is told now: the
 * client may have died with it unread. */
static int do_notify(struct console *c, struct takt_msg *m)
{
	takt_slot *slot = &c->notify[m->badge];
	int err;

	if (TAKT_TAG_CAPS(m->tag) < 1)
		return TAKT_E_MSG;
	if (!*slot)
		*slot = env_slot_alloc();
	if (!*slot)
		return TAKT_E_QUOTA;
	err = server_replace_irq(TAKT_SELF_TASK, c->server.window, *slot);
	if (!err && mux_waiting(&c->mux, (unsigned)m->badge))
		(void)!takt_irq_trigger(*slot);
	return err;
}

static int do_info(struct console *c, struct takt_msg *m)
{
	uint64_t name[CONSOLE_NAME / 8] = {0}, n = m->w[0];
	const struct mux_session *s;

	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	if (n >= c->mux.count)
		return TAKT_E_RANGE;
	s = &c->mux.session[n];
	memcpy(name, s->name, sizeof(s->name));
	m->w[0] = s->level;
	m->w[1] = s->lost_ever;
	m->w[2] = s->put - s->get;
	m->w[3] = n == c->mux.interactive;
	for (unsigned i = 0; i < CONSOLE_NAME / 8; i++)
		*word(m, 4 + i) = name[i];
	return server_words(m, 4 + CONSOLE_NAME / 8);
}

static int do_level(struct console *c, struct takt_msg *m)
{
	if (TAKT_TAG_WORDS(m->tag) < 2)
		return TAKT_E_MSG;
	if (m->w[0] >= c->mux.count || m->w[1] > CONSOLE_DEBUG)
		return TAKT_E_RANGE;
	c->mux.session[m->w[0]].level = (uint8_t)m->w[1];
	return 0;
}

static int handle_control(struct console *c, struct takt_msg *m)
{
	switch (TAKT_TAG_LABEL(m->tag)) {
	case CONSOLE_INFO:
		return do_info(c, m);
	case CONSOLE_LEVEL:
		return do_level(c, m);
	default:
		return TAKT_E_OP;
	}
}

static int handle(void *self, struct takt_msg *m)
{
	struct console *c = self;

	if (m->badge == CONSOLE_CONTROL)
		return handle_control(c, m);
	if (m->badge >= c->mux.count)
		return TAKT_E_RANGE;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case CONSOLE_WRITE:
		return do_write(c, m);
	case CONSOLE_READ:
		return do_read(c, m);
	case CONSOLE_NOTIFY:
		return do_notify(c, m);
	default:
		return TAKT_E_OP;
	}
}

/* --- Sessions, from the description. What is wrong with it is said on the terminal, later. ------
 */

static const struct {
	const char *name;
	uint8_t number; /* "Select Graphic Rendition" */
} colour_names[] = {
	{"default", 0},		{"red", 31},	      {"green", 32},	     {"yellow", 33},
	{"blue", 34},		{"magenta", 35},      {"cyan", 36},	     {"white", 37},
	{"bright-red", 91},	{"bright-green", 92}, {"bright-yellow", 93}, {"bright-blue", 94},
	{"bright-magenta", 95}, {"bright-cyan", 96},  {"bright-white", 97},
};

/* Of sessions that the description gives none. tools/takt/description.py has the same. */
static const uint8_t palette[] = {36, 33, 32, 35, 94, 96, 93, 92, 95, 34};

static uint8_t colour_of(struct mux *m, int i)
{
	const char *name = env_nth_string("session-colours", (unsigned)i);

	for (unsigned n = 0; name && n < sizeof(colour_names) / sizeof(colour_names[0]); n++)
		if (!strcmp(name, colour_names[n].name))
			return colour_names[n].number;
	if (name)
		mux_say(m, "session-colours: '%s' is no colour", name);
	return palette[(unsigned)i % sizeof(palette)];
}

static bool add_session(struct mux *m, int i, const char *name)
{
	uint64_t history = env_number("history", HISTORY);
	uint8_t *ring;

	if (history > HISTORY_MAX)
		history = HISTORY_MAX;
	ring = malloc(MUX_OUT + history);
	if (!ring) {
		mux_say(m, "session-names: no memory for '%s' (memory, history)", name);
		return false;
	}
	if (mux_add(m, name, colour_of(m, i), ring, (uint32_t)history))
		return true;
	mux_say(m, "session-names: '%s' is one too many, there are %u", name, MUX_SESSIONS);
	return false;
}

static void add_sessions(struct mux *m)
{
	static uint8_t own[MUX_OUT];
	const char *name, *interactive = env_string("interactive", NULL);
	bool found = !interactive;

	mux_init(m, own);
	m->colours = strcmp(env_string("colours", "on"), "off");
	for (int i = 0; (name = env_nth_string("session-names", (unsigned)i)); i++) {
		if (!add_session(m, i, name))
			break;
		if (interactive && !strcmp(name, interactive)) {
			m->interactive = (unsigned)i;
			found = true;
		}
	}
	if (!m->count)
		(void)add_session(m, 0, "root");
	if (!found)
		mux_say(m, "interactive: there is no session '%s'", interactive);
	if (env_number("history", HISTORY) > HISTORY_MAX)
		mux_say(m, "history: more than %u bytes", HISTORY_MAX);
}

int main(void)
{
	struct console *c = &console;
	int err;

	c->server = (struct server){
		.handle = handle,
		.irq = on_irq,
		.timeout = on_timeout,
		.self = c,
		.window = server_window(),
	};
	c->uart = (struct uart){.next = next_byte, .input = input_byte, .self = c};
	c->irq = env_cap("irq");
	c->uart.registers = rt_map_device(env_cap("device"), 0);
	if (!c->uart.registers) {
		printf("console: no registers to map: capability \"device\" is missing or unfit\n");
		return EXIT_FAILURE;
	}
	add_sessions(&c->mux);
	if (!c->mux.count) {
		printf("console: no memory for any session (memory, history)\n");
		return EXIT_FAILURE;
	}
	err = takt_irq_bind_thread(c->irq, TAKT_SELF_THREAD, IRQ_BADGE);
	if (err) {
		printf("console: cannot bind its interrupt: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	/* From here on the device is ours alone. Without a log capability somebody else says so. */
	(void)!takt_log_off(TAKT_SELF_LOG);
	uart_init(&c->uart);
	start_output(c);
	server_run(&c->server);
}
