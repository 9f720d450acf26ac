/* SPDX-License-Identifier: MIT */
/* The second CPU, from PSCI's CPU_ON; its stack lies below the first one's. */
	.text
	.globl	secondary
secondary:
	ldr	x0, =STACK_TOP - 0x8000
	mov	sp, x0
	ldr	x0, =vectors
	msr	vbar_el1, x0
	isb
	bl	guest_secondary
2:	wfi
	b	2b
	.ltorg

	.section .note.GNU-stack, "", %progbits
