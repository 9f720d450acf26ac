/* SPDX-License-Identifier: MIT */
/*
 * The one system call.
 *
 * AArch64: SVC #0 at EL0. x14 and x18..x30 keep their values, as do SP and the FP/SIMD registers. What
 * is afterwards in x9..x13, x15..x17 and the condition flags is unspecified, and nobody else's.
 *
 *   reg       in                                   out
 *   x0        slot of the invoked capability       0 or a negative takt_error
 *   x1        tag                                  tag of the answer or received message
 *   x2..x7    message words 0..5                   message words 0..5
 *   x8        flavour (enum takt_flavour)          badge of the gate called (wait, reply_wait)
 *   x9        deadline in ticks, if TAKT_F_DEADLINE
 *   x10..x13  slots of the capabilities passed
 *   x14       first slot of the receive window, 0 for none: 4 slots for what a message brings, or
 *             the slot for the capability that a kernel operation makes
 *
 * After a call that failed, x2..x8 are unspecified; after one that worked, x8 and the words that the
 * answer does not count are.
 *
 * Words 6.. of a message travel in the UTCB (struct takt_utcb) of sender and receiver.
 *
 * An operation of a kernel object and a message to a server are the same call: the tag's label
 * names the operation, its capability arguments are capabilities passed, its result is the answer.
 * x0 tells whether the invocation itself worked; the label of the answer, read as a signed 16-bit
 * number, is the server's own result (always 0 from the kernel's objects).
 */
#ifndef TAKT_INVOKE_H
#define TAKT_INVOKE_H

#include <takt/types.h>

#define TAKT_REG_WORDS 6  /* message words in registers */
#define TAKT_MAX_WORDS 64 /* message words in all */
#define TAKT_MAX_CAPS 4	  /* capabilities in a message */
#define TAKT_MAX_SLOTS 16384 /* of a capability table */
#define TAKT_THREAD_TIMERS 8 /* timer irqs of one thread that are armed at a time */

/* Flavours (x8). */
#define TAKT_CALL 0	  /* invoke x0 and wait for the answer */
#define TAKT_REPLY_WAIT 1 /* answer the caller owed a reply, if any, then wait; x0 is ignored */
#define TAKT_WAIT 2	  /* wait for a call or an irq; an error while owing a reply */
#define TAKT_YIELD 3	  /* go to the end of the own priority's queue */
#define TAKT_RESUME 4	  /* vCPU: enter the guest context (see vcpu.h) */
#define TAKT_PV_SYNC 5	  /* paravirtual guest: deliver what became deliverable */
#define TAKT_PV_WAIT 6	  /* paravirtual guest: x0 = mask; sleep until one of them is pending */
#define TAKT_PV_RETURN 7  /* paravirtual guest: pop the topmost interrupt frame */
#define TAKT_FLAVOUR_MASK 0xff
#define TAKT_F_DEADLINE 0x100 /* x9 holds an absolute deadline */

/* Tag: bits 0..15 label, 16..22 words, 24..26 capabilities. */
#define TAKT_TAG(label, words, caps)                                                               \
	(((uint64_t)(label) & 0xffff) | (uint64_t)(words) << 16 | (uint64_t)(caps) << 24)
#define TAKT_TAG_LABEL(tag) ((uint16_t)(tag))
#define TAKT_TAG_WORDS(tag) ((unsigned)((tag) >> 16) & 0x7f)
#define TAKT_TAG_CAPS(tag) ((unsigned)((tag) >> 24) & 7)

/* Set in the tags of what the kernel itself makes `wait` return, and in no other: a message that
 * somebody sends comes without it, whatever its label. */
#define TAKT_TAG_KERNEL 0x80000000
/* The labels of that. They are outside the range that a server should use for its protocol
 * (0..0x7fff). */
#define TAKT_LABEL_IRQ 0xffff	/* word 0: the or of the badges of the irqs that arrived */
#define TAKT_LABEL_FAULT 0xfff1 /* a fault message: enum takt_fault_word */
#define TAKT_LABEL_TIMEOUT 0xfff2 /* a time-out fault: the same, with enum takt_timeout_word */
#define TAKT_TAG_IRQ (TAKT_TAG(TAKT_LABEL_IRQ, 1, 0) | TAKT_TAG_KERNEL)
#define TAKT_TAG_FAULT (TAKT_TAG(TAKT_LABEL_FAULT, TAKT_FAULT_WORDS, 0) | TAKT_TAG_KERNEL)
#define TAKT_TAG_TIMEOUT (TAKT_TAG(TAKT_LABEL_TIMEOUT, TAKT_FAULT_WORDS, 0) | TAKT_TAG_KERNEL)

#ifndef __ASSEMBLER__
/* Per-thread message area; a kernel frame, mapped into the thread's task by thread.configure. */
struct takt_utcb {
	uint64_t words[TAKT_MAX_WORDS]; /* words[0..5] are unused: they travel in registers */
	uint64_t user[16];		/* never touched by the kernel; [0] is lib/rt's */
};

/* Words of a fault message, sent to the fault gate of the thread that faulted. A reply with label 0
 * resumes the thread where it stopped; any other label leaves it stopped. */
enum takt_fault_word {
	TAKT_FAULT_PC,
	TAKT_FAULT_SP,
	TAKT_FAULT_SYNDROME, /* ESR_EL2 / HSR */
	TAKT_FAULT_ADDRESS,  /* FAR_EL2, valid for aborts */
	TAKT_FAULT_THREAD,   /* birth number of the thread */
	TAKT_FAULT_PSTATE,
	TAKT_FAULT_WORDS
};

/* In a time-out fault, these two stand in the places of the syndrome and the address. */
enum takt_timeout_word {
	TAKT_TIMEOUT_SC = TAKT_FAULT_SYNDROME,	  /* birth number of the SC that has run out */
	TAKT_TIMEOUT_REFILL = TAKT_FAULT_ADDRESS, /* when some of its budget comes back */
};
#endif
#endif
