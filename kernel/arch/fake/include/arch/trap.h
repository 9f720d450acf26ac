/* SPDX-License-Identifier: MIT */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include <core/types.h>

struct cpu;
struct takt_frame;
struct takt_frame *trap_irq(struct cpu *c); /* what is to follow: see LEAVE_DECIDE */
void kernel_enter(void) NORETURN;
#endif
