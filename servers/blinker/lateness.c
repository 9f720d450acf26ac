/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "lateness.h"

#define READ_TRIES 100

static void count(struct lateness_figures *f, uint64_t ns, uint64_t missed)
{
	unsigned n = ns ? 64 - (unsigned)__builtin_clzll(ns) : 0;

	f->bucket[n < LATENESS_BUCKETS ? n : LATENESS_BUCKETS - 1]++;
	if (!f->count || ns < f->least)
		f->least = ns;
	if (ns > f->most)
		f->most = ns;
	f->sum += ns;
	f->count++;
	f->missed += missed;
}

void lateness_add(struct lateness *l, uint64_t ns, uint64_t missed)
{
	atomic_fetch_add(&l->changes, 1);
	atomic_thread_fence(memory_order_release);
	if (atomic_exchange(&l->clear, false))
		memset(&l->figures, 0, sizeof(l->figures));
	count(&l->figures, ns, missed);
	atomic_fetch_add_explicit(&l->changes, 1, memory_order_release);
}

uint64_t lateness_next(uint64_t next, uint64_t period, uint64_t now, uint64_t *missed)
{
	next += period;
	*missed = next <= now ? (now - next) / period + 1 : 0;
	return next + *missed * period;
}

bool lateness_read(struct lateness *l, struct lateness_figures *f)
{
	for (unsigned i = 0; i < READ_TRIES; i++) {
		unsigned before = atomic_load(&l->changes);

		if (before & 1)
			continue;
		*f = l->figures;
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load(&l->changes) == before)
			return true;
	}
	return false;
}

void lateness_clear(struct lateness *l)
{
	l->clear = true;
}
