/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer between the sessions and one terminal: which byte goes out next, and where a
 * byte that came in goes. It touches neither the device nor the kernel.
 *
 *   mux.c     sessions: their rings, what is lost, input, switching
 *   screen.c  what goes out
 *
 * One session is interactive: its bytes go out as they are, and input goes to it. Of the others,
 * whole lines go out, each with its session's name in front and in its colour. Where the
 * interactive line is unfinished at that moment, it is broken, and printed again after the other
 * one.
 *
 * A session's ring holds what is still to go out and, behind that, what has gone out: when the
 * session becomes interactive, that is shown again.
 */
#ifndef CONSOLE_MUX_H
#define CONSOLE_MUX_H

#include <stdbool.h>
#include <stdint.h>

#define MUX_SESSIONS 16
#define MUX_NAME 24
#define MUX_OUT 8192   /* bytes of a session that wait to go out, at most */
#define MUX_RESERVE 64 /* of them for the console's own word about what was lost */
#define MUX_IN 1024    /* a power of two */
#define MUX_LINE 240   /* a longer line of another session is broken up */
#define MUX_KEPT 256   /* of an unfinished interactive line, to print it again */
#define MUX_SGR 32     /* of the interactive session's colours, to set them again */
#define MUX_TURN 512   /* bytes after which the interactive session lets another line through */
#define MUX_STAGE (MUX_NAME + MUX_LINE + MUX_KEPT + MUX_SGR + 64)
#define MUX_PREFIX 0x14 /* Ctrl-T */

/* A line that begins with "<N>" is shown if N is not above its session's level. */
enum mux_level { MUX_ERROR, MUX_WARNING, MUX_INFO, MUX_DEBUG };

/* Where in its current line the reader of a ring is. */
struct mux_place {
	bool inside; /* not at the line's start */
	bool hidden; /* the line is above the session's level */
	bool plain;  /* a '<' at its start is taken as it is, without waiting for more */
};

struct mux_session {
	char name[MUX_NAME];
	uint8_t colour; /* number for "Select Graphic Rendition", 0: none */
	uint8_t level;
	/* Bytes are numbered from 0 on; byte n is at out[n % (MUX_OUT + history)]. */
	uint8_t *out;
	uint32_t history;
	uint64_t put, get;	   /* [get, put): to go out */
	uint64_t show;		   /* next byte for the terminal; below get: shown again */
	uint32_t lines;		   /* ends of line in [get, put) */
	struct mux_place at, live; /* of show; of get while show is below */
	bool returns; /* has sent a carriage return: it makes its own, "\n" stays as it is */
	/* What there was no room for, since the session was last told so. */
	uint32_t lost_lines, lost_bytes;
	bool losing;	    /* the rest of the line that it is at is lost, too */
	uint64_t lost_ever; /* lines */
	uint8_t in[MUX_IN];
	uint32_t in_put, in_get;
};

struct mux {
	struct mux_session session[MUX_SESSIONS + 1]; /* the last one speaks for the console */
	unsigned count, interactive, last;	      /* last: other session that printed last */
	bool colours;
	bool prefixed; /* Ctrl-T was typed */
	bool switched; /* the terminal is to be told whose it is now */
	/* The terminal's current line: what the interactive session has printed on it. */
	uint8_t kept[MUX_KEPT];
	unsigned kept_len;
	bool dirty;	      /* the cursor is not on an empty line */
	bool broken;	      /* another line came in between: print kept again before going on */
	unsigned escape;      /* bytes so far of an escape sequence that is not complete */
	bool bracket;	      /* it began with ESC [ */
	uint8_t sgr[MUX_SGR]; /* sequences that set the interactive session's present colours */
	unsigned sgr_len;
	unsigned turn; /* bytes since another session had its turn; MUX_TURN at end of line */
	/* Bytes decided on that go out before anything else. */
	uint8_t stage[MUX_STAGE];
	unsigned stage_len, stage_pos;
	/* Out: something waits for the interactive session, which stopped inside an escape sequence
	 * or what may be a level. Whoever will not wait for the rest any more calls mux_break. */
	bool held;
};

/* Adds session number count; false when there is no room. `ring` has MUX_OUT + history bytes. */
bool mux_add(struct mux *m, const char *name, uint8_t colour, uint8_t *ring, uint32_t history);
/* The console's own: its ring has MUX_OUT bytes. Before any other call. */
void mux_init(struct mux *m, uint8_t *ring);

/* Makes `session` the interactive one, says so, and shows its history. */
void mux_switch(struct mux *m, unsigned session);

/* A client's bytes. mux_write returns how many there was room for: the client comes again with the
 * others. mux_print takes the rest of a lost line out, and all or none of what follows; lines that
 * are lost are counted, and the session says so when it has room again. Returns bytes taken. */
unsigned mux_write(struct mux *m, unsigned session, const uint8_t *data, unsigned len);
unsigned mux_print(struct mux *m, unsigned session, const uint8_t *data, unsigned len);
unsigned mux_read(struct mux *m, unsigned session, uint8_t *data, unsigned len);

/* Whether there is any input that nobody has read. */
bool mux_waiting(const struct mux *m, unsigned session);

/* A line of the console's own. */
void mux_say(struct mux *m, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Next byte for the terminal, or -1. */
int mux_next(struct mux *m);
void mux_break(struct mux *m);

/* A byte was typed. Returns the session whose queue was empty and now is not, or -1. */
int mux_input(struct mux *m, uint8_t c);

/* --- Between mux.c and screen.c --------------------------------------------------------------- */

static inline uint8_t mux_byte(const struct mux_session *s, uint64_t n)
{
	return s->out[n % (MUX_OUT + s->history)];
}

/* The next byte of s for the terminal; there must be one. */
uint8_t mux_take(struct mux_session *s);

#endif
