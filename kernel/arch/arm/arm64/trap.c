/* SPDX-License-Identifier: MIT */
/* What comes in through the vectors: sorted by exception class (DDI 0487, ESR_EL2). */
#include <arch/inline.h>
#include <arch/irqc.h>
#include <arch/trap.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/sched.h>
#include <core/trace.h>
#include <object/irq.h>

/* Not even asked about: accesses to devices, and all calls but the kernel's own. */
static inline bool is_monitors(const struct thread *t, u64 esr)
{
	unsigned class = ESR_CLASS(esr);

	return class == EC_DATA_LOWER ||
	       (class == EC_HVC64 && t->vp->guest.x[0] != TAKT_HVC_SELECT_SC);
}

/* Apart, so that trap_sync needs no stack frame for it. */
static NOINLINE void guest_trap(struct cpu *c, u64 esr)
{
	struct thread *t = c->thread;

	if (unlikely(ESR_CLASS(esr) == EC_FP)) {
		fp_trap(c, t);
	} else if (is_monitors(t, esr) || !machine_trap(t, esr)) {
		u64 far = READ_SYSREG(far_el2);

		t->vp->ipa = trap_ipa(esr, far);
		vcpu_exit(t, TAKT_EXIT_TRAP, esr, far);
	}
	sched_leave();
}

static void native_trap(struct thread *t, u64 esr)
{
	u64 far = READ_SYSREG(far_el2);

	if (t->in_guest) /* paravirtual: its monitor deals with it */
		vcpu_exit(t, TAKT_EXIT_FAULT, esr, far);
	else
		ipc_fault(t, esr, far);
}

void trap_sync(void)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->thread;
	u64 esr = READ_SYSREG(esr_el2);
	unsigned class = ESR_CLASS(esr);

	if (unlikely(c->world == WORLD_GUEST)) {
		guest_trap(c, esr);
		return;
	}
	if (likely(class == EC_SVC64)) {
		syscall_entry(t);
		return;
	}
	if (class == EC_FP)
		fp_trap(c, t);
	else
		native_trap(t, esr);
	sched_leave();
}

/* An interrupt that was acknowledged. */
static NOINLINE void act_on(u32 raw)
{
	struct cpu *c = this_cpu();
	u32 intid = irqc_intid(raw);

	if (intid >= IRQC_LINES)
		return;
	TRACE(c, INTERRUPT, intid, 0);
	if (intid == platform.virt_timer_intid) {
		machine_virtual_timer(c, raw);
		return;
	}
	if (intid == platform.maintenance_intid) {
		machine_maintenance(c, raw);
		return;
	}
	irqc_drop(raw);
	if (intid == platform.hyp_timer_intid) {
		irqc_deactivate(raw);
		sched_timer();
	} else if (intid == GIC_SGI_KICK) { /* the inbox is looked at on the way out */
		irqc_deactivate(raw);
		c->resched = true;
	} else {
		irq_hardware(intid, raw);
	}
}

void irq_poll(void)
{
	act_on(irqc_ack_raw());
}

static NOINLINE struct takt_frame *trap_irq_slowly(struct cpu *c, u32 raw)
{
	act_on(raw);
	return sched_same_or(c, machine_same) ? NULL : LEAVE_DECIDE;
}

static NOINLINE struct takt_frame *virtual_timer_guest(struct cpu *c, u32 raw)
{
	machine_virtual_timer(c, raw);
	return sched_same_or(c, machine_same) ? NULL : LEAVE_DECIDE;
}

/* A CPU's own one: mostly a timer's. */
static NOINLINE struct takt_frame *trap_private(struct cpu *c, u32 raw)
{
	u32 intid = irqc_intid(raw);

	if (likely(intid == platform.hyp_timer_intid) && likely(!c->tracing)) {
		irqc_end(raw);
		return sched_timer_trap(c);
	}
	if (intid == platform.virt_timer_intid && c->not_fast == NOT_FAST_GUEST)
		return virtual_timer_guest(c, raw);
	return trap_irq_slowly(c, raw);
}

struct takt_frame *trap_irq(struct cpu *c)
{
	u32 raw = irqc_ack_raw();
	u32 intid = irqc_intid(raw);

	/* Most are a device's, and come to native code. */
	if (likely(intid - GIC_FIRST_SPI < IRQC_LINES - GIC_FIRST_SPI)) {
		if (likely(!c->not_fast)) {
			irqc_drop(raw);
			return irq_trap(c, intid, raw);
		}
		if (likely(c->not_fast == NOT_FAST_GUEST)) {
			irqc_drop(raw);
			return irq_trap_guest(c, intid, raw);
		}
		return trap_irq_slowly(c, raw);
	}
	return trap_private(c, raw);
}

/* An SError belongs to whoever ran; it cannot be told more exactly. */
void trap_serror(void)
{
	struct cpu *c = this_cpu();
	u64 esr = READ_SYSREG(esr_el2);

	if (c->world == WORLD_GUEST)
		vcpu_exit(c->thread, TAKT_EXIT_TRAP, esr, 0);
	else
		native_trap(c->thread, esr);
	c->resched = true;
	sched_leave();
}

void trap_el2(u64 esr, u64 elr, u64 far)
{
	panic("exception in the kernel: esr %lx (%s) elr %lx far %lx", esr, esr_text(esr), elr,
	      far);
}
