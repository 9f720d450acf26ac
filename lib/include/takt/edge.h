/* SPDX-License-Identifier: MIT */
/*
 * What a program with an LED says of each change of it, for who compares that with what is seen from
 * outside (tools/takt/edges.py):
 *
 *   edge NAME NUMBER LEVEL due NS set FROM..TO ns
 *
 * DUE is the instant by the board's counter, in nanoseconds; FROM and TO are relative to it and bracket
 * the change: the clock was read before the line was set, and again after.
 */
#ifndef TAKT_EDGE_H
#define TAKT_EDGE_H

#include <inttypes.h>
#include <stdio.h>

#include <takt/sys.h>

#define EDGE_LINE 112

struct edge {
	uint64_t number; /* from 1 on */
	unsigned level;
	takt_ticks due, before, after;
};

static inline int64_t edge_offset(takt_ticks at, takt_ticks due)
{
	return at < due ? -(int64_t)takt_ticks_to_ns(due - at) : (int64_t)takt_ticks_to_ns(at - due);
}

/* The line of EDGE_LINE bytes at most; returns its length. */
static inline unsigned edge_line(char *line, const char *name, const struct edge *e)
{
	int len = snprintf(line, EDGE_LINE,
			   "edge %.16s %" PRIu64 " %u due %" PRIu64 " set %" PRId64 "..%" PRId64
			   " ns\n",
			   name, e->number, e->level, takt_ticks_to_ns(e->due),
			   edge_offset(e->before, e->due), edge_offset(e->after, e->due));

	return len < EDGE_LINE ? (unsigned)len : EDGE_LINE - 1;
}

#endif
