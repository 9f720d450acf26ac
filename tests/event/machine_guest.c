/* SPDX-License-Identifier: MIT */
/* A guest at EL1, its MMU off: see machine.h for what it may touch. */
#include "machine.h"

#define GICC 0x08010000ul
#define GICC_CTLR 0x00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10
#define RTC_CLEAR (0x1c / 4)
#define SPURIOUS 1020

#define READ(reg)                                                                                  \
	({                                                                                         \
		uint64_t v_;                                                                       \
		__asm__ volatile("mrs %0, " #reg : "=r"(v_) : : "memory");                         \
		v_;                                                                                \
	})
#define WRITE(reg, value)                                                                          \
	__asm__ volatile("msr " #reg ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

static volatile uint32_t *gicc(unsigned at)
{
	return (volatile uint32_t *)(GICC + at);
}

static void start_interrupts(const struct vm_guest *g)
{
	if (g->gic3) {
		WRITE(icc_pmr_el1, 0xff);
		WRITE(icc_igrpen1_el1, 1);
	} else {
		*gicc(GICC_PMR) = 0xff;
		*gicc(GICC_CTLR) = 1;
	}
	if (g->timer) {
		WRITE(cntv_cval_el0, g->arrival);
		WRITE(cntv_ctl_el0, 1);
	}
}

static void until(takt_ticks when)
{
	while (takt_now() < when)
		;
}

/* CPU time: what others take does not count. */
static void use(const struct vm_guest *g, takt_ticks amount)
{
	takt_ticks last = takt_now(), used = 0;

	while (used < amount) {
		takt_ticks now = takt_now();

		if (now - last < g->gap)
			used += now - last;
		last = now;
	}
}

static int64_t select(uint64_t index)
{
	register uint64_t x0 __asm__("x0") = TAKT_HVC_SELECT_SC;
	register uint64_t x1 __asm__("x1") = index;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1) : : "memory");
	return (int64_t)x0;
}

static void mask(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static void unmask(void)
{
	__asm__ volatile("msr daifclr, #2\n\tisb" : : : "memory");
}

void vm_interrupt(struct vm_guest *g)
{
	uint32_t intid;

	g->begin = takt_now();
	intid = g->gic3 ? (uint32_t)READ(icc_iar1_el1) : *gicc(GICC_IAR);
	if ((intid & 0x3ff) >= SPURIOUS)
		return;
	g->times++;
	if (g->timer)
		WRITE(cntv_ctl_el0, 0);
	if (g->rtc)
		g->rtc[RTC_CLEAR] = 1;
	use(g, g->work);
	g->end = takt_now();
	if (g->gic3)
		WRITE(icc_eoir1_el1, intid);
	else
		*gicc(GICC_EOIR) = intid;
}

void vm_main(struct vm_guest *g)
{
	WRITE(tpidr_el1, g);
	start_interrupts(g);
	until(g->prepare);
	if (g->use) {
		g->refused = select(g->index + 1);
		(void)select(g->index);
		use(g, g->use);
		(void)select(0);
	}
	if (g->visits) {
		unmask();
		until(g->visit_at);
		__asm__ volatile("hvc %0" : : "i"(VM_VISIT) : "memory");
	}
	until(g->masked_until);
	unmask();
	while (!g->end || g->times < g->wanted) {
		if (!g->idle)
			continue;
		mask();
		if (!g->end || g->times < g->wanted)
			__asm__ volatile("wfi" : : : "memory");
		unmask();
	}
	use(g, g->after);
	g->over = takt_now();
	mask();
	if (g->idle && g->after) { /* that ends what the interrupt began; the test ends it */
		while (!g->error)
			__asm__ volatile("wfi" : : : "memory");
	}
	__asm__ volatile("hvc %0" : : "i"(VM_FINISH) : "memory");
}
