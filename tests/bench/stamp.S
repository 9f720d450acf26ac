/* SPDX-License-Identifier: MIT */
/*
 * uint64_t stamp(void): virtual nanoseconds at its first instruction.
 *
 * The counter ticks every 16 ns. Sixteen reads, one nanosecond apart, add up to the time in
 * nanoseconds: floor(t/16) + floor((t+1)/16) + ... + floor((t+15)/16) = t.
 */
#include <takt/invoke.h>

	.text
	.global stamp
	.type stamp, %function
stamp:
	mrs	x0, cntpct_el0
	mrs	x1, cntpct_el0
	mrs	x2, cntpct_el0
	mrs	x3, cntpct_el0
	mrs	x4, cntpct_el0
	mrs	x5, cntpct_el0
	mrs	x6, cntpct_el0
	mrs	x7, cntpct_el0
	mrs	x8, cntpct_el0
	mrs	x9, cntpct_el0
	mrs	x10, cntpct_el0
	mrs	x11, cntpct_el0
	mrs	x12, cntpct_el0
	mrs	x13, cntpct_el0
	mrs	x14, cntpct_el0
	mrs	x15, cntpct_el0
	add	x0, x0, x1
	add	x0, x0, x2
	add	x0, x0, x3
	add	x0, x0, x4
	add	x0, x0, x5
	add	x0, x0, x6
	add	x0, x0, x7
	add	x0, x0, x8
	add	x0, x0, x9
	add	x0, x0, x10
	add	x0, x0, x11
	add	x0, x0, x12
	add	x0, x0, x13
	add	x0, x0, x14
	add	x0, x0, x15
	ret

/* Where interrupts enter the paravirtual guest of pv.c: every general register is free. */
	.section .text.pv_entry, "ax"
	.global pv_entry
	.type pv_entry, %function
pv_entry:
	bl	stamp
	bl	pv_handler
	mov	x8, #TAKT_PV_RETURN
	svc	#0
	brk	#0
