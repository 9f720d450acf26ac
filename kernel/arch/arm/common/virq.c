/* SPDX-License-Identifier: MIT */
/* Operations on the interrupts of a machine, on any CPU, and the making of their state. */

#include <arch/inline.h>
#include <arch/vgic.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/invoke.h>
#include <object/irq.h>
#include <object/task.h>
#include "vgic_state.h"

/* --- State ------------------------------------------------------------------------------- */

struct vgic *vgic_shared(const struct thread *t)
{
	return t->guest_task ? t->guest_task->vgic : NULL;
}

struct thread *vcpu_at(const struct vgic *g, unsigned index)
{
	return index < VGIC_VCPUS ? (struct thread *)weak_get(g->vcpu[index]) : NULL;
}

static bool here(const struct thread *t)
{
	return t->cpu == this_cpu()->id;
}

/*
 * Interrupt intid of t's machine and the vCPU whose state it is: t itself, or, of a shared one, its
 * owner: null while that is being destroyed. One that nobody owns becomes t's. Only if *owner is of
 * this CPU may more than v->post be touched.
 */
static MUST_CHECK int find(struct thread *t, u32 intid, struct thread **owner, struct virq **v)
{
	struct vgic *g = vgic_shared(t);
	u8 had;

	if (!t->machine)
		return TAKT_E_STATE;
	*owner = t;
	if (intid < VGIC_PRIVATE) {
		*v = &vgic_of(t)->own[intid];
		return 0;
	}
	if (intid - VGIC_PRIVATE >= g->shared)
		return TAKT_E_RANGE;
	*v = shared_at(g, intid - VGIC_PRIVATE);
	had = (u8)virq_owner(*v);
	if (likely(had == vgic_of(t)->index) && here(t)) /* and stays so: only this CPU gives it away */
		return 0;
	if (had == VGIC_NOBODY) {
		u8 self = vgic_of(t)->index;

		if (__atomic_compare_exchange_n(&(*v)->owner, &had, self, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return 0;
	}
	*owner = vcpu_at(g, had);
	return 0;
}

static u32 configuration(const struct thread *t, u32 intid)
{
	if (intid < VGIC_PRIVATE)
		return t->vp->virq[intid];
	return vgic_shared(t)->cfg->virq[intid - VGIC_PRIVATE];
}

/* A physical interrupt does not change CPUs with its virtual one: it arrives where it was bound. */
static bool may_move(const struct virq *v, const struct thread *next)
{
	return next && (here(next) || v->hw == IRQ_SOFT);
}

struct vgic_cpu *vgic_retarget(struct vgic_cpu *vc, struct virq *v)
{
	struct thread *next = vcpu_at(vgic_shared(vc->thread), v->next_owner);

	if (!may_move(v, next)) {
		v->next_owner = v->owner;
		virq_refresh(v);
		return vc;
	}
	if (!here(next))
		virq_post(v, TAKT_VIRQ_SYNC); /* for it to look at */
	v->fresh = 0; /* the new owner's CPU may look at it from here on */
	__atomic_store_n(&v->owner, v->next_owner, __ATOMIC_RELEASE);
	if (here(next)) {
		virq_refresh(v);
		return vgic_of(next);
	}
	mail_virq(next, v);
	return NULL;
}

/* --- Operations -------------------------------------------------------------------------- */

static void reconfigure(struct vgic_cpu *vc, struct virq *v)
{
	const struct thread *t = vc->thread;
	unsigned target;

	v->cfg = configuration(t, v->intid);
	if (v->intid >= VGIC_PRIVATE) {
		target = v->cfg >> TAKT_VIRQ_TARGET_SHIFT & 0xf;
		v->next_owner =
			may_move(v, vcpu_at(vgic_shared(t), target)) ? (u8)target : v->owner;
	}
	virq_refresh(v);
}

static void unlatch(struct vgic_cpu *vc, struct virq *v)
{
	vgic_withdraw(vc, v); /* what a list register has pending comes back */
	v->latch = false;
	v->sources = 0;
	if (!v->lr && !v->active)
		vgic_unhold(vc, v);
}

static void set_line(struct virq *v, u32 post)
{
	bool rose = post & POST_ROSE || (post & POST_ROSE_IF && !v->line);

	v->latch |= v->cfg & TAKT_VIRQ_EDGE && rose;
	v->line = post & POST_HIGH;
}

void virq_apply(struct vgic_cpu *vc, struct virq *v)
{
	u32 post = __atomic_exchange_n(&v->post, 0, __ATOMIC_ACQUIRE);

	if (!post)
		return;
	if (post & POST_SYNC)
		reconfigure(vc, v);
	else if (!(v->cfg & TAKT_VIRQ_ENABLED))
		/* While it is disabled nobody need tell when its configuration changes. */
		v->cfg = configuration(vc->thread, v->intid) & ~TAKT_VIRQ_ENABLED;
	if (post & POST_UNLATCH)
		unlatch(vc, v);
	if (post & POST_END) {
		vgic_end(vc, v);
		if (!v->latch)
			vgic_unhold(vc, v);
	}
	if (post & POST_ACTIVATE)
		vgic_activate(vc, v);
	if (post & POST_LINE)
		set_line(v, post);
	v->latch |= !!(post & POST_LATCH);
	vgic_update(vc, v);
}

int virq_set(struct thread *t, u32 intid, unsigned action)
{
	struct thread *owner;
	struct virq *v;
	int err = find(t, intid, &owner, &v);

	if (err)
		return err;
	virq_post(v, action);
	if (!owner) /* for whoever has it next */
		return 0;
	if (here(owner))
		virq_apply(vgic_of(owner), v);
	else
		mail_virq(owner, v);
	return 0;
}

int virq_sync(struct thread *t, u32 intid)
{
	return virq_set(t, intid, TAKT_VIRQ_SYNC);
}

/* What was asked for before has happened by then; but that may have sent it elsewhere. */
int virq_query(struct thread *t, u32 intid)
{
	struct thread *owner;
	struct virq *v;
	int err;

	for (unsigned tries = 0;; tries++) {
		err = find(t, intid, &owner, &v);
		if (err)
			return err;
		if (!owner || owner->cpu == CPU_UNPLACED)
			return TAKT_E_STATE;
		if (!here(owner))
			return E_REMOTE(owner->cpu);
		if (tries || !__atomic_load_n(&v->post, __ATOMIC_RELAXED))
			return (int)vgic_state(vgic_of(owner), v);
		virq_apply(vgic_of(owner), v);
	}
}

struct thread *vgic_vcpu(struct thread *t, unsigned index)
{
	return vcpu_at(vgic_shared(t), index);
}

int virq_sgi(struct thread *t, u64 mask, u32 intid, u32 source)
{
	if (!t->machine)
		return TAKT_E_STATE;
	if (intid >= VGIC_SGIS || mask >> VGIC_VCPUS || source >= VGIC_VCPUS)
		return TAKT_E_RANGE;
	if (!vgic_hw->sgi_sources) /* who sends it is not known at the other end */
		source = 0;
	for (; mask; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzl(mask);
		struct thread *to = i == vgic_of(t)->index ? t : vgic_vcpu(t, i);

		if (!to)
			continue;
		if (here(to))
			(void)vgic_sgi(vgic_of(to), &vgic_of(to)->own[intid], source);
		else
			mail_sgi(to, intid, source);
	}
	return 0;
}

int virq_sgi_from(struct thread *t, u64 mask, u32 intid)
{
	struct vgic_cpu *vc = vgic_of(t);

	if (mask != 1ul << vc->index || intid >= VGIC_SGIS)
		return virq_sgi(t, mask, intid, vc->index);
	return vgic_sgi(vc, &vc->own[intid], vc->index);
}

void virq_arrive(struct thread *t, u32 intid, u32 hw, u32 raw)
{
	struct thread *owner;
	struct virq *v;
	int err = find(t, intid, &owner, &v);

	(void)raw; /* GICv2 and 3 deactivate by number */
	if (err)
		klog("virtual interrupt %u of %.16s lost: %d\n", intid, t->name, err);
	else if (owner && here(owner))
		vgic_arrive(vgic_of(owner), v, hw != IRQ_SOFT && v->hw == hw);
	else /* not of hardware: see may_move */
		(void)!virq_set(t, intid, TAKT_VIRQ_LATCH);
}

int virq_bind(struct thread *t, u32 intid, u32 hw)
{
	struct vgic_cpu *vc;
	struct thread *owner;
	struct virq *v;
	int err = find(t, intid, &owner, &v);

	if (err)
		return err;
	if (intid < VGIC_SGIS || intid == VGIC_TIMER)
		return TAKT_E_RANGE;
	if (hw != IRQ_SOFT && hw < VGIC_PRIVATE)
		return TAKT_E_RANGE; /* of a CPU, not of a machine */
	if (!owner || !here(owner)) /* it cannot be bound to hardware there */
		return hw == IRQ_SOFT ? 0 : TAKT_E_CPU;
	if (hw != IRQ_SOFT && v->hw != IRQ_SOFT && v->hw != hw)
		return TAKT_E_EXISTS;
	vc = vgic_of(owner);
	if (v->held && v->hw != hw) {
		vgic_end(vc, v);
		v->latch = false;
		vgic_unhold(vc, v);
	}
	v->hw = hw;
	reconfigure(vc, v); /* free to move, or no more */
	vgic_update(vc, v);
	return 0;
}

/* --- Making and ending ------------------------------------------------------------------- */

#define CREATE_STEP 32 /* interrupts */

int vgic_create(struct factory *f, struct takt_vm_page *cfg, unsigned shared, struct vgic **made)
{
	struct vgic *g = *made;
	unsigned i;

	if (!g) {
		*made = g = kmem_alloc_page(f);
		if (!g)
			return TAKT_E_NOMEM;
		g->cfg = cfg;
		return E_RESTART;
	}
	for (i = g->shared; i < shared && i < g->shared + CREATE_STEP; i++) {
		struct virq *v;

		if (i % 64 == 0) {
			g->frame[i / 64] = kmem_alloc_page(f);
			if (!g->frame[i / 64])
				return TAKT_E_NOMEM;
		}
		v = shared_at(g, i);
		v->intid = VGIC_PRIVATE + i;
		v->hw = IRQ_SOFT;
		v->owner = v->next_owner = VGIC_NOBODY;
		list_init(&v->link);
	}
	g->shared = i;
	return i < shared ? E_RESTART : 0;
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

	spin_lock(&t->guest_task->lock);
	for (i = 0; i < VGIC_VCPUS && !vc->attached; i++) {
		if (vcpu_at(g, i) || g->leaving >> i & 1)
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
	for (i = 0; i < VGIC_LEVELS; i++) {
		list_init(&vc->level[i]);
		list_init(&vc->spilled[i]);
	}
	for (i = 0; i < VGIC_PRIVATE; i++) {
		vc->own[i].intid = i;
		vc->own[i].hw = i == VGIC_TIMER ? platform.virt_timer_intid : IRQ_SOFT;
		list_init(&vc->own[i].link);
	}
}

/* One of the shared interrupts: if vc owns it, not active any more, and, with the vCPU, nobody's. */
static void release(struct vgic_cpu *vc, struct virq *v, bool gone)
{
	if (virq_owner(v) != vc->index)
		return;
	vgic_end(vc, v);
	if (gone) {
		v->cfg = v->fresh = 0;
		v->latch = false;
		v->next_owner = v->owner;
	}
	if (!v->latch)
		vgic_unhold(vc, v);
	vgic_update(vc, v);
	if (gone) {
		v->next_owner = VGIC_NOBODY;
		__atomic_store_n(&v->owner, VGIC_NOBODY, __ATOMIC_RELEASE);
	}
}

/* Its state; what its configuration word says is the monitor's. */
static void reset_private(struct vgic_cpu *vc, struct virq *v)
{
	vgic_end(vc, v);
	v->cfg = v->fresh = 0;
	v->line = v->latch = false;
	v->sources = 0;
	__atomic_store_n(&v->post, 0, __ATOMIC_RELAXED);
	vgic_unhold(vc, v);
	vgic_update(vc, v);
}

#define SWEEP_STEP 3 /* interrupts, of some 110 instructions; the way here takes 1000 */

/* The next of all that are or may be vc's, from number *at on: its private ones first. True when there
 * are no more. */
static bool sweep(struct vgic_cpu *vc, u64 *at, bool gone)
{
	struct vgic *g = vgic_shared(vc->thread);
	u64 all = VGIC_PRIVATE + g->shared, n = *at;

	for (unsigned i = 0; i < SWEEP_STEP && n < all; i++, n++) {
		if (n >= VGIC_PRIVATE) {
			release(vc, shared_at(g, (unsigned)n - VGIC_PRIVATE), gone);
			continue;
		}
		reset_private(vc, &vc->own[n]);
		if (!gone)
			reconfigure(vc, &vc->own[n]);
	}
	*at = n;
	return n >= all;
}

bool vgic_cpu_reset(struct vgic_cpu *vc, u64 *at)
{
	if (!*at) {
		mail_discard(vc);
		vc->vmcr = 0;
		memset(vc->apr, 0, sizeof(vc->apr));
	}
	return sweep(vc, at, false);
}

bool vgic_cpu_destroy(struct vgic_cpu *vc)
{
	struct task *vm = vc->thread->guest_task;
	struct vgic *g = vm->vgic;
	u64 at = vc->swept;
	bool done;

	/* From here on nobody finds it, and nobody gets its index: what it owns is its own until it
	 * has let go of it. Then nobody's interrupts can be taken by others. */
	spin_lock(&vm->lock);
	g->vcpu[vc->index] = (struct weak){NULL, 0};
	g->leaving |= (u8)(1u << vc->index);
	spin_unlock(&vm->lock);
	done = sweep(vc, &at, true);
	vc->swept = (u16)at;
	if (done) {
		spin_lock(&vm->lock);
		g->leaving &= (u8)~(1u << vc->index);
		spin_unlock(&vm->lock);
	}
	return done;
}
