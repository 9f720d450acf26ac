/* SPDX-License-Identifier: MIT */
/*
 * tracer: records what the kernel does on all CPUs for a while, then prints it for
 * tools/trace-json. tools/trace adds it to a system.
 *
 *   trace      the right to do so
 *   delay-ms   until it begins
 *   record-ms  how long it records
 *   records    how many of each CPU it has memory for
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <takt/rt.h>
#include <takt/trace_reader.h>

#define PAGES 32
#define POLL_NS 2000000 /* a ring that fills faster than this loses records */

static struct rt_trace trace;
static struct {
	struct takt_trace_record *record;
	unsigned count;
	uint64_t next, lost;
} kept[TAKT_MAX_CPUS];

static takt_ticks ms(uint64_t n)
{
	return takt_ns_to_ticks(n * 1000000);
}

/* Until the time is over, or all memory is used. */
static void record(takt_ticks end, unsigned most)
{
	bool room = true;

	while (room && takt_now() < end) {
		takt_sleep_until(takt_now() + takt_ns_to_ticks(POLL_NS));
		for (unsigned cpu = 0; cpu < trace.cpus; cpu++) {
			kept[cpu].count += rt_trace_read(trace.ring[cpu], &kept[cpu].next,
							 kept[cpu].record + kept[cpu].count,
							 most - kept[cpu].count, &kept[cpu].lost);
			room = room && kept[cpu].count < most;
		}
	}
}

static void print(void)
{
	for (unsigned i = 0; i < 10; i++) {
		rt_trace_print_now();
		takt_sleep_until(takt_now() + ms(20));
	}
	for (unsigned cpu = 0; cpu < trace.cpus; cpu++) {
		rt_trace_print_start(cpu, trace.ring[cpu]->counter_hz, kept[cpu].lost);
		for (unsigned i = 0; i < kept[cpu].count; i++)
			rt_trace_print(cpu, &kept[cpu].record[i]);
	}
	rt_trace_print_end();
}

int main(void)
{
	unsigned most = (unsigned)env_number("records", 10000);
	int err = rt_trace_open(&trace, env_cap("trace"), PAGES);

	for (unsigned cpu = 0; !err && cpu < trace.cpus; cpu++) {
		kept[cpu].record = calloc(most, sizeof(*kept[cpu].record));
		if (!kept[cpu].record)
			err = TAKT_E_NOMEM;
	}
	if (err) {
		printf("tracer: cannot record (trace, kernel-memory, memory, records): %s\n",
		       rt_error(err));
		return EXIT_FAILURE;
	}
	takt_sleep_until(takt_now() + ms(env_number("delay-ms", 0)));
	err = rt_trace_control(&trace, TAKT_TRACE_ALL);
	if (!err) {
		record(takt_now() + ms(env_number("record-ms", 1000)), most);
		err = rt_trace_control(&trace, 0);
	}
	if (err)
		printf("tracer: cannot record: %s\n", rt_error(err));
	print();
	rt_trace_close(&trace);
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
