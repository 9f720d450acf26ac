/* SPDX-License-Identifier: MIT */
/*
 * Lives: each makes ROUNDS rounds of some attack, tells how far it came, and resets the machine.
 * The RTC, which a reset leaves alone, counts them. After `lives` of them comes the end that the
 * command line asks for: "seed=N lives=N end=WORD".
 */
#include "hostile.h"

#define ROUNDS 48
#define OPS 40

#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_SYSTEM_OFF 0x84000008ul
#define PSCI_SYSTEM_RESET 0x84000009ul
#define RTC_DR (RTC + 0x00)
#define RTC_LR (RTC + 0x08)
#define TIMER 27
#define PER_MS 62500

static uint64_t life;

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

static bool same(const uint8_t *text, const char *word, unsigned *length)
{
	for (*length = 0; word[*length]; ++*length)
		if (text[*length] != (uint8_t)word[*length])
			return false;
	return true;
}

/* What follows `word` in the device tree's bytes; null: it is not there. */
static const uint8_t *option(const uint8_t *tree, const char *word)
{
	unsigned length;

	for (unsigned i = 0; i < 0x2000; i++)
		if (same(tree + i, word, &length))
			return tree + i + length;
	return 0;
}

static uint64_t number(const uint8_t *tree, const char *word, uint64_t otherwise)
{
	const uint8_t *at = option(tree, word);
	uint64_t n = 0;

	if (!at)
		return otherwise;
	for (; *at >= '0' && *at <= '9'; at++)
		n = n * 10 + (*at - '0');
	return n;
}

uint64_t random64(void)
{
	struct cpu *c = this_cpu();
	uint64_t z = c->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t below(uint64_t n)
{
	return random64() % n;
}

bool gic3(void)
{
	return READ(id_aa64pfr0_el1) >> 24 & 0xf;
}

uint64_t smccc(uint64_t function, uint64_t a, uint64_t b, uint64_t c, bool smc)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	if (smc)
		__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	else
		__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return x0;
}

/* --- Interrupts -------------------------------------------------------------------------- */

/* Bits to set in SPSR: 0x80 leaves interrupts masked. */
uint64_t guest_interrupt(void)
{
	struct cpu *c = this_cpu();
	bool three = gic3();
	unsigned intid = three ? (unsigned)READ(icc_iar1_el1) : load(GICC + 0x0c);

	c->taken++;
	WRITE(cntv_ctl_el0, 0);
	if ((intid & 0x3ff) >= 1020)
		return 0x80;
	if (c->keep) {
		c->keep--;
		return 0x80;
	}
	if (three)
		WRITE(icc_eoir1_el1, intid);
	else
		store(GICC + 0x10, intid);
	return c->taken % 16 ? 0 : 0x80;
}

void wake_soon(void)
{
	unsigned cpu = READ(mpidr_el1) & 3;
	uint64_t private = gic3() ? GICR + 0x10000 + cpu * 0x20000 : GICD;

	store(private + 0x80, ~0u * gic3());
	store(private + 0x180, ~(1u << TIMER));
	store(private + 0x380, ~0u);
	store(private + 0x280, ~0u);
	store(private + 0x400 + 24, 0x40404040);
	store(private + 0x100, 1u << TIMER);
	if (gic3()) {
		store(GICD, 0x12);
		WRITE(icc_ap1r0_el1, 0);
		WRITE(icc_pmr_el1, 0xff);
		WRITE(icc_bpr1_el1, 0);
		WRITE(icc_igrpen1_el1, 1);
	} else {
		store(GICD, 1);
		store(GICC + 0xd0, 0);
		store(GICC + 4, 0xff);
		store(GICC, 1);
	}
	WRITE(cntv_tval_el0, PER_MS / 20);
	WRITE(cntv_ctl_el0, 1);
}

/* --- Lives ------------------------------------------------------------------------------- */

static const struct attack *pick(void)
{
	unsigned n = (unsigned)below(attacks_count + register_attacks_count);

	return n < attacks_count ? &attacks[n] : &register_attacks[n - attacks_count];
}

static unsigned rounds(void)
{
	unsigned survived = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		const struct attack *a = pick();

		for (unsigned op = 0; op < OPS; op++)
			survived += attempt(a->run, random64());
		guest_defaults();
		this_cpu()->keep = 0;
	}
	return survived;
}

static void last_words(const char *end)
{
	WRITE(cntv_ctl_el0, 0);
	/* Whatever was written to the UART's and the RTC's registers, they go on. */
	print("\nhostile: ");
	print(end);
	print("\n");
}

/* Table entries that make no sense, the code's own included; the next fetch finds out, and so does
 * the fetch of each handler. */
static void break_tables(void)
{
	uint64_t *table = (uint64_t *)SCRATCH;

	for (unsigned i = 0; i < 512; i++)
		table[i] = random64() | 3;
	WRITE(ttbr0_el1, SCRATCH);
	WRITE(tcr_el1, 25 | 1ul << 23);
	__asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" : : : "memory");
	WRITE(sctlr_el1, READ(sctlr_el1) | 1);
}

static void end(const uint8_t *word)
{
	switch (word ? *word : 0) {
	case 't': /* tables */
		last_words("breaks its tables");
		break_tables();
		break;
	case 'v': /* vectors */
		last_words("has no vectors");
		WRITE(vbar_el1, 0x3ff00000);
		__asm__ volatile("udf #0");
		break;
	case 'w': /* wait */
		last_words("waits for ever");
		for (;;)
			__asm__ volatile("msr daifset, #0xf\n\twfi" : : : "memory");
	case 'l': /* loop */
		last_words("loops for ever");
		for (;;)
			__asm__ volatile("" : : : "memory");
	default:
		last_words("switches off");
		(void)smccc(PSCI_SYSTEM_OFF, 0, 0, 0, false);
	}
}

static void first_cpu(const uint8_t *tree)
{
	uint64_t seed = number(tree, "seed=", 1), lives = number(tree, "lives=", 1);
	const uint8_t *last = option(tree, "end=");
	unsigned survived;

	life = load(RTC_LR);
	this_cpu()->random = seed * 1000003 + life;
	if (life >= lives)
		end(last);
	for (uint64_t i = 1; i < 8; i++)
		(void)smccc(PSCI_CPU_ON, i % 4 | i / 4 << 8, (uint64_t)(uintptr_t)secondary,
			    seed * 7 + life * 8 + i, false);
	survived = rounds();
	store(RTC_LR, (uint32_t)(life + 1));
	print("\nhostile: life ");
	print_number(life + 1);
	print(" of ");
	print_number(lives);
	print(", ");
	print_number(survived);
	print(" of ");
	print_number(ROUNDS * OPS);
	print(" without exception\n");
	(void)smccc(PSCI_SYSTEM_RESET, 0, 0, 0, false);
}

void guest_main(const uint8_t *tree, uint64_t random)
{
	this_cpu()->keep = this_cpu()->taken = 0;
	if (tree)
		first_cpu(tree);
	this_cpu()->random = random;
	for (;;)
		(void)rounds();
}
