/* SPDX-License-Identifier: MIT */
/*
 * Quiescence. A stay in the kernel is a read section: a pointer that was looked up is not kept
 * beyond it. Once every CPU has left the kernel, or stood at its dispatcher, after an object went
 * out of sight, nobody can hold a pointer to it. One round serves all who wait at the time; it is
 * work in each CPU's inbox at the asker's priority, so it disturbs nobody more urgent.
 */
#ifndef CORE_QUIESCE_H
#define CORE_QUIESCE_H

#include <core/types.h>

struct thread;

void quiesce_init(void);

/* The number of a round that begins after now. */
u64 quiesce_after(void) MUST_CHECK;
bool quiesce_done(u64 round) MUST_CHECK;

/* The thread is blocked until the round is over; its result is in its registers already. Starts the
 * round if need be. */
void quiesce_block(struct thread *t, u64 round);

/* The thread no longer waits; false if it did not. */
bool quiesce_cancel(struct thread *t);

/* From the inbox: this CPU stands at its dispatcher. */
void quiesce_cpu(void);

/* From the inbox: goes on telling threads that their round is over. */
void quiesce_tell(void);
#endif
