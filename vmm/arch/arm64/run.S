/* SPDX-License-Identifier: MIT */
/*
 * void arch_vcpu_run(struct takt_vcpu_page *page, struct vcpu *v)
 *
 * Enters the guest, and again after each exit for which vcpu_exited(v, reason) is true. An exit comes
 * back at page->entry with sp = page->entry_sp; nothing but what lies at sp is needed there, so no
 * register is saved and brought back for it: the callee-saved ones are once, around it all. The
 * floating-point ones need no saving, the monitor does not use them.
 */
#include <takt/invoke.h>

#include "page.h"

	.section .text.arch_vcpu_run, "ax"
	.global arch_vcpu_run
	.type arch_vcpu_run, %function
arch_vcpu_run:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x1, [sp, #96]
	adr	x2, exited
	mov	x3, sp
	stp	x2, x3, [x0, #PAGE_ENTRY]
enter:
	mov	x8, #TAKT_RESUME
	svc	#0
	/* Falls through where resume itself fails: x0 is the error. */
exited:
	mov	w1, w0
	ldr	x0, [sp, #96]
	bl	vcpu_exited
	tbnz	w0, #0, enter
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret
	.size arch_vcpu_run, . - arch_vcpu_run
	.section .note.GNU-stack, "", %progbits
