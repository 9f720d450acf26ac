/* SPDX-License-Identifier: MIT */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <core/types.h>

void trap_init_cpu(void);
void kernel_enter(void) NORETURN;
#endif
