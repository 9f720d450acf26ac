/* SPDX-License-Identifier: MIT */
/* Between vgic.c (list registers, queues) and virq.c (operations on interrupts, creation). */
#ifndef VGIC_STATE_H
#define VGIC_STATE_H

#include <arch/vgic.h>

/* Something about v changed, or may have: it goes where it belongs now. Touches v's list register
 * only if it has one. */
void vgic_update(struct vgic_cpu *vc, struct virq *v);

/* v is inactive and in no queue: it goes to its next owner. Returns the owner that it has then. */
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
#endif
