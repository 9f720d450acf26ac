/* SPDX-License-Identifier: MIT */
/*
 * Paravirtual interrupts: the guest masks by storing to `open` in the state page; the kernel looks
 * at it whenever it is about to return to the guest context. Both sides run on the same CPU, so no
 * barrier and no atomic operation is needed. Nothing that the guest writes there is trusted.
 */
#include <core/context.h>
#include <core/cpu.h>
#include <core/sched.h>
#include <object/sc.h>
#include <object/thread.h>

void pv_arrive(struct thread *t, unsigned virq)
{
	struct takt_pv_page *p = t->pv;
	u32 pending = p->pending | 1u << virq;

	p->pending = pending;
	if (t->state == THREAD_IDLE && pending & t->wait_mask) {
		t->regs->x[0] = 0;
		vcpu_wake(t);
	} /* else the way out of the kernel to the guest looks at it */
}

/* The most urgent open interrupt is taken, in frame[depth] of which the context stands or will. */
static inline unsigned take(struct takt_pv_page *p, u32 open, u32 pending, u32 depth)
{
	unsigned n = 31 - (unsigned)__builtin_clz(pending & open);

	p->frame[depth].open = open;
	p->depth = depth + 1;
	p->pending = pending & ~(1u << n);
	p->open = (u32)(open & ~((2ul << n) - 1)); /* only more urgent ones from here */
	return n;
}

struct takt_frame *pv_trap(struct thread *t, unsigned virq)
{
	struct takt_pv_page *p = t->pv;
	u32 open = p->open, pending = p->pending | 1u << virq;
	u32 depth = p->depth;
	struct takt_frame *save;

	if (!(pending & open) || unlikely(depth >= TAKT_PV_FRAMES)) {
		p->pending = pending;
		return NULL;
	}
	save = &p->frame[depth];
	save->irq_sc = p->guest.irq_sc;
	save->x[0] = p->guest.x[0];
	p->guest.x[0] = take(p, open, pending, depth);
	return (struct takt_frame *)((u64)save | LEAVE_UPCALL);
}

/* Delivers the most urgent open interrupt: the interrupted context becomes frame[depth]. */
void pv_before_guest(struct thread *t)
{
	struct takt_pv_page *p = t->pv;
	u32 open = p->open, pending = p->pending;
	u32 depth = p->depth;

	if (likely(!(pending & open)) || depth >= TAKT_PV_FRAMES)
		return;
	frame_copy(&p->frame[depth], &p->guest);
	p->guest.x[0] = take(p, open, pending, depth);
	p->guest.pc = *(volatile u64 *)&p->upcall_entry;
	p->guest.pstate = 0;
	if (depth == 0)
		p->guest.sp = *(volatile u64 *)&p->upcall_sp;
}

void pv_began(struct thread *t, u64 now)
{
	if (unlikely(!t->pv))
		return; /* it is not all made */
	if (t->sc[0])
		now -= t->sc[0]->consumed;
	for (unsigned i = 1; t->events >> i; i++)
		if (t->events >> i & 1)
			now -= t->sc[i]->consumed;
	t->pv->run_origin = now;
}

static void pv_return(struct thread *t)
{
	struct takt_pv_page *p = t->pv;
	u32 depth = p->depth;

	if (depth == 0 || depth > TAKT_PV_FRAMES) {
		vcpu_exit(t, TAKT_EXIT_ERROR, (u64)TAKT_E_STATE, 0);
		return;
	}
	frame_copy(&p->guest, &p->frame[depth - 1]);
	p->open = (u32)p->frame[depth - 1].open;
	p->depth = depth - 1;
}

static void pv_wait(struct thread *t)
{
	u32 mask = (u32)t->regs->x[0];

	t->regs->x[0] = 0;
	if (t->pv->pending & mask)
		return;
	t->wait_mask = mask;
	vcpu_idle(t, t->deadline);
}

void pv_syscall(struct thread *t, unsigned flavour)
{
	if (t->kind != TAKT_THREAD_PV || !t->in_guest) {
		t->regs->x[0] = (u64)TAKT_E_STATE;
		return;
	}
	if (flavour == TAKT_PV_RETURN)
		pv_return(t);
	else if (flavour == TAKT_PV_WAIT)
		pv_wait(t);
	/* TAKT_PV_SYNC: the way out of the kernel delivers. */
}
