/* SPDX-License-Identifier: MIT */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

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
bool trap_irq(void); /* false: sched_leave is to follow */
void trap_serror(void);
void trap_el2(u64 esr, u64 elr, u64 far) NORETURN;
void kernel_enter(void) NORETURN;

/* The class and, for aborts, the kind of fault in words. */
const char *esr_text(u64 esr);
#endif
