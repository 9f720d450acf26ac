/* SPDX-License-Identifier: MIT */
/*
 * void arch_copy(void *to, const void *from, size_t size)
 * void arch_clear(void *at, size_t size): a multiple of 64 bytes
 * void arch_clean(const void *at, size_t size)
 *
 * For what fills a machine's memory: on the first thread only, which has floating-point registers of
 * its own. Those on a vCPU's thread are the guest's.
 */
	.arch_extension simd
	.section .text.arch_copy, "ax"
	.global arch_copy
	.type arch_copy, %function
arch_copy:
	subs	x2, x2, #512
	b.lo	2f
1:	.rept 2
	ld1	{v0.2d-v3.2d}, [x1], #64
	ld1	{v4.2d-v7.2d}, [x1], #64
	ld1	{v16.2d-v19.2d}, [x1], #64
	ld1	{v20.2d-v23.2d}, [x1], #64
	st1	{v0.2d-v3.2d}, [x0], #64
	st1	{v4.2d-v7.2d}, [x0], #64
	st1	{v16.2d-v19.2d}, [x0], #64
	st1	{v20.2d-v23.2d}, [x0], #64
	.endr
	subs	x2, x2, #512
	b.hs	1b
2:	add	x2, x2, #512
	b	memcpy
	.size arch_copy, . - arch_copy

	.section .text.arch_clear, "ax"
	.global arch_clear
	.type arch_clear, %function
arch_clear:
	movi	v0.2d, #0
	movi	v1.2d, #0
	movi	v2.2d, #0
	movi	v3.2d, #0
	subs	x1, x1, #256
	b.lo	2f
1:	st1	{v0.2d-v3.2d}, [x0], #64
	st1	{v0.2d-v3.2d}, [x0], #64
	st1	{v0.2d-v3.2d}, [x0], #64
	st1	{v0.2d-v3.2d}, [x0], #64
	subs	x1, x1, #256
	b.hs	1b
2:	adds	x1, x1, #256
	b.eq	4f
3:	st1	{v0.2d-v3.2d}, [x0], #64
	subs	x1, x1, #64
	b.ne	3b
4:	ret
	.size arch_clear, . - arch_clear

/* Sixteen lines at a time, which are not more than a page: of larger ones some are cleaned twice. */
#define PAGE 0x1000
#define LINES 16
#define CTR_DLINE #16, #4 /* the smallest line's size, log2 of words */

	.section .text.arch_clean, "ax"
	.global arch_clean
	.type arch_clean, %function
arch_clean:
	add	x1, x0, x1
	and	x0, x0, #~(PAGE - 1)
	mrs	x2, ctr_el0
	ubfx	x2, x2, CTR_DLINE
	mov	x3, #4
	lsl	x2, x3, x2
	mov	x3, #PAGE / LINES
	cmp	x2, x3
	csel	x2, x2, x3, lo
	b	2f
1:	.rept LINES
	dc	civac, x0
	add	x0, x0, x2
	.endr
2:	cmp	x0, x1
	b.lo	1b
	dsb	sy
	ret
	.size arch_clean, . - arch_clean
	.section .note.GNU-stack, "", %progbits
