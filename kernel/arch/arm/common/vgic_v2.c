/* SPDX-License-Identifier: MIT */
/* GICv2's virtual interface control registers (GICH). IHI 0048B 5.3. */

#include <arch/inline.h>
#include <arch/boot.h>
#include <arch/vgic.h>
#include <core/arch.h>

#define GICH_HCR 0x00
#define GICH_VTR 0x04
#define GICH_VMCR 0x08
#define GICH_EISR0 0x20
#define GICH_ELRSR0 0x30
#define GICH_APR 0xf0

#define LR_PHYSICAL_SHIFT 10 /* with HW */
#define LR_SOURCE_SHIFT 10   /* without: CPU that asked for an SGI */
#define LR_EOI (1u << 19)
#define LR_PRIORITY_SHIFT 23
#define LR_PENDING (1u << 28)
#define LR_ACTIVE (1u << 29)
#define LR_GROUP1 (1u << 30)
#define LR_HW (1u << 31)

#define VMCR_GROUP0 0x1u
#define VMCR_GROUP1 0x2u
#define VMCR_PRIORITY(vmcr) ((vmcr) >> 27)

u8 *gich;

static u64 lr_make(const struct virq *v, u64 state)
{
	u64 lr = v->intid | state | (u64)v->level << LR_PRIORITY_SHIFT;

	if (v->cfg & TAKT_VIRQ_GROUP1)
		lr |= LR_GROUP1;
	if (v->held && !v->noticed)
		lr |= LR_HW | (u64)v->hw << LR_PHYSICAL_SHIFT;
	else if (v->intid < VGIC_SGIS)
		lr |= (u64)v->source << LR_SOURCE_SHIFT;
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
	vc->vmcr = vmcr();
	vc->apr[0] = io_read32(gich + GICH_APR);
}

static void restore(const struct vgic_cpu *vc)
{
	io_write32(gich + GICH_VMCR, vc->vmcr);
	io_write32(gich + GICH_APR, vc->apr[0]);
}

static bool passes(u32 value, unsigned level, bool group1)
{
	return (value & (group1 ? VMCR_GROUP1 : VMCR_GROUP0)) && level < VMCR_PRIORITY(value);
}

static struct vgic_hw hw = {
	.sgi_sources = true,
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
