/* SPDX-License-Identifier: MIT */
#ifndef ARCH_IRQC_H
#define ARCH_IRQC_H

#include <core/types.h>

u32 irqc_ack_raw(void);
void irqc_drop(u32 raw);
#endif
