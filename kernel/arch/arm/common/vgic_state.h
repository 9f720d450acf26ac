/* SPDX-License-Identifier: MIT */
/* Between vgic.c (list registers, queues) and virq.c (operations on interrupts, creation). */
#ifndef VGIC_STATE_H
#define VGIC_STATE_H

#include <arch/vgic.h>

/* Something about v changed, or may have: it goes where it belongs now. Touches v's list register
 * only if it has one. The last that a caller does with v: it may go to another CPU. */
void vgic_update(struct vgic_cpu *vc, struct virq *v);

/*
 * v arrives, with a physical interrupt (`held`) or not; SGIs: from `source`. Does what a latch,
 * vgic_update and vgic_flush would do in the usual case: nothing else waits, v is not pending or
 * active, and its list register, or any other one, is free. False: nothing was done.
 */
bool vgic_inject(struct vgic_cpu *vc, struct virq *v, bool held, unsigned source) MUST_CHECK;

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
struct virq *shared_at(const struct vgic *g, unsigned n);

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
