/* SPDX-License-Identifier: MIT */
/*
 * Which context is in the hardware. Crossing between native code and a guest changes what acts on
 * EL0 as well; the rest of EL1 stays with the last machine until another one runs (machine.c).
 */
#include <arch/inline.h>
#include <arch/machine.h>
#include <arch/offsets.h>
#include <arch/stage2.h>
#include <arch/switch.h>
#include <arch/trap.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/invoke.h>
#include <core/riders.h>
#include <core/sched.h>
#include <object/gate.h>
#include <object/task.h>
#include <object/thread.h>

/* What may be set in a context's PSTATE; vectors.S makes more of it. Native: the flags. A guest:
 * also DIT, UAO, PAN, IL, SSBS, BTYPE, DAIF, and the modes EL0t, EL1t, EL1h. */
#define SPSR_NATIVE PSTATE_NZCV
#define SPSR_GUEST 0xf1d01fc5ul

#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), "offsets.h")
AT(struct takt_frame, x, FRAME_X(0));
AT(struct takt_frame, sp, FRAME_SP);
AT(struct takt_frame, pc, FRAME_PC);
AT(struct cpu, stack_top, CPU_STACK_TOP);
AT(struct cpu, frame, CPU_FRAME);
AT(struct cpu, spsr_keep, CPU_FRAME + 8);
AT(struct cpu, thread, CPU_THREAD);
AT(struct cpu, not_fast, CPU_NOT_FAST);
AT(struct cpu, id, CPU_ID);
AT(struct cpu, loaded, CPU_LOADED);
AT(struct cpu, loaded_task, CPU_LOADED_TASK);
AT(struct cpu, fp_word, CPU_FP_WORD);
AT(struct object, birth, OBJECT_BIRTH);
AT(struct object, type, OBJECT_TYPE);
AT(struct object, dying, OBJECT_TYPE + 1);
AT(struct frame, unborn, FRAME_ENTRY_UNBORN);
_Static_assert(sizeof(struct frame) == FRAME_ENTRY_SIZE, "offsets.h");
AT(struct thread, regs, THREAD_REGS);
AT(struct thread, task, THREAD_TASK);
AT(struct thread, tpidr, THREAD_TPIDR);
AT(struct thread, wait_word, THREAD_WAIT_WORD);
AT(struct thread, in_guest, THREAD_WAIT_WORD + 1);
AT(struct thread, depth, THREAD_DEPTH);
AT(struct thread, caller, THREAD_CALLER);
AT(struct thread, peer, THREAD_PEER);
AT(struct thread, peer_birth, THREAD_PEER + 8);
AT(struct thread, pending, THREAD_PENDING);
AT(struct thread, news, THREAD_NEWS);
AT(struct thread, utcb, THREAD_UTCB);
AT(struct takt_pv_page, guest, PV_OPEN);
AT(struct takt_pv_page, pending, 4);
AT(struct takt_pv_page, depth, PV_OPEN - PV_DEPTH);
AT(struct takt_pv_page, upcall_entry, PV_OPEN - PV_UPCALL);
AT(struct takt_pv_page, upcall_sp, PV_OPEN - PV_UPCALL + 8);
AT(struct invocation, caller, INVOCATION_CALLER);
AT(struct invocation, tag, INVOCATION_CALLER + 8);
AT(struct invocation, w, INVOCATION_W(0));
AT(struct invocation, window, INVOCATION_WINDOW);
AT(struct invocation, frame, INVOCATION_FRAME);
_Static_assert(sizeof(struct invocation) <= INVOCATION_SIZE, "offsets.h");
AT(struct task, space.vttbr, TASK_VTTBR);
AT(struct task, slots, TASK_SLOTS);
AT(struct task, tables, TASK_LEAF);
AT(struct gate, badge, GATE_BADGE);
AT(struct gate, target, GATE_TARGET);
_Static_assert(NOT_FAST_GUEST == CPU_NOT_FAST_GUEST, "offsets.h");
_Static_assert(NOT_FAST_EVENTS == CPU_NOT_FAST_EVENTS, "offsets.h");
_Static_assert(HAS_EVENTS == THREAD_HAS_EVENTS, "offsets.h");
_Static_assert(CAP_LEAF_SLOTS == 256 && sizeof(struct cap) == 16, "fastpath.S");
_Static_assert(THREAD_RUN == 1 && THREAD_WAIT == 2 && THREAD_OPEN == 3, "fastpath.S");
_Static_assert(TAKT_CALL == 0 && TAKT_REPLY_WAIT == 1 && CPU_ID == CPU_NOT_FAST + 4, "fastpath.S");
_Static_assert(LEAVE_UPCALL == 3, "vectors.S");
_Static_assert(TAKT_IRQ == 4 && TAKT_R_IRQ_TRIGGER == 2 && TAKT_IRQ_TRIGGER == 3, "fastpath.S");
_Static_assert(TAKT_GATE == 3 && TAKT_R_GATE_CALL == 1 && CALL_DEPTH == 8 && TAKT_E_CAP == -1,
	       "fastpath.S");

extern void fp_save(struct fpstate *fp);
extern void fp_load(const struct fpstate *fp);

void context_start(struct thread *t, u64 pc, u64 sp, u64 arg)
{
	memset(&t->frame, 0, sizeof(t->frame));
	memset(&t->fp, 0, sizeof(t->fp));
	t->tpidr = 0;
	t->frame.pc = pc;
	t->frame.sp = sp;
	t->frame.x[0] = arg;
}

static inline void flip_to_native(struct machine *m)
{
	machine_flip_out(m);
	WRITE_SYSREG(hcr_el2, HCR_NATIVE);
	/* TGE is in force before the native address space is. */
	isb();
	WRITE_SYSREG(sctlr_el1, SCTLR_NATIVE);
	WRITE_SYSREG(cpacr_el1, CPACR_NATIVE);
	WRITE_SYSREG(cntkctl_el1, CNTKCTL_NATIVE);
	WRITE_SYSREG(cnthctl_el2, CNTHCTL_NATIVE);
	WRITE_SYSREG(tpidrro_el0, 0);
}

static inline void flip_to_guest(const struct machine *m)
{
	machine_flip_in(m);
	WRITE_SYSREG(cnthctl_el2, CNTHCTL_GUEST);
	WRITE_SYSREG_LITERAL(hcr_el2, HCR_GUEST);
	isb();
}

static void load_native_world(struct cpu *c)
{
	if (c->world == WORLD_GUEST)
		flip_to_native(c->loaded_machine);
}

static void load_guest_world(struct cpu *c, struct thread *t)
{
	machine_load(c, t);
	flip_to_guest(t->machine);
	c->world = WORLD_GUEST;
}

/* The FP/SIMD registers of its current context, and their key (switch.h). */
static struct fpstate *fp_of(struct thread *t)
{
	return t->in_guest && t->machine ? machine_fp(t->machine) : &t->fp;
}

static const void *fp_key(struct thread *t)
{
	return t->in_guest && t->machine ? (const void *)machine_fp(t->machine) : t;
}

/* To the guest context of a machine's thread, from its native one; the machine's registers have
 * stayed. */
static inline void cross_to_guest(struct cpu *c, struct thread *t, struct machine *m)
{
	struct task *task = t->guest_task;

	t->tpidr = READ_SYSREG(tpidr_el0);
	WRITE_SYSREG(vttbr_el2, task->space.vttbr);
	isb();
	c->loaded_task = task;
	c->world = WORLD_GUEST;
	c->frame = &t->vp->guest;
	c->spsr_keep = SPSR_GUEST;
	flip_to_guest(m);
	fp_next(c, machine_fp(m));
}

/* And back. */
static inline void cross_to_native(struct cpu *c, struct thread *t, struct machine *m)
{
	struct task *task = t->task;

	c->loaded_task = task;
	c->world = WORLD_NATIVE;
	c->frame = &t->frame;
	c->spsr_keep = SPSR_NATIVE;
	flip_to_native(m);
	WRITE_SYSREG(vttbr_el2, task->space.vttbr);
	WRITE_SYSREG(tpidr_el0, t->tpidr);
	fp_next(c, t);
}

/* What context_load does where one context of a machine's thread is loaded and its other one comes.
 */
bool context_cross(struct cpu *c, struct thread *t)
{
	struct machine *m = c->loaded_machine;

	if (unlikely(t != c->loaded || m != t->machine))
		return false;
	if (t->in_guest) {
		if (unlikely(c->world != WORLD_NATIVE))
			return false;
		cross_to_guest(c, t, m);
	} else {
		if (unlikely(c->world != WORLD_GUEST))
			return false;
		cross_to_native(c, t, m);
	}
	return true;
}

void context_load(struct cpu *c, struct thread *t)
{
	/* A paravirtual guest is in the thread's own task, and native. */
	bool guest = t->in_guest && t->machine;
	struct task *task = guest ? t->guest_task : t->task;

	if (likely(!guest && c->world == WORLD_NATIVE)) {
		context_switch(c, t);
		return;
	}
	c->frame = t->regs;
	c->spsr_keep = guest ? SPSR_GUEST : SPSR_NATIVE;
	if (guest && c->world == WORLD_GUEST) {
		if (c->loaded != t)
			(void)machine_switch(c, t);
		return;
	}
	/* That of a guest is saved by machine_flip_out. */
	if (c->world == WORLD_NATIVE)
		c->loaded->tpidr = READ_SYSREG(tpidr_el0);
	/* An address space never meets the other world's HCR_EL2, not even in speculation. */
	if (guest) {
		load_space(c, task);
		isb();
		load_guest_world(c, t);
	} else {
		load_native_world(c);
		load_space(c, task);
		WRITE_SYSREG(tpidr_el0, t->tpidr);
		c->world = WORLD_NATIVE;
	}
	fp_next(c, fp_key(t));
	c->loaded = t;
}

/* --- The quick way between a guest and its monitor (fastpath.S) ----------------------------------
 */

/*
 * What trap_sync does, where nothing but the world makes a difference to the fast path of calls: an
 * access to a device, or a hypercall. The SC stays, and the kernel changes nothing that concerns
 * anybody else, so there is nothing to decide. Calls come last: no stack frame is needed.
 */
void guest_trap_quickly(struct cpu *c)
{
	struct thread *t = c->thread;
	struct machine *m = c->loaded_machine;
	struct takt_vcpu_page *p = t->vp;
	u64 esr = READ_SYSREG(esr_el2);
	u64 far = READ_SYSREG(far_el2);

	if (ESR_CLASS(esr) == EC_HVC64 && p->guest.x[0] == TAKT_HVC_SELECT_SC) {
		machine_select_sc(t);
		return;
	}
	p->reason = t->frame.x[0] = TAKT_EXIT_TRAP;
	p->esr = esr;
	p->far = far;
	p->ipa = trap_ipa(esr, far);
	t->regs = &t->frame;
	t->in_guest = false;
	cross_to_native(c, t, m);
	WRITE_SYSREG(elr_el2, *(volatile u64 *)&p->entry);
	WRITE_SYSREG(sp_el0, *(volatile u64 *)&p->entry_sp);
	WRITE_SYSREG(spsr_el2, 0);
	dmb_ish(); /* as in machine_left */
	if (unlikely(vgic_has_mail(&m->vgic)))
		machine_left(t);
}

/* The last part of a resume. Apart, for the two ways to it. */
static NOINLINE bool enter_guest(struct cpu *c, struct thread *t, struct machine *m)
{
	dmb_ish(); /* as in machine_collect */
	if (unlikely(vgic_has_mail(&m->vgic)))
		return false;
	cross_to_guest(c, t, m);
	if (unlikely(m->vgic.dirty))
		vgic_flush(&m->vgic);
	return true;
}

static NOINLINE bool resume_otherwise(struct thread *t)
{
	vcpu_resume(t);
	return false;
}

/* What rides along may concern others, so there may be something to decide. */
static NOINLINE bool resume_with_riders(struct thread *t)
{
	int err = apply_riders(t);
	struct cpu *c = this_cpu();

	t->in_guest = true;
	t->regs = &t->vp->guest;
	if (unlikely(err)) {
		vcpu_exit(t, TAKT_EXIT_ERROR, (u64)(s64)err, 0);
		return false;
	}
	if (unlikely(!sched_settled(c) || c->thread != t || t->pending))
		return false;
	return enter_guest(c, t, t->machine);
}

/* What syscall_entry and sched_leave do with a monitor's resume. */
bool guest_resume_quickly(struct cpu *c)
{
	struct thread *t = c->thread;
	struct machine *m = c->loaded_machine;
	const struct takt_vcpu_page *p = t->vp;

	if (unlikely(t->wait_word != RUN_PLAINLY || !m || m != t->machine || t->caller ||
		     t->pending || *(volatile const u32 *)&p->standby))
		return resume_otherwise(t);
	if (*(volatile const u32 *)&p->riders)
		return resume_with_riders(t);
	t->in_guest = true;
	t->regs = &t->vp->guest;
	return enter_guest(c, t, m);
}

void context_init_cpu(struct cpu *c)
{
	WRITE_SYSREG(vtcr_el2, arch_vtcr());
	WRITE_SYSREG(hcr_el2, HCR_NATIVE);
	WRITE_SYSREG(sctlr_el1, SCTLR_NATIVE);
	WRITE_SYSREG(cpacr_el1, CPACR_NATIVE);
	WRITE_SYSREG(cntkctl_el1, CNTKCTL_NATIVE);
	WRITE_SYSREG(cnthctl_el2, CNTHCTL_NATIVE);
	WRITE_SYSREG(tpidrro_el0, 0);
	WRITE_SYSREG(cptr_el2, CPTR_BASE | CPTR_TFP);
	c->fp_word = FP_TRAPPED;
	isb();
}

/* The registers are open to the kernel: the last owner's go to memory. */
static void fp_release(struct cpu *c)
{
	if (c->fp_word & FP_TRAPPED)
		fp_toggle(c);
	isb();
	if (c->fp_owner)
		fp_save(c->fp_owner);
}

void fp_trap(struct cpu *c, struct thread *t)
{
	struct fpstate *fp = fp_of(t);

	fp_release(c);
	fp_load(fp);
	c->fp_owner = fp;
	c->fp_word = fp_rotate(fp_key(t));
}

static void fp_evict(struct cpu *c, struct fpstate *fp)
{
	if (c->fp_owner != fp)
		return;
	fp_release(c);
	c->fp_owner = NULL;
	c->fp_word = 0;
	fp_toggle(c);
}

/* What is loaded is not to be met again. */
static void unload(struct cpu *c)
{
	if (c->world == WORLD_NATIVE)
		c->loaded->tpidr = READ_SYSREG(tpidr_el0);
	load_native_world(c);
	WRITE_SYSREG(vttbr_el2, 0);
	isb();
	c->world = WORLD_NONE;
	c->loaded = NULL;
	c->loaded_task = NULL;
}

void context_forget_dying(struct cpu *c)
{
	if (c->loaded_task && c->loaded_task->object.dying)
		unload(c);
}

void context_evict(struct thread *t)
{
	struct cpu *c = this_cpu();

	if (c->loaded == t)
		unload(c);
	fp_evict(c, &t->fp);
	if (t->machine) {
		fp_evict(c, machine_fp(t->machine));
		if (c->loaded_machine == t->machine)
			machine_save(c);
	}
}
