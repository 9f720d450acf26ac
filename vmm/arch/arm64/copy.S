/* SPDX-License-Identifier: MIT */
/*
 * void arch_copy(void *to, const void *from, size_t size)
 * void arch_clear(void *at, size_t size): a multiple of 64 bytes
 *
 * For what fills a machine's memory: on the first thread only, which has floating-point registers of
 * its own. Those on a vCPU's thread are the guest's.
 */
	.arch_extension simd
	.section .text.arch_copy, "ax"
	.global arch_copy
	.type arch_copy, %function
arch_copy:
	subs	x2, x2, #256
	b.lo	2f
1:	ld1	{v0.2d-v3.2d}, [x1], #64
	ld1	{v4.2d-v7.2d}, [x1], #64
	ld1	{v16.2d-v19.2d}, [x1], #64
	ld1	{v20.2d-v23.2d}, [x1], #64
	st1	{v0.2d-v3.2d}, [x0], #64
	st1	{v4.2d-v7.2d}, [x0], #64
	st1	{v16.2d-v19.2d}, [x0], #64
	st1	{v20.2d-v23.2d}, [x0], #64
	subs	x2, x2, #256
	b.hs	1b
2:	add	x2, x2, #256
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
	.section .note.GNU-stack, "", %progbits
