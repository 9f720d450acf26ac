/* SPDX-License-Identifier: MIT */
/*
 * System-call stubs: one inline function per flavour, one thin wrapper per operation of objects.def.
 *
 * All return 0 (or more, where said) for success or a negative takt_error. Wrappers merge the two
 * error paths of a call (the invocation itself, the server's answer), so that a kernel object and a
 * server that interposes it look the same.
 */
#ifndef TAKT_SYS_H
#define TAKT_SYS_H

#include <takt/error.h>
#include <takt/invoke.h>
#include <takt/objects.h>
#include <takt/types.h>

#define TAKT_MUST_CHECK __attribute__((warn_unused_result))

/* A message as the registers carry it. */
struct takt_msg {
	uint64_t tag;
	uint64_t w[TAKT_REG_WORDS];
	takt_slot cap[TAKT_MAX_CAPS];
	takt_slot window; /* first slot of the receive window, 0 for none */
	uint64_t badge;	  /* out */
};

/* The UTCB of the calling thread. lib/rt keeps its address in the thread pointer's block. */
struct takt_utcb *takt_utcb(void);

/* For inline assembly with an SVC: what it does not keep and takes nothing in, besides memory. */
#define TAKT_SVC_CLOBBERS "x15", "x16", "x17", "cc", "memory"

/*
 * Any flavour. Words beyond the sixth are in the UTCB before and after.
 *
 * Always inline, so that what the compiler knows of the message costs nothing: registers that this
 * message does not use are not set (all six words are: the receiver sees them), and answers that
 * nobody reads are not stored.
 */
static inline __attribute__((always_inline)) TAKT_MUST_CHECK int
takt_invoke(unsigned flavour, takt_slot slot, struct takt_msg *m, takt_ticks deadline)
{
	register uint64_t x0 __asm__("x0") = slot;
	register uint64_t x1 __asm__("x1") = m->tag;
	register uint64_t x2 __asm__("x2") = m->w[0];
	register uint64_t x3 __asm__("x3") = m->w[1];
	register uint64_t x4 __asm__("x4") = m->w[2];
	register uint64_t x5 __asm__("x5") = m->w[3];
	register uint64_t x6 __asm__("x6") = m->w[4];
	register uint64_t x7 __asm__("x7") = m->w[5];
	register uint64_t x8 __asm__("x8") =
		flavour | (deadline != TAKT_NEVER ? TAKT_F_DEADLINE : 0);
	register uint64_t x9 __asm__("x9"), x10 __asm__("x10"), x11 __asm__("x11");
	register uint64_t x12 __asm__("x12"), x13 __asm__("x13");
	register uint64_t x14 __asm__("x14") = m->window;

/* x9..x13 are not kept either: `also` is "+r" where they say something, "=r" where not. */
#define TAKT_SVC(also)                                                                             \
	__asm__ volatile("svc #0"                                                                  \
			 : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6),   \
			   "+r"(x7), "+r"(x8), also(x9), also(x10), also(x11), also(x12),          \
			   also(x13)                                                               \
			 : "r"(x14)                                                                \
			 : TAKT_SVC_CLOBBERS)
	/* Where the number of capabilities is not known, to ask for it takes less than to set registers
	 * for four. */
	if (__builtin_constant_p(deadline == TAKT_NEVER) && deadline == TAKT_NEVER &&
	    !TAKT_TAG_CAPS(m->tag)) {
		TAKT_SVC("=r");
	} else {
		x9 = deadline;
		x10 = m->cap[0];
		x11 = m->cap[1];
		x12 = m->cap[2];
		x13 = m->cap[3];
		TAKT_SVC("+r");
	}
#undef TAKT_SVC
	m->tag = x1;
	m->w[0] = x2;
	m->w[1] = x3;
	m->w[2] = x4;
	m->w[3] = x5;
	m->w[4] = x6;
	m->w[5] = x7;
	m->badge = x8;
	return (int)(int64_t)x0;
}

/* Call: the error of the invocation, or else the result in the answer's label. */
static inline TAKT_MUST_CHECK int takt_call_until(takt_slot slot, struct takt_msg *m,
						  takt_ticks deadline)
{
	int err = takt_invoke(TAKT_CALL, slot, m, deadline);

	return err ? err : (int16_t)TAKT_TAG_LABEL(m->tag);
}

static inline TAKT_MUST_CHECK int takt_call(takt_slot slot, struct takt_msg *m)
{
	return takt_call_until(slot, m, TAKT_NEVER);
}

/* Wait for a call or an irq. m->window names where capabilities may land. */
static inline TAKT_MUST_CHECK int takt_wait(struct takt_msg *m, takt_ticks deadline)
{
	return takt_invoke(TAKT_WAIT, 0, m, deadline);
}

/* Answer with m, then wait for the next call or irq into m. */
static inline TAKT_MUST_CHECK int takt_reply_wait(struct takt_msg *m, takt_ticks deadline)
{
	return takt_invoke(TAKT_REPLY_WAIT, 0, m, deadline);
}

static inline void takt_yield(void)
{
	struct takt_msg m = {0};

	(void)!takt_invoke(TAKT_YIELD, 0, &m, TAKT_NEVER);
}

/* Now, in ticks of the system counter (CNTPCT_EL0). */
static inline takt_ticks takt_now(void)
{
	takt_ticks t;

	__asm__ volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(t) : : "memory");
	return t;
}

/* Ticks a second of the system counter. */
static inline uint64_t takt_hz(void)
{
	uint64_t hz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
}

/* Sleep until the instant `deadline`; needs that no irq is bound to the thread and nobody calls it. */
static inline void takt_sleep_until(takt_ticks deadline)
{
	struct takt_msg m = {0};

	(void)!takt_wait(&m, deadline);
}

static inline uint64_t takt_ns_to_ticks(uint64_t ns)
{
	uint64_t hz = takt_hz();

	return ns / 1000000000u * hz + ns % 1000000000u * hz / 1000000000u;
}

static inline uint64_t takt_ticks_to_ns(uint64_t t)
{
	uint64_t hz = takt_hz();

	return t / hz * 1000000000u + t % hz * 1000000000u / hz;
}

/* Wrappers, one per operation; see objects.def for what they do. Written out in sys/ops.h. */
#include <takt/sys_ops.h>

#endif
