/* SPDX-License-Identifier: MIT */
/* What goes out to the terminal, and in which order. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "mux.h"

#define ESC 0x1b
#define ESCAPE_MAX 32 /* longer sequences are none */

/* --- The stage -------------------------------------------------------------------------------- */

static void stage(struct mux *m, uint8_t c)
{
	if (m->stage_len < MUX_STAGE)
		m->stage[m->stage_len++] = c;
}

static void stage_bytes(struct mux *m, const uint8_t *bytes, unsigned len)
{
	while (len--)
		stage(m, *bytes++);
}

static void stage_text(struct mux *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void stage_text(struct mux *m, const char *format, ...)
{
	char text[MUX_NAME + 48];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	stage_bytes(m, (const uint8_t *)text, (unsigned)strlen(text));
}

static void colour_on(struct mux *m, const struct mux_session *s)
{
	if (m->colours && s->colour)
		stage_text(m, "\x1b[%um", s->colour);
}

/* Back to the colours that the interactive session has set. */
static void colour_off(struct mux *m, const struct mux_session *s)
{
	if (!m->colours || !s->colour)
		return;
	stage_text(m, "\x1b[0m");
	stage_bytes(m, m->sgr, m->sgr_len);
}

/* --- Lines and their levels ------------------------------------------------------------------- */

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

#define NO_LEVEL (-1)
#define MAYBE_LEVEL (-2) /* more bytes will tell */

static int level_at(const struct mux_session *s)
{
	uint64_t n = s->put - s->show;
	uint8_t digit;

	if (!n || mux_byte(s, s->show) != '<')
		return NO_LEVEL;
	if (n == 1)
		return MAYBE_LEVEL;
	digit = mux_byte(s, s->show + 1);
	if (digit < '0' || digit > '0' + MUX_DEBUG)
		return NO_LEVEL;
	if (n == 2)
		return MAYBE_LEVEL;
	return mux_byte(s, s->show + 2) == '>' ? digit - '0' : NO_LEVEL;
}

/*
 * At a line's start: takes its level off, and decides whether it is shown. False if that cannot be
 * said yet.
 */
static bool begin_line(struct mux_session *s)
{
	int level;

	if (s->at.inside)
		return true;
	level = level_at(s);
	if (level == MAYBE_LEVEL && !s->at.plain)
		return false;
	s->at.inside = true;
	s->at.hidden = level > s->level;
	for (unsigned i = 0; level >= 0 && i < 3; i++)
		(void)mux_take(s);
	return true;
}

static void end_line(struct mux_session *s)
{
	s->at = (struct mux_place){0};
}

/* --- The interactive session ------------------------------------------------------------------ */

/* The sequence that has just ended with 'm' is the last of what is kept. */
static void note_colours(struct mux *m, unsigned len)
{
	const uint8_t *sequence;

	if (len > m->kept_len)
		return;
	sequence = m->kept + m->kept_len - len;
	if (len == 3 || (len == 4 && sequence[2] == '0'))
		m->sgr_len = 0;
	else if (m->sgr_len + len <= MUX_SGR) {
		memcpy(m->sgr + m->sgr_len, sequence, len);
		m->sgr_len += len;
	}
}

/* Makes room in what is kept of the line, by about half and not inside an escape sequence. */
static void keep_less(struct mux *m)
{
	unsigned from = 0, escape = 0;
	bool bracket = false;

	while (from < m->kept_len && (from < MUX_KEPT / 2 || escape))
		follow_escape(&escape, &bracket, m->kept[from++]);
	m->kept_len -= from;
	memmove(m->kept, m->kept + from, m->kept_len);
}

/* A byte of the interactive session, on its way out. */
static void note_interactive(struct mux *m, uint8_t c)
{
	unsigned sequence = m->escape;
	bool bracket = m->bracket;

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
	if (m->kept_len == MUX_KEPT)
		keep_less(m);
	m->kept[m->kept_len++] = c;
	if (sequence && bracket && !m->escape && c == 'm')
		note_colours(m, sequence + 1);
}

/* Prints the interactive line again where another one broke it. */
static void stage_kept(struct mux *m)
{
	if (!m->broken)
		return;
	stage_bytes(m, m->kept, m->kept_len);
	m->broken = false;
	m->dirty = m->kept_len;
}

/* Length of a question to the terminal that begins here in the history, or 0. */
static unsigned question(const struct mux_session *s)
{
	unsigned len = 0;
	bool bracket = false;

	for (uint64_t n = s->show; n < s->get; n++) {
		uint8_t c = mux_byte(s, n);
		unsigned before = len;

		follow_escape(&len, &bracket, c);
		if (!len)
			return before && bracket && (c == 'n' || c == 'c') ? before + 1 : 0;
	}
	return 0;
}

static void skip_questions(struct mux_session *s)
{
	for (unsigned n; s->show < s->get && (n = question(s));)
		while (n--)
			(void)mux_take(s);
}

/* One byte on, if it can be said how; false if that cannot be said yet. */
static bool stage_interactive(struct mux *m, struct mux_session *s)
{
	uint8_t c;
	bool hidden;

	if (!begin_line(s))
		return false;
	skip_questions(s);
	if (s->show == s->put)
		return true;
	hidden = s->at.hidden;
	if (!hidden)
		stage_kept(m);
	else
		m->turn++;
	c = mux_take(s);
	if (c == '\n')
		end_line(s);
	if (hidden)
		return true;
	if (c == '\n' && !s->returns)
		stage(m, '\r');
	stage(m, c);
	note_interactive(m, c);
	return true;
}

/* --- The others ------------------------------------------------------------------------------- */

/* Takes one line of s into text; escape sequences and control characters are left out, for they
 * would act on the interactive session's screen. */
static unsigned take_line(struct mux_session *s, uint8_t *text)
{
	unsigned n = 0, escape = 0;
	bool bracket = false;

	s->at.plain = true; /* all of the line is there */
	(void)begin_line(s);
	while (s->show != s->put && n < MUX_LINE) {
		uint8_t c = mux_take(s);
		bool inside = escape || c == ESC;

		if (c == '\n') {
			n = s->at.hidden ? 0 : n;
			end_line(s);
			return n;
		}
		follow_escape(&escape, &bracket, c);
		if (!inside && (c >= 0x20 || c == '\t') && c != 0x7f)
			text[n++] = c;
	}
	return s->at.hidden ? 0 : n;
}

static void break_line(struct mux *m)
{
	if (m->dirty)
		stage_text(m, "\r\n");
	m->broken = m->kept_len;
	m->dirty = false;
}

static void stage_line(struct mux *m, struct mux_session *s)
{
	uint8_t text[MUX_LINE];
	unsigned n = take_line(s, text);

	m->turn = 0;
	if (!n)
		return;
	break_line(m);
	colour_on(m, s);
	stage_text(m, "[%s] ", s->name);
	stage_bytes(m, text, n);
	colour_off(m, s);
	stage_text(m, "\r\n");
}

/* Another session with a line to print, in turn; null if there is none. */
static struct mux_session *next_other(struct mux *m)
{
	for (unsigned i = 1; i <= MUX_SESSIONS + 1; i++) {
		unsigned n = (m->last + i) % (MUX_SESSIONS + 1);
		struct mux_session *s = &m->session[n];

		if (n != m->interactive && (s->lines || s->put - s->get >= MUX_LINE)) {
			m->last = n;
			return s;
		}
	}
	return NULL;
}

/* --- Their order ------------------------------------------------------------------------------ */

/* Whose the terminal is from here on. What the session before left on its line is not kept. */
static void stage_switch(struct mux *m)
{
	const struct mux_session *s = &m->session[m->interactive];

	if (m->dirty)
		stage_text(m, "\r\n");
	if (m->sgr_len)
		stage_text(m, "\x1b[0m");
	m->dirty = m->broken = m->switched = false;
	m->kept_len = m->sgr_len = 0;
	m->turn = 0; /* the history comes next */
	colour_on(m, s);
	stage_text(m, "[console] session %x: %s (input goes here)", m->interactive, s->name);
	colour_off(m, s);
	stage_text(m, "\r\n");
}

/* Puts on the stage what goes out next, at least one byte if there is any to go. */
static void refill(struct mux *m)
{
	struct mux_session *s = &m->session[m->interactive], *other;
	bool waits = false; /* the interactive session may be inside a level */

	m->stage_len = m->stage_pos = 0;
	m->held = false;
	if (m->switched)
		stage_switch(m);
	while (!m->stage_len) {
		if (s->show != s->put && !waits && (m->turn < MUX_TURN || m->escape)) {
			waits = !stage_interactive(m, s);
			continue;
		}
		other = next_other(m);
		if (other && m->escape) {
			m->held = true;
			return;
		}
		if (other)
			stage_line(m, other);
		else if (s->show != s->put && !waits)
			m->turn = 0; /* nobody else's: not asked again for each byte */
		else if (m->broken)
			stage_kept(m);
		else
			break;
	}
	m->held = waits;
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
	m->session[m->interactive].at.plain = true;
}
