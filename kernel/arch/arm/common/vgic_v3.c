/* SPDX-License-Identifier: MIT */
/*
 * GICv3's virtual interface control: ICH_*_EL2 system registers. IHI 0069H 12.4.
 *
 * A guest uses the CPU interface by system registers alone, as SRE says for it. HCR_EL2.IMO and FMO
 * give it the virtual registers in place of the physical ones, and have it trap where it sends an
 * SGI; ICC_SRE_EL2.Enable is clear, so that a look at ICC_SRE_EL1 traps too (machine_trap.c).
 *
 * What is written here takes effect for the guest with the exception return to it; only reading the
 * effect back before that needs an ISB.
 */

#include <arch/inline.h>
#include <arch/vgic.h>
#include <core/arch.h>

#define LR_PHYSICAL_SHIFT 32 /* with HW */
#define LR_EOI (1ul << 41)
#define LR_PRIORITY_SHIFT 51 /* of a level: the upper five of eight bits from 48 on */
#define LR_GROUP1 (1ul << 60)
#define LR_HW (1ul << 61)
#define LR_PENDING (1ul << 62)
#define LR_ACTIVE (1ul << 63)

#define VMCR_GROUP0 0x1u
#define VMCR_GROUP1 0x2u
#define VMCR_FIQEN 0x8u /* one where the guest has system registers */
#define VMCR_LEVEL(vmcr) ((vmcr) >> 27)

#define VTR_LRS(vtr) (((vtr) & 0x1f) + 1)
#define VTR_PREBITS(vtr) (((vtr) >> 26 & 7) + 1)

#define GUEST_SRE 0x7 /* system registers, no bypass */

static unsigned aprs; /* active-priority registers of each group */

static u64 lr_make(const struct virq *v, u64 state)
{
	u64 lr = v->intid | state | (u64)v->level << LR_PRIORITY_SHIFT;

	if (v->cfg & TAKT_VIRQ_GROUP1)
		lr |= LR_GROUP1;
	if (v->held && !v->noticed)
		lr |= LR_HW | (u64)v->hw << LR_PHYSICAL_SHIFT;
	return lr;
}

/* The number of a system register stands in the instruction: one for each. */
#define EACH_LR(X)                                                                                 \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

static u64 lr_read(unsigned i)
{
	switch (i) {
#define X(n)                                                                                       \
	case n:                                                                                    \
		return READ_SYSREG(ich_lr##n##_el2);
		EACH_LR(X)
#undef X
	}
	return 0;
}

static void lr_write(unsigned i, u64 lr)
{
	switch (i) {
#define X(n)                                                                                       \
	case n:                                                                                    \
		WRITE_SYSREG(ich_lr##n##_el2, lr);                                                 \
		break;
		EACH_LR(X)
#undef X
	}
}

/* ELRSR leaves out those whose end is still to be noticed (EOI bit set): EISR has them. */
static u32 ended(bool asked)
{
	u64 lrs;

	isb();
	lrs = READ_SYSREG(ich_elrsr_el2);
	if (asked)
		lrs |= READ_SYSREG(ich_eisr_el2);
	return (u32)lrs;
}

static u32 control(void)
{
	return (u32)READ_SYSREG(ich_hcr_el2);
}

/* The maintenance interrupt is a level: it is gone before it is deactivated. */
static void set_control(u32 value)
{
	WRITE_SYSREG(ich_hcr_el2, value);
	isb();
}

static u32 vmcr(void)
{
	return (u32)READ_SYSREG(ich_vmcr_el2);
}

static void save(struct vgic_cpu *vc)
{
	vc->vmcr = vmcr();
	switch (aprs) {
	case 4:
		vc->apr[3] = (u32)READ_SYSREG(ich_ap0r3_el2);
		vc->apr[2] = (u32)READ_SYSREG(ich_ap0r2_el2);
		vc->apr[7] = (u32)READ_SYSREG(ich_ap1r3_el2);
		vc->apr[6] = (u32)READ_SYSREG(ich_ap1r2_el2);
		/* fall through */
	case 2:
		vc->apr[1] = (u32)READ_SYSREG(ich_ap0r1_el2);
		vc->apr[5] = (u32)READ_SYSREG(ich_ap1r1_el2);
		/* fall through */
	default:
		vc->apr[0] = (u32)READ_SYSREG(ich_ap0r0_el2);
		vc->apr[4] = (u32)READ_SYSREG(ich_ap1r0_el2);
	}
}

/* Each group from its own registers; IHI 0069, ICH_AP0R<n>_EL2, has how many there are. */
static void restore(const struct vgic_cpu *vc)
{
	WRITE_SYSREG(ich_vmcr_el2, vc->vmcr | VMCR_FIQEN);
	switch (aprs) {
	case 4:
		WRITE_SYSREG(ich_ap0r3_el2, vc->apr[3]);
		WRITE_SYSREG(ich_ap0r2_el2, vc->apr[2]);
		WRITE_SYSREG(ich_ap1r3_el2, vc->apr[7]);
		WRITE_SYSREG(ich_ap1r2_el2, vc->apr[6]);
		/* fall through */
	case 2:
		WRITE_SYSREG(ich_ap0r1_el2, vc->apr[1]);
		WRITE_SYSREG(ich_ap1r1_el2, vc->apr[5]);
		/* fall through */
	default:
		WRITE_SYSREG(ich_ap0r0_el2, vc->apr[0]);
		WRITE_SYSREG(ich_ap1r0_el2, vc->apr[4]);
	}
}

static bool passes(u32 value, unsigned level, bool group1)
{
	return (value & (group1 ? VMCR_GROUP1 : VMCR_GROUP0)) && level < VMCR_LEVEL(value);
}

static struct vgic_hw hw = {
	.pending = LR_PENDING,
	.active = LR_ACTIVE,
	.eoi = LR_EOI,
	.hw = LR_HW,
	.lr_make = lr_make,
	.lr_read = lr_read,
	.lr_write = lr_write,
	.ended = ended,
	.control = control,
	.set_control = set_control,
	.vmcr = vmcr,
	.save = save,
	.restore = restore,
	.passes = passes,
};

const struct vgic_hw *vgic_v3_init(void)
{
	u64 vtr = READ_SYSREG(ich_vtr_el2);
	unsigned preemption_bits = VTR_PREBITS(vtr);

	hw.lrs = VTR_LRS(vtr);
	if (hw.lrs > VGIC_LRS)
		hw.lrs = VGIC_LRS;
	aprs = preemption_bits >= 7 ? 4 : preemption_bits == 6 ? 2 : 1;
	return &hw;
}

void vgic_v3_init_cpu(void)
{
	WRITE_SYSREG(icc_sre_el1, GUEST_SRE);
	isb();
}
