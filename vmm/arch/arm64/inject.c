/* SPDX-License-Identifier: MIT */
/* Exceptions that the guest's CPU takes to EL1 because the machine says so. */
#include "../../core/log.h"
#include "arm64.h"

#define SCTLR_SPAN (1ul << 23)
#define SCTLR_DSSBS (1ul << 44)

#define PSTATE_SSBS (1ul << 12)
#define PSTATE_PAN (1ul << 22)
#define PSTATE_TCO (1ul << 25)
#define PSTATE_DIT (1ul << 24)
#define PSTATE_NZCV 0xf0000000ul

/* Entry of the vector table: where the exception comes from decides. */
static unsigned vector(uint64_t pstate)
{
	if (pstate & PSTATE_AARCH32)
		return 0x600;
	if ((pstate & PSTATE_MODE) == PSTATE_EL0T)
		return 0x400;
	return pstate & 1 ? 0x200 : 0;
}

/* PSTATE in the handler. What a CPU does not implement the kernel drops again on resume. */
static uint64_t handler_pstate(uint64_t old, uint64_t sctlr)
{
	uint64_t pstate = PSTATE_DAIF | PSTATE_EL1H | PSTATE_TCO;

	pstate |= old & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN);
	if (!(sctlr & SCTLR_SPAN))
		pstate |= PSTATE_PAN;
	if (sctlr & SCTLR_DSSBS)
		pstate |= PSTATE_SSBS;
	return pstate;
}

void arch_inject(struct vcpu *v, uint64_t esr, uint64_t far)
{
	struct takt_frame *g = &v->page->guest;
	uint64_t vbar, sctlr;
	int err = takt_thread_regs_read(v->self, TAKT_REG_VBAR_EL1, 1, &vbar);

	if (!err)
		err = takt_thread_regs_read(v->self, TAKT_REG_SCTLR_EL1, 1, &sctlr);
	if (!err)
		err = takt_thread_reg_write(v->self, TAKT_REG_ELR_EL1, g->pc);
	if (!err)
		err = takt_thread_reg_write(v->self, TAKT_REG_SPSR_EL1, g->pstate);
	if (!err)
		err = takt_thread_reg_write(v->self, TAKT_REG_ESR_EL1, esr);
	if (!err)
		err = takt_thread_reg_write(v->self, TAKT_REG_FAR_EL1, far);
	if (err) {
		vmm_log("cpu%u: delivering exception %lx: error %d", v->index, (unsigned long)esr,
			err);
		vcpu_fail(v, "exception that cannot be delivered");
		return;
	}
	g->pc = vbar + vector(g->pstate);
	g->pstate = handler_pstate(g->pstate, sctlr);
}

/* FAR_EL1 is unknown after exceptions that have no address; what stands there now will do. */
void arch_inject_undefined(struct vcpu *v)
{
	arch_inject(v, ESR_CLASS(EC_UNKNOWN) | (v->page->esr & ESR_IL), v->page->far);
}

void arch_inject_abort(struct vcpu *v)
{
	uint64_t trap = v->page->esr;
	uint64_t pstate = v->page->guest.pstate;
	unsigned ec = ESR_EC(trap);
	uint64_t esr = trap & ESR_IL;

	/* The class of an abort taken from EL1 itself is one higher. */
	if (!(pstate & PSTATE_AARCH32) && (pstate & PSTATE_MODE) != PSTATE_EL0T)
		ec++;
	esr |= ESR_CLASS(ec) | (trap & ISS_WNR);
	/* On a table walk the level of the table stands in the trap's fault status. */
	esr |= trap & ISS_S1PTW ? ISS_EXTERNAL_WALK | (trap & 3) : ISS_EXTERNAL;
	arch_inject(v, esr, v->page->far);
}
