/* SPDX-License-Identifier: MIT */
/*
 * A machine vCPU's state besides its general registers, and the values of the EL2 registers that
 * define what a guest, and a native task, may do. DDI 0487 D19 ("AArch64 System register
 * descriptions") has the bits.
 */
#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

/* HCR_EL2. */
#define HCR_VM (1ul << 0)
#define HCR_SWIO (1ul << 1) /* invalidation by set/way also cleans */
#define HCR_PTW (1ul << 2)  /* stage-1 walks that hit device memory fault */
#define HCR_FMO (1ul << 3)
#define HCR_IMO (1ul << 4)
#define HCR_AMO (1ul << 5)
#define HCR_FB (1ul << 9)	 /* TLB and instruction-cache maintenance is broadcast */
#define HCR_BSU_INNER (1ul << 10) /* barriers are at least inner shareable */
#define HCR_DC (1ul << 12)
#define HCR_TWI (1ul << 13)
#define HCR_TWE (1ul << 14) /* the dispatcher adds it while a peer of the vCPU is ready */
#define HCR_TID3 (1ul << 18)
#define HCR_TSC (1ul << 19)
#define HCR_TIDCP (1ul << 20)
#define HCR_TACR (1ul << 21)
#define HCR_TSW (1ul << 22)
#define HCR_TGE (1ul << 27)
#define HCR_RW (1ul << 31)
#define HCR_TLOR (1ul << 35)
#define HCR_TERR (1ul << 36)
#define HCR_TID5 (1ul << 58)

/* APK, API, ATA, EnSCXT and FIEN stay 0: pointer authentication, tagging and the like trap. */
#define HCR_GUEST                                                                                  \
	(HCR_VM | HCR_SWIO | HCR_PTW | HCR_FMO | HCR_IMO | HCR_AMO | HCR_FB | HCR_BSU_INNER |      \
	 HCR_TWI | HCR_TID3 | HCR_TSC | HCR_TIDCP | HCR_TACR | HCR_TSW | HCR_RW | HCR_TLOR |       \
	 HCR_TERR | HCR_TID5)
#define HCR_NATIVE                                                                                 \
	(HCR_VM | HCR_FMO | HCR_IMO | HCR_AMO | HCR_DC | HCR_TIDCP | HCR_TGE | HCR_RW)

/* CPTR_EL2 with E2H = 0; TFP is what fp.c changes. */
#define CPTR_RES1 0x32fful
#define CPTR_TZ (1ul << 8)
#define CPTR_TFP (1ul << 10)
#define CPTR_TSM (1ul << 12)
#define CPTR_TTA (1ul << 20)
#define CPTR_TAM (1ul << 30)
#define CPTR_BASE (CPTR_RES1 | CPTR_TZ | CPTR_TSM | CPTR_TTA | CPTR_TAM)

/* MDCR_EL2: no debug, PMU, profiling or trace register is a guest's. HPMN is added at boot. */
#define MDCR_TPMCR (1ul << 5)
#define MDCR_TPM (1ul << 6)
#define MDCR_TDE (1ul << 8)
#define MDCR_TDA (1ul << 9)
#define MDCR_TDOSA (1ul << 10)
#define MDCR_TDRA (1ul << 11)
#define MDCR_TPMS (1ul << 14)
#define MDCR_TTRF (1ul << 19)
#define MDCR_BASE                                                                                  \
	(MDCR_TPMCR | MDCR_TPM | MDCR_TDE | MDCR_TDA | MDCR_TDOSA | MDCR_TDRA | MDCR_TPMS |        \
	 MDCR_TTRF)

/* CNTHCTL_EL2: for a guest the physical counter is readable (EL1PCTEN), the physical timer traps
 * (EL1PCEN = 0). For native code EL1PCEN is set as well: CNTKCTL_EL1 keeps the timer from EL0, and
 * QEMU (7.2) wants EL1PCEN even for EL0's reads of the counter. */
#define CNTHCTL_GUEST 0x1ul
#define CNTHCTL_NATIVE 0x3ul

/*
 * EL1 registers that act on EL0 even with TGE set, as native tasks need them. SCTLR: stage 1 off,
 * caches on, cache maintenance, DC ZVA, CTR_EL0, WFE and WFI allowed, stack alignment checked.
 * CPACR: FP/SIMD does not trap to EL1. CNTKCTL: the physical counter alone.
 */
#define SCTLR_RES1 0x30d00800ul
#define SCTLR_NATIVE                                                                               \
	(SCTLR_RES1 | 1ul << 2 | 1ul << 4 | 1ul << 12 | 1ul << 14 | 1ul << 15 | 1ul << 16 |        \
	 1ul << 18 | 1ul << 26)
#define CPACR_NATIVE (3ul << 20)
#define CNTKCTL_NATIVE 0x1ul

/* PSTATE. What a guest may have of it is bounded where SPSR_EL2 is written (vectors.S), for the
 * register frame is memory that user level can write at any time. */
#define PSTATE_SP 0x01ul  /* own stack pointer: EL1h */
#define PSTATE_EL1 0x04ul /* clear: EL0 */
#define PSTATE_DAIF 0x3c0ul
#define PSTATE_PAN (1ul << 22)
#define PSTATE_NZCV 0xf0000000ul

#ifndef __ASSEMBLER__

#include <arch/inline.h>
#include <arch/vgic.h>
#include <core/context.h>

/*
 * System registers of a machine, in pairs, as they are moved and as they lie in memory. EL1: those that
 * only the machine itself uses, which stay in the hardware until another machine runs on the CPU; so do
 * SET, which no guest can change, and tcr_el1. FLIP: those that act on EL0 as well, swapped at every
 * crossing between guest and native; so is sctlr_el1. WALK: what is put back last (machine_switch).
 */
#define MACHINE_SET(X) X(cntvoff_el2, vmpidr_el2)
#define MACHINE_EL1(X)                                                                             \
	X(sp_el1, elr_el1) X(spsr_el1, ttbr0_el1) X(ttbr1_el1, mair_el1) X(amair_el1, vbar_el1)    \
	X(esr_el1, far_el1) X(afsr0_el1, afsr1_el1) X(contextidr_el1, tpidr_el1)                   \
	X(par_el1, csselr_el1)
#define MACHINE_FLIP(X) X(cpacr_el1, cntkctl_el1) X(tpidr_el0, tpidrro_el0)
#define MACHINE_WALK(X) X(tcr_el1, sctlr_el1)
#define MACHINE_GUESTS(X) MACHINE_EL1(X) MACHINE_FLIP(X) MACHINE_WALK(X)

/* All of a list of pairs, from memory and to it; `at` moves on behind them. */
#define SYSREGS_LOAD(list, at)                                                                     \
	do {                                                                                       \
		u64 a_, b_;                                                                        \
		__asm__ volatile(list(SYSREG_LOAD_PAIR)                                            \
				 : "+&r"(at), "=&r"(a_), "=&r"(b_)                                 \
				 :                                                                 \
				 : "memory");                                                      \
	} while (0)
/* The last pair remains in a and b. */
#define SYSREGS_SAVE(list, at, a, b)                                                               \
	__asm__ volatile(list(SYSREG_SAVE_PAIR) : "+&r"(at), "=&r"(a), "=&r"(b) : : "memory")
#define SYSREG_SAVE_PAIR(a, b) "mrs %1, " #a "\n\tmrs %2, " #b "\n\tstp %1, %2, [%0], #16\n\t"
#define SYSREG_LOAD_PAIR(a, b) "ldp %1, %2, [%0], #16\n\tmsr " #a ", %1\n\tmsr " #b ", %2\n\t"

/* One page, out of the factory of the thread's owner. */
struct machine {
	struct vgic_cpu vgic; /* first: see vgic_of() */
	struct thread *thread;
#define X(a, b) u64 a, b;
	MACHINE_SET(X)
	MACHINE_GUESTS(X)
#undef X
	u64 cntv_ctl, cntv_cval; /* while not loaded */
	u64 cntp_ctl, cntp_cval; /* emulated: no interrupt comes of it */
	bool logged;		 /* an unknown register was reported */
	struct fpstate fp;
};
_Static_assert(sizeof(struct machine) <= PAGE_SIZE, "one page");
_Static_assert(offsetof(struct machine, vgic) == 0, "vgic_of() relies on it");

static inline struct fpstate *machine_fp(struct machine *m)
{
	return &m->fp;
}

/* The crossing, for context.c: the guest's values into the hardware, and back to memory. HCR_EL2,
 * VTTBR_EL2 and the native constants are the caller's. */
static inline void machine_flip_in(const struct machine *m)
{
	const u64 *at = &m->cpacr_el1;

	WRITE_SYSREG(sctlr_el1, m->sctlr_el1);
	SYSREGS_LOAD(MACHINE_FLIP, at);
}
static inline void machine_flip_out(struct machine *m)
{
	u64 *at = &m->cpacr_el1, a, b;

	m->sctlr_el1 = READ_SYSREG(sctlr_el1);
	SYSREGS_SAVE(MACHINE_FLIP, at, a, b);
}

/* The hypercall TAKT_HVC_SELECT_SC. */
void machine_select_sc(struct thread *t);

/* The value that the guest reads in the ID register S3_0_C0_C<crm>_<op2>. */
u64 machine_id(unsigned crm, unsigned op2);

#endif
#endif
