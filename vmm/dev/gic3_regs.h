/* SPDX-License-Identifier: MIT */
/*
 * Registers of a GICv3: distributor with affinity routing and one security state, and a
 * redistributor of two frames for each CPU. Without LPIs. As gic_dist.h, only the registers.
 */
#ifndef VMM_GIC3_REGS_H
#define VMM_GIC3_REGS_H

#include "gic_dist.h"

#define GIC3_DIST_SIZE 0x10000
#define GIC3_REDIST_SIZE 0x20000 /* RD_base, SGI_base */

struct gic3 {
	struct gic_dist dist;
	uint32_t affinity[GIC_CPUS]; /* Aff2, Aff1, Aff0; there is no Aff3 */
	uint32_t route[GIC_IRQS];    /* as the guest wrote it */
	bool awake[GIC_CPUS];
};

/* `dist` has ops, self, cpus; `affinity` is set. */
void gic3_reset(struct gic3 *g);

/* Size 1, 2, 4 or 8, aligned. What is not there reads as zero. */
uint64_t gic3_dist_read(struct gic3 *g, uint32_t offset, unsigned size);
void gic3_dist_write(struct gic3 *g, uint32_t offset, unsigned size, uint64_t value);

/* The redistributor of CPU `cpu`, whoever accesses it. */
uint64_t gic3_redist_read(struct gic3 *g, unsigned cpu, uint32_t offset, unsigned size);
void gic3_redist_write(struct gic3 *g, unsigned cpu, uint32_t offset, unsigned size,
		       uint64_t value);

#endif
