/* SPDX-License-Identifier: MIT */
/*
 * What one CPU wants of the virtual interrupts that belong to another one.
 *
 * A wish is left where it concerns (virq.post, or the sources of an SGI), then marked in the
 * mailbox of the vCPU that owns the interrupt, from the single interrupt up to mail.any; the taker
 * goes the same way down. So nothing needs memory, and the same wish twice is one.
 *
 * The vCPU's CPU takes its mail before the guest runs, on the vCPU's own time. So a guest that runs
 * now is interrupted, and one that has been preempted, or is out of budget, need not be told: it
 * comes past its mailbox, and cannot be used to disturb a CPU. One that sleeps is woken, which is
 * work in that CPU's inbox at the vCPU's priority. And while the vCPU is in its monitor, maybe for
 * long, switched off, its mail is taken by work in the inbox at the sender's priority, like any
 * operation on another CPU's thread. So is that of a vCPU with event SCs, always and at its greatest
 * priority: what came may be what gives it the CPU.
 *
 * To close the races with sleeping, entering and leaving the guest, both sides write first and then
 * look: the sender fills the mailbox and looks at the vCPU, the other one changes the vCPU and looks
 * into the mailbox (machine_wait, machine_collect, machine_left).
 */
#include <arch/inline.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/inbox.h>
#include <object/sc.h>
#include <object/task.h>
#include "vgic_state.h"

#define COLLECT_AT_ONCE 4 /* pieces of mail between two looks for interrupts */

/* --- Leaving ----------------------------------------------------------------------------- */

static u32 with_line(u32 post, bool high)
{
	if (!high)
		return (post & ~POST_HIGH) | POST_LINE;
	if (!(post & POST_LINE))
		post |= POST_ROSE_IF;
	else if (!(post & POST_HIGH))
		post |= POST_ROSE;
	return post | POST_LINE | POST_HIGH;
}

static u32 with(u32 post, unsigned action)
{
	switch ((enum takt_virq_action)action) {
	case TAKT_VIRQ_LOW:
	case TAKT_VIRQ_HIGH:
		return with_line(post, action == TAKT_VIRQ_HIGH);
	case TAKT_VIRQ_LATCH:
		return post | POST_LATCH;
	case TAKT_VIRQ_SYNC:
		return post | POST_SYNC;
	case TAKT_VIRQ_UNLATCH:
		return (post & ~(POST_LATCH | POST_ROSE | POST_ROSE_IF)) | POST_UNLATCH;
	case TAKT_VIRQ_DEACTIVATE:
		return (post & ~POST_ACTIVATE) | POST_END;
	case TAKT_VIRQ_ACTIVATE:
		return (post & ~POST_END) | POST_ACTIVATE;
	case TAKT_VIRQ_SGI: /* not about one vCPU's interrupt */
		break;
	}
	return post;
}

void virq_post(struct virq *v, unsigned action)
{
	u32 old = __atomic_load_n(&v->post, __ATOMIC_RELAXED);

	while (!__atomic_compare_exchange_n(&v->post, &old, with(old, action), false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static unsigned base_prio(const struct thread *t)
{
	const struct sc *base = __atomic_load_n(&t->sc[0], __ATOMIC_RELAXED);

	return base ? base->prio : 0;
}

static unsigned own_prio(void)
{
	const struct cpu *c = this_cpu();

	return c->sc ? c->sc->prio : 0;
}

static void notify(struct thread *to)
{
	unsigned cpu = to->cpu;

	if (cpu == CPU_UNPLACED)
		return;
	if (__atomic_load_n(&to->events, __ATOMIC_RELAXED)) {
		inbox_post(cpu, &to->mail_node, INBOX_MAIL, MIN(event_prio(to) + 1, PRIORITIES - 1u));
		return;
	}
	if (__atomic_load_n(&to->state, __ATOMIC_RELAXED) == THREAD_IDLE)
		inbox_post(cpu, &to->mail_node, INBOX_MAIL, base_prio(to));
	else if (!__atomic_load_n(&to->in_guest, __ATOMIC_RELAXED))
		inbox_post(cpu, &to->mail_node, INBOX_MAIL, MIN(base_prio(to), own_prio()));
	else if (__atomic_load_n(&cpus[cpu].thread, __ATOMIC_RELAXED) == to)
		irqc_kick(cpu);
}

static void mark(struct thread *to, u32 bit)
{
	u32 old = __atomic_fetch_or(&vgic_of(to)->mail.any, bit, __ATOMIC_ACQ_REL);

	/* With mail that is there already comes somebody who notifies. */
	dmb_ish();
	if (!old)
		notify(to);
}

void mail_virq(struct thread *to, const struct virq *v)
{
	struct vgic_mail *m = &vgic_of(to)->mail;
	unsigned word = v->intid / 64;

	__atomic_fetch_or(&m->posted[word], 1ul << v->intid % 64, __ATOMIC_RELEASE);
	mark(to, 1u << word);
}

void mail_sgi(struct thread *to, u32 intid, u32 source)
{
	struct vgic_mail *m = &vgic_of(to)->mail;

	__atomic_fetch_or(&m->source[intid], (u8)(1u << source), __ATOMIC_RELEASE);
	__atomic_fetch_or(&m->sgis, 1u << intid, __ATOMIC_RELEASE);
	mark(to, VGIC_MAIL_SGIS);
}

/* --- Taking ------------------------------------------------------------------------------ */

static void take_sgi(struct vgic_cpu *vc)
{
	struct vgic_mail *m = &vc->mail;
	unsigned n = (unsigned)__builtin_ctz(__atomic_load_n(&m->sgis, __ATOMIC_RELAXED));
	struct virq *v = &vc->own[n];

	__atomic_fetch_and(&m->sgis, ~(1u << n), __ATOMIC_ACQUIRE);
	v->sources |= __atomic_exchange_n(&m->source[n], 0, __ATOMIC_ACQUIRE);
	vgic_update(vc, v);
}

static void take_virq(struct vgic_cpu *vc, unsigned word)
{
	struct vgic_mail *m = &vc->mail;
	const struct vgic *g = vgic_shared(vc->thread);
	u64 bits = __atomic_load_n(&m->posted[word], __ATOMIC_RELAXED);
	unsigned n = word * 64 + (unsigned)__builtin_ctzl(bits);
	struct virq *v = n < VGIC_PRIVATE ? &vc->own[n] : shared_at(g, n - VGIC_PRIVATE);
	unsigned owner = n < VGIC_PRIVATE ? vc->index : virq_owner(v);
	struct thread *next;

	__atomic_fetch_and(&m->posted[word], ~(1ul << n % 64), __ATOMIC_ACQUIRE);
	if (owner == vc->index) {
		virq_apply(vc, v);
		return;
	}
	/* It went to another vCPU meanwhile. What is asked of one that is nobody's waits for
	 * somebody. */
	next = vcpu_at(g, owner);
	if (next)
		mail_virq(next, v);
}

/* One piece out of the part of the mailbox that `bit` of mail.any stands for. */
static void take(struct vgic_cpu *vc, u32 bit)
{
	struct vgic_mail *m = &vc->mail;
	unsigned word = (unsigned)__builtin_ctz(bit);
	bool sgi = bit == VGIC_MAIL_SGIS;

	if (sgi ? !__atomic_load_n(&m->sgis, __ATOMIC_RELAXED)
		: !__atomic_load_n(&m->posted[word], __ATOMIC_RELAXED)) {
		__atomic_fetch_and(&m->any, ~bit, __ATOMIC_ACQ_REL);
		/* Who came before that relies on us, who comes after it notifies. */
		if (sgi ? __atomic_load_n(&m->sgis, __ATOMIC_RELAXED) != 0
			: __atomic_load_n(&m->posted[word], __ATOMIC_RELAXED) != 0)
			__atomic_fetch_or(&m->any, bit, __ATOMIC_RELAXED);
	} else if (sgi) {
		take_sgi(vc);
	} else {
		take_virq(vc, word);
	}
}

bool vgic_collect(struct vgic_cpu *vc)
{
	for (unsigned n = 1; vgic_has_mail(vc); n++) {
		u32 any = __atomic_load_n(&vc->mail.any, __ATOMIC_RELAXED);

		take(vc, any & -any);
		if (n % COLLECT_AT_ONCE == 0 && irq_waiting()) {
			irq_poll();
			return false;
		}
	}
	return true;
}

void machine_mail(struct thread *t)
{
	if (t->has_events) {
		if (!vgic_collect(vgic_of(t)))
			inbox_post(t->cpu, &t->mail_node, INBOX_MAIL, event_prio(t));
		return;
	}
	if (t->state == THREAD_IDLE)
		vcpu_wake(t);
	else if (!t->in_guest && !vgic_collect(vgic_of(t)))
		inbox_post(t->cpu, &t->mail_node, INBOX_MAIL, base_prio(t)); /* the rest */
}

void machine_left(struct thread *t)
{
	dmb_ish();
	if (vgic_has_mail(vgic_of(t)))
		inbox_post(t->cpu, &t->mail_node, INBOX_MAIL, base_prio(t));
}

void mail_discard(struct vgic_cpu *vc)
{
	__atomic_store_n(&vc->mail.sgis, 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < VGIC_SGIS; i++)
		__atomic_store_n(&vc->mail.source[i], 0, __ATOMIC_RELAXED);
}
