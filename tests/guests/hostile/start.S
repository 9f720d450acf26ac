/* SPDX-License-Identifier: MIT */
/* A flat image at the start of the guest's RAM. Each CPU has a stack; below its top lies a context
 * (struct cpu in hostile.h), found by MPIDR_EL1, for whatever else may be nonsense by then. */
#include "../scratch.h"

#define STACK_SHIFT 15
#define CPU_SIZE 256

	.macro	my_cpu reg, tmp
	mrs	\reg, mpidr_el1
	ubfx	\tmp, \reg, #8, #8
	and	\reg, \reg, #0xff
	add	\reg, \reg, \tmp, lsl #2
	and	\reg, \reg, #7
	ldr	\tmp, =STACK_TOP - CPU_SIZE
	sub	\reg, \tmp, \reg, lsl #STACK_SHIFT
	.endm

	.section .text.start, "ax"
	.globl	_start
_start:
	mov	x19, x0
	mov	x20, #0
	b	1f
	.globl	secondary
secondary:
	mov	x19, #0
	mov	x20, x0
1:	my_cpu	x0, x1
	mov	sp, x0
	bl	guest_defaults
	mov	x0, x19
	mov	x1, x20
	bl	guest_main
2:	wfi
	b	2b

	.text
	.globl	this_cpu
this_cpu:
	my_cpu	x0, x1
	ret

/* bool attempt(void (*fn)(uint64_t), uint64_t arg): false if it took a synchronous exception. */
	.globl	attempt
attempt:
	mov	x2, x0
	mov	x3, x1
	my_cpu	x0, x1
	stp	x19, x20, [x0, #0]
	stp	x21, x22, [x0, #16]
	stp	x23, x24, [x0, #32]
	stp	x25, x26, [x0, #48]
	stp	x27, x28, [x0, #64]
	mov	x4, sp
	stp	x29, x30, [x0, #80]
	str	x4, [x0, #96]
	mov	x0, x3
	blr	x2
	my_cpu	x0, x1
	ldp	x29, x30, [x0, #80]
	mov	x0, #1
	ret

/* The registers may be nonsense as well. */
failed:
	bl	guest_defaults
	my_cpu	x0, x1
	ldp	x19, x20, [x0, #0]
	ldp	x21, x22, [x0, #16]
	ldp	x23, x24, [x0, #32]
	ldp	x25, x26, [x0, #48]
	ldp	x27, x28, [x0, #64]
	ldp	x29, x30, [x0, #80]
	ldr	x4, [x0, #96]
	mov	sp, x4
	mov	x0, #0
	ret

/* void guest_defaults(void): the system registers that all of this needs; only x0, x1 change. */
	.globl	guest_defaults
guest_defaults:
	ldr	x0, =0x30d00800		/* MMU and caches off */
	msr	sctlr_el1, x0
	isb
	msr	daifset, #0xf
	adr	x0, vectors
	msr	vbar_el1, x0
	mov	x0, #3 << 20
	msr	cpacr_el1, x0
	isb
	ret
	.ltorg

	.balign	0x800
	.globl	vectors
vectors:
	.rept	4
	.balign	0x80
	b	failed
	.balign	0x80
	b	interrupt
	.balign	0x80
	b	interrupt
	.balign	0x80
	b	failed
	.endr

interrupt:
	save_scratch
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #160]
	bl	guest_interrupt
	ldp	x2, x1, [sp, #160]
	orr	x1, x1, x0		/* leaves them masked if it says so */
	msr	elr_el1, x2
	msr	spsr_el1, x1
	return_from_exception

	.section .note.GNU-stack, "", %progbits
