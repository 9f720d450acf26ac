/* SPDX-License-Identifier: MIT */
/*
 * void arch_copy(void *to, const void *from, size_t size)
 *
 * The C library's is made for size, or uses the floating-point registers, which are the guest's.
 */
	.section .text.arch_copy, "ax"
	.global arch_copy
	.type arch_copy, %function
arch_copy:
	orr	x3, x0, x1
	tst	x3, #7
	b.ne	3f
1:	subs	x2, x2, #64
	b.lo	2f
	ldp	x3, x4, [x1]
	ldp	x5, x6, [x1, #16]
	ldp	x7, x8, [x1, #32]
	ldp	x9, x10, [x1, #48]
	add	x1, x1, #64
	stp	x3, x4, [x0]
	stp	x5, x6, [x0, #16]
	stp	x7, x8, [x0, #32]
	stp	x9, x10, [x0, #48]
	add	x0, x0, #64
	b	1b
2:	add	x2, x2, #64
3:	cbz	x2, 5f
4:	ldrb	w3, [x1], #1
	strb	w3, [x0], #1
	subs	x2, x2, #1
	b.ne	4b
5:	ret
	.size arch_copy, . - arch_copy

/*
 * void arch_clear(void *at, size_t size): a multiple of 64 bytes, aligned to 8
 */
	.section .text.arch_clear, "ax"
	.global arch_clear
	.type arch_clear, %function
arch_clear:
	cbz	x1, 2f
1:	stp	xzr, xzr, [x0]
	stp	xzr, xzr, [x0, #16]
	stp	xzr, xzr, [x0, #32]
	stp	xzr, xzr, [x0, #48]
	add	x0, x0, #64
	subs	x1, x1, #64
	b.ne	1b
2:	ret
	.size arch_clear, . - arch_clear
	.section .note.GNU-stack, "", %progbits
