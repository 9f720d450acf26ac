/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/dispatch.h>
#include <core/event.h>
#include <core/sched.h>
#include <object/sc.h>

/* --- The set ---------------------------------------------------------------------------------- */

static unsigned attached(const struct thread *t)
{
	return t->events | (t->sc[0] ? 1u : 0);
}

static bool wants_to_run(const struct thread *t)
{
	switch ((enum thread_state)t->state) {
	case THREAD_RUN:
	case THREAD_OPEN:
	case THREAD_WANT:
	case THREAD_BLOCKED:
		return true;
	case THREAD_STOPPED:
	case THREAD_WAIT:
	case THREAD_IDLE:
		break;
	}
	return false;
}

/* Those of a word of virtual interrupts that bring the SC with this index. */
static u64 virqs_of(const struct thread *t, unsigned index, unsigned word)
{
	u64 of = ~0ul;

	for (unsigned i = 0; i < 3; i++)
		of &= index >> i & 1 ? t->virq_sc[i][word] : ~t->virq_sc[i][word];
	return of;
}

static unsigned pv_pending(const struct thread *t)
{
	u32 pending = t->pv->pending;
	unsigned set = 0;

	if (!pending)
		return 0;
	for (unsigned left = attached(t); left; left &= left - 1) {
		unsigned i = (unsigned)__builtin_ctz(left);

		if (pending & virqs_of(t, i, 0))
			set |= 1u << i;
	}
	return set;
}

static bool base_below(const struct thread *t, unsigned set)
{
	if (!t->sc[0])
		return false;
	for (; set; set &= set - 1)
		if (t->sc[__builtin_ctz(set)]->prio > t->sc[0]->prio)
			return true;
	return false;
}

/* What the guest wants, by its page as it is now. */
static void sample(struct thread *t)
{
	unsigned chosen = 0, set = t->episodes;
	u32 sel;
	u64 irq_sc = 0;

	if (!t->page) /* it is not all made */
		sel = TAKT_SC_NONE;
	else if (t->kind == TAKT_THREAD_PV) {
		sel = t->pv->sel;
		irq_sc = *(volatile u64 *)&t->pv->guest.irq_sc;
		set |= pv_pending(t);
	} else {
		sel = t->vp->sel;
	}
	if (sel < THREAD_SCS)
		chosen = 1u << sel;
	if (irq_sc && irq_sc <= THREAD_SCS)
		chosen |= 1u << (irq_sc - 1);
	chosen &= attached(t);
	if (base_below(t, chosen))
		chosen |= 1;
	set = (set | chosen) & attached(t);
	t->active = (u8)(set ? set : 1);
}

/* The states of t's SCs follow from the set. */
static void apply(struct thread *t)
{
	unsigned set = wants_to_run(t) ? t->active : 0;

	for (unsigned i = 0; i < THREAD_SCS; i++) {
		if (!t->sc[i])
			continue;
		if (set >> i & 1)
			sc_activate(t->sc[i]);
		else
			sc_deactivate(t->sc[i]);
	}
}

/* --- Binding ---------------------------------------------------------------------------------- */

void event_attached(struct thread *t, unsigned index)
{
	struct cpu *c = this_cpu();

	t->events |= (u8)(1u << index);
	t->has_events = true;
	t->active |= 1;
	if (t->kind == TAKT_THREAD_PV)
		t->way = VIRQ_WITH_SC;
	if (c->sc && c->sc->home == t) { /* it is watched from now on */
		c->sampled = t;
		c->tangled |= TANGLED_EVENTS;
	}
}

void event_detached(struct thread *t, unsigned index)
{
	for (unsigned w = 0; index && w < VIRQ_WORDS; w++) {
		u64 gone = virqs_of(t, index, w);

		for (unsigned i = 0; i < 3; i++)
			t->virq_sc[i][w] &= ~gone;
		t->virq_stays[w] &= ~gone;
	}
	t->events &= (u8)~(1u << index & ~1u);
	t->episodes &= (u8)~(1u << index);
	if (!t->events) {
		t->has_events = false;
		t->way = t->kind;
	}
	sample(t);
	apply(t);
}

void event_bind(struct thread *t, u32 virq, unsigned index, unsigned leave)
{
	unsigned w = virq / 64;
	u64 bit = 1ul << virq % 64;

	for (unsigned i = 0; i < 3; i++)
		t->virq_sc[i][w] = (t->virq_sc[i][w] & ~bit) | (index >> i & 1 ? bit : 0);
	t->virq_stays[w] = (t->virq_stays[w] & ~bit) | (leave == TAKT_LEAVE_IDLE ? bit : 0);
}

unsigned event_prio(const struct thread *t)
{
	unsigned prio = 0;

	for (unsigned i = 0; i < THREAD_SCS; i++) {
		const struct sc *sc = __atomic_load_n(&t->sc[i], __ATOMIC_RELAXED);

		if (sc && sc->prio > prio)
			prio = sc->prio;
	}
	return prio;
}

/* --- Arrival ---------------------------------------------------------------------------------- */

/* The SC that the interrupt brings joins the set; the base, if there is none. */
static void join(struct thread *t, unsigned index)
{
	if (t->kind == TAKT_THREAD_MACHINE)
		t->episodes |= (u8)(1u << index);
	if (t->state == THREAD_IDLE) {
		thread_wake(t);
		return;
	}
	t->active |= (u8)(1u << index);
	if (wants_to_run(t) && t->sc[index])
		sc_activate(t->sc[index]);
	else if (t->state == THREAD_WAIT && index)
		thread_signal(t, 0); /* the monitor: it resumes the guest, if it wants to */
}

void event_arrive(struct thread *t, u32 virq)
{
	join(t, event_index(t, virq));
}

void event_arrive_pv(struct thread *t, u32 virq)
{
	struct takt_pv_page *p = t->pv;
	u32 pending = p->pending | 1u << virq;

	p->pending = pending;
	if (t->state == THREAD_IDLE) {
		if (!(pending & t->wait_mask))
			return;
		t->regs->x[0] = 0;
	}
	join(t, event_index(t, virq));
}

/* What is delivered runs on its SC until the guest takes the frame back. */
void event_before_guest(struct thread *t)
{
	struct takt_pv_page *p = t->pv;
	u32 before = p->pending, taken;
	unsigned virq, index;

	pv_before_guest(t);
	taken = before & ~p->pending;
	if (!taken)
		return;
	virq = 31 - (unsigned)__builtin_clz(taken);
	index = event_index(t, virq);
	p->guest.irq_sc = index + 1;
	if (event_until_idle(t, virq))
		p->sel = index;
}

/* --- Leaving ---------------------------------------------------------------------------------- */

void event_ended(struct thread *t, unsigned index)
{
	t->episodes &= (u8)~(1u << index);
	/* Its SCs follow when it is sampled, or when one that it has left is picked. */
	sample(t);
}

bool event_select(struct thread *t, u64 index)
{
	if (index >= THREAD_SCS || !t->sc[index])
		return false;
	t->vp->sel = (u32)index;
	if (unlikely(t->episodes))
		t->episodes &= machine_untaken(t);
	return true;
}

void event_idle(struct thread *t)
{
	if (t->kind == TAKT_THREAD_PV) {
		t->pv->sel = TAKT_SC_NONE;
		t->pv->guest.irq_sc = 0;
	} else {
		t->vp->sel = TAKT_SC_NONE;
	}
	t->episodes = 0;
	apply(t);
}

void event_wake(struct thread *t)
{
	sample(t);
	apply(t);
}

void event_depleted(struct thread *t, unsigned index)
{
	if (!(t->episodes >> index & 1) || machine_untaken(t) >> index & 1)
		return;
	t->episodes &= (u8)~(1u << index);
	sample(t);
	apply(t);
}

/* --- For the dispatcher ----------------------------------------------------------------------- */

void event_sample(struct cpu *c)
{
	struct thread *t = c->sampled;

	if (!t->events)
		return;
	sample(t);
	apply(t);
}

bool event_confirm(struct thread *t, const struct sc *sc)
{
	/* The base may have been woken by itself, for the monitor. */
	if (!sc->index || t->active >> sc->index & 1)
		return true;
	apply(t);
	return false;
}

void event_hint(struct cpu *c)
{
	struct thread *t = c->sampled;
	u32 hint;

	if (c->thread != t || !t->in_guest)
		return;
	/* The clock of a budget that is not used up waits, too. */
	hint = c->sc->budget < c->sc->period ? TAKT_HINT_ALWAYS : (u32)(ready_top(c) + 1);
	if (t->kind == TAKT_THREAD_PV)
		t->pv->hint = hint;
	else
		t->vp->hint = hint;
}
