/* SPDX-License-Identifier: MIT */
/* The default way in for interrupts; a file of its own, for it needs the guest's pv_interrupt. */
#include <takt/invoke.h>

/* An interrupt: x0 is its number. The kernel has saved the interrupted context in a frame of the
 * state page, so every general register is free. */
	.text
	.global pv_upcall
	.type pv_upcall, %function
pv_upcall:
	mov	x29, xzr
	mov	x30, xzr
	bl	pv_interrupt
	mov	x8, #TAKT_PV_RETURN
	svc	#0
	brk	#0
