/* SPDX-License-Identifier: MIT */
/* The exception vectors of the machine's guest, whose TPIDR_EL1 is its struct vm_guest. */
#include "../guests/scratch.h"
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
	save_scratch
	b	interrupt
	.rept	10
	.balign	0x80
	b	unexpected
	.endr

interrupt:
	mrs	x0, tpidr_el1
	bl	vm_interrupt
	return_from_exception

unexpected:
	mrs	x0, tpidr_el1
	mrs	x1, esr_el1
	orr	x1, x1, #1 << 63	/* never 0 */
	str	x1, [x0, #VM_ERROR]
	hvc	#VM_FINISH
	b	.
	.section .note.GNU-stack, "", %progbits
