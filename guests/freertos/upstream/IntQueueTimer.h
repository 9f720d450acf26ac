/* SPDX-License-Identifier: MIT */
/* What upstream's IntQueue.c includes: its two timers. */
#ifndef INT_QUEUE_TIMER_H
#define INT_QUEUE_TIMER_H

void vInitialiseTimerForIntQueueTest(void);

#endif
