/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "mux.h"

#define ESC 0x1b
#define ESCAPE_MAX 32 /* longer sequences are none */

static struct mux_session *own(struct mux *m)
{
	return &m->session[MUX_SESSIONS];
}

bool mux_add(struct mux *m, const char *name)
{
	struct mux_session *s = &m->session[m->count];

	if (m->count == MUX_SESSIONS)
		return false;
	strncpy(s->name, name, MUX_NAME - 1);
	strncpy(own(m)->name, "console", MUX_NAME - 1);
	m->count++;
	return true;
}

static uint32_t out_len(const struct mux_session *s)
{
	return s->out_put - s->out_get;
}

static unsigned out_write(struct mux_session *s, const uint8_t *data, unsigned len)
{
	unsigned n;

	for (n = 0; n < len && out_len(s) < MUX_OUT; n++) {
		s->out[s->out_put++ % MUX_OUT] = data[n];
		s->lines += data[n] == '\n';
		s->returns |= data[n] == '\r';
	}
	return n;
}

static uint8_t out_take(struct mux_session *s)
{
	uint8_t c = s->out[s->out_get++ % MUX_OUT];

	s->lines -= c == '\n';
	return c;
}

unsigned mux_write(struct mux *m, unsigned session, const uint8_t *data, unsigned len)
{
	return out_write(&m->session[session], data, len);
}

unsigned mux_read(struct mux *m, unsigned session, uint8_t *data, unsigned len)
{
	struct mux_session *s = &m->session[session];
	unsigned n;

	for (n = 0; n < len && s->in_get != s->in_put; n++)
		data[n] = s->in[s->in_get++ % MUX_IN];
	return n;
}

/* Output */

static void stage(struct mux *m, uint8_t c)
{
	if (m->stage_len < MUX_STAGE)
		m->stage[m->stage_len++] = c;
}

static void stage_string(struct mux *m, const char *s)
{
	while (*s)
		stage(m, (uint8_t)*s++);
}

/* Follows escape sequences: *len is the number of bytes so far of one that is not complete. */
static void follow_escape(unsigned *len, bool *bracket, uint8_t c)
{
	if (c == ESC) {
		*len = 1;
		*bracket = false;
	} else if (*len == 1 && c == '[') {
		*len = 2;
		*bracket = true;
	} else if (*len && *bracket && c >= 0x20 && c < 0x40 && *len < ESCAPE_MAX) {
		++*len;
	} else {
		*len = 0;
	}
}

/* A byte of the interactive session, on its way out. */
static void note_interactive(struct mux *m, uint8_t c)
{
	unsigned sequence = m->escape;

	follow_escape(&m->escape, &m->bracket, c);
	m->turn++;
	if (c == '\n') {
		m->dirty = false;
		m->turn = MUX_TURN;
	} else if (c != '\r') {
		m->dirty = true;
	}
	if (c == '\n' || c == '\r') {
		m->kept_len = 0;
		return;
	}
	if (sequence && !m->escape && (c == 'n' || c == 'c')) {
		/* A question to the terminal: asked again, it would be answered again. */
		m->kept_len -= sequence < m->kept_len ? sequence : m->kept_len;
		return;
	}
	if (m->kept_len == MUX_KEPT) {
		m->kept_len = MUX_KEPT / 2;
		memmove(m->kept, m->kept + MUX_KEPT / 2, m->kept_len);
	}
	m->kept[m->kept_len++] = c;
}

/* Prints the interactive line again where another one broke it. */
static void stage_kept(struct mux *m)
{
	if (!m->broken)
		return;
	for (unsigned i = 0; i < m->kept_len; i++)
		stage(m, m->kept[i]);
	m->broken = false;
	m->dirty = m->kept_len;
}

static void stage_interactive(struct mux *m, struct mux_session *s)
{
	uint8_t c;

	stage_kept(m);
	c = out_take(s);
	if (c == '\n' && !s->returns)
		stage(m, '\r');
	stage(m, c);
	note_interactive(m, c);
}

/* Takes one line of s into text; escape sequences and control characters are left out, for they
 * would act on the interactive session's screen. */
static unsigned take_line(struct mux_session *s, uint8_t *text)
{
	unsigned n = 0, escape = 0;
	bool bracket = false;

	while (out_len(s) && n < MUX_LINE) {
		uint8_t c = out_take(s);
		bool inside = escape || c == ESC;

		if (c == '\n')
			break;
		follow_escape(&escape, &bracket, c);
		if (!inside && (c >= 0x20 || c == '\t') && c != 0x7f)
			text[n++] = c;
	}
	return n;
}

static void stage_line(struct mux *m, struct mux_session *s)
{
	uint8_t text[MUX_LINE];
	unsigned n = take_line(s, text);

	m->turn = 0;
	if (!n)
		return;
	if (m->dirty)
		stage_string(m, "\r\n");
	stage(m, '[');
	stage_string(m, s->name);
	stage_string(m, "] ");
	for (unsigned i = 0; i < n; i++)
		stage(m, text[i]);
	stage_string(m, "\r\n");
	m->broken = m->kept_len;
	m->dirty = false;
}

/* Another session with a line to print, in turn; null if there is none. */
static struct mux_session *next_other(struct mux *m)
{
	for (unsigned i = 1; i <= MUX_SESSIONS + 1; i++) {
		unsigned n = (m->last + i) % (MUX_SESSIONS + 1);
		struct mux_session *s = &m->session[n];

		if (n != m->interactive && (s->lines || out_len(s) >= MUX_LINE)) {
			m->last = n;
			return s;
		}
	}
	return NULL;
}

/* Puts on the stage what goes out next, at least one byte if there is any to go. */
static void refill(struct mux *m)
{
	struct mux_session *s = &m->session[m->interactive], *other;

	m->stage_len = m->stage_pos = 0;
	m->held = false;
	while (!m->stage_len) {
		if (out_len(s) && (m->turn < MUX_TURN || m->escape)) {
			stage_interactive(m, s);
			continue;
		}
		other = next_other(m);
		if (other && m->escape) {
			m->held = true;
			return;
		}
		if (other)
			stage_line(m, other);
		else if (out_len(s))
			stage_interactive(m, s);
		else if (m->broken)
			stage_kept(m);
		else
			return;
	}
}

int mux_next(struct mux *m)
{
	if (m->stage_pos == m->stage_len)
		refill(m);
	return m->stage_pos < m->stage_len ? m->stage[m->stage_pos++] : -1;
}

void mux_break(struct mux *m)
{
	m->escape = 0;
}

/* Input */

static void say_session(struct mux *m, unsigned n)
{
	char text[MUX_NAME + 32];
	int len = snprintf(text, sizeof(text), "session %u: %s%s\n", n, m->session[n].name,
			   n == m->interactive ? " (input goes here)" : "");

	(void)out_write(own(m), (const uint8_t *)text, (unsigned)len);
}

/*
 * The line that the old session left unfinished stays as it is on the terminal; the rest of it will
 * come as a line of its own. The break goes to the end of the stage, which may still hold bytes:
 * they were decided on before.
 */
void mux_switch(struct mux *m, unsigned session)
{
	if (m->dirty)
		stage_string(m, "\r\n");
	m->dirty = m->broken = false;
	m->kept_len = 0;
	m->escape = 0;
	m->turn = MUX_TURN;
	m->interactive = session;
	say_session(m, session);
}

static int to_interactive(struct mux *m, uint8_t c)
{
	struct mux_session *s = &m->session[m->interactive];
	bool empty = s->in_put == s->in_get;

	if (s->in_put - s->in_get == MUX_IN)
		return -1; /* nobody reads: what is typed is lost, as on any terminal */
	s->in[s->in_put++ % MUX_IN] = c;
	return empty ? (int)m->interactive : -1;
}

int mux_input(struct mux *m, uint8_t c)
{
	if (!m->prefixed) {
		m->prefixed = c == MUX_PREFIX;
		return m->prefixed ? -1 : to_interactive(m, c);
	}
	m->prefixed = false;
	if (c == MUX_PREFIX)
		return to_interactive(m, c);
	if (c >= '0' && c <= '9' && c - '0' < (int)m->count)
		mux_switch(m, c - '0');
	else if (c == '?')
		for (unsigned n = 0; n < m->count; n++)
			say_session(m, n);
	return -1;
}
