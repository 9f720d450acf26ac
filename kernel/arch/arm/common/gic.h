/* SPDX-License-Identifier: MIT */
/*
 * What the drivers of GICv2 and GICv3 have in common. gic.c implements the contract of core/arch.h;
 * gic2.c and gic3.c what differs: bringing up, routing, and the CPU interface.
 */
#ifndef GIC_H
#define GIC_H

#include <arch/irqc.h>
#include <core/arch.h>

/* The distributor; those below ICFGR also stand, at the same offsets, in the frame of a GICv3
 * redistributor that has its CPU's private interrupts. */
#define GICD_CTLR 0x000
#define GICD_TYPER 0x004
#define GICD_IGROUPR 0x080
#define GICD_ISENABLER 0x100
#define GICD_ICENABLER 0x180
#define GICD_ICPENDR 0x280
#define GICD_ISACTIVER 0x300
#define GICD_ICACTIVER 0x380
#define GICD_IPRIORITYR 0x400
#define GICD_ICFGR 0xc00

#define GIC_PRIORITY_ALL 0xa0a0a0a0 /* the kernel orders by scheduling contexts, not by the GIC */
#define GIC_PMR_ALL 0xff

struct gic {
	char *dist;
	char *own[MAX_CPUS]; /* where the private interrupts of each CPU have their registers */
	u64 kick[MAX_CPUS];  /* what sends SGI 0 to each CPU; nobody's before that CPU is up */
	unsigned lines;
};
extern struct gic gic;

/* Disables and clears all shared, or this CPU's private interrupts (gic.own is set), and gives them
 * their priority. */
void gic_clear_shared(void);
void gic_clear_private(void);

/* gic2.c */
void gic2_init(void);
void gic2_init_cpu(void);
void gic2_route(u32 intid, unsigned cpu); /* with the lock of the configuration held */
void gic2_kick(u64 value);

/* gic3.c */
void gic3_init(void);
void gic3_init_cpu(void);
void gic3_route(u32 intid, unsigned cpu);
void gic3_settle(u32 intid); /* waits until intid is disabled, if it was told to be */
#endif
