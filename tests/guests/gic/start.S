/* SPDX-License-Identifier: MIT */
/* For guests of tests: a flat image at the start of the guest's RAM, which is zero; the tree lies 2 MiB above. */
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
	sub	sp, sp, #192
	stp	x0, x1, [sp]
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x30, [sp, #144]
	mrs	x0, elr_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [sp, #160]
	mrs	x0, isr_el1
	cbz	x0, 1f
	bl	guest_interrupt
	ldp	x0, x1, [sp, #160]
	msr	elr_el1, x0
	msr	spsr_el1, x1
	ldp	x18, x30, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #192
	eret
1:	mrs	x1, esr_el1
	mrs	x2, far_el1
	mrs	x0, elr_el1
	b	guest_exception

	.section .note.GNU-stack, "", %progbits
