/* SPDX-License-Identifier: MIT */
/* Architecture "fake": kernel code in a test on the host. One thread, which is CPU `fake_cpu`; time
 * and device registers are the test's. */
#ifndef ARCH_INLINE_H
#define ARCH_INLINE_H

#include <core/types.h>

extern unsigned fake_cpu;
extern u64 fake_now;
u32 fake_read32(const volatile void *p);
void fake_write32(volatile void *p, u32 v);

static inline void isb(void)
{
}
static inline void dsb_sy(void)
{
}
static inline void dsb_ish(void)
{
}
static inline void dmb_ish(void)
{
}
static inline void cpu_relax(void)
{
}

struct cpu;
struct cpu *fake_this_cpu(void);
static inline struct cpu *this_cpu(void)
{
	return fake_this_cpu();
}

static inline u64 now_ticks(void)
{
	return fake_now;
}
static inline bool irq_waiting(void)
{
	return false;
}

static inline u32 io_read32(const volatile void *p)
{
	return fake_read32(p);
}
static inline void io_write32(volatile void *p, u32 v)
{
	fake_write32(p, v);
}

struct spinlock {
	u32 next, serving;
};
static inline void spin_lock(struct spinlock *l)
{
	ASSERT(l->next == l->serving);
	l->next++;
}
static inline void spin_unlock(struct spinlock *l)
{
	l->serving++;
}
#endif
