/* SPDX-License-Identifier: MIT */
/* The kernel's event traces, for a program that has the right to them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <takt/proto/console.h>
#include <takt/trace_reader.h>

#include "rt_internal.h"

#define EXTRA_PAGES 3 /* beside those of the ring, see docs/manual.md */
#define RETRY_NS 2000000
#define LINE 200

/* --- Printing --------------------------------------------------------------------------------- */

/* Waits where the console has no room: a trace with gaps is of little use. */
static void emit(const char *line, unsigned len)
{
	takt_slot session = env_cap("console");

	if (!session) {
		rt_write(line, len);
		return;
	}
	while (len) {
		int n = console_write(session, line, len);

		if (n < 0)
			return;
		line += n;
		len -= (unsigned)n;
		if (len)
			takt_sleep_until(takt_now() + takt_ns_to_ticks(RETRY_NS));
	}
}

void rt_trace_print_start(unsigned cpu, uint64_t counter_hz, uint64_t lost)
{
	char line[LINE];

	emit(line, (unsigned)snprintf(line, sizeof(line),
				      "trace cpu %u hz %" PRIu64 " lost %" PRIu64 "\n", cpu,
				      counter_hz, lost));
}

/* Words at the end that are 0 are left out. */
void rt_trace_print(unsigned cpu, const struct takt_trace_record *r)
{
	char line[LINE];
	unsigned words = TAKT_TRACE_WORDS;
	int n = snprintf(line, sizeof(line), "trace %u %" PRIx64 " %" PRIx32 " %" PRIx32, cpu,
			 r->time, r->kind, r->arg);

	while (words && !r->w[words - 1])
		words--;
	for (unsigned i = 0; i < words; i++)
		n += snprintf(line + n, sizeof(line) - (unsigned)n, " %" PRIx64, r->w[i]);
	line[n++] = '\n';
	emit(line, (unsigned)n);
}

void rt_trace_print_now(void)
{
	char line[LINE];

	emit(line, (unsigned)snprintf(line, sizeof(line), "trace now %" PRIx64 "\n", takt_now()));
}

void rt_trace_print_end(void)
{
	emit("trace end\n", 10);
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The copy of record i; false if it was overwritten meanwhile. */
static bool copy_record(const struct takt_trace_ring *ring, uint64_t i,
			struct takt_trace_record *to)
{
	const volatile struct takt_trace_record *from = &ring->record[i % ring->capacity];

	to->time = from->time;
	to->kind = from->kind;
	to->arg = from->arg;
	for (unsigned n = 0; n < TAKT_TRACE_WORDS; n++)
		to->w[n] = from->w[n];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return i + ring->capacity > __atomic_load_n(&ring->written, __ATOMIC_RELAXED);
}

unsigned rt_trace_read(const struct takt_trace_ring *ring, uint64_t *next,
		       struct takt_trace_record *records, unsigned max, uint64_t *lost)
{
	uint64_t end = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
	/* The oldest one is where the next one goes. */
	uint64_t oldest = end >= ring->capacity ? end - ring->capacity + 1 : 0;
	unsigned n = 0;

	if (*next < oldest) {
		*lost += oldest - *next;
		*next = oldest;
	}
	for (; n < max && *next < end; ++*next) {
		if (copy_record(ring, *next, &records[n]))
			n++;
		else
			++*lost;
	}
	return n;
}

void rt_trace_dump(const struct takt_trace_ring *ring)
{
	uint64_t end = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
	uint64_t lost = end >= ring->capacity ? end - ring->capacity + 1 : 0, next = lost;
	struct takt_trace_record r;

	rt_trace_print_start(ring->cpu, ring->counter_hz, lost);
	/* Printing makes events, too: those of now and no others. */
	while (next < end)
		if (rt_trace_read(ring, &next, &r, 1, &lost))
			rt_trace_print(ring->cpu, &r);
}

/* --- Rings ------------------------------------------------------------------------------------ */

static int open_cpu(struct rt_trace *t, unsigned cpu, unsigned pages)
{
	uint64_t size = (uint64_t)pages * TAKT_PAGE_SIZE, va = rt_va_alloc(size, TAKT_PAGE_SIZE);
	takt_slot factory = env_slot_alloc();
	int err;

	if (!va || !factory)
		return TAKT_E_QUOTA;
	err = takt_factory_sub(TAKT_SELF_FACTORY, pages + EXTRA_PAGES, factory);
	if (!err) {
		err = takt_trace_map(t->log, factory, TAKT_SELF_TASK, cpu, va, pages);
		if (err)
			(void)!takt_factory_destroy(TAKT_SELF_FACTORY, factory);
	}
	if (err) {
		env_slot_free(factory);
		return err;
	}
	t->factory[cpu] = factory;
	t->ring[cpu] = (const struct takt_trace_ring *)va;
	return 0;
}

int rt_trace_open(struct rt_trace *t, takt_slot log, unsigned pages)
{
	int err = 0;

	memset(t, 0, sizeof(*t));
	t->log = log;
	while (t->cpus < TAKT_MAX_CPUS && !err) {
		err = open_cpu(t, t->cpus, pages);
		if (!err)
			t->cpus++;
	}
	if (!err || (err == TAKT_E_CPU && t->cpus))
		return 0; /* that was one CPU too many */
	rt_trace_close(t);
	return err;
}

int rt_trace_control(struct rt_trace *t, uint64_t kinds)
{
	int err = 0;

	for (unsigned cpu = 0; cpu < t->cpus; cpu++) {
		int e = takt_trace_control(t->log, cpu, kinds);

		err = err ? err : e;
	}
	return err;
}

void rt_trace_close(struct rt_trace *t)
{
	while (t->cpus) {
		takt_slot factory = t->factory[--t->cpus];

		if (!takt_factory_destroy(TAKT_SELF_FACTORY, factory))
			env_slot_free(factory);
	}
}
