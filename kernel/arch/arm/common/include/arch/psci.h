/* SPDX-License-Identifier: MIT */
/* Function numbers of PSCI 0.2 and later, and whether the board has it. */
#ifndef ARCH_PSCI_H
#define ARCH_PSCI_H

#include <stdbool.h>

#define PSCI_SYSTEM_OFF 0x84000008
#define PSCI_SYSTEM_RESET 0x84000009
#ifdef __LP64__
#define PSCI_CPU_ON 0xc4000003
#else
#define PSCI_CPU_ON 0x84000003
#endif
#define PSCI_SUCCESS 0

extern bool platform_has_psci; /* fdt.c */

#endif
