/* SPDX-License-Identifier: MIT */
/* Operations on the interrupts of a machine, and the making of their state. */

#include <arch/inline.h>
#include <arch/vgic.h>
#include <core/arch.h>
#include <core/context.h>
#include <object/irq.h>
#include <object/task.h>
#include "vgic_state.h"

/* --- State ------------------------------------------------------------------------------- */

static struct vgic *vgic_shared(const struct thread *t)
{
	return t->guest_task ? t->guest_task->vgic : NULL;
}

static struct thread *vcpu_at(const struct vgic *g, unsigned index)
{
	return index < VGIC_VCPUS ? (struct thread *)weak_get(g->vcpu[index]) : NULL;
}

static struct virq *shared_at(const struct vgic *g, unsigned n)
{
	return &g->frame[n / 64][n % 64];
}

/*
 * Interrupt intid of t's machine and the vCPU whose state it is. Everything happens on t's CPU, so
 * one that a vCPU of another CPU owns is out of reach.
 */
static MUST_CHECK int find(struct thread *t, u32 intid, struct vgic_cpu **vc, struct virq **v)
{
	struct vgic *g = vgic_shared(t);
	struct thread *owner = t;

	if (!t->machine)
		return TAKT_E_STATE;
	if (intid < VGIC_PRIVATE) {
		*vc = vgic_of(t);
		*v = &(*vc)->own[intid];
		return 0;
	}
	if (!g || intid - VGIC_PRIVATE >= g->shared)
		return TAKT_E_RANGE;
	if (!vgic_attach(t))
		return TAKT_E_QUOTA;
	*v = shared_at(g, intid - VGIC_PRIVATE);
	if (vcpu_at(g, (*v)->owner))
		owner = vcpu_at(g, (*v)->owner);
	else
		(*v)->owner = (*v)->next_owner = vgic_of(t)->index;
	if (!owner->machine || owner->cpu != t->cpu)
		return TAKT_E_CPU;
	*vc = vgic_of(owner);
	return 0;
}

static u32 configuration(const struct thread *t, u32 intid)
{
	if (intid < VGIC_PRIVATE)
		return t->vp->virq[intid];
	return vgic_shared(t)->cfg->virq[intid - VGIC_PRIVATE];
}

struct vgic_cpu *vgic_retarget(struct vgic_cpu *vc, struct virq *v)
{
	struct thread *next = vcpu_at(vgic_shared(vc->thread), v->next_owner);

	if (!next || !next->machine || next->cpu != vc->thread->cpu) {
		v->next_owner = v->owner;
		return vc;
	}
	v->owner = v->next_owner;
	return vgic_of(next);
}

/* --- Operations -------------------------------------------------------------------------- */

int virq_sync(struct thread *t, u32 intid)
{
	struct vgic_cpu *vc;
	struct virq *v;
	int err = find(t, intid, &vc, &v);
	unsigned target;
	u32 cfg;

	if (err)
		return err;
	cfg = configuration(t, intid);
	target = cfg >> TAKT_VIRQ_TARGET_SHIFT & 0xf;
	if (intid >= VGIC_PRIVATE && target != v->owner) {
		struct thread *next = vcpu_at(vgic_shared(t), target);

		if (next && next->cpu != t->cpu)
			return TAKT_E_CPU;
		v->next_owner = next ? target : v->owner;
	} else {
		v->next_owner = v->owner;
	}
	v->cfg = cfg;
	vgic_update(vc, v);
	return 0;
}

int virq_set(struct thread *t, u32 intid, unsigned action)
{
	struct vgic_cpu *vc;
	struct virq *v;
	int err = find(t, intid, &vc, &v);

	if (err)
		return err;
	/* While it is disabled nobody need tell when its configuration changes. */
	if (!(v->cfg & TAKT_VIRQ_ENABLED))
		v->cfg = configuration(t, intid) & ~TAKT_VIRQ_ENABLED;
	switch (action) {
	case TAKT_VIRQ_LOW:
		v->line = false;
		break;
	case TAKT_VIRQ_HIGH:
		v->latch |= v->cfg & TAKT_VIRQ_EDGE && !v->line;
		v->line = true;
		break;
	case TAKT_VIRQ_LATCH:
		v->latch = true;
		break;
	case TAKT_VIRQ_UNLATCH:
		vgic_update(vc, v); /* what a list register has pending comes back */
		v->latch = false;
		v->sources = 0;
		if (!v->lr && !v->active)
			vgic_unhold(vc, v);
		break;
	case TAKT_VIRQ_DEACTIVATE:
		vgic_end(vc, v);
		if (!v->latch)
			vgic_unhold(vc, v);
		break;
	case TAKT_VIRQ_ACTIVATE:
		vgic_activate(vc, v);
		break;
	default:
		return TAKT_E_INVAL;
	}
	vgic_update(vc, v);
	return 0;
}

int virq_query(struct thread *t, u32 intid)
{
	struct vgic_cpu *vc;
	struct virq *v;
	int err = find(t, intid, &vc, &v);

	return err ? err : (int)vgic_state(vc, v);
}

struct thread *vgic_vcpu(struct thread *t, unsigned index)
{
	const struct vgic *g = vgic_shared(t);

	if (g)
		return vcpu_at(g, index);
	return index == vgic_of(t)->index ? t : NULL;
}

int virq_sgi(struct thread *t, u64 mask, u32 intid, u32 source)
{
	u64 left;

	if (!t->machine)
		return TAKT_E_STATE;
	if (intid >= VGIC_SGIS || mask >> VGIC_VCPUS || source >= VGIC_VCPUS)
		return TAKT_E_RANGE;
	if (vgic_shared(t) && !vgic_attach(t))
		return TAKT_E_QUOTA;
	for (left = mask; left; left &= left - 1) {
		struct thread *to = vgic_vcpu(t, __builtin_ctzl(left));

		if (to && to->cpu != t->cpu)
			return TAKT_E_CPU;
	}
	for (left = mask; left; left &= left - 1) {
		struct thread *to = vgic_vcpu(t, __builtin_ctzl(left));
		struct virq *v;

		if (!to || !to->machine)
			continue;
		v = &vgic_of(to)->own[intid];
		v->sources |= 1u << source;
		vgic_update(vgic_of(to), v);
	}
	return 0;
}

static void arrive(struct vgic_cpu *vc, struct virq *v, bool held)
{
	if (v->lr) /* it may have ended there; its link to the physical one goes with that */
		vgic_update(vc, v);
	v->held |= held;
	v->latch = true;
	vgic_update(vc, v);
}

void virq_arrive(struct thread *t, u32 intid, u32 hw, u32 raw)
{
	struct vgic_cpu *vc;
	struct virq *v;
	int err = find(t, intid, &vc, &v);

	if (err) {
		/* Unbound meanwhile, or owned by a vCPU of another CPU: a line that nobody will
		 * serve stays active, which masks it. */
		klog("virtual interrupt %u of %s lost: %d\n", intid, t->name, err);
		return;
	}
	(void)raw; /* GICv2 and 3 deactivate by number */
	arrive(vc, v, hw != IRQ_SOFT && v->hw == hw);
}

void vgic_timer(struct vgic_cpu *vc)
{
	arrive(vc, &vc->own[VGIC_TIMER], true);
}

int virq_bind(struct thread *t, u32 intid, u32 hw)
{
	struct vgic_cpu *vc;
	struct virq *v;
	int err = find(t, intid, &vc, &v);

	if (err)
		return err;
	if (intid < VGIC_SGIS || intid == VGIC_TIMER)
		return TAKT_E_RANGE;
	if (hw != IRQ_SOFT && hw < VGIC_PRIVATE)
		return TAKT_E_RANGE; /* of a CPU, not of a machine */
	if (hw != IRQ_SOFT && v->hw != IRQ_SOFT && v->hw != hw)
		return TAKT_E_EXISTS;
	if (v->held && v->hw != hw) {
		vgic_end(vc, v);
		v->latch = false;
		vgic_unhold(vc, v);
		vgic_update(vc, v);
	}
	v->hw = hw;
	return 0;
}

/* --- Making and ending ------------------------------------------------------------------- */

struct vgic *vgic_create(struct factory *f, struct takt_vm_page *cfg, unsigned shared)
{
	struct vgic *g;
	unsigned i;

	if (shared > VGIC_SHARED)
		return NULL;
	g = kmem_alloc_page(f);
	if (!g)
		return NULL;
	g->cfg = cfg;
	g->shared = shared;
	for (i = 0; i < shared; i++) {
		struct virq *v;

		if (i % 64 == 0) {
			g->frame[i / 64] = kmem_alloc_page(f);
			if (!g->frame[i / 64]) {
				vgic_destroy(g);
				return NULL;
			}
		}
		v = shared_at(g, i);
		v->intid = VGIC_PRIVATE + i;
		v->hw = IRQ_SOFT;
		list_init(&v->link);
	}
	return g;
}

void vgic_destroy(struct vgic *g)
{
	unsigned i;

	for (i = 0; i < ARRAY_SIZE(g->frame); i++)
		if (g->frame[i])
			kmem_free(g->frame[i]);
	kmem_free(g);
}

bool vgic_attach(struct thread *t)
{
	struct vgic_cpu *vc = vgic_of(t);
	struct vgic *g = vgic_shared(t);
	unsigned i, cpu;

	if (vc->attached || !g)
		return true;
	spin_lock(&t->guest_task->lock);
	for (i = 0; i < VGIC_VCPUS && !vc->attached; i++) {
		if (vcpu_at(g, i))
			continue;
		g->vcpu[i] = weak_to(&t->object);
		vc->index = i;
		vc->attached = true;
		/* The translations that an earlier vCPU of this index left are not this one's. */
		for (cpu = 0; cpu < MAX_CPUS; cpu++)
			if (g->last[cpu] == i + 1)
				g->last[cpu] = 0xff;
	}
	spin_unlock(&t->guest_task->lock);
	return vc->attached;
}

void vgic_cpu_create(struct vgic_cpu *vc, struct thread *t)
{
	unsigned i;

	vc->thread = t;
	list_init(&vc->spilled);
	for (i = 0; i < VGIC_LEVELS; i++)
		list_init(&vc->level[i]);
	for (i = 0; i < VGIC_PRIVATE; i++) {
		vc->own[i].intid = i;
		vc->own[i].hw = i == VGIC_TIMER ? platform.virt_timer_intid : IRQ_SOFT;
		list_init(&vc->own[i].link);
	}
}

/* Shared interrupts that vc owns: not active any more, and, with the vCPU, not in its queues. */
static void release_shared(struct vgic_cpu *vc, bool gone)
{
	struct vgic *g = vgic_shared(vc->thread);
	unsigned i;

	for (i = 0; g && vc->attached && i < g->shared; i++) {
		struct virq *v = shared_at(g, i);

		if (v->owner != vc->index)
			continue;
		vgic_end(vc, v);
		if (gone) {
			v->cfg = 0;
			v->latch = false;
			v->next_owner = v->owner;
		}
		if (!v->latch)
			vgic_unhold(vc, v);
		vgic_update(vc, v);
	}
}

static void reset_private(struct vgic_cpu *vc, struct virq *v)
{
	vgic_end(vc, v);
	v->cfg = 0;
	v->line = v->latch = false;
	v->sources = 0;
	vgic_unhold(vc, v);
	vgic_update(vc, v);
}

void vgic_cpu_reset(struct vgic_cpu *vc)
{
	unsigned i;

	release_shared(vc, false);
	for (i = 0; i < VGIC_PRIVATE; i++)
		reset_private(vc, &vc->own[i]);
	vc->vmcr = 0;
	memset(vc->apr, 0, sizeof(vc->apr));
}

void vgic_cpu_destroy(struct vgic_cpu *vc)
{
	unsigned i;

	release_shared(vc, true);
	for (i = 0; i < VGIC_PRIVATE; i++)
		reset_private(vc, &vc->own[i]);
	if (vc->attached)
		vgic_shared(vc->thread)->vcpu[vc->index] = (struct weak){NULL, 0};
}
