/* SPDX-License-Identifier: MIT */
/*
 * Exception vectors of EL2 (DDI 0487, D1.10.2), and the way back out.
 *
 * While a context of user level or of a guest runs, SP_EL2 points to its register frame
 * (struct takt_frame), so entry needs no scratch register. The kernel itself runs on its CPU's one
 * stack with all interrupts masked, and never returns from C to an interrupted kernel path.
 *
 * C keeps x19..x29 and does not use x18; nothing in the kernel changes SP_EL0, ELR or SPSR. So what
 * most likely ends in the context that it began in, an interrupt or an operation of an object, saves
 * no more than C may clobber. Only when C says that another context runs, or that this one has
 * changed, the rest is saved, before sched_leave; everything comes from memory then.
 */
#include <arch/layout.h>
#include <arch/offsets.h>
#include <arch/registers.h>
#include <arch/syndrome.h>
#include <takt/invoke.h>
#include <takt/types.h>

	/* What C does not clobber; x0..x3 are free. But for SPSR. */
	.macro save_registers
	save_x18_x29
	mrs	x1, sp_el0
	str	x1, [sp, #248]
	.endm

	.macro save_kept
	save_registers
	mrs	x3, spsr_el2
	str	x3, [sp, #264]
	.endm

	/* And the PC. */
	.macro save_context
	save_registers
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x2, x3, [sp, #256]
	.endm

	.macro kernel_stack
	mrs	x0, tpidr_el2		/* struct cpu */
	ldr	x1, [x0]		/* stack_top */
	mov	sp, x1
	.endm

	/* What fastpath.S has not saved when it gives up. */
	.macro save_rest
	str	x30, [sp, #240]
	save_context
	kernel_stack
	.endm

	.macro save_scratch
	save_x0_x7
	save_x8_x13
	save_x14_x17
	.endm

	.macro restore_scratch
	load_x8_x17
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp, #0]
	.endm

	.macro return
	eret
	dsb	nsh			/* no speculation past the return */
	isb
	.endm

	/* Of the context whose frame is at sp, PC in x2 and what may be PSTATE in x3. */
	.macro restore_context
	msr	elr_el2, x2
	msr	spsr_el2, x3
	ldp	x30, x1, [sp, #240]
	msr	sp_el0, x1
	load_x18_x29
	restore_scratch
	return
	.endm

	.macro vector name
	.balign 128
	b	\name
	.endm

	.section .text.vectors, "ax"
	.balign 2048
	.global vectors
vectors:
	/* EL2 with SP_EL0, which is never used, and EL2: a bug of the kernel, or a probe while booting.
	 * Between these vectors is room for what needs no other place. The stack may be what is
	 * broken: it is taken afresh. At EL1 there is no EL2 to be asked for anything. */
el2_exception:
	mrs	x9, CurrentEL
	cmp	x9, #ENTRY_EL1 << 2
	b.eq	trap_or_probe
	mrs	x10, tpidr_el2
	cbz	x10, trap_or_probe
	ldr	x10, [x10]
	mov	sp, x10
	b	trap_or_probe

	vector	el2_exception
lower_serror:
	save_scratch
	save_rest
	bl	trap_serror
	b	kernel_exit

	vector	el2_exception
	vector	el2_exception
	vector	el2_exception
	vector	el2_exception
	/* fp_save(struct fpstate *), fp_load(const struct fpstate *) */
	.arch_extension fp
	.arch_extension simd
	.global fp_save
fp_save:
	stp	q0, q1, [x0, #0]
	stp	q2, q3, [x0, #32]
	stp	q4, q5, [x0, #64]
	stp	q6, q7, [x0, #96]
	stp	q8, q9, [x0, #128]
	stp	q10, q11, [x0, #160]
	stp	q12, q13, [x0, #192]
	stp	q14, q15, [x0, #224]
	stp	q16, q17, [x0, #256]
	stp	q18, q19, [x0, #288]
	stp	q20, q21, [x0, #320]
	stp	q22, q23, [x0, #352]
	stp	q24, q25, [x0, #384]
	stp	q26, q27, [x0, #416]
	stp	q28, q29, [x0, #448]
	stp	q30, q31, [x0, #480]
	mrs	x1, fpsr
	mrs	x2, fpcr
	str	w1, [x0, #512]
	str	w2, [x0, #516]
	ret

	vector	el2_exception
	.global fp_load
fp_load:
	ldp	q0, q1, [x0, #0]
	ldp	q2, q3, [x0, #32]
	ldp	q4, q5, [x0, #64]
	ldp	q6, q7, [x0, #96]
	ldp	q8, q9, [x0, #128]
	ldp	q10, q11, [x0, #160]
	ldp	q12, q13, [x0, #192]
	ldp	q14, q15, [x0, #224]
	ldp	q16, q17, [x0, #256]
	ldp	q18, q19, [x0, #288]
	ldp	q20, q21, [x0, #320]
	ldp	q22, q23, [x0, #352]
	ldp	q24, q25, [x0, #384]
	ldp	q26, q27, [x0, #416]
	ldp	q28, q29, [x0, #448]
	ldp	q30, q31, [x0, #480]
	ldr	w1, [x0, #512]
	ldr	w2, [x0, #516]
	msr	fpsr, x1
	msr	fpcr, x2
	ret

	vector	el2_exception

	/* EL0 or EL1, AArch64: the two that count are in their vectors as a whole, which saves a branch. */
	.org	vectors + 0x400		/* an error, if what is between the others is too long */
lower_sync:
	save_x14_x17
#if FAST
	mrs	x15, esr_el2
	mrs	x16, tpidr_el2
	ldr	x17, [x16, #CPU_NOT_FAST]	/* and CPU_ID above it */
	lsr	w14, w15, #26
	cmp	w14, #EC_SVC64
	ccmp	w17, #0, #0, eq
	b.ne	not_call
	ldr	x15, [x16, #CPU_THREAD]
	cbz	x8, fast_call
	cmp	x8, #TAKT_REPLY_WAIT
	b.eq	fast_reply
	cmp	x8, #TAKT_RESUME
	b.eq	fast_resume
#endif
	b	slow

	.balign 128
lower_irq:
	save_scratch
	str	x30, [sp, #240]
	mrs	x0, tpidr_el2
	ldr	x1, [x0]
	mov	x2, sp
	str	x2, [x1, #-16]!
	mov	sp, x1
	bl	trap_irq
	ldr	x1, [sp]
	mov	sp, x1
	cbnz	x0, leave_irq
	.global leave_scratch
leave_scratch:
	ldr	x30, [sp, #240]
	restore_scratch
	return

	vector	lower_irq
	vector	lower_serror

	vector	lower_sync		/* EL0 or EL1, AArch32 */
	vector	lower_irq
	vector	lower_irq
	vector	lower_serror
	.org	vectors + 2048

	.text
	.balign 64
	.global lower_sync_slow
lower_sync_slow:
	save_rest
	bl	trap_sync
	b	kernel_exit

	/* x0 says what is to follow: see LEAVE_DECIDE. */
leave_irq:
	tbz	x0, #0, leave_switched
	tbnz	x0, #1, leave_upcall
	tbnz	x0, #2, leave_loaded

	/* The context that the kernel was entered from does not simply go on. */
	.global leave_other
leave_other:
	save_context
	b	1f
	.global leave_changed
leave_changed:
	save_kept
1:	kernel_stack
	bl	sched_leave
	b	kernel_exit

	/* The frame at x0 is that of a native context, which is loaded already. */
	.global leave_switched
leave_switched:
	save_context
	mov	sp, x0
	ldp	x2, x3, [sp, #256]
	and	x3, x3, #0xf0000000	/* PSTATE_NZCV */
	restore_context

	/* LEAVE_LOADED: as c->frame says. */
leave_loaded:
	save_context
	b	kernel_exit

	/* LEAVE_UPCALL: the frame at sp is the guest's, and its page is around that. What goes into
	 * SPSR_EL2 is the kernel's own. */
leave_upcall:
	sub	x0, x0, #3
	save_x18_x29	x0
	ldr	x30, [sp, #240]
	mrs	x1, sp_el0
	mrs	x2, elr_el2
	mrs	x3, spsr_el2
	stp	x30, x1, [x0, #240]
	stp	x2, x3, [x0, #256]
	ldr	w4, [sp, #-PV_DEPTH]
	ldp	x2, x3, [sp, #-PV_UPCALL]	/* and upcall_sp */
	cmp	w4, #1
	csel	x1, x3, x1, eq
	msr	elr_el2, x2
	msr	spsr_el2, xzr
	msr	sp_el0, x1
	ldp	x16, x17, [sp, #128]
	stp	x16, x17, [x0, #128]
	ldp	x14, x15, [sp, #112]
	stp	x14, x15, [x0, #112]
	ldp	x12, x13, [sp, #96]
	stp	x12, x13, [x0, #96]
	ldp	x10, x11, [sp, #80]
	stp	x10, x11, [x0, #80]
	ldp	x8, x9, [sp, #64]
	stp	x8, x9, [x0, #64]
	ldp	x6, x7, [sp, #48]
	stp	x6, x7, [x0, #48]
	ldp	x4, x5, [sp, #32]
	stp	x4, x5, [x0, #32]
	ldp	x2, x3, [sp, #16]
	stp	x2, x3, [x0, #16]
	ldr	x1, [sp, #8]
	str	x1, [x0, #8]
	ldr	x0, [sp, #0]
	return

	/* First way out, on each CPU. */
	.global kernel_enter
kernel_enter:
	mrs	x0, tpidr_el2
	ldr	x1, [x0]
	mov	sp, x1
	bl	sched_leave

	/*
	 * cpu->frame may lie in a page that user level can write at any moment, so what goes into
	 * SPSR_EL2 is bounded here, on the value that is used: cpu->spsr_keep has the condition
	 * flags for native code, and for a guest also DAIF and the modes EL0t, EL1t, EL1h. Bit 0 may
	 * only be set together with bit 2 (EL0h would be an illegal return).
	 */
	.global kernel_exit
kernel_exit:
	mrs	x0, tpidr_el2
	ldp	x1, x4, [x0, #8]	/* frame, spsr_keep */
	mov	sp, x1
	ldp	x2, x3, [sp, #256]
	and	x3, x3, x4
	lsr	x4, x3, #2
	orr	x4, x4, #~1
	and	x3, x3, x4
	restore_context
