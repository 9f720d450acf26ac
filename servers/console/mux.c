/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mux.h"

static struct mux_session *own(struct mux *m)
{
	return &m->session[MUX_SESSIONS];
}

static void session_init(struct mux_session *s, const char *name, uint8_t *ring)
{
	*s = (struct mux_session){.level = MUX_INFO, .out = ring};
	strncpy(s->name, name, MUX_NAME - 1);
}

void mux_init(struct mux *m, uint8_t *ring)
{
	memset(m, 0, sizeof(*m));
	session_init(own(m), "console", ring);
	own(m)->colour = 1; /* bold */
}

bool mux_add(struct mux *m, const char *name, uint8_t colour, uint8_t *ring, uint32_t history)
{
	struct mux_session *s = &m->session[m->count];

	if (m->count == MUX_SESSIONS)
		return false;
	session_init(s, name, ring);
	s->colour = colour;
	s->history = history;
	m->count++;
	return true;
}

/* --- Output of clients ------------------------------------------------------------------------ */

/* Once something is lost, nothing is taken before the session has been told. */
static unsigned room(const struct mux_session *s)
{
	uint64_t used = s->put - s->get;

	return s->lost_bytes || used > MUX_OUT - MUX_RESERVE
		       ? 0
		       : (unsigned)(MUX_OUT - MUX_RESERVE - used);
}

static void put(struct mux_session *s, const uint8_t *data, unsigned len)
{
	for (unsigned n = 0; n < len; n++) {
		s->out[s->put++ % (MUX_OUT + s->history)] = data[n];
		s->lines += data[n] == '\n';
		s->returns |= data[n] == '\r';
	}
}

unsigned mux_write(struct mux *m, unsigned session, const uint8_t *data, unsigned len)
{
	struct mux_session *s = &m->session[session];
	unsigned n = room(s);

	if (s->losing)
		return 0; /* inside a line whose start is gone: mux_print finds its end */
	put(s, data, n < len ? n : len);
	return n < len ? n : len;
}

static bool line_unfinished(const struct mux_session *s)
{
	return s->put != s->get && mux_byte(s, s->put - 1) != '\n';
}

/* Loses bytes: all of them, or up to the end of the line. Returns how many. */
static unsigned lose(struct mux_session *s, const uint8_t *data, unsigned len, bool all)
{
	unsigned n;

	for (n = 0; n < len && (all || s->losing); n++) {
		s->losing = data[n] != '\n';
		s->lost_lines += data[n] == '\n';
		s->lost_ever += data[n] == '\n';
	}
	s->lost_bytes += n;
	return n;
}

/* With little to go out any more there is room for clients again, and for this. */
static void tell_lost(struct mux_session *s)
{
	char text[MUX_RESERVE];
	bool lines = s->lost_lines;
	int len = snprintf(text, sizeof(text), "[%u %s lost]%s\n",
			   lines ? s->lost_lines : s->lost_bytes, lines ? "lines" : "bytes",
			   s->returns ? "\r" : "");

	put(s, (const uint8_t *)text, (unsigned)len);
	s->lost_lines = s->lost_bytes = 0;
}

unsigned mux_print(struct mux *m, unsigned session, const uint8_t *data, unsigned len)
{
	struct mux_session *s = &m->session[session];
	unsigned n = s->losing ? lose(s, data, len, false) : 0;

	if (s->lost_bytes && s->put == s->get)
		tell_lost(s);
	if (n == len)
		return 0;
	if (len - n <= room(s)) {
		put(s, data + n, len - n);
		return len - n;
	}
	if (!s->lost_bytes && line_unfinished(s))
		put(s, (const uint8_t *)"\n", 1);
	(void)lose(s, data + n, len - n, true);
	return 0;
}

uint8_t mux_take(struct mux_session *s)
{
	uint8_t c = mux_byte(s, s->show);

	if (s->show++ < s->get)
		return c;
	s->get++;
	s->lines -= c == '\n';
	if (s->lost_bytes && s->put - s->get <= MUX_OUT / 2)
		tell_lost(s);
	return c;
}

/* --- Input ------------------------------------------------------------------------------------ */

unsigned mux_read(struct mux *m, unsigned session, uint8_t *data, unsigned len)
{
	struct mux_session *s = &m->session[session];
	unsigned n;

	for (n = 0; n < len && s->in_get != s->in_put; n++)
		data[n] = s->in[s->in_get++ % MUX_IN];
	return n;
}

bool mux_waiting(const struct mux *m, unsigned session)
{
	return m->session[session].in_get != m->session[session].in_put;
}

void mux_say(struct mux *m, const char *format, ...)
{
	char text[MUX_LINE];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text) - 1, format, args);
	va_end(args);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len] = '\n';
	(void)mux_print(m, MUX_SESSIONS, (const uint8_t *)text, (unsigned)len + 1);
}

/* Goes back to where the history begins: to the first line of it that is whole. */
static void rewind_session(struct mux_session *s)
{
	uint64_t from = s->get > s->history ? s->get - s->history : 0;

	if (!s->history)
		return;
	while (from && from < s->get && mux_byte(s, from - 1) != '\n')
		from++;
	if (from == s->get)
		return;
	s->live = s->at;
	s->at = (struct mux_place){0};
	s->show = from;
}

/* The line that the old session left unfinished stays as it is on the terminal; the rest of it will
 * come as a line of its own. */
void mux_switch(struct mux *m, unsigned session)
{
	struct mux_session *old = &m->session[m->interactive];

	if (old->show < old->get) {
		old->show = old->get;
		old->at = old->live;
	}
	m->escape = 0;
	m->interactive = session;
	m->switched = true;
	rewind_session(&m->session[session]);
}

static void list(struct mux *m)
{
	for (unsigned n = 0; n < m->count; n++) {
		const struct mux_session *s = &m->session[n];
		char lost[40] = "";

		if (s->lost_ever)
			snprintf(lost, sizeof(lost), ", %llu lines lost",
				 (unsigned long long)s->lost_ever);
		mux_say(m, "%c %x %-10s level %u%s", n == m->interactive ? '>' : ' ', n, s->name,
			s->level, lost);
	}
	mux_say(m, "ctrl-t and 0..%x: that one, n: the next, l: this list, ctrl-t: ctrl-t",
		m->count - 1);
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

/* The session that a key stands for, or one that there is not. */
static unsigned session_of(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? 10u + c - 'a' : MUX_SESSIONS;
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
	if (session_of(c) < m->count)
		mux_switch(m, session_of(c));
	else if (c == 'n')
		mux_switch(m, (m->interactive + 1) % m->count);
	else if (c == 'l' || c == '?')
		list(m);
	return -1;
}
