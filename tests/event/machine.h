/* SPDX-License-Identifier: MIT */
/*
 * A machine vCPU with an event SC, as guest.h has it for paravirtual ones. Its guest is code of
 * this program, at the same addresses, and what it knows is in struct vm_guest: it reaches the
 * program's text and the pool, and no variables.
 */
#ifndef MACHINE_H
#define MACHINE_H

#define VM_VISIT 1 /* immediates of HVC */
#define VM_FINISH 2
#define VM_ERROR 0 /* offset in struct vm_guest */

#ifndef __ASSEMBLER__
#include "guest.h"

#define VM_TIMER 27 /* the guest's own timer, and */
#define VM_SPI 64   /* the interrupt of another source */

struct vm_guest {
	volatile uint64_t error; /* out: an exception that must not happen, its ESR */
	/* in */
	bool gic3;
	bool idle, visits;	/* waits for the interrupt by WFI; visits its monitor meanwhile */
	bool timer;		/* the interrupt is that of its timer, for `arrival` */
	volatile uint32_t *rtc; /* to be quieted by the handler; null: it is not that one */
	uint32_t index;		/* of the event SC */
	takt_ticks gap;		/* as in burn() */
	takt_ticks prepare, arrival; /* instants */
	takt_ticks masked_until;     /* interrupts are open from then on, */
	takt_ticks visit_at;	     /* or it visits its monitor */
	takt_ticks use;		     /* CPU time on the event SC before, from `prepare` on */
	takt_ticks work, after;	     /* CPU time that the handler takes, and what it wakes */
	unsigned wanted;	     /* interrupts until its end; 0: 1 */
	/* out */
	volatile uint64_t times;
	volatile takt_ticks begin, end; /* of the last handler */
	volatile takt_ticks over;	/* `after` is done */
	volatile int64_t refused;	/* what it got for selecting an SC that there is not */
	uint64_t stack[512] __attribute__((aligned(16)));
};

/* A vCPU with a base of base_prio and an event SC, not started: vcpu, event_sc, event_index. What
 * brings the event SC is for the test to say. */
struct vm_guest *vm_new(unsigned base_prio, takt_ticks budget, takt_ticks period);
/* The guest may be interrupted by that. */
void vm_enable(uint32_t intid, bool edge);
/* Maps a page of devices into the machine, at its own address. */
void vm_device(uint64_t base);

/* machine_guest.c and machine_entry.S: the guest's. */
void vm_main(struct vm_guest *g);
void vm_interrupt(struct vm_guest *g);
extern const char vm_vectors[];

_Static_assert(offsetof(struct vm_guest, error) == VM_ERROR, "machine_entry.S");
#endif
#endif
