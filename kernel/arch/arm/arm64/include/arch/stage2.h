/* SPDX-License-Identifier: MIT */
/* Stage 2 in the system registers. */
#ifndef ARCH_STAGE2_H
#define ARCH_STAGE2_H

#include <arch/inline.h>
#include <core/arch.h>

/* VTCR_EL2 for every address space, native or machine. The same on all CPUs. */
u64 arch_vtcr(void);

/* How many VMIDs there are: 256 or 65536. */
u32 arch_vmids(void);

/* VTTBR_EL2 */
static inline u64 stage2_vttbr(const struct stage2 *s2)
{
	return s2->vttbr;
}

/* Entries written so far are visible to the table walks of all CPUs. */
static inline void stage2_barrier(void)
{
	__asm__ volatile("dsb ishst" : : : "memory");
}

#define TCR_EPD (1ul << 7 | 1ul << 23) /* EPD0, EPD1: no walks */
#define SCTLR_M 1ul

/* No walks of EL1's stage 1, and without them no translations, from here until the registers, of which
 * these are the values, are written. */
static inline void stage1_hold(u64 tcr, u64 sctlr)
{
	WRITE_SYSREG(tcr_el1, tcr | TCR_EPD);
	isb();
	WRITE_SYSREG(sctlr_el1, sctlr | SCTLR_M);
	isb();
}

/* After entries became invalid: no CPU has anything of this address space in its TLBs. */
void stage2_invalidate(const struct stage2 *s2);

#endif
