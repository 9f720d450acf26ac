/* SPDX-License-Identifier: MIT */
/* Machine vCPUs: making, the world switch, the virtual timer, registers for the monitor. */

#include <arch/irqc.h>
#include <arch/machine.h>
#include <arch/stage2.h>
#include <arch/switch.h>
#include <core/arch.h>
#include <core/cpu.h>
#include <core/sched.h>
#include <object/task.h>

#define CNTV_ENABLE 1u
#define CNTV_IMASK 2u
#define CNTV_ISTATUS 4u

/* --- State ------------------------------------------------------------------------------- */

static bool armed(u64 ctl)
{
	return (ctl & (CNTV_ENABLE | CNTV_IMASK)) == CNTV_ENABLE;
}

static bool loaded(const struct machine *m)
{
	return this_cpu()->loaded_machine == m;
}

/* --- Making ------------------------------------------------------------------------------ */

/* What the monitor chose, number and time offset, stays. */
static void reset(struct machine *m)
{
	u64 mpidr = m->vmpidr_el2, offset = m->cntvoff_el2;

#define X(a, b) m->a = m->b = 0;
	MACHINE_GUESTS(X)
#undef X
	m->vmpidr_el2 = mpidr;
	m->cntvoff_el2 = offset;
	m->sctlr_el1 = SCTLR_RES1;
	m->cntv_ctl = m->cntv_cval = 0;
	m->cntp_ctl = m->cntp_cval = 0;
}

struct machine *machine_create(struct factory *f, struct thread *t)
{
	struct machine *m = vgic_hw ? kmem_alloc_page(f) : NULL;

	if (!m)
		return NULL;
	m->thread = t;
	t->machine = m;
	vgic_cpu_create(&m->vgic, t);
	if (!vgic_attach(t)) {
		t->machine = NULL;
		kmem_free(m);
		return NULL;
	}
	m->vmpidr_el2 = 1ul << 31 | m->vgic.index; /* RES1, affinity 0 */
	reset(m);
	return m;
}

/* Takes t's machine out of this CPU's registers, so that memory holds its state. */
static void to_memory(struct thread *t)
{
	struct cpu *c = this_cpu();

	if (c->loaded_machine != t->machine)
		return;
	if (c->world == WORLD_GUEST) /* stopped within the guest, and nobody else has run since */
		context_evict(t);
	else
		machine_save(c);
}

bool machine_reset(struct thread *t, u64 *at)
{
	to_memory(t);
	if (!vgic_cpu_reset(&t->machine->vgic, at))
		return false;
	reset(t->machine);
	/* What its memory holds now was written as data. No instruction of before may be found in its
	 * place, on whichever CPU its vCPUs are. */
	__asm__ volatile("ic ialluis\n\tdsb ish\n\tisb" : : : "memory");
	return true;
}

bool machine_destroy(struct thread *t)
{
	return vgic_cpu_destroy(&t->machine->vgic);
}

/* --- Registers --------------------------------------------------------------------------- */

static u64 *reg_slot(struct machine *m, unsigned reg)
{
	switch (reg) {
	case TAKT_REG_MPIDR:
		return &m->vmpidr_el2;
	case TAKT_REG_SCTLR_EL1:
		return &m->sctlr_el1;
	case TAKT_REG_CNTVOFF:
		return &m->cntvoff_el2;
	case TAKT_REG_VBAR_EL1:
		return &m->vbar_el1;
	case TAKT_REG_ELR_EL1:
		return &m->elr_el1;
	case TAKT_REG_SPSR_EL1:
		return &m->spsr_el1;
	case TAKT_REG_ESR_EL1:
		return &m->esr_el1;
	case TAKT_REG_FAR_EL1:
		return &m->far_el1;
	case TAKT_REG_SP_EL1:
		return &m->sp_el1;
	}
	return NULL;
}

int machine_reg(struct thread *t, unsigned reg, u64 *value, bool write)
{
	struct machine *m = t->machine;
	u64 *slot;

	if (!m)
		return TAKT_E_STATE;
	slot = reg_slot(m, reg);
	if (!slot)
		return TAKT_E_RANGE;
	to_memory(t);
	if (!write)
		*value = *slot;
	else if (reg == TAKT_REG_MPIDR)
		*slot = *value | 1ul << 31;
	else
		*slot = *value;
	return 0;
}

/* --- World switch ------------------------------------------------------------------------ */

/* Of the address space that is loaded; on this CPU. */
static NOINLINE void forget_translations(void)
{
	isb();
	__asm__ volatile("tlbi vmalle1\n\tic iallu\n\tdsb nsh" : : : "memory");
	isb();
}

/*
 * vCPUs of one VM share a VMID, but each may keep translations of its own: when another one of them
 * comes to this CPU, what the last one left in TLB and instruction cache goes, as two CPUs would
 * not have shared it. Its address space is loaded.
 */
static inline void separate(struct cpu *c, struct thread *t)
{
	struct vgic *g = t->guest_task->vgic;
	u8 self = vgic_of(t)->index + 1, last = g->last[c->id];

	if (likely(last == self))
		return;
	g->last[c->id] = self;
	if (last)
		forget_translations();
}

static inline void save_timer(struct machine *m)
{
	m->cntv_ctl = READ_SYSREG(cntv_ctl_el0);
	m->cntv_cval = READ_SYSREG(cntv_cval_el0);
	WRITE_SYSREG(cntv_ctl_el0, 0);
	isb();
}

static inline void load_timer(struct cpu *c, const struct machine *m, struct thread *t)
{
	if (unlikely(t->timer.queued))
		timerq_remove(&c->timers, &t->timer);
	WRITE_SYSREG(cntv_cval_el0, m->cntv_cval);
	WRITE_SYSREG(cntv_ctl_el0, m->cntv_ctl);
}

/* The timer of m, which is not loaded any more, goes on as one of the kernel's. In the monitor t->timer
 * is the monitor's; the guest's then comes when the guest does, as when it is stopped. */
static NOINLINE void timer_goes_on(struct cpu *c, struct machine *m)
{
	struct thread *t = m->thread;

	if (t->in_guest && (t->state == THREAD_RUN || t->state == THREAD_IDLE) &&
	    !m->vgic.own[VGIC_TIMER].held)
		timer_start(c, &t->timer, m->cntv_cval + m->cntvoff_el2);
}

void machine_load(struct cpu *c, struct thread *t)
{
	struct machine *m = t->machine;
	const u64 *at = &m->cntvoff_el2;

	if (c->loaded_machine == m)
		return;
	if (c->loaded_machine)
		machine_save(c);
	separate(c, t);
	SYSREGS_LOAD(MACHINE_SET, at);
	SYSREGS_LOAD(MACHINE_EL1, at);
	WRITE_SYSREG(tcr_el1, m->tcr_el1);
	vgic_load(&m->vgic);
	load_timer(c, m, t);
	c->loaded_machine = m;
}

void machine_save(struct cpu *c)
{
	struct machine *m = c->loaded_machine;
	u64 *at, a, b;

	if (!m)
		return;
	at = &m->sp_el1;
	save_timer(m);
	SYSREGS_SAVE(MACHINE_EL1, at, a, b);
	m->tcr_el1 = READ_SYSREG(tcr_el1);
	vgic_save(&m->vgic);
	c->loaded_machine = NULL;
	if (unlikely(armed(m->cntv_ctl)))
		timer_goes_on(c, m);
}

_Static_assert(offsetof(struct machine, sp_el1) == offsetof(struct machine, cntvoff_el2) + 16,
	       "in the order in which they are loaded");

/* There is more to do before the guest goes on. */
static NOINLINE struct takt_frame *finish_switch(struct cpu *c, struct machine *from,
						 struct machine *m)
{
	if (armed(from->cntv_ctl))
		timer_goes_on(c, from);
	if (m->vgic.dirty)
		vgic_flush(&m->vgic);
	if (!vgic_has_mail(&m->vgic))
		return LEAVE_LOADED;
	c->resched = true;
	return LEAVE_DECIDE;
}

/*
 * All in one, with nothing done twice, because machines that share a CPU pay for it at each turn. From
 * the moment on that registers of the one are in force beside the other's, until all are, there are no
 * walks of stage 1, not even speculative ones (tlb.c says why).
 */
struct takt_frame *machine_switch(struct cpu *c, struct thread *t)
{
	struct machine *from = c->loaded_machine, *m = t->machine;
	struct task *task = t->guest_task;
	u64 *to = &from->sp_el1, tcr, sctlr;
	const u64 *at = &m->cntvoff_el2;

	save_timer(from);
	vgic_switch(&from->vgic, &m->vgic);
	SYSREGS_SAVE(MACHINE_GUESTS, to, tcr, sctlr);
	stage1_hold(tcr, sctlr);
	WRITE_SYSREG(vttbr_el2, task->space.vttbr);
	separate(c, t);
	SYSREGS_LOAD(MACHINE_SET, at);
	SYSREGS_LOAD(MACHINE_EL1, at);
	SYSREGS_LOAD(MACHINE_FLIP, at);
	isb();
	SYSREGS_LOAD(MACHINE_WALK, at);
	load_timer(c, m, t);
	c->loaded = t;
	c->loaded_task = task;
	c->loaded_machine = m;
	c->frame = t->regs;
	fp_next(c, machine_fp(m));
	dmb_ish(); /* as in machine_collect */
	if (unlikely(armed(from->cntv_ctl)) || unlikely(m->vgic.dirty) ||
	    unlikely(vgic_has_mail(&m->vgic)))
		return finish_switch(c, from, m);
	return LEAVE_LOADED;
}

/* --- Interrupts -------------------------------------------------------------------------- */

void machine_before_guest(struct thread *t)
{
	if (vgic_of(t)->dirty)
		vgic_flush(vgic_of(t));
}

bool machine_same(const struct cpu *c)
{
	const struct thread *t = c->thread;

	return !t->pending && !vgic_of(t)->dirty;
}

bool machine_pending(struct thread *t)
{
	struct machine *m = t->machine;
	const struct virq *v = &m->vgic.own[VGIC_TIMER];
	u64 ctl, due;

	if (vgic_pending(&m->vgic))
		return true;
	if (!(v->cfg & TAKT_VIRQ_ENABLED) || v->held)
		return false;
	if (loaded(m)) {
		ctl = READ_SYSREG(cntv_ctl_el0);
		return armed(ctl) && ctl & CNTV_ISTATUS;
	}
	due = m->cntv_cval + m->cntvoff_el2;
	return armed(m->cntv_ctl) && now_ticks() >= due;
}

/*
 * The virtual timer stays in the hardware while the vCPU sleeps and nobody else needs the
 * registers, and becomes one of the kernel's in machine_save if somebody does: no deadline is
 * needed here.
 */
void machine_wait(struct thread *t)
{
	if (machine_pending(t))
		return;
	vcpu_idle(t, TAKT_NEVER);
	/* Who posts fills the mailbox and then looks at the state; we the other way round. */
	dmb_ish();
	if (vgic_has_mail(vgic_of(t)))
		vcpu_wake(t);
}

bool machine_collect(struct thread *t)
{
	/* As in machine_wait, with cpu->thread in place of the state. */
	dmb_ish();
	return !vgic_has_mail(vgic_of(t)) || vgic_collect(vgic_of(t));
}

void machine_virtual_timer(struct cpu *c, u32 raw)
{
	irqc_drop(raw);
	if (c->loaded_machine) {
		vgic_timer(&c->loaded_machine->vgic);
		return;
	}
	/* It was withdrawn after it had become pending. */
	irqc_deactivate(raw);
}

void machine_maintenance(struct cpu *c, u32 raw)
{
	irqc_drop(raw);
	if (c->loaded_machine)
		vgic_maintain(&c->loaded_machine->vgic);
	irqc_deactivate(raw);
}

void machine_timer_due(struct thread *t)
{
	/* Where the machine is loaded, the hardware timer says the same. */
	if (!loaded(t->machine))
		vgic_timer(vgic_of(t));
}

/* --- Booting ----------------------------------------------------------------------------- */

/* MDCR_EL2.HPMN must stay what PMCR_EL0.N says, or PMU counters change hands. */
static u64 pmu_counters(void)
{
	unsigned version = READ_SYSREG(id_aa64dfr0_el1) >> 8 & 0xf;

	if (version == 0 || version == 0xf)
		return 0;
	WRITE_SYSREG(pmuserenr_el0, 0);
	return READ_SYSREG(pmcr_el0) >> 11 & 0x1f;
}

void machine_init_cpu(void)
{
	if (this_cpu()->id == 0)
		vgic_init();
	WRITE_SYSREG(mdcr_el2, MDCR_BASE | pmu_counters());
	WRITE_SYSREG(hstr_el2, 0);
	WRITE_SYSREG(vpidr_el2, READ_SYSREG(midr_el1));
	WRITE_SYSREG(cntvoff_el2, 0);
	WRITE_SYSREG(cntv_ctl_el0, 0);
	WRITE_SYSREG(mdscr_el1, 0);
	isb();
	vgic_init_cpu();
}
