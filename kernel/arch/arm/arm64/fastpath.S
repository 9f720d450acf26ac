/* SPDX-License-Identifier: MIT */
/*
 * The hot path: call and reply between native threads of one CPU, the server waiting, at most six
 * words, no capability, no deadline. It does for that case what ipc.c does, and changes nothing
 * before it knows that it is that case; everything else goes to lower_sync_slow.
 *
 * Why it is short: the SC that runs stays the same, so no queue, timer or account is touched; the
 * message words never leave x1..x7; x0..x8 of the caller are results of its call, so they need not
 * be saved. A build with FAST=0 leaves it out, and the tests must see no difference.
 *
 * It begins in vectors.S, at lower_sync.
 *
 * Registers: x0 slot, x1 tag, x2..x7 words, x8 flavour; x9 scratch, x10 cpu, x11 the running thread,
 * x12 the thread to switch to; x13..x17 scratch.
 */
#include <arch/offsets.h>
#include <arch/registers.h>
#include <arch/syndrome.h>
#include <takt/invoke.h>
#include <takt/types.h>

#define STATE_RUN 1
#define STATE_WAIT 2
#define STATE_OPEN 3
#define IN_GUEST 0x100 /* beside the state in thread.wait_word */
#define TYPE_GATE 3
#define TYPE_IRQ 4
#define RIGHT_CALL_BIT 48 /* TAKT_R_GATE_CALL in a capability's word */
#define RIGHT_TRIGGER_BIT 49 /* TAKT_R_IRQ_TRIGGER */
#define TAG_TRIGGER 3 /* TAKT_IRQ_TRIGGER, no words, no capabilities */
#define CALL_DEPTH 8
#define E_CAP -1

	/* The object in x11's slot x0 to x14, with the capability's rights on top to x15; to `none`, if
	 * there is no such. */
	.macro find_object none
	ldr	x14, [x11, #THREAD_TASK]
	ldp	x13, x14, [x14, #TASK_SLOTS]	/* and TASK_LEAF */
	cmp	x0, x13
	b.hs	\none
	lsr	x9, x0, #8		/* 256 slots of 16 bytes in a leaf */
	ldr	x14, [x14, x9, lsl #3]
	and	x9, x0, #0xff
	add	x14, x14, x9, lsl #4
	ldp	x15, x16, [x14]		/* word, birth */
	and	x14, x15, #0xffffffffffff
	/* Is it the object that it was? As cap_object(): its frame holds objects as old as the
	 * slot's birth (birth > ~unborn, which is a carry), and this one has it. An empty slot, at
	 * address 0 and born at 0, is too old for any frame. */
	adr	x13, frame_dir
	lsr	x9, x14, #30
	ldr	x13, [x13, x9, lsl #3]
	ubfx	x9, x14, #12, #18
	add	x13, x13, x9, lsl #5
	ldr	x13, [x13, #FRAME_ENTRY_UNBORN]
	cmn	x16, x13
	b.lo	\none	/* its memory need not even be mapped any more */
	ldr	x9, [x14, #OBJECT_BIRTH]
	cmp	x9, x16
	b.ne	\none
	.endm

	/* The gate in x14 opens a call of x11 to x12, or it is not that case: slow. w17: CPU_ID. */
	.macro begin_call
	add	x9, x14, x17, lsl #3		/* this CPU's target: if there, it lives */
	ldr	x12, [x9, #GATE_TARGET]
	cbz	x12, slow
	ldr	w9, [x12, #THREAD_WAIT_WORD]
	ldrb	w13, [x12, #THREAD_TIMER_QUEUED]
	ldrb	w17, [x11, #THREAD_DEPTH]
	cmp	w9, #STATE_WAIT
	ccmp	w13, #0, #0, eq
	ccmp	w17, #CALL_DEPTH, #2, eq	/* or as if not below */
	b.hs	slow

	/* Nothing can fail from here on. */
	ldr	x8, [x14, #GATE_BADGE]
	ldr	x16, [x12, #OBJECT_BIRTH]
	add	w17, w17, #1
	mov	w9, #STATE_RUN
	mov	w13, #STATE_OPEN
	mov	x15, #-1		/* TAKT_NEVER */
	strb	w17, [x12, #THREAD_DEPTH]
	strb	w9, [x12, #THREAD_WAIT_WORD]
	strb	w13, [x11, #THREAD_WAIT_WORD]
	str	x11, [x12, #THREAD_CALLER]
	stp	x12, x16, [x11, #THREAD_PEER]
	str	x15, [x11, #THREAD_DEADLINE]
	.endm

	.text
	.global slow
slow:
	save_x0_x7
	b	lower_sync_slow

#if FAST
	.global not_call, fast_call, fast_reply, fast_resume

	/*
	 * From a machine's guest, and nothing else is special (NOT_FAST_GUEST alone): what its monitor
	 * most often answers, and hypercalls. The whole frame is saved, for the monitor to read. Where
	 * that runs next, it is not given back the registers that it had, but for sp: those that C keeps
	 * are the guest's still, the others what they were on some earlier way in.
	 */
not_call:
	eor	w13, w13, #CPU_NOT_FAST_GUEST
	cbnz	w13, not_guest
	cmp	w9, #EC_DATA_LOWER
	ccmp	w9, #EC_HVC64, #4, ne
	b.ne	slow
	save_x0_x7
	save_x18_x29
	mrs	x9, sp_el0
	mrs	x12, elr_el2
	mrs	x13, spsr_el2
	stp	x30, x9, [sp, #FRAME_X(30)]
	stp	x12, x13, [sp, #FRAME_PC]
	ldr	x9, [x10, #CPU_STACK_TOP]
	mov	x0, x10
	mov	sp, x9
	bl	guest_trap_quickly
	mrs	x0, tpidr_el2
	ldr	x1, [x0, #CPU_FRAME]
	mov	sp, x1
	b	leave_scratch

	/*
	 * Calls and answers, where the SC that runs belongs to a vCPU with event SCs and nothing else is
	 * special. It stays the same SC: what the vCPU's page says by now is of interest when there is
	 * something to decide.
	 */
not_guest:
	eor	w13, w13, #CPU_NOT_FAST_GUEST	/* as it was */
	eor	w13, w13, #CPU_NOT_FAST_EVENTS
	cmp	w9, #EC_SVC64
	ccmp	w13, #0, #0, eq
	b.ne	slow
	ldr	x11, [x10, #CPU_THREAD]
	cmp	x8, #TAKT_REPLY_WAIT
	b.eq	fast_reply
	cbnz	x8, slow
	find_object slow
	ldrh	w9, [x14, #OBJECT_TYPE]
	lsr	x13, x1, #16
	cmp	w9, #TYPE_GATE
	b.ne	slow
	tbz	x15, #RIGHT_CALL_BIT, slow
	cmp	x13, #TAKT_REG_WORDS
	b.hi	long_call
	begin_call
	b	fast_switch

	/* A monitor's resume. What the guest's exit does not give back is not saved here. */
fast_resume:
	save_x0_x7
	str	x30, [sp, #FRAME_X(30)]
	ldr	x12, [x10, #CPU_STACK_TOP]
	mov	x13, sp
	str	x13, [x12, #-16]!
	mov	sp, x12
	mov	x0, x10
	bl	guest_resume_quickly
	cbnz	w0, kernel_exit
	ldr	x1, [sp]
	mov	sp, x1
	b	leave_other

	/*
	 * No help on the way (CPU_NOT_FAST), so the chain from the SC's home leads to this thread
	 * through its caller, which therefore is what the SC runs next.
	 */
fast_reply:
	ldr	x12, [x11, #THREAD_CALLER]
	lsr	x16, x1, #16		/* words, and nothing above them */
	cbz	x12, slow
	ldr	w9, [x11, #THREAD_WAIT_WORD]
	ldr	w13, [x12, #THREAD_WAIT_WORD]
	ldp	x14, x15, [x11, #THREAD_PENDING] /* and the head of the wanters */
	add	x17, x11, #THREAD_WANTERS
	cmp	x16, #TAKT_MAX_WORDS
	ccmp	w9, #STATE_RUN, #0, ls		/* no remote caller */
	ccmp	w13, #STATE_OPEN, #0, eq	/* no fault, no guest */
	ccmp	x14, #0, #0, eq
	ccmp	x15, x17, #0, eq
	b.ne	reply_to_guest
begin_reply:
	mov	w13, #STATE_WAIT
	strb	w9, [x12, #THREAD_WAIT_WORD]	/* STATE_RUN */
	strb	w13, [x11, #THREAD_WAIT_WORD]
	strb	wzr, [x11, #THREAD_DEPTH]
	str	xzr, [x11, #THREAD_CALLER]
	cmp	x16, #TAKT_REG_WORDS
	b.ls	fast_switch

	/* Words beyond the sixth, from UTCB to UTCB. At most 58. */
copy_words:
	ldr	x13, [x11, #THREAD_UTCB]
	ldr	x14, [x12, #THREAD_UTCB]
	cbz	x13, fast_switch
	cbz	x14, fast_switch
	lsr	x9, x1, #16
	sub	x9, x9, #TAKT_REG_WORDS
	add	x13, x13, #8 * TAKT_REG_WORDS
	add	x14, x14, #8 * TAKT_REG_WORDS
	tbz	x9, #0, 1f
	ldr	x15, [x13], #8
	str	x15, [x14], #8
1:	subs	x9, x9, #2
	b.lo	fast_switch
2:	ldp	x15, x16, [x13], #16
	stp	x15, x16, [x14], #16
	subs	x9, x9, #2
	b.hs	2b
	b	fast_switch

	/* Was it for the caller alone, a paravirtual guest? One without an interrupt to be delivered
	 * goes on like any thread. */
reply_to_guest:
	cmp	x16, #TAKT_MAX_WORDS
	ccmp	w9, #STATE_RUN, #0, ls
	ccmp	x14, #0, #0, eq
	ccmp	x15, x17, #0, eq
	b.ne	slow
	mov	w15, #STATE_OPEN | IN_GUEST	/* so it is not the call of a fault */
	and	w13, w13, #~THREAD_HAS_EVENTS
	ldr	x14, [x12, #THREAD_PENDING]	/* for its monitor */
	cmp	w13, w15
	ccmp	x14, #0, #0, eq
	b.ne	slow
	ldr	x15, [x12, #THREAD_REGS]
	ldp	w14, w15, [x15, #-PV_OPEN]
	tst	w14, w15
	b.eq	begin_reply
	b	slow

long_call:
	cmp	x13, #TAKT_MAX_WORDS
	b.hi	slow
	begin_call
	b	copy_words

fast_call:
	find_object no_object
	ldrh	w9, [x14, #OBJECT_TYPE]	/* a gate, and not dying */
	lsr	x13, x1, #16		/* words, and nothing above them */
	cmp	w9, #TYPE_GATE
	b.ne	object_call
	tbz	x15, #RIGHT_CALL_BIT, slow
	cmp	x13, #TAKT_REG_WORDS
	b.hi	long_call
	begin_call

	/* From x11 to x12, whose x0 is 0 and x1..x8 are as they are now. */
fast_switch:
	save_x18_x29
	mrs	x9, sp_el0
	mrs	x13, elr_el2
	mrs	x15, tpidr_el0
	stp	x30, x9, [sp, #FRAME_X(30)]
	str	x13, [sp, #FRAME_PC]
	str	x15, [x11, #THREAD_TPIDR]

	ldp	x16, x17, [x12, #THREAD_REGS]	/* regs, task */
	ldr	x15, [x12, #THREAD_TPIDR]
	ldr	x14, [x10, #CPU_LOADED_TASK]
	stp	x12, x12, [x10, #CPU_THREAD]	/* and CPU_LOADED; CPU_FRAME is for slow exits */
	msr	tpidr_el0, x15
	cmp	x14, x17
	b.eq	1f
	ldr	x14, [x17, #TASK_VTTBR]
	str	x17, [x10, #CPU_LOADED_TASK]
	msr	vttbr_el2, x14		/* in force with the ERET */

	/* FP/SIMD traps unless the registers are its own: fp_next() in switch.h. */
1:	ldr	x14, [x10, #CPU_FP_WORD]
	eor	x13, x14, x12, ror #1
	cmp	x13, #1
	b.pl	fast_fp
2:	mov	sp, x16
	ldr	x13, [sp, #FRAME_PC]
	ldp	x30, x9, [sp, #FRAME_X(30)]
	msr	elr_el2, x13
	msr	spsr_el2, xzr		/* no flags survive a system call */
	msr	sp_el0, x9
	load_x18_x29
	load_x10_x17
	ldr	x9, [sp, #FRAME_X(9)]
	mov	x0, #0
	eret
	dsb	nsh
	isb

fast_fp:
	mrs	x13, cptr_el2
	eor	x14, x14, #1 << 63	/* FP_TRAPPED */
	eor	x13, x13, #1 << 10	/* CPTR_EL2.TFP */
	str	x14, [x10, #CPU_FP_WORD]
	msr	cptr_el2, x13
	b	2b

	/*
	 * An operation of another object. It most likely ends in this thread, so what C keeps is not
	 * saved (see vectors.S); the words go to C, and the results come back, in an invocation on
	 * the stack. But a thread that names itself needs its whole frame.
	 */
object_call:
	cmp	w9, #TYPE_IRQ
	ccmp	x1, #TAG_TRIGGER, #0, eq
	b.eq	irq_call
other_call:
	tbnz	w9, #8, slow			/* dying */
	cmp	x14, x11
	b.eq	slow
	mov	x16, sp
	ldr	x17, [x10, #CPU_STACK_TOP]
	save_x0_x7
	ldr	x9, [sp, #FRAME_X(14)]
	str	x30, [sp, #FRAME_X(30)]
	sub	sp, x17, #INVOCATION_SIZE
	stp	x11, x1, [sp, #INVOCATION_CALLER]	/* and tag */
	stp	x2, x3, [sp, #INVOCATION_W(0)]
	stp	x4, x5, [sp, #INVOCATION_W(2)]
	stp	x6, x7, [sp, #INVOCATION_W(4)]
	stp	x9, x16, [sp, #INVOCATION_WINDOW]	/* and frame */
	mov	x12, #-1		/* TAKT_NEVER */
	str	x12, [x11, #THREAD_DEADLINE]
	mov	x0, x14
	lsr	x1, x15, #48
	mov	x2, sp
	bl	invoke_quickly
	ldr	x16, [sp, #INVOCATION_FRAME]
	cbnz	x0, 1f
	ldp	x2, x3, [sp, #INVOCATION_W(0)]
	ldp	x4, x5, [sp, #INVOCATION_W(2)]
	ldp	x6, x7, [sp, #INVOCATION_W(4)]
	mov	sp, x16
	ldr	x30, [sp, #FRAME_X(30)]
	load_x10_x17
	ldp	x8, x9, [sp, #FRAME_X(8)]
	mov	x0, #0
	mov	x1, #0
	eret
	dsb	nsh
	isb
1:	mov	sp, x16
	tbz	x0, #0, leave_switched
	b	leave_changed

	/* A signal. It has no words and no results, so no invocation is made of it. */
irq_call:
	tbz	x15, #RIGHT_TRIGGER_BIT, other_call
	ldrb	w13, [x11, #THREAD_WAIT_WORD + 1]
	cbnz	w13, other_call			/* a guest, which may have interrupts to take */
	stp	xzr, xzr, [sp, #FRAME_X(0)]
	stp	x2, x3, [sp, #FRAME_X(2)]
	stp	x4, x5, [sp, #FRAME_X(4)]
	stp	x6, x7, [sp, #FRAME_X(6)]
	str	x30, [sp, #FRAME_X(30)]
	ldr	x17, [x10, #CPU_STACK_TOP]
	mov	x16, sp
	str	x16, [x17, #-16]!
	mov	sp, x17
	mov	x0, x14
	mov	x1, x10
	bl	irq_trigger_quickly
	ldr	x1, [sp]
	mov	sp, x1
	cbz	x0, leave_scratch
	tbz	x0, #0, leave_switched
	b	leave_other

	/* The answer to a slot without an object needs nothing but the registers used so far. */
no_object:
	load_x10_x17
	ldr	x9, [sp, #FRAME_X(9)]
	mov	x0, #E_CAP
	mov	x1, #0
	eret
	dsb	nsh
	isb
#endif
