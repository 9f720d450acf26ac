/* SPDX-License-Identifier: MIT */
/* What the files of this folder have in common: the syndrome's fields, and exceptions for the
 * guest. */
#ifndef VMM_ARCH_ARM64_H
#define VMM_ARCH_ARM64_H

#include "../../core/machine.h"

/* PSTATE */
#define PSTATE_EL0T 0x0
#define PSTATE_EL1H 0x5
#define PSTATE_AARCH32 0x10
#define PSTATE_MODE 0xf
#define PSTATE_DAIF 0x3c0

/* ESR_ELx: exception class, instruction length, and the syndrome of the class. */
#define ESR_EC(esr) ((unsigned)((esr) >> 26) & 0x3f)
#define ESR_CLASS(ec) ((uint64_t)(ec) << 26)
#define ESR_IL_SHIFT 25
#define ESR_IL (1ul << ESR_IL_SHIFT)

enum exception_class {
	EC_UNKNOWN = 0x00,
	EC_HVC64 = 0x16,
	EC_SMC64 = 0x17,
	EC_INSTRUCTION_ABORT = 0x20, /* from a lower level; one more from the same */
	EC_DATA_ABORT = 0x24,	     /* likewise */
};

/* Data abort syndrome. */
#define ISS_ISV 0x01000000ul
#define ISS_SAS(esr) ((unsigned)((esr) >> 22) & 3)
#define ISS_SSE 0x00200000ul
#define ISS_SRT(esr) ((unsigned)((esr) >> 16) & 0x1f)
#define ISS_SF 0x00008000ul
#define ISS_CM 0x00000100ul
#define ISS_S1PTW 0x00000080ul
#define ISS_WNR 0x00000040ul
#define ISS_EXTERNAL 0x10ul	 /* fault status: synchronous external abort */
#define ISS_EXTERNAL_WALK 0x14ul /* the same on a table walk, + its level */

/* To the instruction after the one that trapped. */
static inline void arch_skip(struct vcpu *v)
{
	v->page->guest.pc += 2 + (v->page->esr >> ESR_IL_SHIFT & 1) * 2;
}

/* Guest register by number; 31 is the zero register. */
static inline uint64_t arch_get(const struct vcpu *v, unsigned reg)
{
	return reg == 31 ? 0 : v->page->guest.x[reg];
}

static inline void arch_set(struct vcpu *v, unsigned reg, uint64_t value)
{
	if (reg != 31)
		v->page->guest.x[reg] = value;
}

/* The guest's CPU takes an exception to EL1, as hardware would; where that fails the machine was
 * told. */
void arch_inject(struct vcpu *v, uint64_t esr, uint64_t far);
void arch_inject_undefined(struct vcpu *v);
void arch_inject_abort(struct vcpu *v);

#endif
