/* SPDX-License-Identifier: MIT */
/*
 * Paravirtual guests: a program whose further life is the guest context of a vCPU, with interrupts
 * that it masks by a store. See "Paravirtual interrupts" in the manual.
 *
 *   static void guest(void) { ...; for (;;) pv_wait(...); }
 *   void pv_interrupt(unsigned n) { ... }
 *   int main(void)
 *   {
 *           static struct pv_vcpu v = {.name = "guest", .guest = guest, .upcall = pv_upcall};
 *           err = pv_start(&v);
 *           pv_log_serve();
 *   }
 *
 * Interrupt-level code must not touch FP/SIMD registers: nobody saves them. Files with such code
 * are compiled with -mgeneral-regs-only, and call nothing from the C library.
 */
#ifndef TAKT_PV_H
#define TAKT_PV_H

#include <stdatomic.h>

#include <takt/sys.h>
#include <takt/vcpu.h>

struct pv_vcpu {
	const char *name;
	void (*guest)(void);  /* starts with all interrupts masked; must not return */
	void (*upcall)(void); /* where interrupts enter: pv_upcall, or one of the guest's own */
	/* out */
	takt_slot slot; /* the vCPU, for irq.bind_vcpu */
	takt_slot sc;	/* its scheduling context */
	unsigned cpu;
};

/* The state page; set before the guest starts. */
extern struct takt_pv_page *pv_page;

/*
 * Makes a vCPU in the own task and starts its guest context. Its scheduling context is like that of
 * the calling thread, unless the description has other values: vcpu-priority, vcpu-budget-us,
 * vcpu-period-us. A fault of the guest is printed and ends it. After an error the program has
 * nothing better to do than to end, so what was made until then is left to its compartment's end.
 */
TAKT_MUST_CHECK int pv_start(struct pv_vcpu *v);

/* Ticks that the guest has consumed, of its own scheduling context and those of its interrupts: two
 * loads and the clock. For the guest itself. */
static inline takt_ticks pv_consumed(void)
{
	uint64_t origin;
	takt_ticks now;

	do {
		origin = pv_page->run_origin;
		now = takt_now();
	} while (origin != pv_page->run_origin); /* somebody else ran in between */
	return now - origin;
}

/* Ends the guest, and with it the program when its output has been written; for a guest that has
 * found itself broken. */
void pv_stop(void) __attribute__((noreturn));

/* A kernel timer that arrives as virtual interrupt `virq` at `at` and then every `period` ticks.
 * Periods that pass while it is pending arrive as one: the handler looks at the time. */
TAKT_MUST_CHECK int pv_timer(const struct pv_vcpu *v, unsigned virq, takt_ticks at,
			     takt_ticks period);

/* A software irq that arrives as virtual interrupt `virq`: for irq.timer, irq.trigger. */
TAKT_MUST_CHECK int pv_irq(const struct pv_vcpu *v, unsigned virq, takt_slot *irq);

/* Default way in for interrupts: calls pv_interrupt, which the guest defines, at the depth of
 * nesting that `open` allows, then resumes what was interrupted. */
void pv_upcall(void);
void pv_interrupt(unsigned n);

/*
 * Output that does not keep the guest waiting for the console: pv_log puts text into a buffer and
 * wakes the program's first thread, which pv_log_serve has made the writer. What does not fit is
 * dropped and counted. Not for interrupt level.
 */
void pv_log(const char *text, unsigned len);

/*
 * Input of the program's session "console", if it has one: the first thread reads it into a buffer
 * and triggers `virq`, as often as the buffer has been empty. pv_read takes up to `len` bytes of it.
 * Before pv_log_serve.
 */
TAKT_MUST_CHECK int pv_input(const struct pv_vcpu *v, unsigned virq);
unsigned pv_read(char *to, unsigned len);
void pv_log_serve(void) __attribute__((noreturn));

/* Masks the interrupts of `levels`, returns the state before for pv_unmask. */
static inline uint32_t pv_mask_levels(uint32_t levels)
{
	uint32_t old = pv_page->open;

	/* An interrupt between load and store leaves `open` as it found it. */
	pv_page->open = old & ~levels;
	atomic_signal_fence(memory_order_seq_cst);
	return old;
}

static inline uint32_t pv_mask(void)
{
	return pv_mask_levels(~0u);
}

/* System call: delivers what is pending and open. */
static inline void pv_sync(void)
{
	register uint64_t x0 __asm__("x0") = 0;
	register uint64_t x8 __asm__("x8") = TAKT_PV_SYNC;

	__asm__ volatile("svc #0"
			 : "+r"(x0), "+r"(x8)
			 :
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x9", "x10", "x11", "x12",
			   "x13", TAKT_SVC_CLOBBERS);
}

/* What arrived while it was masked is pending, and needs the system call; what arrives after the
 * store is delivered at once. Both are on this CPU: no barrier but the compiler's. */
static inline void pv_unmask(uint32_t open)
{
	struct takt_pv_page *page = pv_page;

	atomic_signal_fence(memory_order_seq_cst);
	page->open = open;
	atomic_signal_fence(memory_order_seq_cst);
	if (page->pending & open)
		pv_sync();
}

/*
 * Event SCs, of the description's event-scheduling. pv_sc_of[n] is the index of the one that
 * interrupt n brings, 0 (the base) if it brings none; pv_priority[] has their priorities.
 *
 * pv_select makes the guest run on the SC with this index from now on, its interrupts aside: what a
 * guest's scheduler does for the task it switches to. It is a store, and a system call only when
 * somebody waits for the guest to be less urgent. The kernel forgets the choice in pv_wait.
 */
extern unsigned pv_priority[8];
extern uint8_t pv_sc_of[32];

static inline void pv_select(unsigned index)
{
	pv_page->sel = index;
	atomic_signal_fence(memory_order_seq_cst);
	if (pv_priority[index] + 1 < pv_page->hint)
		pv_sync();
}

/* Sleeps until an interrupt of `mask` is pending, open or not. Returns 0 or TAKT_E_TIMEOUT. */
static inline int pv_wait(uint32_t mask, takt_ticks deadline)
{
	register uint64_t x0 __asm__("x0") = mask;
	register uint64_t x8 __asm__("x8") =
		TAKT_PV_WAIT | (deadline != TAKT_NEVER ? TAKT_F_DEADLINE : 0);
	register uint64_t x9 __asm__("x9") = deadline;

	__asm__ volatile("svc #0"
			 : "+r"(x0), "+r"(x8), "+r"(x9)
			 :
			 : "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x10", "x11", "x12", "x13",
			   TAKT_SVC_CLOBBERS);
	return (int)(int64_t)x0;
}

#endif
