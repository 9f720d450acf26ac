/* SPDX-License-Identifier: MIT */
/* Stage 2 in the system registers. */
#ifndef ARCH_STAGE2_H
#define ARCH_STAGE2_H

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

/* After entries became invalid: no CPU has anything of this address space in its TLBs. */
void stage2_invalidate(const struct stage2 *s2);

#endif
