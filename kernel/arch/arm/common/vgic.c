/* SPDX-License-Identifier: MIT */
/*
 * List registers and queues of one vCPU. IHI 0048B 5.2 describes list registers; GICv3's are alike.
 *
 * A list register is read back only when something about its interrupt is to be decided; until
 * then the guest's acknowledging and ending of interrupts goes unnoticed. `used` and `in` say what
 * was put where; a register that turns out to be empty is an interrupt that ended.
 */

#include <arch/vgic.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/event.h>
#include <object/task.h>
#include "vgic_state.h"

const struct vgic_hw *vgic_hw;

/* --- State ------------------------------------------------------------------------------- */

static inline u64 hw_lr_read(unsigned i)
{
	return likely(gich) ? io_read32(gich + GICH_LR(i)) : vgic_hw->lr_read(i);
}

static inline void hw_lr_write(unsigned i, u64 lr)
{
	if (likely(gich))
		io_write32(gich + GICH_LR(i), (u32)lr);
	else
		vgic_hw->lr_write(i, lr);
}

static u64 lr_get(const struct vgic_cpu *vc, unsigned i)
{
	return vc->loaded ? hw_lr_read(i) : vc->lr[i];
}

static void lr_put(struct vgic_cpu *vc, unsigned i, u64 lr)
{
	if (lr & vgic_hw->eoi && !(lr & vgic_hw->hw))
		vc->asked |= 1u << i;
	else
		vc->asked &= ~(1u << i);
	if (vc->loaded)
		hw_lr_write(i, lr);
	else
		vc->lr[i] = lr;
}

static unsigned level_of(const struct virq *v)
{
	return (v->cfg >> TAKT_VIRQ_PRIORITY_SHIFT & 0xff) >> 3;
}

static bool enabled(const struct virq *v)
{
	return v->cfg & TAKT_VIRQ_ENABLED;
}

bool vgic_wants(const struct virq *v)
{
	if (v->intid < VGIC_SGIS)
		return v->sources || v->latch;
	return v->latch || (v->line && !(v->cfg & TAKT_VIRQ_EDGE));
}

static void enqueue(struct vgic_cpu *vc, struct virq *v)
{
	v->level = level_of(v);
	v->queued = true;
	list_add_tail(&vc->level[v->level], &v->link);
	vc->levels |= 1u << v->level;
	vc->dirty = true;
	v->event = 0;
	if (unlikely(vc->thread->events)) {
		v->event = (u8)event_index(vc->thread, v->intid);
		vc->events[v->event]++;
		event_arrive(vc->thread, v->intid);
	} else if (vc->thread->state == THREAD_IDLE) {
		vcpu_wake(vc->thread);
	}
}

static void dequeue(struct vgic_cpu *vc, struct virq *v)
{
	list_del(&v->link);
	v->queued = false;
	if (unlikely(v->event))
		vc->events[v->event]--;
	if (list_empty(&vc->level[v->level]))
		vc->levels &= ~(1u << v->level);
}

unsigned machine_untaken(struct thread *t)
{
	const struct vgic_cpu *vc = vgic_of(t);
	unsigned set = vc->spilled_levels ? t->events : 0;
	u32 used;

	for (unsigned i = 1; i < THREAD_SCS; i++)
		if (vc->events[i])
			set |= 1u << i;
	for (used = vc->used; used; used &= used - 1) {
		unsigned i = (unsigned)__builtin_ctz(used);

		if (lr_get(vc, i) & vgic_hw->pending)
			set |= 1u << vc->in[i]->event;
	}
	return set;
}

/* v, whose end was to be noticed, ended: so does the episode of its SC, if nothing else that brought
 * that is pending or active. Ends that are only counted are taken for it, too. */
static void notice_end(struct vgic_cpu *vc, struct virq *v)
{
	u32 used;

	v->noticed = false;
	if (!v->latch)
		vgic_unhold(vc, v);
	if (vc->events[v->event] || vc->spilled_levels)
		return;
	for (used = vc->used; used; used &= used - 1)
		if (vc->in[__builtin_ctz(used)]->event == v->event)
			return;
	event_ended(vc->thread, v->event);
}

/* The physical interrupt may arrive again. Of another machine's private one there is nothing to
 * undo: machine_load sets the state that its own machine's interrupt has. */
void vgic_unhold(struct vgic_cpu *vc, struct virq *v)
{
	if (v->held && (v->hw >= VGIC_PRIVATE || vc->loaded))
		irqc_deactivate(v->hw);
	v->held = false;
}

/* --- List registers ---------------------------------------------------------------------- */

static void leave_lr(struct vgic_cpu *vc, struct virq *v)
{
	unsigned i = v->lr - 1;

	vc->in[i] = NULL;
	vc->used &= ~(1u << i);
	v->lr = 0;
}

/* The guest ended it. Written back to zero where the register asks for maintenance still; an end by
 * the hardware link has deactivated the physical interrupt. */
static void retire(struct vgic_cpu *vc, struct virq *v, u64 lr)
{
	if (lr & vgic_hw->hw)
		v->held = false;
	else if (vc->asked & 1u << (v->lr - 1))
		lr_put(vc, v->lr - 1, 0);
	v->taken = false;
	leave_lr(vc, v);
	if (unlikely(v->noticed))
		notice_end(vc, v);
}

/* The pending state that the list register held, and the guest did not take, back into v. */
static void give_back(struct virq *v)
{
	if (v->intid < VGIC_SGIS)
		v->sources |= 1u << v->source;
	else if (v->taken)
		v->latch = true;
	v->taken = false;
}

/* v is active in its list register, `lr`, without pending state: what its next arrival needs. */
static u64 next_arrival(struct virq *v, u64 lr)
{
	lr &= lr & vgic_hw->hw || v->noticed ? ~0ull : ~vgic_hw->eoi;
	if (!enabled(v) || !vgic_wants(v) || lr & vgic_hw->hw)
		return lr;
	if (v->intid < VGIC_SGIS && v->sources & 1u << v->source) {
		v->sources &= ~(1u << v->source);
		lr |= vgic_hw->pending;
	} else if (v->intid >= VGIC_SGIS && v->latch && !v->held) {
		v->latch = false;
		v->taken = true;
		lr |= vgic_hw->pending;
	}
	return vgic_wants(v) ? lr | vgic_hw->eoi : lr;
}

/* Takes note of what the guest did to v in its list register; a merely pending v leaves it. */
static void settle(struct vgic_cpu *vc, struct virq *v)
{
	u64 lr = lr_get(vc, v->lr - 1);

	if (!(lr & (vgic_hw->pending | vgic_hw->active))) {
		retire(vc, v, lr);
		return;
	}
	if (lr & vgic_hw->pending)
		give_back(v);
	v->taken = false;
	if (!(lr & vgic_hw->active)) {
		lr_put(vc, v->lr - 1, 0);
		leave_lr(vc, v);
	} else {
		lr_put(vc, v->lr - 1, next_arrival(v, lr & ~vgic_hw->pending));
	}
}

void vgic_withdraw(struct vgic_cpu *vc, struct virq *v)
{
	if (v->lr)
		settle(vc, v);
	if (v->queued)
		dequeue(vc, v);
}

void vgic_update(struct vgic_cpu *vc, struct virq *v)
{
	vgic_withdraw(vc, v);
	if (v->lr || v->active)
		return;
	if (v->next_owner != v->owner) {
		vc = vgic_retarget(vc, v);
		if (!vc)
			return;
	}
	if (enabled(v) && vgic_wants(v))
		enqueue(vc, v);
}

unsigned vgic_state(const struct vgic_cpu *vc, const struct virq *v)
{
	u64 lr = v->lr ? lr_get(vc, v->lr - 1) : 0;
	bool pending = lr & vgic_hw->pending || vgic_wants(v);
	bool active = lr & vgic_hw->active || v->active;

	return pending | active << 1 | v->line << 2;
}

static void insert_spilled(struct vgic_cpu *vc, struct virq *v)
{
	v->active = true;
	list_add_tail(&vc->spilled[v->level], &v->link);
	vc->spilled_levels |= 1u << v->level;
	vc->dirty = true; /* the end of it is to be counted */
}

static void remove_spilled(struct vgic_cpu *vc, struct virq *v)
{
	v->active = false;
	list_del(&v->link);
	if (list_empty(&vc->spilled[v->level]))
		vc->spilled_levels &= ~(1u << v->level);
}

/* v out of its list register in whatever state, and no longer active. */
void vgic_end(struct vgic_cpu *vc, struct virq *v)
{
	if (v->lr) {
		u64 lr = lr_get(vc, v->lr - 1);

		if (lr & vgic_hw->pending)
			give_back(v);
		else if (lr & vgic_hw->hw && !(lr & vgic_hw->active))
			v->held = false;
		v->taken = false;
		lr_put(vc, v->lr - 1, 0);
		leave_lr(vc, v);
	} else if (v->active) {
		remove_spilled(vc, v);
	}
	if (unlikely(v->noticed))
		notice_end(vc, v);
}

void vgic_activate(struct vgic_cpu *vc, struct virq *v)
{
	if (v->lr)
		settle(vc, v);
	if (v->lr || v->active)
		return; /* it is already */
	if (v->queued)
		dequeue(vc, v);
	v->level = level_of(v);
	insert_spilled(vc, v);
}

/* --- Filling ----------------------------------------------------------------------------- */

/* Retires what the guest has ended. */
static void reclaim(struct vgic_cpu *vc)
{
	u32 ended;

	if (!vc->used)
		return;
	ended = vgic_hw->ended(vc->asked) & vc->used;
	for (; ended; ended &= ended - 1)
		vgic_update(vc, vc->in[__builtin_ctz(ended)]);
}

/* Active without a list register: the guest's end of it is counted by the hardware, which ends the
 * most urgent first. */
static void spill(struct vgic_cpu *vc, struct virq *v)
{
	lr_put(vc, v->lr - 1, 0);
	leave_lr(vc, v);
	insert_spilled(vc, v);
}

/* All list registers are in use. Frees one for something at `level`: the least urgent that is only
 * pending, if that is less urgent; if all are active, the least urgent. -1: none. */
static int make_room(struct vgic_cpu *vc, unsigned level)
{
	struct virq *pending = NULL, *active = NULL, *victim;
	unsigned i;

	for (i = 0; i < vgic_hw->lrs; i++) {
		struct virq *v = vc->in[i];

		if (!(lr_get(vc, i) & vgic_hw->active)) {
			if (!pending || v->level > pending->level)
				pending = v;
		} else if (!active || v->level > active->level) {
			active = v;
		}
	}
	if (pending && pending->level <= level)
		return -1;
	victim = pending ? pending : active;
	i = victim->lr - 1;
	if (pending) {
		vgic_update(vc, victim);
		return (int)i;
	}
	settle(vc, victim);
	if (lr_get(vc, i) & vgic_hw->pending)
		give_back(victim);
	victim->taken = false;
	spill(vc, victim);
	return (int)i;
}

static void place(struct vgic_cpu *vc, struct virq *v, unsigned i)
{
	u64 lr;

	dequeue(vc, v);
	if (v->intid < VGIC_SGIS) {
		if (v->latch) { /* set pending by the distributor: as if from itself */
			v->sources |= 1u << (vgic_hw->sgi_sources ? vc->index : 0);
			v->latch = false;
		}
		v->source = __builtin_ctz(v->sources);
		v->sources &= ~(1u << v->source);
	} else {
		v->taken = v->latch;
		v->latch = false;
	}
	v->noticed = v->event && !event_until_idle(vc->thread, v->intid);
	lr = vgic_hw->lr_make(v, vgic_hw->pending);
	if (!(lr & vgic_hw->hw) && (v->noticed || vgic_wants(v)))
		lr |= vgic_hw->eoi;
	lr_put(vc, i, lr);
	vc->in[i] = v;
	vc->used |= 1u << i;
	v->lr = i + 1;
}

/* Neither pending nor active: the interrupt in that list register ended. */
static inline bool is_empty(unsigned i, u8 *gic2)
{
	return gic2 ? !(io_read32(gic2 + GICH_LR(i)) & (GIC2_LR_PENDING | GIC2_LR_ACTIVE))
		    : !(vgic_hw->lr_read(i) & (vgic_hw->pending | vgic_hw->active));
}

/*
 * The usual case of an arrival, for which it does what a latch, vgic_update and vgic_flush would do:
 * nothing else waits, v is not pending or active, and its list register, or any other one, is free.
 * False: nothing was done. Made for GICv2 (gic2 is `gich`), whose accesses need no call, and for all
 * others (null).
 */
static inline bool inject(struct vgic_cpu *vc, struct virq *v, bool held, bool sgi, unsigned source,
			  u8 *gic2)
{
	u32 lr = v->fresh;
	unsigned i = v->lr;

	if (!lr || (v->flags & ~(u64)(VIRQ_TAKEN | VIRQ_HELD)) || v->sources || !vc->loaded ||
	    vc->levels || vc->thread->events)
		return false;
	if (likely(i)) { /* from last time: most likely the guest has ended it since */
		i--;
		if (vc->asked >> i & 1 || !is_empty(i, gic2))
			return false;
	} else {
		i = (unsigned)__builtin_ctz(~vc->used);
		if (v->held || i >= vgic_hw->lrs)
			return false;
		vc->in[i] = v;
		vc->used |= 1u << i;
		v->lr = (u8)(i + 1);
	}
	v->flags = (sgi ? 0 : VIRQ_TAKEN) | (held ? VIRQ_HELD : 0);
	v->source = (u8)source;
	v->level = lr >> GIC2_LR_PRIORITY_SHIFT & 0x1f;
	if (!gic2)
		vgic_hw->lr_write(i, vgic_hw->lr_make(v, vgic_hw->pending));
	else if (held)
		io_write32(gic2 + GICH_LR(i), lr | GIC2_LR_HW | v->hw << GIC2_LR_PHYSICAL_SHIFT);
	else
		io_write32(gic2 + GICH_LR(i), lr | source << GIC2_LR_SOURCE_SHIFT);
	return true;
}

/* Such ones are apart, and called last, so that the usual way needs no stack frame. */
static NOINLINE bool wake(struct vgic_cpu *vc)
{
	vcpu_wake(vc->thread);
	return true;
}

static NOINLINE void arrive_otherwise(struct vgic_cpu *vc, struct virq *v, bool held)
{
	if (!gich && inject(vc, v, held, false, 0, NULL)) {
		vcpu_wake(vc->thread);
		return;
	}
	if (v->lr) /* it may have ended there; its link to the physical one goes with that */
		vgic_withdraw(vc, v);
	v->held |= held;
	v->latch = true;
	vgic_update(vc, v);
}

void vgic_arrive(struct vgic_cpu *vc, struct virq *v, bool held)
{
	u8 *gic2 = gich;

	if (unlikely(!gic2 || !inject(vc, v, held, false, 0, gic2)))
		arrive_otherwise(vc, v, held);
	else if (unlikely(vc->thread->state == THREAD_IDLE))
		vcpu_wake(vc->thread);
}

/* A bound one is among those that there are, and what this vCPU owns stays its own until its CPU gives
 * it away. */
bool virq_arrive_simply(struct thread *t, u32 intid, u32 hw)
{
	struct vgic_cpu *vc = vgic_of(t);
	u8 *gic2 = gich;
	struct virq *v;

	if (unlikely(!gic2) || unlikely(intid < VGIC_PRIVATE))
		return false;
	v = shared_at(t->guest_task->vgic, intid - VGIC_PRIVATE);
	return likely(v->owner == vc->index) && inject(vc, v, v->hw == hw, false, 0, gic2);
}

static NOINLINE int sgi_otherwise(struct vgic_cpu *vc, struct virq *v, unsigned source)
{
	if (!vgic_hw->sgi_sources) /* who sends it is not known at the other end */
		source = 0;
	if (!gich && inject(vc, v, false, true, source, NULL)) {
		vcpu_wake(vc->thread);
		return 0;
	}
	v->sources |= (u8)(1u << source);
	vgic_update(vc, v);
	return 0;
}

int vgic_sgi(struct vgic_cpu *vc, struct virq *v, unsigned source)
{
	u8 *gic2 = gich;

	if (unlikely(!gic2 || !inject(vc, v, false, true, source, gic2)))
		return sgi_otherwise(vc, v, source);
	return likely(vc->thread->state != THREAD_IDLE) ? 0 : !wake(vc);
}

/* Writing the control register would lose the count, so this goes first. */
static void count_ends(struct vgic_cpu *vc)
{
	unsigned ends = VGIC_EOICOUNT(vgic_hw->control());

	if (!ends)
		return;
	vgic_hw->set_control(vc->control); /* the count starts at zero again */
	for (; ends && vc->spilled_levels; ends--) {
		unsigned level = (unsigned)__builtin_ctz(vc->spilled_levels);
		struct virq *v = list_first(&vc->spilled[level], struct virq, link);

		remove_spilled(vc, v);
		vgic_unhold(vc, v);
		if (unlikely(v->noticed))
			notice_end(vc, v);
		vgic_update(vc, v);
	}
}

static void update_control(struct vgic_cpu *vc)
{
	u32 control = VGIC_EN | (vc->levels ? VGIC_NPIE : 0) |
		      (vc->spilled_levels ? VGIC_LRENPIE : 0);

	if (control != vc->control) {
		vc->control = control;
		vgic_hw->set_control(control);
	}
}

/* At most one round per list register: what is placed is never less urgent than what follows. */
void vgic_flush(struct vgic_cpu *vc)
{
	u32 all = (u32)((1ull << vgic_hw->lrs) - 1);

	if (vc->spilled_levels)
		count_ends(vc);
	if (vc->levels && (vc->used & all) == all)
		reclaim(vc);
	while (vc->levels) {
		unsigned level = __builtin_ctz(vc->levels);
		struct virq *v = list_first(&vc->level[level], struct virq, link);
		int i = (vc->used & all) == all ? make_room(vc, level)
						: __builtin_ctz(~vc->used);

		if (i < 0)
			break;
		place(vc, v, i);
	}
	vc->dirty = false;
	update_control(vc);
}

void vgic_maintain(struct vgic_cpu *vc)
{
	reclaim(vc);
	vgic_flush(vc);
}

bool vgic_pending(struct vgic_cpu *vc)
{
	u32 vmcr, used;

	if (vc->loaded) {
		reclaim(vc);
		if (vc->spilled_levels)
			count_ends(vc);
	}
	if (!vc->used && !vc->levels)
		return false;
	vmcr = vc->loaded ? vgic_hw->vmcr() : vc->vmcr;
	for (used = vc->used; used; used &= used - 1) {
		struct virq *v = vc->in[__builtin_ctz(used)];

		if (lr_get(vc, v->lr - 1) & vgic_hw->pending &&
		    vgic_hw->passes(vmcr, v->level, v->cfg & TAKT_VIRQ_GROUP1))
			return true;
	}
	/* What waits in a queue; group by the first of the most urgent ones is close enough: guests
	 * use one group. */
	if (vc->levels) {
		unsigned level = __builtin_ctz(vc->levels);
		struct virq *v = list_first(&vc->level[level], struct virq, link);

		return vgic_hw->passes(vmcr, level, v->cfg & TAKT_VIRQ_GROUP1);
	}
	return false;
}

/* --- To and from the hardware ------------------------------------------------------------ */

/*
 * While no machine is loaded, the list registers are zero, the interface is on, for that does nothing
 * then, and the private physical interrupt is not active: so who comes and who goes has only its own to
 * do.
 */
void vgic_load(struct vgic_cpu *vc)
{
	u32 used;

	vgic_hw->restore(vc);
	for (used = vc->used; used; used &= used - 1) {
		unsigned i = (unsigned)__builtin_ctz(used);

		vgic_hw->lr_write(i, vc->lr[i]);
	}
	vc->loaded = true;
	vc->control = VGIC_EN; /* what more is wanted a flush sees */
	if (vc->own[VGIC_TIMER].held)
		irqc_set_active(vc->own[VGIC_TIMER].hw, true);
}

void vgic_save(struct vgic_cpu *vc)
{
	u32 used;

	if (vc->control != VGIC_EN) {
		if (vc->spilled_levels)
			count_ends(vc);
		vgic_hw->set_control(VGIC_EN);
		vc->dirty = true;
	}
	vgic_hw->save(vc);
	reclaim(vc);
	for (used = vc->used; used; used &= used - 1) {
		unsigned i = (unsigned)__builtin_ctz(used);

		vc->lr[i] = vgic_hw->lr_read(i);
		vgic_hw->lr_write(i, 0);
	}
	vc->loaded = false;
	if (vc->own[VGIC_TIMER].held)
		irqc_set_active(vc->own[VGIC_TIMER].hw, false);
}

static NOINLINE void switch_otherwise(struct vgic_cpu *from, struct vgic_cpu *to)
{
	vgic_save(from);
	vgic_load(to);
}

/* Both, in one where no list register of either is in use. */
void vgic_switch(struct vgic_cpu *from, struct vgic_cpu *to)
{
	if (unlikely(!gich) || unlikely(from->used | to->used) ||
	    unlikely(from->control != VGIC_EN) ||
	    unlikely(from->own[VGIC_TIMER].held | to->own[VGIC_TIMER].held)) {
		switch_otherwise(from, to);
		return;
	}
	vgic_v2_save(from);
	from->loaded = false;
	vgic_v2_restore(to);
	to->loaded = true;
	to->control = VGIC_EN;
}

void vgic_init(void)
{
	vgic_hw = platform.gic_version == 2 ? vgic_v2_init() : vgic_v3_init();
}

void vgic_init_cpu(void)
{
	unsigned i;

	if (!vgic_hw)
		return;
	if (platform.gic_version != 2)
		vgic_v3_init_cpu();
	for (i = 0; i < vgic_hw->lrs; i++)
		vgic_hw->lr_write(i, 0);
	vgic_hw->set_control(VGIC_EN);
	irqc_configure(platform.virt_timer_intid, false, 0);
	irqc_configure(platform.maintenance_intid, false, 0);
	irqc_enable(platform.virt_timer_intid);
	irqc_enable(platform.maintenance_intid);
}

/* 0: the board cannot run machines. */
unsigned machine_list_registers(void)
{
	return vgic_hw ? vgic_hw->lrs : 0;
}
