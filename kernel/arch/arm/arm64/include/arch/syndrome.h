/* SPDX-License-Identifier: MIT */
/* Exception classes: bits 31..26 of ESR_EL2 (DDI 0487 D19.2.40). For C and assembly. */
#ifndef ARCH_SYNDROME_H
#define ARCH_SYNDROME_H

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

#endif
