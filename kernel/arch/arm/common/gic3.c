/* SPDX-License-Identifier: MIT */
/*
 * GICv3 and later: distributor with affinity routing, redistributors, and the physical CPU
 * interface in system registers (Arm IHI 0069). All interrupts are in group 1, non-secure.
 */
#include "gic.h"
#include <arch/boot.h>
#include <arch/inline.h>
#include <core/cpu.h>

#define GICD_IROUTER 0x6000 /* 64 bits for each interrupt */
#define CTLR_GROUP1 0x02    /* EnableGrp1A, or EnableGrp1 with a single security state */
#define CTLR_ARE 0x10
#define CTLR_RWP 0x80000000

#define GICR_FRAME 0x10000 /* each redistributor: RD_base, SGI_base, two more with GICv4 */
#define GICR_CTLR 0x00
#define GICR_CTLR_RWP 0x8
#define GICR_TYPER 0x08
#define GICR_TYPER_VLPIS 0x2
#define GICR_TYPER_LAST 0x10
#define GICR_TYPER_AFFINITY(typer) ((u32)((typer) >> 32))
#define GICR_WAKER 0x14
#define GICR_WAKER_SLEEP 0x2
#define GICR_WAKER_ASLEEP 0x4

/* SRE; no bypass of FIQ and IRQ. Without Enable: a guest's access to ICC_SRE_EL1 traps. */
#define SRE_ENABLED 0x7
#define ICC_CTLR_EOIMODE 0x2 /* EOIR drops the priority, DIR deactivates */
#define ICC_CTLR_PRIBITS(ctlr) (((ctlr) >> 8 & 7) + 1)

#define TIMEOUT_HZ 1 /* what takes longer than a second is broken */

/* Those of the CPUs in `platform`, in the order of the controller. */
static struct redistributor {
	u32 affinity;
	char *rd, *sgi;
} redistributors[MAX_CPUS];
static unsigned found;

/* Aff3..Aff0, a byte each, as GICR_TYPER has them. */
static u32 packed_affinity(u64 mpidr)
{
	return (u32)(mpidr >> 8 & 0xff000000) | (u32)(mpidr & 0xffffff);
}

static void wait_clear(const char *reg, u32 mask, const char *what)
{
	u64 end = now_ticks() + platform.counter_hz / TIMEOUT_HZ;

	while (io_read32(reg) & mask) {
		if (now_ticks() > end)
			panic("GICv3: %s does not answer", what);
		cpu_relax();
	}
}

/* --- Bringing up -------------------------------------------------------------------------- */

static bool wanted(u32 affinity)
{
	for (unsigned i = 0; i < platform.cpus; i++)
		if (packed_affinity(platform.mpidr[i]) == affinity)
			return found < MAX_CPUS;
	return false;
}

/* Only the pages with registers that are needed are mapped, one for each redistributor that is
 * somebody else's: the area for devices could not hold a region for many CPUs. */
static void walk_region(const struct region *r)
{
	u64 at = r->base, typer = 0;

	while (found < platform.cpus && !(typer & GICR_TYPER_LAST) &&
	       at + 2 * GICR_FRAME <= r->base + r->size) {
		char *rd = arch_map_device(at, PAGE_SIZE);
		u32 affinity;

		typer = io_read64(rd + GICR_TYPER);
		affinity = GICR_TYPER_AFFINITY(typer);
		if (wanted(affinity))
			redistributors[found++] = (struct redistributor){
				affinity, rd, arch_map_device(at + GICR_FRAME, PAGE_SIZE)};
		at += (typer & GICR_TYPER_VLPIS ? 4 : 2) * GICR_FRAME;
	}
}

/* On one CPU, before the others start: mapping has no lock. */
void gic3_init(void)
{
	gic.dist = arch_map_device(platform.gicd.base, platform.gicd.size);
	io_write32(gic.dist + GICD_CTLR, 0);
	wait_clear(gic.dist + GICD_CTLR, CTLR_RWP, "the distributor");
	io_write32(gic.dist + GICD_CTLR, CTLR_ARE);
	gic_clear_shared();
	for (unsigned i = GIC_FIRST_SPI; i < gic.lines; i += 32)
		io_write32(gic.dist + GICD_IGROUPR + i / 8, ~0u);
	wait_clear(gic.dist + GICD_CTLR, CTLR_RWP, "the distributor");
	io_write32(gic.dist + GICD_CTLR, CTLR_ARE | CTLR_GROUP1);
	for (unsigned i = 0; i < ARRAY_SIZE(platform.gicr); i++)
		walk_region(&platform.gicr[i]);
}

static struct redistributor *redistributor_of(u64 mpidr)
{
	for (unsigned i = 0; i < found; i++)
		if (redistributors[i].affinity == packed_affinity(mpidr))
			return &redistributors[i];
	panic("GICv3: CPU %lx has no redistributor", mpidr);
}

/* How many there are goes with the bits of priority (IHI 0069, ICC_AP1R<n>_EL1). */
static void clear_active_priorities(void)
{
	unsigned priority_bits = ICC_CTLR_PRIBITS(READ_SYSREG(icc_ctlr_el1));

	if (priority_bits >= 7) {
		WRITE_SYSREG(icc_ap1r3_el1, 0);
		WRITE_SYSREG(icc_ap1r2_el1, 0);
	}
	if (priority_bits >= 6)
		WRITE_SYSREG(icc_ap1r1_el1, 0);
	WRITE_SYSREG(icc_ap1r0_el1, 0);
}

static void init_cpu_interface(void)
{
	WRITE_SYSREG(icc_sre_el2, SRE_ENABLED);
	isb();
	if (!(READ_SYSREG(icc_sre_el2) & 1))
		panic("GICv3: the firmware keeps the system registers for itself");
	WRITE_SYSREG(icc_igrpen1_el1, 0);
	WRITE_SYSREG(icc_ctlr_el1, ICC_CTLR_EOIMODE);
	WRITE_SYSREG(icc_pmr_el1, GIC_PMR_ALL);
	WRITE_SYSREG(icc_bpr1_el1, 0);
	clear_active_priorities();
	isb();
	WRITE_SYSREG(icc_igrpen1_el1, 1);
	isb();
}

/* ICC_SGI1R_EL1: a list of 16 CPUs that differ in the low bits of Aff0. */
static u64 sgi_to(u64 mpidr, u32 sgi)
{
	u64 aff0 = mpidr & 0xff, aff1 = mpidr >> 8 & 0xff, aff2 = mpidr >> 16 & 0xff;
	u64 aff3 = mpidr >> 32 & 0xff;

	return aff3 << 48 | aff0 >> 4 << 44 | aff2 << 32 | (u64)sgi << 24 | aff1 << 16 |
	       1ul << (aff0 & 0xf);
}

void gic3_init_cpu(void)
{
	unsigned self = this_cpu()->id;
	u64 mpidr = platform.mpidr[self];
	struct redistributor *r = redistributor_of(mpidr);
	u32 waker = io_read32(r->rd + GICR_WAKER);

	io_write32(r->rd + GICR_WAKER, waker & ~(u32)GICR_WAKER_SLEEP);
	wait_clear(r->rd + GICR_WAKER, GICR_WAKER_ASLEEP, "a redistributor");
	gic.own[self] = r->sgi;
	io_write32(r->sgi + GICD_IGROUPR, ~0u);
	gic_clear_private();
	wait_clear(r->rd + GICR_CTLR, GICR_CTLR_RWP, "a redistributor");
	init_cpu_interface();
	gic.kick[self] = sgi_to(mpidr, GIC_SGI_KICK);
}

/* --- Single interrupts -------------------------------------------------------------------- */

void gic3_route(u32 intid, unsigned cpu)
{
	io_write64(gic.dist + GICD_IROUTER + intid * 8, platform.mpidr[cpu] & 0xff00fffffful);
}

void gic3_settle(u32 intid)
{
	unsigned self = this_cpu()->id;

	if (intid >= GIC_FIRST_SPI)
		wait_clear(gic.dist + GICD_CTLR, CTLR_RWP, "the distributor");
	else
		wait_clear(redistributor_of(platform.mpidr[self])->rd + GICR_CTLR, GICR_CTLR_RWP,
			   "a redistributor");
}
