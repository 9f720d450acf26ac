/* SPDX-License-Identifier: MIT */
/* Ways into a paravirtual guest and back to its monitor. */
#include <takt/invoke.h>

	.text

/* The guest context begins: x0 = thread-local block, x1 = function. */
	.global pv_guest_entry
	.type pv_guest_entry, %function
pv_guest_entry:
	msr	tpidr_el0, x0
	mov	x29, xzr
	mov	x30, xzr
	blr	x1
	b	pv_stop

/* The guest context came back to its monitor: x0 = reason. They share the thread-local block, for
 * the guest does not run on once it is here. */
	.global pv_monitor_entry
	.type pv_monitor_entry, %function
pv_monitor_entry:
	adrp	x1, pv_tls
	ldr	x1, [x1, #:lo12:pv_tls]
	msr	tpidr_el0, x1
	mov	x29, xzr
	mov	x30, xzr
	b	pv_exited
