/* SPDX-License-Identifier: MIT */
/* GICv2's virtual interface control registers (GICH). IHI 0048B 5.3. */

#include <arch/inline.h>
#include <arch/boot.h>
#include <arch/vgic.h>
#include <core/arch.h>
#include "vgic_state.h"

#define GICH_HCR 0x00
#define GICH_VTR 0x04
#define GICH_EISR0 0x20
#define GICH_ELRSR0 0x30

#define VMCR_GROUP0 0x1u
#define VMCR_GROUP1 0x2u
#define VMCR_PRIORITY(vmcr) ((vmcr) >> 27)

u8 *gich;

static u64 lr_make(const struct virq *v, u64 state)
{
	u64 lr = gic2_lr(v->intid, v->cfg, v->level) | state;

	if (v->held && !v->noticed)
		lr |= GIC2_LR_HW | (u64)v->hw << GIC2_LR_PHYSICAL_SHIFT;
	else if (v->intid < VGIC_SGIS)
		lr |= (u64)v->source << GIC2_LR_SOURCE_SHIFT;
	return lr;
}

static u64 lr_read(unsigned i)
{
	return io_read32(gich + GICH_LR(i));
}

static void lr_write(unsigned i, u64 lr)
{
	io_write32(gich + GICH_LR(i), (u32)lr);
}

/* ELRSR leaves out those whose end is still to be noticed (EOI bit set): EISR has them. */
static u32 ended(bool asked)
{
	u32 lrs = io_read32(gich + GICH_ELRSR0);

	return asked ? lrs | io_read32(gich + GICH_EISR0) : lrs;
}

static u32 control(void)
{
	return io_read32(gich + GICH_HCR);
}

static void set_control(u32 value)
{
	io_write32(gich + GICH_HCR, value);
}

static u32 vmcr(void)
{
	return io_read32(gich + GICH_VMCR);
}

static void save(struct vgic_cpu *vc)
{
	vgic_v2_save(vc);
}

static void restore(const struct vgic_cpu *vc)
{
	vgic_v2_restore(vc);
}

static bool passes(u32 value, unsigned level, bool group1)
{
	return (value & (group1 ? VMCR_GROUP1 : VMCR_GROUP0)) && level < VMCR_PRIORITY(value);
}

static struct vgic_hw hw = {
	.sgi_sources = true,
	.pending = GIC2_LR_PENDING,
	.active = GIC2_LR_ACTIVE,
	.eoi = GIC2_LR_EOI,
	.hw = GIC2_LR_HW,
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

const struct vgic_hw *vgic_v2_init(void)
{
	if (!platform.gich.size)
		return NULL;
	gich = arch_map_device(platform.gich.base, platform.gich.size);
	hw.lrs = (io_read32(gich + GICH_VTR) & 0x3f) + 1;
	if (hw.lrs > VGIC_LRS)
		hw.lrs = VGIC_LRS;
	return &hw;
}
