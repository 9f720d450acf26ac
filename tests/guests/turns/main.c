/* SPDX-License-Identifier: MIT */
/*
 * A guest that shares its CPU with another one like it, in slices. In each round it fills the registers
 * of its machine with values of its own, and looks at them until it has been away for some turns: none
 * may change meanwhile. Then its timer: not pending before its time, pending then, active and gone, with
 * turns of the other one in each of these states. Prints one line at the end. GICv2 or GICv3.
 */
#include <stdbool.h>
#include <stdint.h>

#define UART 0x09000000ul
#define GICD 0x08000000ul
#define GICC 0x08010000ul
#define GICR_SGI 0x080b0000ul
#define CTLR 0x000
#define IGROUPR 0x080
#define ISENABLER 0x100
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10
#define TIMER 27
#define SPURIOUS 1020

#define ROUNDS 60
#define TURNS 2	 /* of the other one, in each state */
#define GAP 1500 /* ticks: 24 us, less than a turn of the other one, more than an interruption */
#define SLICE 12500 /* 200 us */
#define LATE 312500000 /* 5 s: where the host is busy */

/* Registers that may hold anything while the MMU is off and no exception is taken. */
#define REGS(X)                                                                                    \
	X(elr_el1) X(spsr_el1) X(ttbr0_el1) X(ttbr1_el1) X(tcr_el1) X(mair_el1) X(amair_el1)       \
	X(esr_el1) X(far_el1) X(afsr0_el1) X(afsr1_el1) X(contextidr_el1) X(tpidr_el1)             \
	X(par_el1) X(csselr_el1) X(cntkctl_el1) X(sp_el0) X(tpidr_el0) X(tpidrro_el0)              \
	X(cpacr_el1) X(sctlr_el1) X(cntv_cval_el0) X(cntv_ctl_el0)
#define CPACR_FP_EL1 (1ul << 20)
#define CPACR_FP_EL0 (1ul << 21)
#define SCTLR_FREE 0x405c000ul /* what EL0 may do: UCI, nTWE, nTWI, UCT, DZE */
#define CTL_OFF 2ul	       /* masked */

#define READ(reg)                                                                                  \
	({                                                                                         \
		uint64_t v_;                                                                       \
		__asm__ volatile("isb\n\tmrs %0, " #reg : "=r"(v_) : : "memory");                  \
		v_;                                                                                \
	})
#define WRITE(reg, value)                                                                          \
	__asm__ volatile("msr " #reg ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

void guest_main(void);
void guest_interrupt(void);
void guest_exception(uint64_t pc, uint64_t esr, uint64_t far);
/* fp.S: v0..v31, FPCR and FPSR */
void fp_fill(const uint64_t values[66]);
void fp_read(uint64_t values[66]);

static bool gic3;
static unsigned errors, turns;
static const char *wrong;

static uint32_t load(uint64_t at)
{
	uint32_t v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static void store(uint64_t at, uint32_t v)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(at) : "memory");
}

static void print(const char *s)
{
	for (; *s; s++)
		store(UART, (uint8_t)*s);
}

static void print_number(uint64_t n)
{
	char text[21], *p = text + 20;

	for (*p = 0; p == text + 20 || n; n /= 10)
		*--p = (char)('0' + n % 10);
	print(p);
}

static void stop(void)
{
	for (;;)
		__asm__ volatile("wfi");
}

void guest_exception(uint64_t pc, uint64_t esr, uint64_t far)
{
	(void)far;
	print("turns: exception at ");
	print_number(pc);
	print(", esr ");
	print_number(esr);
	print("\r\n");
	stop();
}

/* None is taken: they are asked for. */
void guest_interrupt(void)
{
	print("turns: an interrupt, masked\r\n");
	stop();
}

static void error(const char *what)
{
	errors++;
	if (!wrong)
		wrong = what;
}

static uint64_t random_state;

static uint64_t random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t counter(void)
{
	return READ(cntvct_el0);
}

/* --- What is to stay --------------------------------------------------------------------- */

enum {
#define X(reg) R_##reg,
	REGS(X)
#undef X
		R_COUNT
};

static uint64_t expected[R_COUNT], fp_expected[66];

static uint32_t priority_mask(void)
{
	return gic3 ? (uint32_t)READ(icc_pmr_el1) : load(GICC + GICC_PMR);
}

static void set_priority_mask(uint32_t mask)
{
	if (gic3)
		WRITE(icc_pmr_el1, mask);
	else
		store(GICC + GICC_PMR, mask);
}

static uint64_t value_for(unsigned reg)
{
	uint64_t v = random_u64();

	switch (reg) {
	case R_cpacr_el1:
		return CPACR_FP_EL1 | (v & CPACR_FP_EL0);
	case R_sctlr_el1:
		return (READ(sctlr_el1) & ~SCTLR_FREE) | (v & SCTLR_FREE);
	case R_csselr_el1:
		return v & 3;
	case R_cntv_ctl_el0:
		return CTL_OFF | (v & 1);
	}
	return v;
}

/* What a register reads as right after the write is what it is to hold. */
static void fill(void)
{
#define X(reg)                                                                                     \
	WRITE(reg, value_for(R_##reg));                                                            \
	expected[R_##reg] = READ(reg);
	REGS(X)
#undef X
	for (unsigned i = 0; i < 64; i++)
		fp_expected[i] = random_u64();
	fp_expected[64] = random_u64() & 0x7c00000; /* FPCR: rounding, flush, NaN */
	fp_expected[65] = random_u64() & 0x800001f; /* FPSR: what has happened */
	fp_fill(fp_expected);
	set_priority_mask(0xf0 - (random_u64() & 0x70));
}

static void compare(uint32_t mask)
{
	uint64_t fp[66];

#define X(reg)                                                                                     \
	if (R_##reg != R_cntv_ctl_el0 && READ(reg) != expected[R_##reg])                           \
		error(#reg);
	REGS(X)
#undef X
	if ((READ(cntv_ctl_el0) & 3) != (expected[R_cntv_ctl_el0] & 3)) /* the rest is what time it is */
		error("cntv_ctl_el0");
	fp_read(fp);
	for (unsigned i = 0; i < 66; i++)
		if (fp[i] != fp_expected[i])
			error("FP/SIMD");
	if (priority_mask() != mask)
		error("priority mask");
}

/* Until the other one has had so many turns. */
static void see_turns(unsigned n, void (*look)(uint32_t), uint32_t arg)
{
	uint64_t last = counter(), begin = last;

	for (unsigned seen = 0; seen < n;) {
		uint64_t now = counter();

		if (now - last > GAP) {
			seen++;
			turns++;
			look(arg);
		}
		if (now - begin > LATE) {
			error("no turns");
			return;
		}
		last = now;
	}
}

/* --- The timer ---------------------------------------------------------------------------- */

static bool interrupt_pending(void)
{
	return READ(isr_el1) >> 7 & 1;
}

static void is_pending(uint32_t arg)
{
	(void)arg;
	if (!interrupt_pending())
		error("a pending timer is lost");
}

static void is_quiet(uint32_t arg)
{
	(void)arg;
	if (interrupt_pending())
		error("an interrupt of the timer that is active or gone");
}

static void wait_for_timer(uint64_t at)
{
	bool pending;

	do {
		pending = interrupt_pending();
		if (pending && counter() < at) {
			error("the timer is early");
			return;
		}
		if (counter() > at + LATE) {
			error("the timer does not come");
			return;
		}
	} while (!pending);
}

static void timer_round(void)
{
	uint64_t how = random_u64(), at = counter() + how % (3 * SLICE);
	uint32_t intid;

	set_priority_mask(0xff);
	WRITE(cntv_cval_el0, at);
	WRITE(cntv_ctl_el0, 1);
	wait_for_timer(at);
	if (how >> 60 & 1)
		see_turns(TURNS, is_pending, 0);
	intid = gic3 ? (uint32_t)READ(icc_iar1_el1) : load(GICC + GICC_IAR);
	if ((intid & 0x3ff) != TIMER)
		error("another interrupt");
	if (how >> 61 & 1)
		see_turns(TURNS, is_quiet, 0);
	WRITE(cntv_ctl_el0, CTL_OFF);
	if ((intid & 0x3ff) < SPURIOUS) {
		if (gic3)
			WRITE(icc_eoir1_el1, intid);
		else
			store(GICC + GICC_EOIR, intid);
	}
	is_quiet(0);
	if (how >> 62 & 1)
		see_turns(TURNS, is_quiet, 0);
}

static void start_controller(void)
{
	gic3 = READ(id_aa64pfr0_el1) >> 24 & 0xf;
	if (gic3) {
		store(GICD + CTLR, 0x12);
		store(GICR_SGI + IGROUPR, ~0u);
		store(GICR_SGI + ISENABLER, 1u << TIMER);
		WRITE(icc_igrpen1_el1, 1);
	} else {
		store(GICD + CTLR, 1);
		store(GICD + ISENABLER, 1u << TIMER);
		store(GICC + CTLR, 1);
	}
}

void guest_main(void)
{
	random_state = counter() | 1;
	WRITE(cpacr_el1, CPACR_FP_EL1);
	start_controller();
	for (unsigned i = 0; i < ROUNDS; i++) {
		fill();
		see_turns(TURNS, compare, priority_mask());
		timer_round();
	}
	print(errors ? "turns: FAILED " : "turns: kept ");
	if (errors) {
		print(wrong);
		print(" ");
	}
	print_number(errors ? errors : turns);
	print("\r\n");
	for (;;)	     /* the other one is to have its turns, too */
		(void)counter();
}
