/* SPDX-License-Identifier: MIT */
/* IHI 0069H 12.9 (GICD) and 12.11 (GICR). */
#include "gic3_regs.h"

#define GICD_CTLR 0x0000
#define GICD_TYPER 0x0004
#define GICD_IIDR 0x0008
#define GICD_IGROUPR 0x0080
#define GICD_IPRIORITYR 0x0400
#define GICD_ITARGETSR 0x0800
#define GICD_ICFGR 0x0c00
#define GICD_IROUTER 0x6000

#define GICR_IIDR 0x0004
#define GICR_TYPER 0x0008
#define GICR_WAKER 0x0014
#define GICR_SGI_BASE 0x10000

#define PIDR2 0xffe8
#define CIDR0 0xfff0

#define CTLR_ARE 0x10
#define CTLR_DS 0x40
#define TYPER_ID_BITS (9u << 19) /* ten bits of INTID */
#define IIDR_ARM 0x43b
#define PIDR2_GICV3 0x3b
#define CIDR 0xb105f00d
#define IROUTER_ANY 0x80000000 /* whichever CPU */
#define IROUTER_BITS 0x80ffffff
#define WAKER_SLEEP 0x2
#define WAKER_ASLEEP 0x4
#define GICR_TYPER_LAST 0x10

#define PRIVATE 32
#define NONE UINT32_MAX

/* First interrupt that a register is about which GICv2 has as well, or NONE. */
static uint32_t first_intid(uint32_t offset)
{
	if (offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR)
		return (offset & 0x7f) * 8;
	if (offset >= GICD_IPRIORITYR && offset < GICD_ITARGETSR)
		return offset - GICD_IPRIORITYR;
	if (offset >= GICD_ICFGR && offset < GICD_ICFGR + GIC_IRQS / 4)
		return (offset - GICD_ICFGR) * 4;
	return NONE;
}

/* Those of private interrupts stand in the redistributors alone. */
static bool is_shared(uint32_t offset)
{
	uint32_t first = first_intid(offset);

	return first != NONE && first >= PRIVATE;
}

static bool is_private(uint32_t offset)
{
	return first_intid(offset) < PRIVATE;
}

/* The part of a 64-bit register that an access of four or eight bytes means. */
static uint64_t part(uint64_t reg, uint32_t offset, unsigned size)
{
	return size == 8 ? reg : (uint32_t)(reg >> (offset & 4) * 8);
}

/* --- Routing ----------------------------------------------------------------------------- */

static bool is_router(uint32_t offset)
{
	return offset >= GICD_IROUTER + PRIVATE * 8 && offset < GICD_IROUTER + GIC_IRQS * 8;
}

/* An interrupt for a CPU that is not there goes to none; one for whichever, to the first. */
static uint8_t cpus_of(const struct gic3 *g, uint32_t route)
{
	if (route & IROUTER_ANY)
		return 1;
	for (unsigned i = 0; i < g->dist.cpus; i++)
		if (g->affinity[i] == route)
			return (uint8_t)(1u << i);
	return 0;
}

static void set_route(struct gic3 *g, uint32_t intid, uint32_t route)
{
	g->route[intid] = route & IROUTER_BITS;
	gic_dist_target(&g->dist, intid, cpus_of(g, g->route[intid]));
}

void gic3_reset(struct gic3 *g)
{
	g->dist.affinity = true;
	gic_dist_reset(&g->dist);
	for (uint32_t intid = PRIVATE; intid < GIC_IRQS; intid++)
		set_route(g, intid, 0);
	for (unsigned i = 0; i < g->dist.cpus; i++)
		g->awake[i] = false;
}

/* --- Distributor ------------------------------------------------------------------------- */

static uint32_t identification(uint32_t offset)
{
	if (offset == PIDR2)
		return PIDR2_GICV3;
	return offset >= CIDR0 ? (uint32_t)CIDR >> (offset & 0xc) * 2 & 0xff : 0;
}

uint64_t gic3_dist_read(struct gic3 *g, uint32_t offset, unsigned size)
{
	if (is_router(offset) && size >= 4)
		return part(g->route[(offset - GICD_IROUTER) / 8], offset, size);
	if (size > 4)
		return 0;
	if (is_shared(offset))
		return gic_dist_read(&g->dist, 0, offset, size);
	if (size != 4)
		return 0;
	switch (offset) {
	case GICD_CTLR:
		return g->dist.ctlr | CTLR_ARE | CTLR_DS;
	case GICD_TYPER:
		return TYPER_ID_BITS | (GIC_IRQS / 32 - 1);
	case GICD_IIDR:
		return IIDR_ARM;
	default:
		return identification(offset);
	}
}

void gic3_dist_write(struct gic3 *g, uint32_t offset, unsigned size, uint64_t value)
{
	if (is_router(offset)) {
		/* Its upper half holds Aff3. */
		if (size == 8 || (size == 4 && !(offset & 4)))
			set_route(g, (offset - GICD_IROUTER) / 8, (uint32_t)value);
		return;
	}
	if (size <= 4 && (is_shared(offset) || offset == GICD_CTLR))
		gic_dist_write(&g->dist, 0, offset, size, (uint32_t)value);
}

/* --- Redistributors ---------------------------------------------------------------------- */

static uint64_t redist_typer(const struct gic3 *g, unsigned cpu)
{
	uint64_t typer = (uint64_t)g->affinity[cpu] << 32 | cpu << 8;

	return cpu + 1 == g->dist.cpus ? typer | GICR_TYPER_LAST : typer;
}

uint64_t gic3_redist_read(struct gic3 *g, unsigned cpu, uint32_t offset, unsigned size)
{
	if (offset >= GICR_SGI_BASE) {
		offset -= GICR_SGI_BASE;
		return size <= 4 && is_private(offset) ? gic_dist_read(&g->dist, cpu, offset, size)
						       : 0;
	}
	if (size >= 4 && (offset & ~4u) == GICR_TYPER)
		return part(redist_typer(g, cpu), offset, size);
	if (size != 4)
		return 0;
	switch (offset) {
	case GICR_IIDR:
		return IIDR_ARM;
	case GICR_WAKER:
		return g->awake[cpu] ? 0 : WAKER_SLEEP | WAKER_ASLEEP;
	default:
		return identification(offset);
	}
}

void gic3_redist_write(struct gic3 *g, unsigned cpu, uint32_t offset, unsigned size, uint64_t value)
{
	if (size > 4)
		return;
	if (offset >= GICR_SGI_BASE && is_private(offset - GICR_SGI_BASE))
		gic_dist_write(&g->dist, cpu, offset - GICR_SGI_BASE, size, (uint32_t)value);
	else if (offset == GICR_WAKER && size == 4)
		g->awake[cpu] = !(value & WAKER_SLEEP);
}
