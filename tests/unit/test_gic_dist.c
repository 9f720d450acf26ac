/* SPDX-License-Identifier: MIT */
/* The registers of the guests' GICv2 distributor. What it tells the world is recorded here. */
#include <stdlib.h>
#include <string.h>

#include "../../vmm/dev/gic_dist.h"
#include "tap.h"

#define CPUS 2

enum { CTLR = 0x0, TYPER = 0x4, IGROUPR = 0x80, ISENABLER = 0x100, ICENABLER = 0x180 };
enum { ISPENDR = 0x200, ICPENDR = 0x280, ISACTIVER = 0x300, ICACTIVER = 0x380 };
enum { IPRIORITYR = 0x400, ITARGETSR = 0x800, ICFGR = 0xc00, SGIR = 0xf00, PIDR2 = 0xfe8 };

static struct gic_dist dist;
static uint32_t word[CPUS][GIC_IRQS]; /* shared ones stand at CPU 0 */
static uint8_t state[GIC_IRQS];
static unsigned configs, queries;
static struct {
	unsigned count, cpu, intid, what;
} last_action, last_sgi;

static void config(void *self, unsigned cpu, uint32_t intid, uint32_t w)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	word[intid < 32 ? cpu : 0][intid] = w;
	configs++;
}

static void action(void *self, unsigned cpu, uint32_t intid, enum takt_virq_action what)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	last_action.count++;
	last_action.cpu = cpu;
	last_action.intid = intid;
	last_action.what = what;
}

static unsigned query(void *self, unsigned cpu, uint32_t intid)
{
	(void)self;
	if (cpu >= CPUS || intid >= GIC_IRQS)
		abort();
	queries++;
	return state[intid];
}

static void sgi(void *self, unsigned cpu, uint8_t targets, uint32_t intid)
{
	(void)self;
	if (cpu >= CPUS || intid >= 16 || targets >= 1 << CPUS)
		abort();
	last_sgi.count++;
	last_sgi.cpu = cpu;
	last_sgi.intid = intid;
	last_sgi.what = targets;
}

static const struct gic_ops ops = {config, action, query, sgi};

static void begin(void)
{
	memset(&dist, 0, sizeof(dist));
	memset(state, 0, sizeof(state));
	memset(&last_sgi, 0, sizeof(last_sgi));
	dist.ops = &ops;
	dist.cpus = CPUS;
	gic_dist_reset(&dist);
	memset(&last_action, 0, sizeof(last_action));
	configs = queries = 0;
}

static void put(unsigned cpu, uint32_t offset, uint32_t value)
{
	gic_dist_write(&dist, cpu, offset, 4, value);
}

static uint32_t get(unsigned cpu, uint32_t offset)
{
	return gic_dist_read(&dist, cpu, offset, 4);
}

TEST(identifies_itself)
{
	begin();
	CHECK(get(0, TYPER) == (7 | (CPUS - 1) << 5));
	CHECK((get(0, PIDR2) & 0xf0) == 0x20);
	CHECK(get(0, 0xff0) == 0x0d && get(0, 0xffc) == 0xb1);
	CHECK(get(0, 0x7f00) == 0);
}

TEST(enables_with_the_distributor_only)
{
	begin();
	put(0, ITARGETSR + 40, 0x01010101);
	put(0, ISENABLER + 4, 1 << 8);
	CHECK(get(0, ISENABLER + 4) == 1 << 8);
	CHECK(!(word[0][40] & TAKT_VIRQ_ENABLED));
	put(0, CTLR, 1);
	CHECK(word[0][40] & TAKT_VIRQ_ENABLED);
	put(0, ICENABLER + 4, 1 << 8);
	CHECK(!(word[0][40] & TAKT_VIRQ_ENABLED));
	put(0, ISENABLER + 4, 1 << 8);
	put(0, IGROUPR + 4, 1 << 8);
	CHECK(word[0][40] == (word[0][40] & ~TAKT_VIRQ_ENABLED) && word[0][40] & TAKT_VIRQ_GROUP1);
	put(0, CTLR, 3);
	CHECK(word[0][40] & TAKT_VIRQ_ENABLED);
	put(0, CTLR, 0);
	CHECK(!(word[0][40] & TAKT_VIRQ_ENABLED));
}

TEST(says_nothing_when_nothing_changes)
{
	begin();
	put(0, CTLR, 1);
	configs = 0;
	put(0, CTLR, 1);
	put(0, ICENABLER + 4, UINT32_MAX);
	put(0, ISENABLER, 0xffff);
	put(0, IPRIORITYR + 64, 0);
	CHECK(configs == 0);
}

TEST(holds_back_what_has_no_target)
{
	begin();
	put(0, CTLR, 1);
	put(0, ISENABLER + 4, 1);
	CHECK(!(word[0][32] & TAKT_VIRQ_ENABLED));
	gic_dist_write(&dist, 0, ITARGETSR + 32, 1, 2);
	CHECK(word[0][32] & TAKT_VIRQ_ENABLED);
	CHECK((word[0][32] >> TAKT_VIRQ_TARGET_SHIFT & 15) == 1);
	gic_dist_write(&dist, 0, ITARGETSR + 32, 1, 0xff);
	CHECK((word[0][32] >> TAKT_VIRQ_TARGET_SHIFT & 15) == 0);
	CHECK(gic_dist_read(&dist, 0, ITARGETSR + 32, 1) == (1 << CPUS) - 1);
}

TEST(banks_private_interrupts)
{
	begin();
	put(0, CTLR, 1);
	put(1, ISENABLER, 1 << 27);
	CHECK(!(word[0][27] & TAKT_VIRQ_ENABLED) && word[1][27] & TAKT_VIRQ_ENABLED);
	CHECK(get(0, ISENABLER) == 0xffff && get(1, ISENABLER) == (0xffff | 1 << 27));
	CHECK(get(0, ITARGETSR) == 0x01010101 && get(1, ITARGETSR) == 0x02020202);
	put(1, ITARGETSR, 0x01010101);
	CHECK(get(1, ITARGETSR) == 0x02020202);
	put(0, ICENABLER, UINT32_MAX);
	CHECK(get(0, ISENABLER) == 0xffff); /* SGIs stay */
}

TEST(keeps_five_bits_of_priority)
{
	begin();
	put(0, IPRIORITYR + 36, 0xa7ff0480);
	CHECK(get(0, IPRIORITYR + 36) == 0xa0f80080);
	CHECK(word[0][36] >> TAKT_VIRQ_PRIORITY_SHIFT == 0x80);
	CHECK(word[0][39] >> TAKT_VIRQ_PRIORITY_SHIFT == 0xa0);
}

TEST(configures_edges)
{
	begin();
	CHECK(get(0, ICFGR) == 0xaaaaaaaa);
	put(0, ICFGR, 0);
	CHECK(get(0, ICFGR) == 0xaaaaaaaa);
	put(0, ICFGR + 12, 0x8); /* 48 + 1 */
	CHECK(get(0, ICFGR + 12) == 0x8 && get(0, ICFGR + 8) == 0);
	CHECK(word[0][49] & TAKT_VIRQ_EDGE && !(word[0][48] & TAKT_VIRQ_EDGE));
}

TEST(asks_for_the_state)
{
	begin();
	state[33] = GIC_PENDING;
	state[34] = GIC_ACTIVE;
	CHECK(get(0, ISPENDR + 4) == 2 && get(0, ICPENDR + 4) == 2);
	CHECK(get(0, ISACTIVER + 4) == 4 && get(0, ICACTIVER + 4) == 4);
}

TEST(changes_the_state)
{
	begin();
	put(0, ISPENDR + 4, 2);
	CHECK(last_action.intid == 33 && last_action.what == TAKT_VIRQ_LATCH);
	put(0, ICPENDR + 4, UINT32_MAX);
	CHECK(last_action.count == 2 && last_action.what == TAKT_VIRQ_UNLATCH);
	put(0, ISPENDR, 1); /* an SGI: read-only here */
	CHECK(last_action.count == 2);
	put(0, ICACTIVER + 4, UINT32_MAX);
	CHECK(last_action.count == 2 && queries == 1);
	state[33] = GIC_ACTIVE;
	put(0, ICACTIVER + 4, UINT32_MAX);
	CHECK(last_action.count == 3 && last_action.what == TAKT_VIRQ_DEACTIVATE);
}

TEST(sends_sgis)
{
	begin();
	put(1, SGIR, 0xff0003);
	CHECK(last_sgi.count == 1 && last_sgi.cpu == 1 && last_sgi.intid == 3 &&
	      last_sgi.what == 3);
	put(1, SGIR, 1 << 24 | 5);
	CHECK(last_sgi.count == 2 && last_sgi.what == 1);
	put(1, SGIR, 2 << 24 | 5);
	CHECK(last_sgi.count == 3 && last_sgi.what == 2);
	put(1, SGIR, 3 << 24 | 0xff0005);
	put(1, SGIR, 0x040005); /* a CPU that is not there */
	CHECK(last_sgi.count == 3);
}

TEST(resets_what_was_in_use)
{
	begin();
	put(0, CTLR, 1);
	put(0, ITARGETSR + 40, 0x01010101);
	put(0, ISENABLER + 4, 1 << 8);
	last_action.count = 0;
	gic_dist_reset(&dist);
	CHECK(!(word[0][40] & TAKT_VIRQ_ENABLED) && get(0, CTLR) == 0);
	CHECK(last_action.count == 2 && last_action.intid == 40);
}

/* Nonsense of a guest's must not lead out of the arrays; the sanitizers watch. */
TEST(takes_nonsense)
{
	begin();
	srand(1);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned size = 1u << rand() % 3;
		uint32_t offset = (uint32_t)rand() % 0x1400 & ~(size - 1);
		uint32_t value = (uint32_t)rand() << 16 ^ (uint32_t)rand();

		gic_dist_write(&dist, (unsigned)rand() % CPUS, offset, size, value);
		(void)gic_dist_read(&dist, (unsigned)rand() % CPUS, offset, size);
	}
	for (uint32_t offset = 0; offset < 0x10000; offset += 4)
		put(0, offset, get(1, offset));
	CHECK(configs > 0);
}

int main(void)
{
	RUN(identifies_itself);
	RUN(enables_with_the_distributor_only);
	RUN(says_nothing_when_nothing_changes);
	RUN(holds_back_what_has_no_target);
	RUN(banks_private_interrupts);
	RUN(keeps_five_bits_of_priority);
	RUN(configures_edges);
	RUN(asks_for_the_state);
	RUN(changes_the_state);
	RUN(sends_sgis);
	RUN(resets_what_was_in_use);
	RUN(takes_nonsense);
	return tap_done();
}
