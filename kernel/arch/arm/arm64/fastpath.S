/* SPDX-License-Identifier: MIT */
/*
 * The hot path: call and reply between native threads of one CPU, the server waiting, no capability,
 * no deadline. It does for that case what ipc.c does, and changes nothing before it knows that it is
 * that case; everything else goes to lower_sync_slow.
 *
 * Why it is short: the SC that runs stays the same, so no queue, timer or account is touched; the
 * message words never leave x1..x7; and of the registers that a system call need not keep, none is
 * saved but three for the kernel to work with. A build with FAST=0 leaves it out, and the tests must see
 * no difference.
 *
 * It begins in vectors.S, at lower_sync.
 *
 * Registers: x0 slot, x1 tag, x2..x7 words, x8 flavour; x14..x17 are saved, x9 is free (no deadline),
 * x10..x13 once it is known that no capability comes along; x18..x30 when they are saved. x15 is the
 * running thread, x14 the one to switch to, x12 the running thread's task, x16 cpu, x17 cpu->not_fast
 * and above it cpu->id.
 *
 * What it leaves behind in x8..x17 is read at user level: badges, constants, and what the thread had
 * there itself; nothing of the kernel's, and nothing of the thread's at the other end.
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

	/* The object in x15's slot x0 to x11, with the capability's rights on top to x10, and its type
	 * to w13 (more than a type: it is dying); to no_object, if there is no such. */
	.macro find_object
	ldr	x12, [x15, #THREAD_TASK]
	ldp	x9, x11, [x12, #TASK_SLOTS]	/* and TASK_LEAF */
	cmp	x0, x9
	b.hs	no_object
	lsr	x9, x0, #8		/* 256 slots of 16 bytes in a leaf */
	ldr	x11, [x11, x9, lsl #3]
	and	x9, x0, #0xff
	add	x11, x11, x9, lsl #4
	ldp	x10, x13, [x11]		/* word, birth */
	and	x11, x10, #0xffffffffffff
	/* Is it the object that it was? As cap_object(): its frame holds objects as old as the
	 * slot's birth (birth > ~unborn, which is a carry), and this one has it. An empty slot, at
	 * address 0 and born at 0, is too old for any frame. */
	adr	x8, frame_dir
	lsr	x9, x11, #30
	ldr	x8, [x8, x9, lsl #3]
	ubfx	x9, x11, #12, #18
	add	x8, x8, x9, lsl #5
	ldr	x8, [x8, #FRAME_ENTRY_UNBORN]
	cmn	x13, x8
	b.lo	no_object	/* its memory need not even be mapped any more */
	ldr	x9, [x11, #OBJECT_BIRTH]
	cmp	x9, x13
	b.ne	no_object
	ldrh	w13, [x11, #OBJECT_TYPE]
	.endm

	/* The gate in x11, of type w13, opens a call of x15 to x14, or it is not that case: slow_call. */
	.macro begin_call
	tbz	x10, #RIGHT_CALL_BIT, slow_call
	add	x9, x11, x17, lsr #32 - 3	/* this CPU's target: if there, it lives */
	ldr	x14, [x9, #GATE_TARGET]
	cbz	x14, slow_call
	ldr	w9, [x14, #THREAD_WAIT_WORD]
	ldrb	w10, [x15, #THREAD_DEPTH]
	cmp	w9, #STATE_WAIT			/* nor has it a deadline */
	ccmp	w10, #CALL_DEPTH, #2, eq	/* or as if not below */
	b.hs	slow_call

	/* Nothing can fail from here on. */
	ldr	x8, [x11, #GATE_BADGE]
	ldr	x9, [x14, #OBJECT_BIRTH]
	add	w10, w10, #1
	str	x15, [x14, #THREAD_CALLER]
	stp	x14, x9, [x15, #THREAD_PEER]
	strb	w13, [x15, #THREAD_WAIT_WORD]	/* TYPE_GATE is STATE_OPEN */
	mov	w9, #STATE_RUN
	strb	w10, [x14, #THREAD_DEPTH]
	strb	w9, [x14, #THREAD_WAIT_WORD]
	.endm

	/* The caller x14 of x15, which waits, has its answer. w8: TAKT_REPLY_WAIT, as it is STATE_RUN. */
	.macro begin_reply
	ldr	x12, [x15, #THREAD_TASK]
	mov	w9, #STATE_WAIT
	strb	w8, [x14, #THREAD_WAIT_WORD]
	strb	w9, [x15, #THREAD_WAIT_WORD]
	strb	wzr, [x15, #THREAD_DEPTH]
	str	xzr, [x15, #THREAD_CALLER]
	.endm

	.text
	/* As it came in, but for x14..x17, which are saved, and x9, if it is none of the caller's. */
	.global slow
slow:
	save_x8_x13
1:	save_x0_x7
	b	lower_sync_slow

#if FAST
	.global not_call, fast_call, fast_reply, fast_resume

	/* With x8..x13 in other use: a call, its capabilities are saved; and an answer without any. */
slow_call:
	mov	x8, #TAKT_CALL
slow_reply:
	stp	x8, xzr, [sp, #FRAME_X(8)]
	b	1b

	/*
	 * From a machine's guest, and nothing else is special (NOT_FAST_GUEST alone): what its monitor
	 * most often answers, and hypercalls. The whole frame is saved, for the monitor to read. Where
	 * that runs next, it is not given back the registers that it had, but for sp: those that C keeps
	 * are the guest's still, the others what they were on some earlier way in. w14: exception class.
	 */
not_call:
	eor	w15, w17, #CPU_NOT_FAST_GUEST
	cbnz	w15, not_guest
	cmp	w14, #EC_DATA_LOWER
	ccmp	w14, #EC_HVC64, #4, ne
	b.ne	slow
	save_x0_x7
	save_x8_x13
	save_x18_x29
	mrs	x9, sp_el0
	mrs	x12, elr_el2
	mrs	x13, spsr_el2
	stp	x30, x9, [sp, #FRAME_X(30)]
	stp	x12, x13, [sp, #FRAME_PC]
	ldr	x9, [x16, #CPU_STACK_TOP]
	mov	x0, x16
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
	eor	w15, w17, #CPU_NOT_FAST_EVENTS
	cmp	w14, #EC_SVC64
	ccmp	w15, #0, #0, eq
	b.ne	slow
	ldr	x15, [x16, #CPU_THREAD]
	cbz	x8, fast_call
	cmp	x8, #TAKT_REPLY_WAIT
	b.eq	fast_reply
	b	slow

	/* A monitor's resume. What the guest's exit does not give back is not saved here. */
fast_resume:
	save_x0_x7
	str	x30, [sp, #FRAME_X(30)]
	ldr	x12, [x16, #CPU_STACK_TOP]
	mov	x13, sp
	str	x13, [x12, #-16]!
	mov	sp, x12
	mov	x0, x16
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
	ldr	x14, [x15, #THREAD_CALLER]
	lsr	x9, x1, #16			/* words, and nothing above them */
	cbz	x14, slow
	cmp	x9, #TAKT_REG_WORDS
	ldr	w9, [x14, #THREAD_WAIT_WORD]
	ldr	w17, [x15, #THREAD_WAIT_WORD]
	ccmp	w9, #STATE_OPEN, #0, ls		/* no fault, no guest, no deadline */
	ccmp	w17, #STATE_RUN, #0, eq		/* no remote caller */
	ldrh	w17, [x15, #THREAD_NEWS]
	ccmp	w17, #0, #0, eq
	b.ne	reply_otherwise
	begin_reply
	b	fast_switch

	/* More words? Or was it for the caller alone, a paravirtual guest? One without an interrupt to
	 * be delivered goes on like any thread. */
reply_otherwise:
	lsr	x9, x1, #16
	cmp	x9, #TAKT_MAX_WORDS
	ldr	w9, [x15, #THREAD_WAIT_WORD]
	ccmp	w9, #STATE_RUN, #0, ls
	ccmp	w17, #0, #0, eq
	b.ne	slow
	ldr	w10, [x14, #THREAD_WAIT_WORD]
	mov	w11, #STATE_OPEN | IN_GUEST	/* so it is not the call of a fault */
	cmp	w10, #STATE_OPEN
	b.eq	2f
	and	w10, w10, #~THREAD_HAS_EVENTS
	ldr	x13, [x14, #THREAD_PENDING]	/* for its monitor */
	cmp	w10, w11
	ccmp	x13, #0, #0, eq
	b.ne	slow_reply
	ldr	x11, [x14, #THREAD_REGS]
	ldp	w10, w11, [x11, #-PV_OPEN]
	tst	w10, w11
	b.ne	slow_reply
2:	begin_reply
	lsr	x9, x1, #16
	cmp	x9, #TAKT_REG_WORDS
	b.ls	fast_switch

	/* Words beyond the sixth, from UTCB to UTCB. At most 58. */
copy_words:
	ldr	x10, [x15, #THREAD_UTCB]
	ldr	x11, [x14, #THREAD_UTCB]
	cbz	x10, fast_switch
	cbz	x11, fast_switch
	lsr	x17, x1, #16
	sub	w17, w17, #TAKT_REG_WORDS
	add	x10, x10, #8 * TAKT_REG_WORDS
	add	x11, x11, #8 * TAKT_REG_WORDS
	tbz	w17, #0, 1f
	ldr	x9, [x10], #8
	str	x9, [x11], #8
1:	subs	w17, w17, #2
	b.lo	fast_switch
2:	ldp	x9, x13, [x10], #16
	stp	x9, x13, [x11], #16
	subs	w17, w17, #2
	b.hs	2b
	b	fast_switch

	/* More words, or capabilities: those are for operations of objects. */
call_with_more:
	stp	x10, x11, [sp, #FRAME_X(10)]
	stp	x12, x13, [sp, #FRAME_X(12)]
	find_object
	cmp	w13, #TYPE_GATE
	b.ne	object_call
	lsr	x9, x1, #16
	cmp	x9, #TAKT_MAX_WORDS
	b.hi	slow_call
	begin_call
	b	copy_words

fast_call:
	lsr	x9, x1, #16		/* words, and nothing above them */
	cmp	x9, #TAKT_REG_WORDS
	b.hi	call_with_more
	find_object
	cmp	w13, #TYPE_GATE		/* and not dying */
	b.ne	object_call
	begin_call

	/* From x15 to x14, whose x0 is 0 and x1..x8 are as they are now. */
fast_switch:
	save_x18_x29
	mrs	x20, sp_el0
	mrs	x21, elr_el2
	mrs	x22, tpidr_el0
	stp	x30, x20, [sp, #FRAME_X(30)]
	str	x21, [sp, #FRAME_PC]
	str	x22, [x15, #THREAD_TPIDR]

	ldp	x19, x20, [x14, #THREAD_REGS]	/* regs, task */
	stp	x14, x14, [x16, #CPU_THREAD]	/* and CPU_LOADED; CPU_FRAME is for slow exits */
	cmp	x12, x20
	b.eq	1f
	ldr	x21, [x20, #TASK_VTTBR]
	str	x20, [x16, #CPU_LOADED_TASK]
	msr	vttbr_el2, x21		/* in force with the ERET */

	/* FP/SIMD traps unless the registers are its own: fp_next() in switch.h. */
1:	ldr	x20, [x16, #CPU_FP_WORD]
	eor	x21, x20, x14, ror #1
	cmp	x21, #1
	b.pl	fast_fp
	/* What is loaded here into x9..x17 is the thread's own, and takes the place of what is not. */
2:	mov	sp, x19
	ldr	x10, [x14, #THREAD_TPIDR]
	ldr	x11, [sp, #FRAME_PC]
	ldp	x30, x13, [sp, #FRAME_X(30)]
	msr	tpidr_el0, x10
	msr	elr_el2, x11
	msr	spsr_el2, xzr		/* no flags survive a system call */
	msr	sp_el0, x13
	load_x18_x29
	ldp	x14, x15, [sp, #FRAME_X(14)]
	ldp	x16, x12, [sp, #FRAME_X(16)]
	mov	x0, #0
	eret
	dsb	nsh
	isb

fast_fp:
	mrs	x21, cptr_el2
	eor	x20, x20, #1 << 63	/* FP_TRAPPED */
	eor	x21, x21, #1 << 10	/* CPTR_EL2.TFP */
	str	x20, [x16, #CPU_FP_WORD]
	msr	cptr_el2, x21
	b	2b

	/*
	 * An operation of another object. It most likely ends in this thread, so what C keeps is not
	 * saved (see vectors.S); the words go to C, and the results come back, in an invocation on
	 * the stack. But a thread that names itself needs its whole frame.
	 */
object_call:
	cbnz	w17, slow_call			/* from not_guest */
	cmp	w13, #TYPE_IRQ
	ccmp	x1, #TAG_TRIGGER, #0, eq
	b.eq	irq_call
other_call:
	tbnz	w13, #8, slow_call		/* dying */
	cmp	x11, x15
	b.eq	slow_call
	mov	x9, sp
	ldr	x17, [x16, #CPU_STACK_TOP]
	save_x0_x7
	stp	xzr, xzr, [sp, #FRAME_X(8)]	/* TAKT_CALL: it may be done again */
	ldr	x8, [sp, #FRAME_X(14)]
	str	x30, [sp, #FRAME_X(30)]
	sub	sp, x17, #INVOCATION_SIZE
	stp	x15, x1, [sp, #INVOCATION_CALLER]	/* and tag */
	stp	x2, x3, [sp, #INVOCATION_W(0)]
	stp	x4, x5, [sp, #INVOCATION_W(2)]
	stp	x6, x7, [sp, #INVOCATION_W(4)]
	stp	x8, x9, [sp, #INVOCATION_WINDOW]	/* and frame */
	mov	x0, x11
	lsr	x1, x10, #48
	mov	x2, sp
	bl	invoke_quickly
	ldr	x16, [sp, #INVOCATION_FRAME]
	cbnz	x0, 1f
	ldp	x2, x3, [sp, #INVOCATION_W(0)]
	ldp	x4, x5, [sp, #INVOCATION_W(2)]
	ldp	x6, x7, [sp, #INVOCATION_W(4)]
	mov	sp, x16
	ldr	x30, [sp, #FRAME_X(30)]
	load_x8_x17
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
	tbz	x10, #RIGHT_TRIGGER_BIT, other_call
	ldrb	w9, [x15, #THREAD_WAIT_WORD + 1]
	cbnz	w9, other_call			/* a guest, which may have interrupts to take */
	stp	xzr, xzr, [sp, #FRAME_X(0)]
	stp	x2, x3, [sp, #FRAME_X(2)]
	stp	x4, x5, [sp, #FRAME_X(4)]
	stp	x6, x7, [sp, #FRAME_X(6)]
	str	x30, [sp, #FRAME_X(30)]
	mov	x0, x11
	mov	x1, x16
	ldr	x17, [x16, #CPU_STACK_TOP]
	mov	x16, sp
	str	x16, [x17, #-16]!
	mov	sp, x17
	bl	irq_trigger_quickly
	ldr	x1, [sp]
	mov	sp, x1
	cbz	x0, leave_scratch
	tbz	x0, #0, leave_switched
	b	leave_other

	/* The answer to a slot without an object needs nothing but the registers used so far. */
no_object:
	load_x8_x17
	mov	x0, #E_CAP
	mov	x1, #0
	eret
	dsb	nsh
	isb
#endif
