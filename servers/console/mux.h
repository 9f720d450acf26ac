/* SPDX-License-Identifier: MIT */
/*
 * The multiplexer between the sessions and one terminal: which byte goes out next, and where a
 * byte that came in goes. It touches neither the device nor the kernel.
 *
 * One session is interactive: its bytes go out as they are, and input goes to it. Of the others,
 * whole lines go out, each with its session's name in front. Where the interactive line is
 * unfinished at that moment, it is broken, and printed again after the other one.
 */
#ifndef CONSOLE_MUX_H
#define CONSOLE_MUX_H

#include <stdbool.h>
#include <stdint.h>

#define MUX_SESSIONS 16
#define MUX_NAME 24
#define MUX_OUT 8192 /* bytes; powers of two */
#define MUX_IN 1024
#define MUX_LINE 240 /* a longer line of another session is broken up */
#define MUX_KEPT 256 /* of an unfinished interactive line, to print it again */
#define MUX_TURN 512 /* bytes after which the interactive session lets another line through */
#define MUX_STAGE (MUX_NAME + MUX_LINE + MUX_KEPT + 16)
#define MUX_PREFIX 0x14 /* Ctrl-T */

struct mux_session {
	char name[MUX_NAME];
	uint8_t out[MUX_OUT], in[MUX_IN];
	uint32_t out_put, out_get, in_put, in_get; /* free-running */
	uint32_t lines; /* ends of line in out */
	bool returns;	/* has sent a carriage return: it makes its own, "\n" stays as it is */
};

struct mux {
	struct mux_session session[MUX_SESSIONS + 1]; /* the last one speaks for the console */
	unsigned count, interactive, last;	      /* last: other session that printed last */
	bool prefixed;				      /* Ctrl-T was typed */
	/* The terminal's current line: what the interactive session has printed on it. */
	uint8_t kept[MUX_KEPT];
	unsigned kept_len;
	bool dirty;  /* the cursor is not on an empty line */
	bool broken; /* another line came in between: print kept again before going on */
	unsigned escape; /* bytes so far of an escape sequence that is not complete */
	bool bracket;	 /* it began with ESC [ */
	unsigned turn; /* bytes since another session had its turn; MUX_TURN at end of line */
	/* Bytes decided on that go out before anything else. */
	uint8_t stage[MUX_STAGE];
	unsigned stage_len, stage_pos;
	/* Out: lines wait, but the interactive session stopped inside an escape sequence. Whoever
	 * is not willing to wait for its rest any more calls mux_break. */
	bool held;
};

/* Adds session number count; false when there is no room. */
bool mux_add(struct mux *m, const char *name);

/* Makes `session` the interactive one and says so. */
void mux_switch(struct mux *m, unsigned session);

/* A client's bytes; returns how many there was room for. */
unsigned mux_write(struct mux *m, unsigned session, const uint8_t *data, unsigned len);
unsigned mux_read(struct mux *m, unsigned session, uint8_t *data, unsigned len);

/* Next byte for the terminal, or -1. */
int mux_next(struct mux *m);
void mux_break(struct mux *m);

/* A byte was typed. Returns the session whose queue was empty and now is not, or -1. */
int mux_input(struct mux *m, uint8_t c);

#endif
