/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <takt/rt.h>
#include <takt/trace.h>

/* The copy of record i; false if it was overwritten meanwhile. */
static bool copy_record(const struct takt_trace_ring *ring, uint64_t i, struct takt_trace_record *to)
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

void rt_trace_dump(const struct takt_trace_ring *ring)
{
	uint64_t end = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
	uint64_t i = end > ring->capacity ? end - ring->capacity : 0;
	struct takt_trace_record r;

	printf("trace cpu %" PRIu32 " hz %" PRIu64 " lost %" PRIu64 "\n", ring->cpu,
	       ring->counter_hz, i);
	for (; i < end; i++) {
		if (end - i == ring->capacity || !copy_record(ring, i, &r))
			continue; /* the oldest one is where the next one goes */
		printf("trace %" PRIu32 " %" PRIx64 " %" PRIx32 " %" PRIx32, ring->cpu, r.time,
		       r.kind, r.arg);
		for (unsigned n = 0; n < TAKT_TRACE_WORDS; n++)
			printf(" %" PRIx64, r.w[n]);
		printf("\n");
	}
}
