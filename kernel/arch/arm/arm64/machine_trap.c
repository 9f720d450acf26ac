/* SPDX-License-Identifier: MIT */
/*
 * Traps from a guest that the kernel answers: waiting, ID registers, and the system registers that
 * are not the guest's. Aborts, hypercalls and everything else go to the monitor. Exception classes
 * and their syndromes: DDI 0487 D19.2.40 (ESR_EL2).
 */

#include <arch/machine.h>
#include <core/arch.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/sched.h>

#define ESR_EC(esr) ((esr) >> 26 & 0x3f)
#define ESR_IL (1ul << 25)

#define EC_UNKNOWN 0x00
#define EC_WFX 0x01
#define EC_CP15_32 0x03
#define EC_CP15_64 0x04
#define EC_CP14_32 0x05
#define EC_CP14_LS 0x06
#define EC_CP10_ID 0x08
#define EC_PAUTH 0x09
#define EC_LS64 0x0a
#define EC_CP14_64 0x0c
#define EC_HVC64 0x16
#define EC_SYSREG 0x18
#define EC_SVE 0x19
#define EC_ERET 0x1a
#define EC_SME 0x1d
#define EC_FETCH_LOWER 0x20 /* + 1: without a change of level; so with the next ones */
#define EC_DATA_LOWER 0x24
#define EC_BREAK_LOWER 0x30
#define EC_STEP_LOWER 0x32
#define EC_WATCH_LOWER 0x34
#define EC_BKPT32 0x38
#define EC_BRK 0x3c


/* A system register access: the encoding as in the instruction, and the syndrome's. */
#define SYS(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static unsigned sys_of(u64 esr)
{
	return SYS(esr >> 20 & 3, esr >> 14 & 7, esr >> 10 & 0xf, esr >> 1 & 0xf, esr >> 17 & 7);
}

#define SYS_OP0(sys) ((sys) >> 14)
#define SYS_OP1(sys) ((sys) >> 11 & 7)
#define SYS_CRN(sys) ((sys) >> 7 & 0xf)
#define SYS_CRM(sys) ((sys) >> 3 & 0xf)
#define SYS_OP2(sys) ((sys) & 7)

#define ACTLR_EL1 SYS(3, 0, 1, 0, 1)
#define OSLSR_EL1 SYS(2, 0, 1, 1, 4)
#define CNTP_TVAL_EL0 SYS(3, 3, 14, 2, 0)
#define CNTP_CTL_EL0 SYS(3, 3, 14, 2, 1)
#define CNTP_CVAL_EL0 SYS(3, 3, 14, 2, 2)
#define ICC_SGI1R_EL1 SYS(3, 0, 12, 11, 5)
#define ICC_ASGI1R_EL1 SYS(3, 0, 12, 11, 6)
#define ICC_SGI0R_EL1 SYS(3, 0, 12, 11, 7)
#define ICC_SRE_EL1 SYS(3, 0, 12, 12, 5)
#define DC_ISW SYS(1, 0, 7, 6, 2)
#define DC_CSW SYS(1, 0, 7, 10, 2)
#define DC_CISW SYS(1, 0, 7, 14, 2)

static void skip(struct takt_frame *f, u64 esr)
{
	f->pc += esr & ESR_IL ? 4 : 2;
}

/* --- Exceptions for the guest ------------------------------------------------------------ */

/* Exception entry to EL1, DDI 0487 D1.3, from where the guest stands now. */
static void inject(struct thread *t, u64 esr)
{
	struct takt_frame *f = &t->vp->guest;
	u64 old = f->pstate;
	u64 offset = 0x200; /* from EL1 on its own stack */

	if (!(old & PSTATE_EL1))
		offset = 0x400;
	else if (!(old & PSTATE_SP))
		offset = 0;
	WRITE_SYSREG(spsr_el1, old);
	WRITE_SYSREG(elr_el1, f->pc);
	WRITE_SYSREG(esr_el1, esr);
	f->pstate = (old & (PSTATE_NZCV | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1 | PSTATE_SP;
	/* SCTLR_EL1.SPAN clear: PAN is set on entry, where the CPU has it. */
	if (READ_SYSREG(id_aa64mmfr1_el1) >> 20 & 0xf && !(READ_SYSREG(sctlr_el1) >> 23 & 1))
		f->pstate |= PSTATE_PAN;
	f->pc = READ_SYSREG(vbar_el1) + offset;
}

static void inject_undef(struct thread *t)
{
	inject(t, (u64)EC_UNKNOWN << 26 | ESR_IL);
}

/* --- System registers -------------------------------------------------------------------- */

static void report(struct thread *t, u64 esr)
{
	unsigned sys = sys_of(esr);

	if (t->machine->logged)
		return;
	t->machine->logged = true;
	klog("%.16s: undefined for the guest: %s S%u_%u_C%u_C%u_%u at %lx\n", t->name,
	     esr & 1 ? "mrs" : "msr", SYS_OP0(sys), SYS_OP1(sys), SYS_CRN(sys), SYS_CRM(sys),
	     SYS_OP2(sys), t->vp->guest.pc);
}

/* PMU registers: C9 with CRm 12..14, and the event counters and filters in C14 from CRm 8 on. */
static bool is_pmu(unsigned sys)
{
	unsigned crn = SYS_CRN(sys), crm = SYS_CRM(sys);

	if (SYS_OP0(sys) != 3 || (SYS_OP1(sys) != 0 && SYS_OP1(sys) != 3))
		return false;
	return (crn == 9 && crm >= 12 && crm <= 14) ||
	       (SYS_OP1(sys) == 3 && crn == 14 && crm >= 8);
}

/* op0 = 2 is debug (op1 0, 3, 4) and trace (op1 1), which is hidden. */
static bool is_debug(unsigned sys)
{
	return SYS_OP0(sys) == 2 && SYS_OP1(sys) != 1;
}

/*
 * GICv3's CPU interface is the hardware's virtual one, but for what would reach other CPUs, or
 * change the interface to another kind. Layout of the SGI registers: IHI 0069, ICC_SGI1R_EL1.
 */
#define SRE_FIXED 0x7 /* system registers, no bypass; read-only */
#define SGI_ALL_OTHERS (1ul << 40)
#define SGI_INTID(value) ((value) >> 24 & 0xf)
#define SGI_RANGE(value) ((value) >> 44 & 0xf)
#define SGI_AFFINITY 0xff00ff00ff0000ul /* Aff3, Aff2, Aff1 */

static bool sgi_names(u64 value, u64 mpidr)
{
	u64 aff0 = mpidr & 0xff, aff1 = mpidr >> 8 & 0xff, aff2 = mpidr >> 16 & 0xff;
	u64 aff3 = mpidr >> 32 & 0xff;

	return (value & SGI_AFFINITY) == (aff3 << 48 | aff2 << 32 | aff1 << 16) &&
	       SGI_RANGE(value) == aff0 >> 4 && value >> (aff0 & 0xf) & 1;
}

/* The monitor presents a distributor with one security state. So each of the registers is for one
 * group: an SGI that the target has in the other one is not sent. */
static void send_sgi(struct thread *t, u64 value, bool group1)
{
	u32 intid = SGI_INTID(value);
	u64 mask = 0;
	int err;

	for (unsigned i = 0; i < VGIC_VCPUS; i++) {
		struct thread *to = vgic_vcpu(t, i);

		if (!to || group1 != !!(to->vp->virq[intid] & TAKT_VIRQ_GROUP1))
			continue;
		if (value & SGI_ALL_OTHERS ? to != t : sgi_names(value, to->machine->vmpidr_el2))
			mask |= 1ul << i;
	}
	err = virq_sgi_from(t, mask, intid);
	if (err && !t->machine->logged) {
		t->machine->logged = true;
		klog("%.16s: SGI %u to %lx: error %d\n", t->name, intid, mask, err);
	}
}

/* A write to one of the registers above; false: it is none of them. */
static bool gic_write(struct thread *t, unsigned sys, u64 value)
{
	if (platform.gic_version == 2)
		return false;
	switch (sys) {
	case ICC_SGI1R_EL1:
		send_sgi(t, value, true);
		return true;
	case ICC_ASGI1R_EL1:
	case ICC_SGI0R_EL1:
		send_sgi(t, value, false);
		return true;
	case ICC_SRE_EL1:
		return true;
	}
	return false;
}

static bool sys_read(struct machine *m, unsigned sys, u64 *value)
{
	u64 now;

	*value = 0;
	if (SYS_OP0(sys) == 3 && SYS_OP1(sys) == 0 && SYS_CRN(sys) == 0 && SYS_CRM(sys) >= 1 &&
	    SYS_CRM(sys) <= 7) {
		*value = machine_id(SYS_CRM(sys), SYS_OP2(sys));
		return true;
	}
	switch (sys) {
	case CNTP_CTL_EL0:
		*value = m->cntp_ctl;
		if (m->cntp_ctl & 1 && now_ticks() >= m->cntp_cval)
			*value |= 4;
		return true;
	case CNTP_CVAL_EL0:
		*value = m->cntp_cval;
		return true;
	case CNTP_TVAL_EL0:
		now = now_ticks();
		*value = (u32)(m->cntp_cval - now);
		return true;
	case ICC_SRE_EL1:
		*value = SRE_FIXED;
		return platform.gic_version != 2;
	case ACTLR_EL1:
		return true;
	}
	return is_pmu(sys) || is_debug(sys);
}

static bool sys_write(struct machine *m, unsigned sys, u64 value)
{
	switch (sys) {
	case CNTP_CTL_EL0:
		m->cntp_ctl = value & 3;
		return true;
	case CNTP_CVAL_EL0:
		m->cntp_cval = value;
		return true;
	case CNTP_TVAL_EL0:
		m->cntp_cval = now_ticks() + (u64)(s64)(int32_t)value;
		return true;
	case ACTLR_EL1:
		return true;
	case DC_ISW:
	case DC_CSW:
	case DC_CISW:
		/* Set/way reaches one CPU's caches at best and never what others hold. What it is
		 * for, making memory fit for a CPU with its caches off, the monitor did before the
		 * guest started; a guest that keeps its caches on notices nothing. */
		return true;
	}
	return is_pmu(sys) || is_debug(sys);
}

static void sys_trap(struct thread *t, u64 esr)
{
	struct takt_frame *f = &t->vp->guest;
	unsigned rt = esr >> 5 & 0x1f;
	bool known;
	u64 value;

	if (esr & 1) {
		known = sys_read(t->machine, sys_of(esr), &value);
		if (known && rt < 31)
			f->x[rt] = value;
	} else {
		value = rt < 31 ? f->x[rt] : 0;
		known = gic_write(t, sys_of(esr), value) ||
			sys_write(t->machine, sys_of(esr), value);
	}
	if (known) {
		skip(f, esr);
		return;
	}
	report(t, esr);
	inject_undef(t);
}

/* --- Waiting ----------------------------------------------------------------------------- */

static void wait_trap(struct thread *t, u64 esr)
{
	skip(&t->vp->guest, esr);
	if (esr & 1) /* WFE, trapped while a peer is ready */
		sched_give_way();
	else if (!t->pending)
		machine_wait(t);
}

#define SMCCC_INVALID_PARAMETER -3

void machine_select_sc(struct thread *t)
{
	struct takt_frame *f = &t->vp->guest;

	f->x[0] = event_select(t, f->x[1]) ? 0 : (u64)(s64)SMCCC_INVALID_PARAMETER;
}

bool machine_trap(struct thread *t, u64 esr)
{
	switch (ESR_EC(esr)) {
	case EC_HVC64:
		if (t->vp->guest.x[0] != TAKT_HVC_SELECT_SC)
			return false;
		machine_select_sc(t);
		return true;
	case EC_WFX:
		wait_trap(t, esr);
		return true;
	case EC_SYSREG:
		sys_trap(t, esr);
		return true;
	case EC_BREAK_LOWER:
	case EC_STEP_LOWER:
	case EC_WATCH_LOWER:
		WRITE_SYSREG(far_el1, READ_SYSREG(far_el2));
		if (t->vp->guest.pstate & PSTATE_EL1)
			esr += 1ul << 26; /* "without a change of level" */
		inject(t, esr);
		return true;
	case EC_BRK: /* MDCR_EL2.TDE brings all debug exceptions here */
	case EC_BKPT32:
		inject(t, esr);
		return true;
	case EC_CP15_32:
	case EC_CP15_64:
	case EC_CP14_32:
	case EC_CP14_LS:
	case EC_CP10_ID:
	case EC_PAUTH:
	case EC_LS64:
	case EC_CP14_64:
	case EC_SVE:
	case EC_ERET:
	case EC_SME:
		inject_undef(t);
		return true;
	}
	return false;
}
