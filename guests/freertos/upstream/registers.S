/* SPDX-License-Identifier: MIT */
/*
 * Tasks whose registers hold values that tell them apart. x0 = where they count their rounds; the
 * count stops for good when a register is not what it was.
 */

/* General registers from x2 on get base + number. x1 is for comparing, 16 bytes at sp are, too. */
	.macro fill_general base
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	mov	x\n, #(\base + \n)
	.endr
	.endm

	.macro check_general base
	.irp	n, 2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30
	cmp	x\n, #(\base + \n)
	b.ne	registers_wrong
	.endr
	.endm

	.macro fill_fp base
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	mov	x1, #(\base + \n)
	stp	x1, x1, [sp]
	ldr	q\n, [sp]
	.endr
	.endm

/* Both halves. */
	.macro check_fp base
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	str	q\n, [sp]
	ldr	x1, [sp]
	cmp	x1, #(\base + \n)
	b.ne	registers_wrong
	ldr	x1, [sp, #8]
	cmp	x1, #(\base + \n)
	b.ne	registers_wrong
	.endr
	.endm

	.text

/* Never gives way by itself: whatever happens to it is preemption. */
	.macro preempted_task name, base, rounding
	.global \name
	.type \name, %function
\name:
	sub	sp, sp, #16
	mov	x1, #(\rounding << 22)
	msr	fpcr, x1
	fill_general \base
	fill_fp (\base + 64)
1:	check_general \base
	check_fp (\base + 64)
	mrs	x1, fpcr
	lsr	x1, x1, #22
	cmp	x1, #\rounding
	b.ne	registers_wrong
	ldr	x1, [x0]
	add	x1, x1, #1
	str	x1, [x0]
	b	1b
	.endm

	preempted_task registers_task_a, 0x100, 1
	preempted_task registers_task_b, 0x200, 2

/* Gives way in each round: a call preserves x19 to x28 and the lower halves of v8 to v15. */
	.global registers_task_c
	.type registers_task_c, %function
registers_task_c:
	sub	sp, sp, #32
	str	x0, [sp, #16]
	mov	x1, #(3 << 22)
	msr	fpcr, x1
2:	fill_general 0x300
	fill_fp 0x340
	bl	vPortYield
	.irp	n, 19,20,21,22,23,24,25,26,27,28,29
	cmp	x\n, #(0x300 + \n)
	b.ne	registers_wrong
	.endr
	.irp	n, 8,9,10,11,12,13,14,15
	fmov	x1, d\n
	cmp	x1, #(0x340 + \n)
	b.ne	registers_wrong
	.endr
	mrs	x1, fpcr
	mov	x2, #(3 << 22)
	cmp	x1, x2
	b.ne	registers_wrong
	ldr	x0, [sp, #16]
	ldr	x1, [x0]
	add	x1, x1, #1
	str	x1, [x0]
	b	2b

registers_wrong:
	b	registers_wrong
