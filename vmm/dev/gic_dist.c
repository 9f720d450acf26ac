/* SPDX-License-Identifier: MIT */
#include <stddef.h>

#include "gic_dist.h"

/* Register blocks, by offset. */
#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_IIDR 0x008
#define GICD_IGROUPR 0x080
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ISPENDR 0x200
#define GICD_ICPENDR 0x280
#define GICD_ISACTIVER 0x300
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_ICFGR 0xc00
#define GICD_CPENDSGIR 0xf10
#define GICD_SPENDSGIR 0xf20
#define GICD_PIDR2 0xfe8
#define GICD_CIDR0 0xff0

#define CTLR_GROUP0 0x1
#define CTLR_GROUP1 0x2
#define IIDR_GIC400 0x0200143b
#define PIDR2_GICV2 0x2b
#define CIDR 0xb105f00d

#define SGIS 0xffffu	   /* in the first bank */
#define PRIORITY_BITS 0xf8 /* as many as the virtual CPU interface has */

/* Bits of the SGIs where they cannot be disabled, and have registers of their own for their pending
 * state: GICv2. */
static uint32_t fixed_sgis(const struct gic_dist *d)
{
	return d->affinity ? 0 : SGIS;
}

static struct gic_bank *bank_of(struct gic_dist *d, unsigned cpu, uint32_t intid)
{
	return intid < 32 ? &d->private[cpu] : &d->shared[intid / 32 - 1];
}

/* What the configuration word says. Of several targets the lowest gets the interrupt; one without
 * a target is held back like one that is not enabled. */
static uint32_t word_of(const struct gic_dist *d, const struct gic_bank *b, uint32_t intid)
{
	unsigned n = intid % 32;
	uint32_t bit = 1u << n, word = 0;
	uint32_t gate = b->group & bit ? CTLR_GROUP1 : CTLR_GROUP0;

	if (b->group & bit)
		word |= TAKT_VIRQ_GROUP1;
	if (b->edge & bit)
		word |= TAKT_VIRQ_EDGE;
	if (b->enabled & bit && d->ctlr & gate && (intid < 32 || b->targets[n]))
		word |= TAKT_VIRQ_ENABLED;
	if (intid >= 32 && b->targets[n])
		word |= (uint32_t)__builtin_ctz(b->targets[n]) << TAKT_VIRQ_TARGET_SHIFT;
	return word | (uint32_t)b->priority[n] << TAKT_VIRQ_PRIORITY_SHIFT;
}

static void publish(struct gic_dist *d, unsigned cpu, uint32_t intid)
{
	d->ops->config(d->self, cpu, intid, word_of(d, bank_of(d, cpu, intid), intid));
}

/* The interrupts of `bits` from `base` on. */
static void publish_bits(struct gic_dist *d, unsigned cpu, uint32_t base, uint32_t bits)
{
	for (; bits; bits &= bits - 1)
		publish(d, cpu, base + (uint32_t)__builtin_ctz(bits));
}

static void act_on_bits(struct gic_dist *d, unsigned cpu, uint32_t base, uint32_t bits,
			enum takt_virq_action action)
{
	for (; bits; bits &= bits - 1)
		d->ops->action(d->self, cpu, base + (uint32_t)__builtin_ctz(bits), action);
}

static uint32_t query_bits(struct gic_dist *d, unsigned cpu, uint32_t base, unsigned state)
{
	uint32_t bits = 0;

	for (uint32_t i = 0; i < 32; i++)
		if (d->ops->query(d->self, cpu, base + i) & state)
			bits |= 1u << i;
	return bits;
}

static void reset_bank(struct gic_dist *d, unsigned cpu, uint32_t base)
{
	struct gic_bank *b = bank_of(d, cpu, base);
	uint32_t used = b->used;

	*b = (struct gic_bank){.enabled = base ? 0 : fixed_sgis(d), .edge = base ? 0 : SGIS};
	publish_bits(d, cpu, base, UINT32_MAX);
	if (!base)
		return;
	act_on_bits(d, cpu, base, used, TAKT_VIRQ_UNLATCH);
	act_on_bits(d, cpu, base, used, TAKT_VIRQ_DEACTIVATE);
}

void gic_dist_reset(struct gic_dist *d)
{
	d->ctlr = 0;
	for (unsigned cpu = 0; cpu < d->cpus; cpu++)
		reset_bank(d, cpu, 0);
	for (uint32_t base = 32; base < GIC_IRQS; base += 32)
		reset_bank(d, 0, base);
}

static void write_ctlr(struct gic_dist *d, uint32_t value)
{
	uint32_t ctlr = value & (CTLR_GROUP0 | CTLR_GROUP1);

	if (d->ctlr == ctlr)
		return;
	d->ctlr = ctlr;
	for (unsigned cpu = 0; cpu < d->cpus; cpu++)
		publish_bits(d, cpu, 0, d->private[cpu].enabled);
	for (uint32_t base = 32; base < GIC_IRQS; base += 32)
		publish_bits(d, 0, base, bank_of(d, 0, base)->enabled);
}

/* The blocks with a bit for each interrupt, 0x080..0x3ff. */
static uint32_t read_bits(struct gic_dist *d, unsigned cpu, uint32_t block, uint32_t base)
{
	struct gic_bank *b = bank_of(d, cpu, base);

	switch (block) {
	case GICD_IGROUPR:
		return b->group;
	case GICD_ISENABLER:
	case GICD_ICENABLER:
		return b->enabled;
	case GICD_ISPENDR:
	case GICD_ICPENDR:
		return query_bits(d, cpu, base, GIC_PENDING);
	default:
		return query_bits(d, cpu, base, GIC_ACTIVE);
	}
}

static void set_enabled(struct gic_dist *d, unsigned cpu, uint32_t base, uint32_t enabled)
{
	struct gic_bank *b = bank_of(d, cpu, base);
	uint32_t changed;

	if (!base)
		enabled |= fixed_sgis(d);
	changed = b->enabled ^ enabled;
	b->enabled = enabled;
	b->used |= enabled;
	publish_bits(d, cpu, base, changed);
}

static void write_bits(struct gic_dist *d, unsigned cpu, uint32_t block, uint32_t base,
		       uint32_t value)
{
	struct gic_bank *b = bank_of(d, cpu, base);
	uint32_t changed;

	switch (block) {
	case GICD_IGROUPR:
		changed = b->group ^ value;
		b->group = value;
		publish_bits(d, cpu, base, changed);
		break;
	case GICD_ISENABLER:
		set_enabled(d, cpu, base, b->enabled | value);
		break;
	case GICD_ICENABLER:
		set_enabled(d, cpu, base, b->enabled & ~value);
		break;
	case GICD_ISPENDR:
		value &= base ? UINT32_MAX : ~fixed_sgis(d);
		b->used |= value;
		act_on_bits(d, cpu, base, value, TAKT_VIRQ_LATCH);
		break;
	case GICD_ICPENDR:
		value &= base ? UINT32_MAX : ~fixed_sgis(d);
		act_on_bits(d, cpu, base, value & b->used, TAKT_VIRQ_UNLATCH);
		break;
	case GICD_ISACTIVER:
		b->used |= value;
		act_on_bits(d, cpu, base, value, TAKT_VIRQ_ACTIVATE);
		break;
	default:
		/* Drivers clear all of them at their start: skip those that never were active. */
		value &= b->used;
		for (uint32_t bits = value; bits; bits &= bits - 1) {
			uint32_t n = (uint32_t)__builtin_ctz(bits);

			if (!(d->ops->query(d->self, cpu, base + n) & GIC_ACTIVE))
				value &= ~(1u << n);
		}
		act_on_bits(d, cpu, base, value, TAKT_VIRQ_DEACTIVATE);
		break;
	}
}

/* Two bits for each interrupt, of which the upper one means edge-triggered. */
static uint32_t read_config(struct gic_dist *d, unsigned cpu, uint32_t intid)
{
	uint32_t edge = bank_of(d, cpu, intid)->edge >> intid % 32, value = 0;

	for (unsigned i = 0; i < 16; i++)
		value |= (edge >> i & 1) << (2 * i + 1);
	return value;
}

static void write_config(struct gic_dist *d, unsigned cpu, uint32_t intid, uint32_t value)
{
	struct gic_bank *b = bank_of(d, cpu, intid);
	uint32_t edge = 0, old = b->edge;

	if (intid < 16)
		return;
	for (unsigned i = 0; i < 16; i++)
		edge |= (value >> (2 * i + 1) & 1) << i;
	b->edge = (old & ~(0xffffu << intid % 32)) | edge << intid % 32;
	publish_bits(d, cpu, intid & ~31u, b->edge ^ old);
}

static uint8_t read_byte(struct gic_dist *d, unsigned cpu, uint32_t offset)
{
	uint32_t intid;

	if (offset >= GICD_CPENDSGIR) {
		/* Pending SGIs by source: the state has no source once it is here. */
		intid = offset & 0xf;
		return d->ops->query(d->self, cpu, intid) & GIC_PENDING;
	}
	intid = offset & 0x3ff;
	if (intid >= GIC_IRQS)
		return 0;
	if (offset < GICD_ITARGETSR)
		return bank_of(d, cpu, intid)->priority[intid % 32];
	return intid < 32 ? (uint8_t)(1u << cpu) : bank_of(d, cpu, intid)->targets[intid % 32];
}

void gic_dist_target(struct gic_dist *d, uint32_t intid, uint8_t cpus)
{
	uint8_t *field = &bank_of(d, 0, intid)->targets[intid % 32];

	if (*field == cpus)
		return;
	*field = cpus;
	publish(d, 0, intid);
}

static void write_byte(struct gic_dist *d, unsigned cpu, uint32_t offset, uint8_t value)
{
	uint32_t intid = offset & 0x3ff;
	struct gic_bank *b;
	uint8_t *field;

	if (offset >= GICD_CPENDSGIR) {
		bool set = offset >= GICD_SPENDSGIR;

		if (value)
			d->ops->action(d->self, cpu, offset & 0xf,
				       set ? TAKT_VIRQ_LATCH : TAKT_VIRQ_UNLATCH);
		return;
	}
	if (intid >= GIC_IRQS)
		return;
	b = bank_of(d, cpu, intid);
	if (offset < GICD_ITARGETSR) {
		field = &b->priority[intid % 32];
		value &= PRIORITY_BITS;
	} else {
		if (intid < 32)
			return;
		field = &b->targets[intid % 32];
		value &= (uint8_t)((1u << d->cpus) - 1);
	}
	if (*field == value)
		return;
	*field = value;
	publish(d, cpu, intid);
}

static void write_sgir(struct gic_dist *d, unsigned cpu, uint32_t value)
{
	uint8_t targets = gic_dist_sgi_targets(d, cpu, value);

	if (targets)
		d->ops->sgi(d->self, cpu, targets, value & 0xf);
}

/* Priorities, targets, and the SGIs' pending registers can be accessed by bytes. */
static bool is_bytes(uint32_t offset)
{
	return (offset >= GICD_IPRIORITYR && offset < GICD_ICFGR) ||
	       (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + 0x10);
}

static bool is_bits(uint32_t offset)
{
	return offset >= GICD_IGROUPR && offset < GICD_IPRIORITYR &&
	       (offset & 0x7f) < GIC_BANKS * 4;
}

bool gic_dist_is_state(uint32_t offset)
{
	return (offset >= GICD_ISPENDR && offset < GICD_IPRIORITYR) ||
	       (offset >= GICD_CPENDSGIR && offset < GICD_SPENDSGIR + 0x10);
}

static bool is_config(uint32_t offset)
{
	return offset >= GICD_ICFGR && offset < GICD_ICFGR + GIC_IRQS / 4;
}

static uint32_t read_word(struct gic_dist *d, unsigned cpu, uint32_t offset)
{
	if (is_bits(offset))
		return read_bits(d, cpu, offset & ~0x7fu, (offset & 0x7f) * 8);
	if (is_config(offset))
		return read_config(d, cpu, (offset - GICD_ICFGR) * 4);
	if (offset >= GICD_CIDR0 && offset < GICD_CIDR0 + 0x10)
		return (uint32_t)CIDR >> (offset & 0xc) * 2 & 0xff;
	switch (offset) {
	case GICD_CTLR:
		return d->ctlr;
	case GICD_TYPER:
		return GIC_IRQS / 32 - 1 + ((d->cpus - 1) << 5);
	case GICD_IIDR:
		return IIDR_GIC400;
	case GICD_PIDR2:
		return PIDR2_GICV2;
	default:
		return 0;
	}
}

uint32_t gic_dist_read(struct gic_dist *d, unsigned cpu, uint32_t offset, unsigned size)
{
	uint32_t value = 0;

	if (is_bytes(offset)) {
		for (unsigned i = 0; i < size; i++)
			value |= (uint32_t)read_byte(d, cpu, offset + i) << 8 * i;
		return value;
	}
	return size == 4 ? read_word(d, cpu, offset) : 0;
}

void gic_dist_write(struct gic_dist *d, unsigned cpu, uint32_t offset, unsigned size,
		    uint32_t value)
{
	if (is_bytes(offset)) {
		for (unsigned i = 0; i < size; i++)
			write_byte(d, cpu, offset + i, (uint8_t)(value >> 8 * i));
		return;
	}
	if (size != 4)
		return;
	if (offset == GICD_SGIR)
		write_sgir(d, cpu, value);
	else if (is_bits(offset))
		write_bits(d, cpu, offset & ~0x7fu, (offset & 0x7f) * 8, value);
	else if (is_config(offset))
		write_config(d, cpu, (offset - GICD_ICFGR) * 4, value);
	else if (offset == GICD_CTLR)
		write_ctlr(d, value);
}
