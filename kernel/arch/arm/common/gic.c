/* SPDX-License-Identifier: MIT */
/*
 * The interrupt controller, of either version. Registers that enable, disable, set and clear have a
 * bit for each interrupt and need no lock; only the configuration has.
 *
 * What every interrupt passes through tells the versions apart by one pointer, which GICv2 needs
 * anyway (`gicc`): cheaper than a call through a table.
 */
#include "gic.h"
#include <arch/boot.h>
#include <arch/inline.h>
#include <arch/irqc.h>
#include <core/cpu.h>

struct gic gic;
char *gicc;
static struct spinlock config_lock;

#define BIT_OF(intid) (1u << (intid) % 32)

/* The register at `base` of those with a bit for each interrupt. */
static char *bits(u32 base, u32 intid)
{
	if (intid < GIC_FIRST_SPI)
		return gic.own[this_cpu()->id] + base;
	return gic.dist + base + intid / 32 * 4;
}

/* --- Bringing up -------------------------------------------------------------------------- */

void gic_clear_shared(void)
{
	gic.lines = MIN(((io_read32(gic.dist + GICD_TYPER) & 0x1f) + 1) * 32, (unsigned)IRQC_LINES);
	for (unsigned i = GIC_FIRST_SPI; i < gic.lines; i += 32) {
		io_write32(bits(GICD_ICENABLER, i), ~0u);
		io_write32(bits(GICD_ICPENDR, i), ~0u);
		io_write32(bits(GICD_ICACTIVER, i), ~0u);
	}
	for (unsigned i = GIC_FIRST_SPI; i < gic.lines; i += 4)
		io_write32(gic.dist + GICD_IPRIORITYR + i, GIC_PRIORITY_ALL);
}

void gic_clear_private(void)
{
	char *own = gic.own[this_cpu()->id];

	io_write32(own + GICD_ICENABLER, ~0u);
	io_write32(own + GICD_ICACTIVER, ~0u);
	io_write32(own + GICD_ICPENDR, ~0u);
	for (unsigned i = 0; i < GIC_FIRST_SPI; i += 4)
		io_write32(own + GICD_IPRIORITYR + i, GIC_PRIORITY_ALL);
}

void irqc_init(void)
{
	if (platform.gic_version == 2)
		gic2_init();
	else
		gic3_init();
}

void irqc_init_cpu(void)
{
	if (gicc)
		gic2_init_cpu();
	else
		gic3_init_cpu();
	irqc_enable(GIC_SGI_KICK);
}

unsigned irqc_lines(void)
{
	return gic.lines;
}

/* --- Single interrupts -------------------------------------------------------------------- */

void irqc_configure(u32 intid, bool edge, unsigned cpu)
{
	char *base = intid < GIC_FIRST_SPI ? gic.own[this_cpu()->id] : gic.dist;
	char *cfgr = base + GICD_ICFGR + intid / 16 * 4;
	unsigned bit = 1u << (intid % 16 * 2 + 1);

	irqc_disable(intid);
	spin_lock(&config_lock);
	if (!gicc)
		gic3_settle(intid);
	io_write32(cfgr, edge ? io_read32(cfgr) | bit : io_read32(cfgr) & ~bit);
	if (intid >= GIC_FIRST_SPI) {
		if (gicc)
			gic2_route(intid, cpu);
		else
			gic3_route(intid, cpu);
	}
	spin_unlock(&config_lock);
}

void irqc_enable(u32 intid)
{
	io_write32(bits(GICD_ISENABLER, intid), BIT_OF(intid));
}

void irqc_disable(u32 intid)
{
	io_write32(bits(GICD_ICENABLER, intid), BIT_OF(intid));
}

bool irqc_is_active(u32 intid)
{
	return io_read32(bits(GICD_ISACTIVER, intid)) & BIT_OF(intid);
}

void irqc_set_active(u32 intid, bool active)
{
	io_write32(bits(active ? GICD_ISACTIVER : GICD_ICACTIVER, intid), BIT_OF(intid));
}

/* --- The CPU interface -------------------------------------------------------------------- */

/* What was done to the device comes first, or its line would count once more. */
void irqc_deactivate(u32 raw)
{
	if (gicc) {
		io_write32(gicc + GICC_DIR, raw);
		return;
	}
	dsb_sy();
	WRITE_SYSREG(icc_dir_el1, raw);
}

/* What was written for the other CPU is to be there before the interrupt. */
void irqc_kick(unsigned cpu)
{
	dsb_ish();
	if (gicc) {
		gic2_kick(gic.kick[cpu]);
		return;
	}
	WRITE_SYSREG(icc_sgi1r_el1, gic.kick[cpu]);
	isb();
}
