/* SPDX-License-Identifier: MIT */
/* The exception vectors of the machine's guest, whose TPIDR_EL1 is its struct vm_guest. */
#include "machine.h"

	.text
	.balign	0x800
	.global vm_vectors
vm_vectors:
	.rept	5		/* to 0x280: an interrupt of EL1 */
	.balign	0x80
	b	unexpected
	.endr
	.balign	0x80
	sub	sp, sp, #176
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
	b	interrupt
	.rept	10
	.balign	0x80
	b	unexpected
	.endr

interrupt:
	mrs	x0, tpidr_el1
	bl	vm_interrupt
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
	add	sp, sp, #176
	eret

unexpected:
	mrs	x0, tpidr_el1
	mrs	x1, esr_el1
	orr	x1, x1, #1 << 63	/* never 0 */
	str	x1, [x0, #VM_ERROR]
	hvc	#VM_FINISH
	b	.
	.section .note.GNU-stack, "", %progbits
