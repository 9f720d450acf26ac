/* SPDX-License-Identifier: MIT */
/*
 * int arch_vcpu_run(struct takt_vcpu_page *page)
 *
 * Enters the guest and returns the reason of its next exit. The exit comes back at page->entry with
 * sp = page->entry_sp, wherever resume was called: saving the callee-saved registers below that sp
 * makes the round trip look like a function call. The floating-point ones need no saving, the
 * monitor does not use them.
 */
#include <takt/invoke.h>

#include "page.h"

	.section .text.arch_vcpu_run, "ax"
	.global arch_vcpu_run
	.type arch_vcpu_run, %function
arch_vcpu_run:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	adr	x1, back
	mov	x2, sp
	stp	x1, x2, [x0, #PAGE_ENTRY]
	mov	x0, xzr
	mov	x1, xzr
	mov	x8, #TAKT_RESUME
	svc	#0
	/* Falls through where resume itself fails: x0 is the error. */
back:
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #96
	ret
	.size arch_vcpu_run, . - arch_vcpu_run
	.section .note.GNU-stack, "", %progbits
