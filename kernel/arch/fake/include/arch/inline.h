/* SPDX-License-Identifier: MIT */
/* Architecture "fake": kernel code in a test on the host. One thread, which is CPU `fake_cpu`; time
 * and device registers are the test's. */
#ifndef ARCH_INLINE_H
#define ARCH_INLINE_H

#include <core/types.h>
#include <takt/vcpu.h>

extern unsigned fake_cpu;
extern u64 fake_now;
u32 fake_read32(const volatile void *p);
void fake_write32(volatile void *p, u32 v);

/* Where the other CPUs' doings may come in between. Absent in tests that have one CPU only. */
void fake_point(void) __attribute__((weak));
void fake_wait_for_interrupt(void) __attribute__((weak));
static inline void fake_maybe(void)
{
	if (fake_point)
		fake_point();
}

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
	fake_maybe();
}
static inline void cpu_relax(void)
{
}
static inline void cpu_wfi(void)
{
	if (fake_wait_for_interrupt)
		fake_wait_for_interrupt();
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

/* Held by nobody: next == serving. Only another fake CPU that stopped at a point can hold it. */
struct spinlock {
	u32 next, serving;
};
void fake_contended(const struct spinlock *l) __attribute__((weak));
static inline void spin_lock(struct spinlock *l)
{
	fake_maybe();
	while (l->next != l->serving && fake_contended)
		fake_contended(l);
	ASSERT(l->next == l->serving);
	l->next++;
}
static inline void spin_unlock(struct spinlock *l)
{
	ASSERT(l->next == l->serving + 1);
	l->serving++;
	fake_maybe();
}

static inline void save_pc(struct takt_frame *f)
{
	(void)f; /* it is there */
}

static inline void frame_copy(struct takt_frame *to, const struct takt_frame *from)
{
	*to = *from;
}
void timer_set(u64 when);
#endif
