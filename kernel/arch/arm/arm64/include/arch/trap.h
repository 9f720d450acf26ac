/* SPDX-License-Identifier: MIT */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <arch/inline.h>
#include <core/types.h>

#define ESR_CLASS(esr) ((unsigned)((esr) >> 26) & 0x3f)
#define EC_UNKNOWN 0x00
#define EC_WFX 0x01
#define EC_FP 0x07
#define EC_ILLEGAL 0x0e
#define EC_SVC64 0x15
#define EC_HVC64 0x16
#define EC_SMC64 0x17
#define EC_SYSREG 0x18
#define EC_INSN_LOWER 0x20
#define EC_INSN_EL2 0x21
#define EC_PC_ALIGN 0x22
#define EC_DATA_LOWER 0x24
#define EC_DATA_EL2 0x25
#define EC_SP_ALIGN 0x26
#define EC_SERROR 0x2f
#define EC_BRK 0x3c

void trap_init_cpu(void);

/* Called by vectors.S only. */
void trap_sync(void);
struct cpu;
void guest_trap_quickly(struct cpu *c);
bool guest_resume_quickly(struct cpu *c); /* false: sched_leave is to follow */
struct takt_frame *trap_irq(struct cpu *c); /* what is to follow: see LEAVE_DECIDE */
void trap_serror(void);
void trap_el2(u64 esr, u64 elr, u64 far) NORETURN;
void kernel_enter(void) NORETURN;

/* The guest-physical address of an abort: HPFAR_EL2 holds bits 47..12 of it at 39..4, FAR_EL2 the
 * offset in the page. */
static inline u64 trap_ipa(u64 far)
{
	return (READ_SYSREG(hpfar_el2) & 0xfffffffff0) << 8 | (far & 0xfff);
}

/* The class and, for aborts, the kind of fault in words. */
const char *esr_text(u64 esr);
#endif
