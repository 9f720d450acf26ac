/* SPDX-License-Identifier: MIT */
/* Between vgic.c (list registers, queues) and virq.c (operations on interrupts, creation). */
#ifndef VGIC_STATE_H
#define VGIC_STATE_H

#include <arch/vgic.h>

/* GICv2's list registers (IHI 0048B 5.3.11): here, because the pointer `gich` tells the versions apart
 * where it counts, as with the physical interface (irqc.h). */
#define GIC2_LR_PHYSICAL_SHIFT 10 /* with HW */
#define GIC2_LR_SOURCE_SHIFT 10	  /* without: CPU that asked for an SGI */
#define GIC2_LR_EOI (1u << 19)
#define GIC2_LR_PRIORITY_SHIFT 23
#define GIC2_LR_PENDING (1u << 28)
#define GIC2_LR_ACTIVE (1u << 29)
#define GIC2_LR_GROUP1 (1u << 30)
#define GIC2_LR_HW (1u << 31)

/* VMCR and active priorities: struct vgic_hw has these for others. */
#define GICH_VMCR 0x08
#define GICH_APR 0xf0

static inline void vgic_v2_save(struct vgic_cpu *vc)
{
	vc->vmcr = io_read32(gich + GICH_VMCR);
	vc->apr[0] = io_read32(gich + GICH_APR);
}

static inline void vgic_v2_restore(const struct vgic_cpu *vc)
{
	io_write32(gich + GICH_VMCR, vc->vmcr);
	io_write32(gich + GICH_APR, vc->apr[0]);
}

static inline u32 gic2_lr(u32 intid, u32 cfg, u32 level)
{
	return intid | level << GIC2_LR_PRIORITY_SHIFT |
	       (cfg & TAKT_VIRQ_GROUP1 ? GIC2_LR_GROUP1 : 0);
}

/*
 * To follow each change of v's configuration and owner: what a usual arrival puts into a list
 * register, but for source or physical interrupt, in GICv2's format. 0: none is usual, since v is
 * disabled or has another owner soon.
 */
static inline void virq_refresh(struct virq *v)
{
	bool usual = v->cfg & TAKT_VIRQ_ENABLED && v->next_owner == v->owner;
	u32 level = (v->cfg >> TAKT_VIRQ_PRIORITY_SHIFT & 0xff) >> 3;

	v->fresh = usual ? gic2_lr(v->intid, v->cfg, level) | GIC2_LR_PENDING : 0;
}

/* Something about v changed, or may have: it goes where it belongs now. Touches v's list register
 * only if it has one. The last that a caller does with v: it may go to another CPU. */
void vgic_update(struct vgic_cpu *vc, struct virq *v);

/* v, an SGI of the vCPU's own, arrives. Always 0. */
int vgic_sgi(struct vgic_cpu *vc, struct virq *v, unsigned source);

/* v leaves the list register where it is only pending, and its queue. */
void vgic_withdraw(struct vgic_cpu *vc, struct virq *v);

/* v is inactive and in no queue: it goes to its next owner. Returns the owner that it has then; null
 * if that is of another CPU, and v is no longer this CPU's to touch. */
struct vgic_cpu *vgic_retarget(struct vgic_cpu *vc, struct virq *v);

/* Pending apart from what a list register holds. */
bool vgic_wants(const struct virq *v);

/* As virq_query answers. */
unsigned vgic_state(const struct vgic_cpu *vc, const struct virq *v);

/* v leaves its list register and is not active; what was pending stays so. */
void vgic_end(struct vgic_cpu *vc, struct virq *v);

/* v becomes active without the guest having taken it; what is pending waits for its end. */
void vgic_activate(struct vgic_cpu *vc, struct virq *v);

/* Lets the physical interrupt behind v arrive again. */
void vgic_unhold(struct vgic_cpu *vc, struct virq *v);

/* --- virq.c ------------------------------------------------------------------------------ */

struct vgic *vgic_shared(const struct thread *t);
struct thread *vcpu_at(const struct vgic *g, unsigned index);

static inline struct virq *shared_at(const struct vgic *g, unsigned n)
{
	return &g->frame[n / 64][n % 64];
}

static inline unsigned virq_owner(const struct virq *v)
{
	return __atomic_load_n(&v->owner, __ATOMIC_ACQUIRE);
}

/* Does what v->post asks for. On the CPU that v's state belongs to, which it may leave. */
void virq_apply(struct vgic_cpu *vc, struct virq *v);

/* --- vgic_mail.c ------------------------------------------------------------------------- */

/* In virq.post. */
#define POST_SYNC 0x01	  /* the configuration word changed */
#define POST_LINE 0x02	  /* the line changed, to high if POST_HIGH */
#define POST_HIGH 0x04
#define POST_ROSE 0x08	  /* it rose since; */
#define POST_ROSE_IF 0x10 /* if it was low before */
#define POST_LATCH 0x20
#define POST_UNLATCH 0x40 /* before all of the line's, and POST_LATCH */
#define POST_END 0x80
#define POST_ACTIVATE 0x100

/* Adds an action to v->post; the order of one CPU's actions is kept. */
void virq_post(struct virq *v, unsigned action);

/* There is something in v->post; `to` has v, or will pass it on. */
void mail_virq(struct thread *to, const struct virq *v);
void mail_sgi(struct thread *to, u32 intid, u32 source);
/* Nothing that came before stays. */
void mail_discard(struct vgic_cpu *vc);
#endif
