/* SPDX-License-Identifier: MIT */
/*
 * Registers of a distributor: GICv2's, and what GICv3's has in common with it (gic3_regs.c has the
 * rest). Only the registers: what they say goes out as configuration words and actions, the
 * interrupts' state is somebody else's. Knows neither kernel nor machine.
 */
#ifndef VMM_GIC_DIST_H
#define VMM_GIC_DIST_H

#include <stdbool.h>
#include <stdint.h>

#include <takt/vcpu.h>

#define GIC_CPUS 8
#define GIC_IRQS 256 /* 0..31 are private to each CPU */
#define GIC_BANKS (GIC_IRQS / 32)

/* Of query's result. */
#define GIC_PENDING 0x1
#define GIC_ACTIVE 0x2

#define GICD_SGIR 0xf00

struct gic_ops {
	/* The configuration word (TAKT_VIRQ_*) of an interrupt, as CPU `cpu` sees it. */
	void (*config)(void *self, unsigned cpu, uint32_t intid, uint32_t word);
	void (*action)(void *self, unsigned cpu, uint32_t intid, enum takt_virq_action action);
	unsigned (*query)(void *self, unsigned cpu, uint32_t intid);
	void (*sgi)(void *self, unsigned cpu, uint8_t targets, uint32_t intid);
};

/* Thirty-two interrupts. */
struct gic_bank {
	uint32_t enabled, group, edge;
	uint32_t used; /* may have a state: was enabled or made pending or active */
	uint8_t priority[32];
	uint8_t targets[32]; /* shared interrupts: CPUs, by number */
};

struct gic_dist {
	const struct gic_ops *ops;
	void *self;
	unsigned cpus;
	bool affinity; /* GICv3: routing by affinity, redistributors */
	uint32_t ctlr;
	struct gic_bank private[GIC_CPUS];
	struct gic_bank shared[GIC_BANKS - 1];
};

/* To the state after power-on. Tells the configuration of every interrupt, and clears the state of
 * shared ones that may have one; that of private ones goes with a reset of their CPU. */
void gic_dist_reset(struct gic_dist *d);

/* An access by CPU `cpu`; size 1, 2 or 4, aligned. What is not there reads as zero. */
uint32_t gic_dist_read(struct gic_dist *d, unsigned cpu, uint32_t offset, unsigned size);
void gic_dist_write(struct gic_dist *d, unsigned cpu, uint32_t offset, unsigned size,
		    uint32_t value);

/* Whether a read at that offset asks for interrupts' state and nothing else: it needs no lock,
 * though a write may be under way. */
bool gic_dist_is_state(uint32_t offset);

/* CPUs that a write of `value` to GICD_SGIR by `cpu` is for; the interrupt is in its low four bits.
 */
static inline uint8_t gic_dist_sgi_targets(const struct gic_dist *d, unsigned cpu, uint32_t value)
{
	uint8_t all = (uint8_t)((1u << d->cpus) - 1);

	switch (value >> 24 & 3) {
	case 0:
		return value >> 16 & all;
	case 1:
		return all & (uint8_t) ~(1u << cpu);
	case 2:
		return (uint8_t)(1u << cpu);
	default:
		return 0;
	}
}

/* CPUs that a shared interrupt may go to, as a mask. */
void gic_dist_target(struct gic_dist *d, uint32_t intid, uint8_t cpus);

#endif
