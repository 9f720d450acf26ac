/* SPDX-License-Identifier: MIT */
/* Parts of the program that runs upstream's standard tests on the port. */
#ifndef UPSTREAM_TESTS_H
#define UPSTREAM_TESTS_H

#include <stdbool.h>
#include <stdint.h>

/* interrupts.c: seen so far. */
struct interrupts_seen {
	volatile uint64_t first, second; /* IntQueue's timers */
	volatile uint64_t high;		 /* the one that no critical section masks */
	volatile uint64_t in_critical;	 /* of those: in a critical section */
	volatile uint32_t depth;	 /* greatest nesting */
};
extern struct interrupts_seen interrupts_seen;
#define INTERRUPTS_HIGH_NS 1300000 /* its period */
void interrupts_start_high(void);
extern volatile bool interrupts_in_critical; /* set by a task, while it is in one */

/* registers.c: tasks that look whether their registers stay what they were. */
void registers_start(unsigned priority);
bool registers_good(void);

#endif
