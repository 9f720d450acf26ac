/* SPDX-License-Identifier: MIT */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <arch/inline.h>
#include <arch/syndrome.h>
#include <core/types.h>

#define ESR_CLASS(esr) ((unsigned)((esr) >> 26) & 0x3f)

/* Called by vectors.S only. */
void trap_sync(void);
struct cpu;
void guest_trap_quickly(struct cpu *c);
bool guest_resume_quickly(struct cpu *c); /* false: sched_leave is to follow */
struct takt_frame *trap_irq(struct cpu *c); /* what is to follow: see LEAVE_DECIDE */
void trap_serror(void);
void trap_el2(u64 esr, u64 elr, u64 far) NORETURN; /* in the kernel itself, also while booting */
void kernel_enter(void) NORETURN;

#define PAR_FAULT 1ul
#define PAR_ADDRESS 0xfffffffff000ul

/* What the guest's own tables, which are in force still, translate an address to. All ones where
 * another of its CPUs has changed them meanwhile. PAR_EL1 is the guest's. */
static inline u64 trap_translate(u64 far)
{
	u64 guests = READ_SYSREG(par_el1), par;

	__asm__ volatile("at s1e1r, %0\n\tisb" : : "r"(far) : "memory");
	par = READ_SYSREG(par_el1);
	WRITE_SYSREG(par_el1, guests);
	return par & PAR_FAULT ? UINT64_MAX : (par & PAR_ADDRESS) | (far & 0xfff);
}

/* An abort because of what may be done with a page, not during a walk of the guest's tables. */
static inline bool trap_by_permission(u64 esr)
{
	return (esr & 0xbc) == 0x0c;
}

/* The guest-physical address of an abort: HPFAR_EL2 holds bits 47..12 of it at 39..4, FAR_EL2 the
 * offset in the page. After a permission fault HPFAR_EL2 is not defined. */
static inline u64 trap_ipa(u64 esr, u64 far)
{
	if (unlikely(trap_by_permission(esr)))
		return trap_translate(far);
	return (READ_SYSREG(hpfar_el2) & 0xfffffffff0) << 8 | (far & 0xfff);
}

/* The class and, for aborts, the kind of fault in words. */
const char *esr_text(u64 esr);
#endif
