/* SPDX-License-Identifier: MIT */
/*
 * Locks between the threads of the machine, around the registers of a device and the like: what is
 * done under one is short and waits for nobody but a passive server.
 *
 * A holder may be preempted, or out of budget. So who finds a lock taken tries for a moment, then
 * sleeps for a short time, again and again: that lets a less urgent holder on the same CPU go on, and
 * bounds the wait by the holder's scheduling context.
 */
#ifndef VMM_LOCK_H
#define VMM_LOCK_H

#include <stdint.h>

struct lock {
	int held;
};

void lock_take_slowly(struct lock *l);

static inline void lock_take(struct lock *l)
{
	if (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		lock_take_slowly(l);
}

static inline void lock_give(struct lock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

/* Badges of signals to the first thread that came while it slept for a lock. Only on that one; the
 * other threads' signals say no more than "look again", which they do before they wait. */
uint64_t lock_missed(void);

#endif
