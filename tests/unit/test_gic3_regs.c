/* SPDX-License-Identifier: MIT */
/* What the registers of the guests' GICv3 have that GICv2's have not. */
#include <stdlib.h>
#include <string.h>

#include "../../vmm/dev/gic3_regs.h"
#include "tap.h"

#define CPUS 3

enum { CTLR = 0x0, TYPER = 0x4, IGROUPR = 0x80, ISENABLER = 0x100, ISPENDR = 0x200 };
enum { IPRIORITYR = 0x400, ITARGETSR = 0x800, ICFGR = 0xc00, SGIR = 0xf00 };
enum { IROUTER = 0x6000, PIDR2 = 0xffe8, WAKER = 0x14, SGI_BASE = 0x10000 };

static struct gic3 gic;
static uint32_t word[CPUS][GIC_IRQS]; /* shared ones stand at CPU 0 */
static unsigned latches;

static void config(void *self, unsigned cpu, uint32_t intid, uint32_t w)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	word[intid < 32 ? cpu : 0][intid] = w;
}

static void action(void *self, unsigned cpu, uint32_t intid, enum takt_virq_action what)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	latches += what == TAKT_VIRQ_LATCH;
}

static unsigned query(void *self, unsigned cpu, uint32_t intid)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	return 0;
}

/* A GICv3 sends SGIs by its CPU interface. */
static void sgi(void *self, unsigned cpu, uint8_t targets, uint32_t intid)
{
	(void)self;
	(void)cpu;
	(void)targets;
	(void)intid;
	abort();
}

static const struct gic_ops ops = {config, action, query, sgi};

static void begin(void)
{
	memset(&gic, 0, sizeof(gic));
	gic.dist.ops = &ops;
	gic.dist.cpus = CPUS;
	gic.affinity[1] = 1;
	gic.affinity[2] = 0x100;
	gic3_reset(&gic);
	latches = 0;
}

static void put(uint32_t offset, uint32_t value)
{
	gic3_dist_write(&gic, offset, 4, value);
}

static uint32_t get(uint32_t offset)
{
	return (uint32_t)gic3_dist_read(&gic, offset, 4);
}

static unsigned target(uint32_t intid)
{
	return word[0][intid] >> TAKT_VIRQ_TARGET_SHIFT & 15;
}

TEST(identifies_itself)
{
	begin();
	CHECK(get(CTLR) == 0x50);
	CHECK((get(TYPER) & 0x1f) == 7 && (get(TYPER) >> 19 & 0x1f) == 9);
	CHECK(get(PIDR2) == 0x3b && get(0xfff0) == 0x0d && get(0xfffc) == 0xb1);
	CHECK(gic3_redist_read(&gic, 0, PIDR2, 4) == 0x3b);
	CHECK(gic3_redist_read(&gic, 1, 8, 8) == (1ull << 32 | 1 << 8));
	CHECK(gic3_redist_read(&gic, 2, 8, 8) == (0x100ull << 32 | 2 << 8 | 0x10));
	CHECK(gic3_redist_read(&gic, 2, 0xc, 4) == 0x100);
}

TEST(routes_by_affinity)
{
	begin();
	put(CTLR, 0x13);
	put(ISENABLER + 4, 1);
	CHECK(word[0][32] & TAKT_VIRQ_ENABLED && target(32) == 0);
	gic3_dist_write(&gic, IROUTER + 32 * 8, 8, 0x100);
	CHECK(word[0][32] & TAKT_VIRQ_ENABLED && target(32) == 2);
	CHECK(gic3_dist_read(&gic, IROUTER + 32 * 8, 8) == 0x100);
	gic3_dist_write(&gic, IROUTER + 32 * 8, 8, 0x200); /* nobody */
	CHECK(!(word[0][32] & TAKT_VIRQ_ENABLED));
	gic3_dist_write(&gic, IROUTER + 32 * 8, 4, 0x80000001); /* whichever */
	CHECK(word[0][32] & TAKT_VIRQ_ENABLED && target(32) == 0);
	gic3_dist_write(&gic, IROUTER + 32 * 8 + 4, 4, 7); /* there is no Aff3 */
	CHECK(gic3_dist_read(&gic, IROUTER + 32 * 8, 8) == 0x80000001);
}

TEST(has_no_legacy)
{
	begin();
	put(ITARGETSR + 32, 0x02020202);
	CHECK(get(ITARGETSR + 32) == 0);
	put(SGIR, 2 << 24 | 1);
	put(ISENABLER, 1 << 20);
	put(IPRIORITYR, 0xa0a0a0a0);
	CHECK(get(ISENABLER) == 0 && get(IPRIORITYR) == 0);
	CHECK(gic3_redist_read(&gic, 0, SGI_BASE + ISENABLER, 4) == 0);
}

TEST(has_private_ones_in_redistributors)
{
	begin();
	put(CTLR, 2);
	gic3_redist_write(&gic, 1, SGI_BASE + IGROUPR, 4, UINT32_MAX);
	gic3_redist_write(&gic, 1, SGI_BASE + ISENABLER, 4, 1 << 27 | 1);
	gic3_redist_write(&gic, 1, SGI_BASE + IPRIORITYR + 27, 1, 0x80);
	CHECK(word[1][27] == (TAKT_VIRQ_ENABLED | TAKT_VIRQ_GROUP1 | 0x80 << 8));
	CHECK(word[1][0] & TAKT_VIRQ_ENABLED && !(word[1][1] & TAKT_VIRQ_ENABLED));
	CHECK(!(word[0][27] & TAKT_VIRQ_ENABLED));
	gic3_redist_write(&gic, 1, SGI_BASE + ISENABLER + 4, 4, 1); /* a shared one */
	CHECK(!(word[0][32] & TAKT_VIRQ_ENABLED));
	gic3_redist_write(&gic, 1, SGI_BASE + ISPENDR, 4, 2); /* an SGI */
	CHECK(latches == 1);
}

TEST(wakes)
{
	begin();
	CHECK(gic3_redist_read(&gic, 1, WAKER, 4) == 6);
	gic3_redist_write(&gic, 1, WAKER, 4, 0);
	CHECK(gic3_redist_read(&gic, 1, WAKER, 4) == 0);
	CHECK(gic3_redist_read(&gic, 0, WAKER, 4) == 6);
}

/* Nonsense of a guest's must not lead out of the arrays; the sanitizers watch. */
TEST(takes_nonsense)
{
	begin();
	srand(1);
	for (unsigned i = 0; i < 400000; i++) {
		unsigned size = 1u << rand() % 4, cpu = (unsigned)rand() % CPUS;
		uint32_t offset = (uint32_t)rand() % GIC3_REDIST_SIZE & ~(size - 1);
		uint64_t value = (uint64_t)rand() << 32 ^ (uint64_t)rand() << 16 ^ (uint64_t)rand();

		if (rand() % 2)
			offset &= 0x11fff;
		gic3_redist_write(&gic, cpu, offset, size, value);
		(void)gic3_redist_read(&gic, cpu, offset, size);
		gic3_dist_write(&gic, offset & 0xffff, size, value);
		(void)gic3_dist_read(&gic, offset & 0xffff, size);
	}
	CHECK(get(CTLR) >= 0x50);
}

int main(void)
{
	RUN(identifies_itself);
	RUN(routes_by_affinity);
	RUN(has_no_legacy);
	RUN(has_private_ones_in_redistributors);
	RUN(wakes);
	RUN(takes_nonsense);
	return tap_done();
}
