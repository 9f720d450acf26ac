/* SPDX-License-Identifier: MIT */
#include <takt/rt.h>

#include "lock.h"

#define TRIES 200
#define NAP_NS 20000

static uint64_t missed;

static void nap(void)
{
	struct takt_msg m = {0};

	if (!takt_wait(&m, takt_now() + takt_ns_to_ticks(NAP_NS)) && !rt_thread_number())
		missed |= m.w[0];
}

void lock_take_slowly(struct lock *l)
{
	for (unsigned tries = 1; __atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE); tries++) {
		if (tries % TRIES)
			__asm__ volatile("yield");
		else
			nap();
	}
}

uint64_t lock_missed(void)
{
	uint64_t badges = missed;

	missed = 0;
	return badges;
}
