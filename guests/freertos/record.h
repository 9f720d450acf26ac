/* SPDX-License-Identifier: MIT */
/*
 * What a task that does not run has on top of its stack. Between port.c and switch.S.
 *
 * A task that gave way by itself did so in a function call: its record holds what a call preserves.
 * A preempted one needs everything: the kernel's frame of the interrupted context, and the FP/SIMD
 * registers, which the kernel's frames do not hold.
 */
#ifndef FREERTOS_RECORD_H
#define FREERTOS_RECORD_H

#define RECORD_VOLUNTARY 0
#define RECORD_PREEMPTED 1

#define RECORD_KIND 0
#define RECORD_FPCR 8
#define VOLUNTARY_X 16	/* x19..x30 */
#define VOLUNTARY_D 112 /* d8..d15 */
#define VOLUNTARY_SIZE 176
#define PREEMPTED_FPSR 16
#define PREEMPTED_FRAME 32
#define PREEMPTED_Q 320 /* q0..q31 */
#define PREEMPTED_SIZE 832

/* struct port_fp */
#define FP_OWNER 0
#define FP_IDLE 8

/* The idle task's records have no FP/SIMD registers: it uses none. */

#ifndef __ASSEMBLER__
#include <takt/vcpu.h>

struct voluntary_record {
	uint64_t kind, fpcr;
	uint64_t x[12]; /* x19..x30 */
	uint64_t d[8];
};

struct preempted_record {
	uint64_t kind, fpcr, fpsr, pad;
	struct takt_frame frame;
	uint64_t q[64];
};

/* Whose FP/SIMD registers are in the CPU. The idle task has none, so they wait there for the task that
 * gave way to it. */
extern struct port_fp {
	void *owner; /* a task; null: who it was is no more */
	void *idle;  /* the idle task */
} port_fp;

_Static_assert(sizeof(struct voluntary_record) == VOLUNTARY_SIZE, "switch.S");
_Static_assert(offsetof(struct voluntary_record, x) == VOLUNTARY_X, "switch.S");
_Static_assert(offsetof(struct voluntary_record, d) == VOLUNTARY_D, "switch.S");
_Static_assert(offsetof(struct port_fp, owner) == FP_OWNER, "switch.S");
_Static_assert(offsetof(struct port_fp, idle) == FP_IDLE, "switch.S");
_Static_assert(sizeof(struct preempted_record) == PREEMPTED_SIZE, "switch.S");
_Static_assert(offsetof(struct preempted_record, fpsr) == PREEMPTED_FPSR, "switch.S");
_Static_assert(offsetof(struct preempted_record, frame) == PREEMPTED_FRAME, "switch.S");
_Static_assert(offsetof(struct preempted_record, q) == PREEMPTED_Q, "switch.S");

/* switch.S */
void port_upcall(void);	     /* interrupts enter here */
void port_switch(void);	     /* voluntary switch; all interrupts masked */
void port_start_first(void) __attribute__((noreturn));
void port_task_begin(void);  /* first instruction of a task */

/* port.c, for switch.S */
int port_interrupt(unsigned n);
void *port_save_preempted(void);
void *port_load_frame(void);
void port_task_main(void (*code)(void *), void *argument) __attribute__((noreturn));
#endif
#endif
