/* SPDX-License-Identifier: MIT */
#include <arch/entry.h>
#include <arch/inline.h>
#include <arch/stage2.h>

#define VTCR_WALK 0x3519	 /* as TCR_WALK: T0SZ 25, write-back, inner shareable */
#define VTCR_SL0_LEVEL1 (1ul << 6)
#define VTCR_VS (1ul << 19)	 /* VMIDs of 16 bits */
#define VTCR_RES1 (1ul << 31)
#define MMFR0_PARANGE(v) ((v) & 0xf)
#define MMFR1_VMIDBITS(v) ((v) >> 4 & 0xf)
#define VMIDBITS_16 2

u32 arch_vmids(void)
{
	return MMFR1_VMIDBITS(READ_SYSREG(id_aa64mmfr1_el1)) == VMIDBITS_16 ? 1u << 16 : 1u << 8;
}

u64 arch_vtcr(void)
{
	u64 parange = MIN(MMFR0_PARANGE(READ_SYSREG(id_aa64mmfr0_el1)), (u64)PARANGE_MAX);
	u64 vs = arch_vmids() > 256 ? VTCR_VS : 0;

	return VTCR_WALK | VTCR_SL0_LEVEL1 | parange << 16 | vs | VTCR_RES1;
}

static inline void invalidate_current(void)
{
	__asm__ volatile("dsb ishst\n\ttlbi vmalls12e1is\n\tdsb ish\n\tisb" : : : "memory");
}

/*
 * The instruction works on the VMID in VTTBR_EL2, so that changes for a moment. Meanwhile stage 1
 * walks of EL1 are prohibited: Cortex-A57 and A72 (errata 1319537 and 1319367) could otherwise
 * fetch entries that mix one machine's stage 1 with another one's VMID.
 *
 * By address would save little: what combines both stages, and that is all that a native task has,
 * can only be invalidated as a whole.
 */
void stage2_invalidate(const struct stage2 *s2)
{
	u64 current = READ_SYSREG(vttbr_el2), wanted = stage2_vttbr(s2);
	u64 tcr, sctlr;

	if (current == wanted) {
		invalidate_current();
		return;
	}
	tcr = READ_SYSREG(tcr_el1);
	sctlr = READ_SYSREG(sctlr_el1);
	stage1_hold(tcr, sctlr);
	WRITE_SYSREG(vttbr_el2, wanted);
	isb();
	invalidate_current();
	WRITE_SYSREG(vttbr_el2, current);
	isb();
	WRITE_SYSREG(sctlr_el1, sctlr);
	isb();
	WRITE_SYSREG(tcr_el1, tcr);
	isb();
}
