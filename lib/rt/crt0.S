/* SPDX-License-Identifier: MIT */
/*
 * Where threads begin. A thread's thread-local block lies on top of its stack: 16 bytes of control
 * block (struct rt_tcb), to which TPIDR_EL0 points, then the copy of .tdata and .tbss.
 */

/* The threads that root (or the kernel, for root) starts: x0 as described at struct takt_env. */
	.section .text.start, "ax"
	.global _start
	.type _start, %function
_start:
	ldr	x2, =__tls_block
	mov	x29, xzr
	mov	x30, xzr
	sub	x1, sp, x2
	and	x1, x1, #~63
	mov	sp, x1
	b	rt_start

/* The threads that rt_thread_go starts: x0 = struct rt_boot *, sp = x0, 64 bytes aligned. */
	.text
	.global rt_thread_entry
	.type rt_thread_entry, %function
rt_thread_entry:
	ldr	x2, =__tls_block
	mov	x29, xzr
	mov	x30, xzr
	sub	x1, sp, x2
	mov	sp, x1
	b	rt_thread_begin

/* struct takt_utcb *takt_utcb(void) */
	.global takt_utcb
	.type takt_utcb, %function
takt_utcb:
	mrs	x0, tpidr_el0
	ldr	x0, [x0]
	ret
