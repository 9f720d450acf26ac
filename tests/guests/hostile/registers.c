/* SPDX-License-Identifier: MIT */
/* Attacks by registers: the interrupt controller's, the devices', the CPU's. */
#include "hostile.h"

#define SYS(op0, op1, crn, crm, op2)                                                               \
	((uint32_t)((op0) << 19 | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5))

/* Executes one instruction with x0 = value. */
static void execute(uint32_t instruction, uint64_t value)
{
	uint32_t *code = this_cpu()->code;
	register uint64_t x0 __asm__("x0") = value;
	register uint64_t x1 __asm__("x1") = (uint64_t)(uintptr_t)code;

	code[0] = instruction;
	code[1] = 0xd5033fdf; /* isb */
	code[2] = 0xd65f03c0; /* ret */
	__asm__ volatile("dc cvau, %1\n\tdsb ish\n\tic ivau, %1\n\tdsb ish\n\tisb\n\tblr %1"
			 : "+r"(x0)
			 : "r"(x1)
			 : "x30", "memory");
}

static uint32_t any_register(uint64_t random)
{
	return SYS(2 | (random & 1), random >> 1 & 7, random >> 4 & 0xf, random >> 8 & 0xf,
		   random >> 12 & 7);
}

static void read_any(uint64_t random)
{
	execute(0xd5200000 | any_register(random), 0);
}

/* All but those without which there is no next attack: SCTLR, tables, exception state, vectors. */
static void write_any(uint64_t random)
{
	uint32_t reg = any_register(random);
	unsigned crn = reg >> 12 & 0xf, crm = reg >> 8 & 0xf;

	if ((reg >> 19 & 3) == 3 && (crn == 1 || crn == 2 || crn == 4 || (crn == 12 && crm == 0)))
		return;
	execute(0xd5000000 | reg, random64() >> below(64));
}

/* Timer, PMU and debug registers more often than by chance. */
static void known(uint64_t random)
{
	uint32_t reg;

	switch (random % 4) {
	case 0:
		reg = SYS(3, 3, 14, random >> 8 & 0xf, random >> 12 & 7);
		break;
	case 1:
		reg = SYS(3, 3, 9, 12 + (random >> 8 & 3), random >> 12 & 7);
		break;
	case 2:
		reg = SYS(2, 0, random >> 16 & 1, random >> 8 & 0xf, random >> 12 & 7);
		break;
	default:
		reg = SYS(3, 0, 12, 8 + (random >> 8 & 7), random >> 12 & 7);
		break;
	}
	execute((random & 1ul << 63 ? 0xd5200000 : 0xd5000000) | reg, random64() >> below(64));
}

/* The system instructions: DC, IC, AT, TLBI and what has no name. */
static void instructions(uint64_t random)
{
	uint32_t reg =
		SYS(1, random >> 1 & 7, random >> 4 & 0xf, random >> 8 & 0xf, random >> 12 & 7);

	execute(0xd5000000 | reg, RAM + below(2 * RAM_SIZE));
}

static void controller(uint64_t random)
{
	uint64_t offset = random >> 8 & (random & 1 ? 0xfff : 0xffff);
	uint64_t at = GICD + offset;

	if (random & 2)
		at = gic3() ? GICR + (random >> 8 & 0x3ffff) : GICC + (offset & 0x1fff);
	switch (random >> 2 & 7) {
	case 0:
		__asm__ volatile("strb %w0, [%1]" : : "r"(random64()), "r"(at) : "memory");
		break;
	case 1:
		__asm__ volatile("str %0, [%1]" : : "r"(random64()), "r"(at & ~7ul) : "memory");
		break;
	case 2:
	case 3:
		(void)load(at & ~3ul);
		break;
	default:
		store(at & ~3ul, (uint32_t)(random64() >> below(64)));
		break;
	}
}

static void sgis(uint64_t random)
{
	if (gic3()) {
		if (random & 1)
			WRITE(icc_sgi1r_el1, random64());
		else if (random & 2)
			WRITE(icc_sgi1r_el1, (random >> 8 & 0xf) << 24 | (random & 0xff) |
						     (random >> 3 & 1) << 40);
		else
			WRITE(icc_sgi0r_el1, random64());
		return;
	}
	store(GICD + 0xf00, random & 1 ? (uint32_t)random64() : (uint32_t)(random & 0x03ff000f));
}

/* Interrupts that are taken and never ended, one above the other. */
static void unended(uint64_t random)
{
	struct cpu *c = this_cpu();

	wake_soon();
	c->keep = 1 + (random & 3);
	for (unsigned i = 0; i < 4; i++) {
		unsigned intid = 64 + (unsigned)below(64);

		__asm__ volatile("strb %w0, [%1]" : : "r"(random64()), "r"(GICD + 0x400 + intid));
		if (!gic3())
			__asm__ volatile("strb %w0, [%1]" : : "r"(1), "r"(GICD + 0x800 + intid));
		store(GICD + 0x80 + intid / 32 * 4, gic3() ? ~0u : 0);
		store(GICD + 0x100 + intid / 32 * 4, 1u << intid % 32);
		store(GICD + 0x200 + intid / 32 * 4, 1u << intid % 32);
	}
	__asm__ volatile("msr daifclr, #2\n\tisb\n\tnop\n\tmsr daifset, #2" : : : "memory");
}

static void timer(uint64_t random)
{
	static const uint64_t instants[] = {0, 1, 0x7fffffffffffffff, 0x8000000000000000, ~0ul};
	uint64_t now = READ(cntvct_el0);

	wake_soon();
	if (random & 1)
		WRITE(cntv_cval_el0, instants[random >> 8 & 3] + (random >> 10 & 1));
	else if (random & 2)
		WRITE(cntv_cval_el0, now + (random >> 8 & 0xff) - 0x80);
	else
		WRITE(cntv_tval_el0, random64());
	WRITE(cntv_ctl_el0, random >> 16 & 3);
	__asm__ volatile("msr daifclr, #2\n\tisb\n\tmsr daifset, #2" : : : "memory");
}

static void device(uint64_t random)
{
	static const uint64_t devices[] = {UART, GPIO, RTC};
	uint64_t at = devices[random % 3], offset = random >> 8 & 0xffc;

	if (random & 1ul << 40)
		offset &= 0x7c;
	/* The power key's line, and the number of the life. */
	if (at == RTC && offset == 8)
		return;
	if (random & 1ul << 41)
		store(at + offset, (uint32_t)(random64() >> below(64)));
	else
		(void)load(at + offset);
}

const struct attack register_attacks[] = {
	{"read", read_any},	    {"write", write_any},
	{"known", known},	    {"instructions", instructions},
	{"controller", controller}, {"sgi", sgis},
	{"unended", unended},	    {"timer", timer},
	{"device", device},
};
const unsigned register_attacks_count = sizeof(register_attacks) / sizeof(register_attacks[0]);
