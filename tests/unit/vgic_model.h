/* SPDX-License-Identifier: MIT */
/*
 * For tests of the kernel's virtual GIC (vgic.c, virq.c, vgic_mail.c, vgic_v2.c): a model of GICv2's
 * virtual CPU interface on each of two CPUs, of a guest that takes and ends interrupts, and of what the
 * kernel code needs of the rest.
 */
#ifndef VGIC_MODEL_H
#define VGIC_MODEL_H

#include <arch/vgic.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <object/irq.h>
#include <object/sc.h>
#include <object/task.h>

#include "../../kernel/arch/arm/common/vgic_state.h"
#include "tap.h"

#define LRS 4
#define P (1u << 28)
#define A (1u << 29)
#define HW (1u << 31)
#define EOI (1u << 19)

#define VCPUS 4
#define CPUS 2

extern unsigned fake_cpu;

/* The interface of one CPU, IHI 0048B 5.3 and 5.5, and what its guest has taken. */
struct interface {
	u32 reg[0x80];
	unsigned taken[300], depth; /* levels */
	struct thread *loaded;	    /* whose list registers are in it */
};
extern struct interface model[CPUS];

extern bool phys_active[1024];
extern unsigned wakes, kicks[CPUS];
/* Arrivals that brought an event SC; the one left last, and how often; maintenance interrupts. */
extern unsigned brought, left_sc, leaves, maintained;

/* Called at every barrier of the kernel code: what another CPU may do at that moment. */
extern void (*meanwhile)(void);

/* Those of the CPU that the test is on. */
#define GICH (model[fake_cpu].reg)
#define LR (model[fake_cpu].reg + 0x40)
#define running (model[fake_cpu].taken)
#define nesting (model[fake_cpu].depth)
#define now (model[fake_cpu].loaded)

/* A machine with four vCPUs, of which the first two are made by setup(), on CPU 0, the first one
 * loaded; setup_across() makes all, the odd ones on CPU 1. */
extern struct task *vm;
extern struct thread *vcpu[VCPUS];
extern struct takt_vm_page *vm_page;
extern struct sc base[VCPUS];

int model_main(void); /* what main does first: 0 */
void setup(void);
void setup_across(void);

/* The vCPU's registers become this CPU's; it is in the guest. */
void load(unsigned n);
void reset_vcpu(unsigned n); /* not loaded; all steps of it */

/* To CPU n, which does what waits in its inbox. */
void on_cpu(unsigned n);
/* Its inbox holds something; the highest priority of that, or -1. */
int inbox_prio(unsigned cpu);

/* What happens before the guest executes anything. */
void enter(void);
/* The guest reads IAR, and writes EOIR. */
unsigned ack(void);
void eoi(unsigned intid);

/* Sets the configuration of an interrupt, of vCPU n or for it. */
int configure(unsigned n, unsigned intid, unsigned flags, unsigned priority);

/* Every interrupt is in one place, and the list registers say the same. */
bool consistent(struct vgic_cpu *vc);

#define LEVEL TAKT_VIRQ_ENABLED
#define EDGE (TAKT_VIRQ_ENABLED | TAKT_VIRQ_EDGE)
#define SET(intid, action) CHECK(virq_set(vcpu[0], intid, TAKT_VIRQ_##action) == 0)
#endif
