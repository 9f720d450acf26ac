/* SPDX-License-Identifier: MIT */
/*
 * What a guest reads in the ID registers: the CPU's own, without what takt does not virtualise.
 * Each mask names the fields that stay; fields not known here read as zero, "not implemented".
 */

#include <arch/machine.h>
#include <core/arch.h>

#define FIELD(shift) (0xful << (shift))
#define ID(crm, op2) ((crm) << 3 | (op2))

#define READ1(crm, op2)                                                                            \
	case ID(crm, op2):                                                                         \
		return READ_SYSREG(S3_0_C0_C##crm##_##op2);
#define READ8(crm)                                                                                 \
	READ1(crm, 0)                                                                              \
	READ1(crm, 1)                                                                              \
	READ1(crm, 2) READ1(crm, 3) READ1(crm, 4) READ1(crm, 5) READ1(crm, 6) READ1(crm, 7)

/* The whole block is readable; what is not allocated reads as zero (DDI 0487 D18.3.1). The part for
 * AArch32, below 4, stays zero: the guest has none, see pfr0. */
static u64 hardware(unsigned id)
{
	switch (id) {
		READ8(4)
		READ8(5)
		READ8(6)
		READ8(7)
	}
	return 0;
}

static u64 at_most(u64 value, unsigned shift, u64 limit)
{
	u64 field = value >> shift & 0xf;

	return field > limit ? (value & ~FIELD(shift)) | limit << shift : value;
}

/* EL0 and EL1 (AArch64 alone), FP, AdvSIMD, DIT, CSV2 (without SCXTNUM), CSV3; the GIC's system
 * registers where the machine has a GICv3. */
static u64 pfr0(u64 value)
{
	u64 keep = FIELD(0) | FIELD(4) | FIELD(16) | FIELD(20) | FIELD(48) | FIELD(56) | FIELD(60);

	if (platform.gic_version >= 3)
		keep |= FIELD(24);
	value = at_most(at_most(value & keep, 0, 1), 4, 1);
	return at_most(at_most(value, 24, 1), 56, 1);
}

/* DebugVer 6 with the least number of (dead) breakpoints, no DoubleLock; nothing else. */
#define DFR0 (6ul | 1ul << 12 | 1ul << 20 | FIELD(36))

static u64 aa64(unsigned id, u64 value)
{
	switch (id) {
	case ID(4, 0):
		return pfr0(value);
	case ID(4, 1): /* PFR1: BT, SSBS */
		return value & (FIELD(0) | FIELD(4));
	case ID(5, 0):
		return DFR0;
	case ID(6, 0): /* ISAR0: all but TME and random numbers */
		return value & ~(FIELD(24) | FIELD(60));
	case ID(6, 1): /* ISAR1: no PAuth, no LS64 */
		return value & ~(FIELD(4) | FIELD(8) | FIELD(24) | FIELD(28) | FIELD(60));
	case ID(6, 2): /* ISAR2: RPRES, BC */
		return value & (FIELD(4) | FIELD(20));
	case ID(7, 0): /* MMFR0: no ECV, no FGT */
		return at_most(value & ~(FIELD(56) | FIELD(60)), 0, 5);
	case ID(7, 1): /* MMFR1: HAFDBS, HPDS, PAN, SpecSEI, XNX, ETS, AFP, nTLBPA */
		return value & (FIELD(0) | FIELD(12) | FIELD(20) | FIELD(24) | FIELD(28) |
				FIELD(36) | FIELD(44) | FIELD(48));
	case ID(7, 2): /* MMFR2: CnP, UAO, LSM, VARange, CCIDX, ST, AT, TTL, BBM, E0PD */
		return value & (FIELD(0) | FIELD(4) | FIELD(8) | FIELD(16) | FIELD(20) | FIELD(28) |
				FIELD(32) | FIELD(48) | FIELD(52) | FIELD(60));
	}
	return 0; /* ZFR0, SMFR0, DFR1, AFR0, AFR1, MMFR3, MMFR4, and the rest */
}

u64 machine_id(unsigned crm, unsigned op2)
{
	unsigned id = ID(crm, op2);

	return aa64(id, hardware(id));
}
