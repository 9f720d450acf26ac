/* SPDX-License-Identifier: MIT */
/* From an SC along the open calls to the thread that it pays for. */
#ifndef CORE_CHAIN_H
#define CORE_CHAIN_H

struct cpu;
struct sc;
struct thread;

/* Finds the thread that the SC is to run: the tip of its home's chain of calls. Null when there is
 * none; the SC is off the CPU then. */
struct thread *chain_walk(struct cpu *c, struct sc *sc);

/* The SC, parked on the thread at the tip of its chain, looks again. */
void sc_unpark(struct sc *sc);
#endif
