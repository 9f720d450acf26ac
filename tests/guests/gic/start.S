/* SPDX-License-Identifier: MIT */
/* For guests of tests: a flat image at the start of the guest's RAM, which is zero; the tree lies 2 MiB above. */
#include "../scratch.h"

	.section .text.start, "ax"
	.globl	_start
_start:
	ldr	x0, =STACK_TOP
	mov	sp, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	isb
	bl	guest_main
1:	wfi
	b	1b
	.ltorg

	.balign	0x800
	.globl	vectors
vectors:
	.rept	16
	.balign	0x80
	b	entry
	.endr

/* An interrupt of EL1 on its own stack, or something that must not happen: guest_exception tells. */
entry:
	save_scratch
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #160]
	mrs	x0, isr_el1
	cbz	x0, 1f
	bl	guest_interrupt
	ldp	x0, x1, [sp, #160]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	return_from_exception
1:	mrs	x1, esr_el1
	mrs	x2, far_el1
	mrs	x0, elr_el1
	b	guest_exception

	.section .note.GNU-stack, "", %progbits
