/* SPDX-License-Identifier: MIT */
/*
 * Recording the kernel's events and printing them for tools/trace-json. A program that has the
 * property `trace` does
 *
 *   struct rt_trace t;
 *   rt_trace_open(&t, env_cap("trace"), 32);
 *   rt_trace_control(&t, TAKT_TRACE_ALL);
 *   ...
 *   rt_trace_control(&t, 0);
 *   for (unsigned cpu = 0; cpu < t.cpus; cpu++)
 *           rt_trace_dump(t.ring[cpu]);
 *   rt_trace_close(&t);
 *
 * Its kernel memory must hold pages + 3 pages for each CPU.
 */
#ifndef TAKT_TRACE_READER_H
#define TAKT_TRACE_READER_H

#include <takt/sys.h>
#include <takt/trace.h>

struct rt_trace {
	takt_slot log;
	unsigned cpus;
	takt_slot factory[TAKT_MAX_CPUS];
	const struct takt_trace_ring *ring[TAKT_MAX_CPUS];
};

/* Makes a ring of `pages` for each CPU. E_EXISTS: somebody else records. */
TAKT_MUST_CHECK int rt_trace_open(struct rt_trace *t, takt_slot log, unsigned pages);

/* Records these kinds of events (TAKT_TRACE_MASK) on all CPUs from now on. */
TAKT_MUST_CHECK int rt_trace_control(struct rt_trace *t, uint64_t kinds);
void rt_trace_close(struct rt_trace *t);

/* Copies records from number *next on, which it moves; returns how many. *lost grows by those that
 * were overwritten before. */
unsigned rt_trace_read(const struct takt_trace_ring *ring, uint64_t *next,
		       struct takt_trace_record *records, unsigned max, uint64_t *lost);

/* Prints what is in a ring. It waits for the console and loses nothing. */
void rt_trace_dump(const struct takt_trace_ring *ring);

/* The same in parts: a CPU's first line, its records; the present instant, which lets the tool put
 * the guest's time beside the host's; the end of all. */
void rt_trace_print_start(unsigned cpu, uint64_t counter_hz, uint64_t lost);
void rt_trace_print(unsigned cpu, const struct takt_trace_record *record);
void rt_trace_print_now(void);
void rt_trace_print_end(void);

#endif
