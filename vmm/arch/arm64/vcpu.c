/* SPDX-License-Identifier: MIT */
/* Registers of a vCPU: at its start, and in a dump. */
#include "../../core/log.h"
#include "arm64.h"
#include "page.h"

_Static_assert(offsetof(struct takt_vcpu_page, entry) == PAGE_ENTRY, "run.S");
_Static_assert(offsetof(struct takt_vcpu_page, entry_sp) == PAGE_ENTRY + 8, "run.S");

#define MPIDR_RES1 0x80000000ul
#define MPIDR_AFF1 8

/* Affinity level 0 counts to 4 within a cluster, as on the CPUs that we look like. */
uint64_t arch_vcpu_affinity(unsigned index)
{
	return index / 4 << MPIDR_AFF1 | index % 4;
}

void arch_vcpu_boot(struct vcpu *v)
{
	struct takt_frame *guest = &v->page->guest;
	int err = takt_vcpu_reset(v->self);

	if (!err)
		err = takt_thread_reg_write(v->self, TAKT_REG_MPIDR,
					    MPIDR_RES1 | arch_vcpu_affinity(v->index));
	if (err) {
		vmm_log("cpu%u: reset: error %d", v->index, err);
		vcpu_fail(v, "registers cannot be set");
		return;
	}
	for (unsigned i = 0; i < 31; i++)
		guest->x[i] = 0;
	guest->x[0] = v->boot_x0;
	guest->sp = 0;
	guest->pc = v->boot_pc;
	guest->pstate = PSTATE_DAIF | PSTATE_EL1H;
}

void arch_vcpu_dump(struct vcpu *v)
{
	static const struct {
		const char *name;
		enum takt_reg reg;
	} el1[] = {
		{"sctlr_el1", TAKT_REG_SCTLR_EL1}, {"vbar_el1", TAKT_REG_VBAR_EL1},
		{"elr_el1", TAKT_REG_ELR_EL1},	   {"spsr_el1", TAKT_REG_SPSR_EL1},
		{"esr_el1", TAKT_REG_ESR_EL1},	   {"far_el1", TAKT_REG_FAR_EL1},
		{"sp_el1", TAKT_REG_SP_EL1},
	};
	struct takt_vcpu_page *p = v->page;
	struct takt_frame *g = &p->guest;

	vmm_log("cpu%u: pc %lx pstate %lx esr %lx far %lx ipa %lx", v->index, g->pc, g->pstate,
		p->esr, p->far, p->ipa);
	for (unsigned i = 0; i < 30; i += 3)
		vmm_log("x%u %lx x%u %lx x%u %lx", i, g->x[i], i + 1, g->x[i + 1], i + 2,
			g->x[i + 2]);
	vmm_log("x30 %lx sp_el0 %lx", g->x[30], g->sp);
	for (unsigned i = 0; i < sizeof(el1) / sizeof(el1[0]); i++) {
		uint64_t value;

		if (!takt_thread_regs_read(v->self, el1[i].reg, 1, &value))
			vmm_log("%s %lx", el1[i].name, value);
	}
}
