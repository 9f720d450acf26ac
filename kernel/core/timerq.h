/* SPDX-License-Identifier: MIT */
/*
 * Timer queue of one CPU: an intrusive binary heap, so that inserting and removing take
 * O(log n) steps and no memory.
 */
#ifndef CORE_TIMERQ_H
#define CORE_TIMERQ_H

#include <core/types.h>

enum timer_kind { TIMER_SC, TIMER_THREAD, TIMER_IRQ };

struct timer {
	struct timer *parent, *left, *right;
	u64 when;
	u8 kind;
	bool queued;
};

struct timerq {
	struct timer *root;
	u32 count;
};

void timerq_insert(struct timerq *q, struct timer *t, u64 when); /* moves it if queued */
void timerq_remove(struct timerq *q, struct timer *t);		 /* no-op if not queued */

static inline u64 timerq_next(const struct timerq *q)
{
	return q->root ? q->root->when : TAKT_NEVER;
}
#endif
