/* SPDX-License-Identifier: MIT */
/*
 * Switching between tasks; see record.h for what is on the stack of one that does not run.
 *
 * From an interrupt the switch exchanges frame 0, which the kernel resumes. A voluntary switch to a
 * task that gave way by itself is a matter of the guest alone. To a preempted task only the kernel
 * can return, for that takes all registers: its frame becomes frame 0 and is popped.
 * No interrupt is open from the beginning of a switch to its end.
 */
#include <takt/invoke.h>

#include "record.h"

/* FP/SIMD registers to and from a preempted task's record at x0. */
	.macro save_fp
	mrs	x2, fpcr
	mrs	x3, fpsr
	str	x2, [x0, #RECORD_FPCR]
	str	x3, [x0, #PREEMPTED_FPSR]
	add	x1, x0, #PREEMPTED_Q
	.irp	n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
	str	q\n, [x1, #(16 * \n)]
	.endr
	.irp	n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
	str	q\n, [x1, #(16 * \n)]
	.endr
	.endm

	.macro load_fp
	ldr	x2, [x0, #RECORD_FPCR]
	ldr	x3, [x0, #PREEMPTED_FPSR]
	msr	fpcr, x2
	msr	fpsr, x3
	add	x1, x0, #PREEMPTED_Q
	.irp	n, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
	ldr	q\n, [x1, #(16 * \n)]
	.endr
	.irp	n, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
	ldr	q\n, [x1, #(16 * \n)]
	.endr
	.endm

/* Preserved FP/SIMD registers from the voluntary record at x0. */
	.macro load_preserved_fp
	ldr	x2, [x0, #RECORD_FPCR]
	msr	fpcr, x2
	ldp	d8, d9, [x0, #(VOLUNTARY_D)]
	ldp	d10, d11, [x0, #(VOLUNTARY_D + 16)]
	ldp	d12, d13, [x0, #(VOLUNTARY_D + 32)]
	ldp	d14, d15, [x0, #(VOLUNTARY_D + 48)]
	.endm

/* For the macros below, across function calls. */
	.macro fp_begin
	adrp	x20, pxCurrentTCB
	adrp	x19, port_fp
	add	x19, x19, #:lo12:port_fp
	.endm

/* x4 = the current task. Goes to `out` if it is the idle task, which has no FP/SIMD registers; else
 * those in the CPU are its own. */
	.macro fp_unless_idle out
	ldr	x4, [x20, #:lo12:pxCurrentTCB]
	ldr	x7, [x19, #FP_IDLE]
	cmp	x4, x7
	b.eq	\out
	str	x4, [x19, #FP_OWNER]
	.endm

/* Becomes the owner, or goes to `out` if there is nothing to be loaded. */
	.macro fp_unless_there out
	ldr	x4, [x20, #:lo12:pxCurrentTCB]
	ldp	x6, x7, [x19]
	cmp	x4, x7
	ccmp	x4, x6, #4, ne
	b.eq	\out
	str	x4, [x19, #FP_OWNER]
	.endm

	.text

/* x0 = number of the interrupt; what it interrupted is in the newest frame. */
	.global port_upcall
	.type port_upcall, %function
port_upcall:
	mov	x29, xzr
	mov	x30, xzr
	bl	port_interrupt
	cbz	w0, .Lresume
	bl	port_save_preempted
	fp_begin
	fp_unless_idle 1f
	save_fp
1:	bl	vTaskSwitchContext
	bl	port_load_frame
	ldr	x1, [x0, #RECORD_KIND]
	cbnz	x1, .Lresume_preempted
	fp_unless_there .Lresume
	load_preserved_fp
	b	.Lresume

/* x0 = record of a preempted task whose frame is frame 0 already. */
.Lresume_preempted:
	fp_unless_there .Lresume
	load_fp
.Lresume:
	mov	x8, #TAKT_PV_RETURN
	svc	#0
	brk	#0

	.global port_switch
	.type port_switch, %function
port_switch:
	sub	sp, sp, #VOLUNTARY_SIZE
	mov	x2, #RECORD_VOLUNTARY
	str	x2, [sp, #RECORD_KIND]
	stp	x19, x20, [sp, #(VOLUNTARY_X)]
	stp	x21, x22, [sp, #(VOLUNTARY_X + 16)]
	stp	x23, x24, [sp, #(VOLUNTARY_X + 32)]
	stp	x25, x26, [sp, #(VOLUNTARY_X + 48)]
	stp	x27, x28, [sp, #(VOLUNTARY_X + 64)]
	stp	x29, x30, [sp, #(VOLUNTARY_X + 80)]
	fp_begin
	fp_unless_idle 1f
	mrs	x1, fpcr
	str	x1, [sp, #RECORD_FPCR]
	stp	d8, d9, [sp, #(VOLUNTARY_D)]
	stp	d10, d11, [sp, #(VOLUNTARY_D + 16)]
	stp	d12, d13, [sp, #(VOLUNTARY_D + 32)]
	stp	d14, d15, [sp, #(VOLUNTARY_D + 48)]
1:	mov	x1, sp
	str	x1, [x4]
	bl	vTaskSwitchContext
.Lto_task:
	ldr	x0, [x20, #:lo12:pxCurrentTCB]
	ldr	x0, [x0]
	ldr	x1, [x0, #RECORD_KIND]
	cbnz	x1, .Lto_preempted
	fp_unless_there 1f
	load_preserved_fp
1:	mov	sp, x0
	ldp	x19, x20, [sp, #(VOLUNTARY_X)]
	ldp	x21, x22, [sp, #(VOLUNTARY_X + 16)]
	ldp	x23, x24, [sp, #(VOLUNTARY_X + 32)]
	ldp	x25, x26, [sp, #(VOLUNTARY_X + 48)]
	ldp	x27, x28, [sp, #(VOLUNTARY_X + 64)]
	ldp	x29, x30, [sp, #(VOLUNTARY_X + 80)]
	add	sp, sp, #VOLUNTARY_SIZE
	ret
.Lto_preempted:
	bl	port_load_frame
	b	.Lresume_preempted

/* Lets the current task run, the first one. */
	.global port_start_first
	.type port_start_first, %function
port_start_first:
	fp_begin
	b	.Lto_task

/* A task's first record leads here: x19 = its function, x20 = the argument. */
	.global port_task_begin
	.type port_task_begin, %function
port_task_begin:
	mov	x29, xzr
	mov	x30, xzr
	mov	x0, x19
	mov	x1, x20
	b	port_task_main
