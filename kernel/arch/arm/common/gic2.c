/* SPDX-License-Identifier: MIT */
/*
 * GICv2: distributor and physical CPU interface (Arm IHI 0048). Registers that enable, disable,
 * set and clear have a bit for each interrupt and need no lock; only the configuration has.
 */
#include <arch/boot.h>
#include <arch/inline.h>
#include <core/arch.h>
#include <core/cpu.h>

#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_ISACTIVER 0x300
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_SGIR 0xf00

#define GICC_CTLR 0x0000
#define GICC_PMR 0x0004
#define GICC_BPR 0x0008
#define GICC_IAR 0x000c
#define GICC_EOIR 0x0010
#define GICC_APR 0x00d0
#define GICC_DIR 0x1000

#define CTLR_ENABLE 1		/* the group that this security state sees as its own */
#define GICC_CTLR_EOIMODE 0x200 /* EOIR drops the priority, DIR deactivates */
#define PRIORITY_ALL 0xa0a0a0a0 /* the kernel orders by scheduling contexts, not by the GIC */
#define PMR_ALL 0xff
#define SGI_KICK 0
#define FIRST_SPI 32

static char *gicd, *gicc;
static unsigned lines;
static u8 target_of[MAX_CPUS]; /* the bit of each CPU in ITARGETSR and SGIR */
static struct spinlock config_lock;

#define REG_BIT(base, intid) (gicd + (base) + (intid) / 32 * 4)
#define BIT_OF(intid) (1u << (intid) % 32)

unsigned irqc_lines(void)
{
	return lines;
}

void irqc_init(void)
{
	if (platform.gic_version != 2)
		panic("no driver for GICv%u", platform.gic_version);
	gicd = arch_map_device(platform.gicd.base, platform.gicd.size);
	gicc = arch_map_device(platform.gicc.base, platform.gicc.size);
	lines = MIN(((io_read32(gicd + GICD_TYPER) & 0x1f) + 1) * 32, 1020u);

	io_write32(gicd + GICD_CTLR, 0);
	for (unsigned i = FIRST_SPI; i < lines; i += 32) {
		io_write32(REG_BIT(GICD_ICENABLER, i), ~0u);
		io_write32(REG_BIT(GICD_ICPENDR, i), ~0u);
		io_write32(REG_BIT(GICD_ICACTIVER, i), ~0u);
	}
	for (unsigned i = FIRST_SPI; i < lines; i += 4)
		io_write32(gicd + GICD_IPRIORITYR + i, PRIORITY_ALL);
	io_write32(gicd + GICD_CTLR, CTLR_ENABLE);
}

/* The private interrupts' targets read as this CPU's bit; on a uniprocessor as zero, where targets
 * do not matter. */
static u8 own_target(void)
{
	for (unsigned i = 0; i < FIRST_SPI; i += 4) {
		u32 v = io_read32(gicd + GICD_ITARGETSR + i);

		v |= v >> 16;
		v |= v >> 8;
		if (v & 0xff)
			return v & 0xff;
	}
	return 1;
}

void irqc_init_cpu(void)
{
	target_of[this_cpu()->id] = own_target();
	io_write32(gicd + GICD_ICENABLER, ~0u);
	io_write32(gicd + GICD_ICACTIVER, ~0u);
	io_write32(gicd + GICD_ICPENDR, ~0u);
	for (unsigned i = 0; i < FIRST_SPI; i += 4)
		io_write32(gicd + GICD_IPRIORITYR + i, PRIORITY_ALL);
	io_write32(gicd + GICD_ISENABLER, BIT_OF(SGI_KICK));

	io_write32(gicc + GICC_CTLR, 0);
	for (unsigned i = 0; i < 4; i++)
		io_write32(gicc + GICC_APR + i * 4, 0);
	io_write32(gicc + GICC_PMR, PMR_ALL);
	io_write32(gicc + GICC_BPR, 0);
	io_write32(gicc + GICC_CTLR, CTLR_ENABLE | GICC_CTLR_EOIMODE);
}

void irqc_configure(u32 intid, bool edge, unsigned cpu)
{
	char *cfgr = gicd + GICD_ICFGR + intid / 16 * 4;
	char *targets = gicd + GICD_ITARGETSR + intid / 4 * 4;
	unsigned bit = 1u << (intid % 16 * 2 + 1), byte = intid % 4 * 8;

	irqc_disable(intid);
	spin_lock(&config_lock);
	io_write32(cfgr, edge ? io_read32(cfgr) | bit : io_read32(cfgr) & ~bit);
	if (intid >= FIRST_SPI)
		io_write32(targets, (io_read32(targets) & ~(0xffu << byte)) |
					    (u32)target_of[cpu] << byte);
	spin_unlock(&config_lock);
}

void irqc_enable(u32 intid)
{
	io_write32(REG_BIT(GICD_ISENABLER, intid), BIT_OF(intid));
}

void irqc_disable(u32 intid)
{
	io_write32(REG_BIT(GICD_ICENABLER, intid), BIT_OF(intid));
}

u32 irqc_ack_raw(void)
{
	return io_read32(gicc + GICC_IAR);
}

void irqc_drop(u32 raw)
{
	io_write32(gicc + GICC_EOIR, raw);
}

void irqc_deactivate(u32 raw)
{
	io_write32(gicc + GICC_DIR, raw);
}

bool irqc_is_active(u32 intid)
{
	return io_read32(REG_BIT(GICD_ISACTIVER, intid)) & BIT_OF(intid);
}

void irqc_set_active(u32 intid, bool active)
{
	io_write32(REG_BIT(active ? GICD_ISACTIVER : GICD_ICACTIVER, intid), BIT_OF(intid));
}

/* What was written for the other CPU is to be there before the interrupt. */
void irqc_kick(unsigned cpu)
{
	dsb_ish();
	io_write32(gicd + GICD_SGIR, (u32)target_of[cpu] << 16 | SGI_KICK);
}
