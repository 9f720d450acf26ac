/* SPDX-License-Identifier: MIT */
/* Scheduling context: the right to a CPU's time. */
#ifndef OBJECT_SC_H
#define OBJECT_SC_H

#include <core/list.h>
#include <core/object.h>
#include <core/timerq.h>

struct thread;
struct scheduler;
struct invocation;

enum sc_state {
	SC_UNBOUND,  /* no thread */
	SC_DORMANT,  /* its thread does not want to run */
	SC_READY,    /* in the ready queue */
	SC_RUNNING,  /* cpu->sc */
	SC_DEPLETED, /* waits for its replenishment, in the timer queue */
	SC_PARKED,   /* the tip of its chain is blocked; on that thread's list */
};

#define SC_REFILLS 8 /* a power of two */

struct sc_refill {
	u64 time, amount; /* `amount` ticks are usable from `time` on */
};

struct sc {
	struct object object;
	u8 state, prio, cpu;
	u8 index;	    /* among its thread's SCs; 0 is the base */
	struct list link;   /* ready queue, or parked list */
	struct timer timer; /* DEPLETED: until the head refill */
	u64 budget, period;	 /* see sc_set_budget() */
	struct sc_refill refill; /* what can be used now, or from when on */
	u64 spare;		 /* of its slice must be left for put_simply(); read with the above */
	u64 started;		 /* RUNNING: since when */
	u64 consumed;		 /* ticks, in all */
	struct thread *home;
	struct weak depleted_irq;
	struct scheduler *scheduler; /* that made it; null: gone */
	struct list sched_link;	     /* in its list */
	u16 share;		     /* per mille taken from it */
	u8 first, count;	     /* ring of later refills; count: with `refill` */
	struct sc_refill later[SC_REFILLS];
};
/* One step of its end, on its CPU. */
int sc_teardown(struct sc *sc) MUST_CHECK;

_Static_assert(sizeof(struct sc) <= 512, "size class");
#endif
