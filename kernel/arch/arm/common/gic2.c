/* SPDX-License-Identifier: MIT */
/* GICv2: distributor and physical CPU interface (Arm IHI 0048). */
#include "gic.h"
#include <arch/boot.h>
#include <arch/inline.h>
#include <arch/irqc.h>
#include <core/cpu.h>

#define GICD_ITARGETSR 0x800
#define GICD_SGIR 0xf00

#define GICC_CTLR 0x0000
#define GICC_PMR 0x0004
#define GICC_BPR 0x0008
#define GICC_APR 0x00d0

#define CTLR_ENABLE 1		/* the group that this security state sees as its own */
#define GICC_CTLR_EOIMODE 0x200 /* EOIR drops the priority, DIR deactivates */
#define SGIR_TARGETS_SHIFT 16

/* The bit of each CPU in ITARGETSR and SGIR. */
static u8 target_of[MAX_CPUS];

void gic2_init(void)
{
	gic.dist = arch_map_device(platform.gicd.base, platform.gicd.size);
	gicc = arch_map_device(platform.gicc.base, platform.gicc.size);
	io_write32(gic.dist + GICD_CTLR, 0);
	gic_clear_shared();
	io_write32(gic.dist + GICD_CTLR, CTLR_ENABLE);
}

/* The private interrupts' targets read as this CPU's bit; on a uniprocessor as zero, where targets
 * do not matter. */
static u8 own_target(void)
{
	for (unsigned i = 0; i < GIC_FIRST_SPI; i += 4) {
		u32 v = io_read32(gic.dist + GICD_ITARGETSR + i);

		v |= v >> 16;
		v |= v >> 8;
		if (v & 0xff)
			return v & 0xff;
	}
	return 1;
}

void gic2_init_cpu(void)
{
	unsigned self = this_cpu()->id;

	gic.own[self] = gic.dist; /* banked */
	target_of[self] = own_target();
	gic.kick[self] = (u32)target_of[self] << SGIR_TARGETS_SHIFT | GIC_SGI_KICK;
	gic_clear_private();

	io_write32(gicc + GICC_CTLR, 0);
	for (unsigned i = 0; i < 4; i++)
		io_write32(gicc + GICC_APR + i * 4, 0);
	io_write32(gicc + GICC_PMR, GIC_PMR_ALL);
	io_write32(gicc + GICC_BPR, 0);
	io_write32(gicc + GICC_CTLR, CTLR_ENABLE | GICC_CTLR_EOIMODE);
}

void gic2_route(u32 intid, unsigned cpu)
{
	char *targets = gic.dist + GICD_ITARGETSR + intid / 4 * 4;
	unsigned byte = intid % 4 * 8;

	io_write32(targets, (io_read32(targets) & ~(0xffu << byte)) | (u32)target_of[cpu] << byte);
}

void gic2_kick(u64 value)
{
	io_write32(gic.dist + GICD_SGIR, (u32)value);
}
