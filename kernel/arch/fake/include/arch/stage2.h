/* SPDX-License-Identifier: MIT */
/* What arch/arm's page tables need; the walks and TLBs are the test's. */
#ifndef ARCH_STAGE2_H
#define ARCH_STAGE2_H

#include <core/arch.h>

static inline void stage2_barrier(void)
{
}
void stage2_invalidate(const struct stage2 *s2);
u32 arch_vmids(void);
#endif
