/* SPDX-License-Identifier: MIT */
/* AArch64 parts that must be inline: system registers, per-CPU pointer, counter, spinlocks. */
#ifndef ARCH_INLINE_H
#define ARCH_INLINE_H

#include <core/types.h>
#include <takt/vcpu.h>

#define READ_SYSREG(reg)                                                                           \
	({                                                                                         \
		u64 v_;                                                                            \
		__asm__ volatile("mrs %0, " #reg : "=r"(v_));                                      \
		v_;                                                                                \
	})
#define WRITE_SYSREG(reg, val) __asm__ volatile("msr " #reg ", %0" : : "r"((u64)(val)))

/* The same for a constant that would take four instructions to make. */
#define WRITE_SYSREG_LITERAL(reg, val)                                                             \
	do {                                                                                       \
		u64 v_;                                                                            \
		__asm__ volatile("ldr %0, =%c1\n\tmsr " #reg ", %0" : "=&r"(v_) : "i"(val));       \
	} while (0)

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}
static inline void dsb_sy(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}
static inline void dsb_ish(void)
{
	__asm__ volatile("dsb ish" : : : "memory");
}
static inline void dmb_ish(void)
{
	__asm__ volatile("dmb ish" : : : "memory");
}
static inline void cpu_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}
static inline void cpu_wfi(void)
{
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

struct cpu;
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("mrs %0, tpidr_el2" : "=r"(c));
	return c;
}
static inline void set_this_cpu(struct cpu *c)
{
	WRITE_SYSREG(tpidr_el2, c);
}

/* The physical counter, in ticks. */
static inline u64 now_ticks(void)
{
	isb();
	return READ_SYSREG(cntpct_el0);
}

static inline void timer_set(u64 when)
{
	WRITE_SYSREG(cnthp_cval_el2, when);
	isb();
}

/* An interrupt is waiting for this CPU (for preemption points; the kernel runs masked). */
static inline bool irq_waiting(void)
{
	return READ_SYSREG(isr_el1) != 0;
}

static inline u32 io_read32(const volatile void *p)
{
	u32 v;

	__asm__ volatile("ldr %w0, %1" : "=r"(v) : "m"(*(const volatile u32 *)p) : "memory");
	return v;
}
static inline void io_write32(volatile void *p, u32 v)
{
	__asm__ volatile("str %w1, %0" : "=m"(*(volatile u32 *)p) : "r"(v) : "memory");
}
static inline u64 io_read64(const volatile void *p)
{
	u64 v;

	__asm__ volatile("ldr %0, %1" : "=r"(v) : "m"(*(const volatile u64 *)p) : "memory");
	return v;
}
static inline void io_write64(volatile void *p, u64 v)
{
	__asm__ volatile("str %1, %0" : "=m"(*(volatile u64 *)p) : "r"(v) : "memory");
}

/* Of the context that the kernel was entered from, where fastpath.S has left that to C. */
static inline void save_pc(struct takt_frame *f)
{
	f->pc = READ_SYSREG(elr_el2);
}

/* 288 bytes, both 16-aligned: a frame of registers goes along with every paravirtual interrupt. */
static inline void frame_copy(struct takt_frame *to, const struct takt_frame *from)
{
	u64 a, b, c, d;

	/* clang-format off */
#define COPY(at)                                                                                   \
	"ldp %0, %1, [%5, #" #at "]\n\tldp %2, %3, [%5, #" #at "+16]\n\t"                          \
	"stp %0, %1, [%4, #" #at "]\n\tstp %2, %3, [%4, #" #at "+16]\n\t"
	__asm__ volatile(COPY(0) COPY(32) COPY(64) COPY(96) COPY(128) COPY(160) COPY(192) COPY(224)
			 COPY(256)
			 : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)
			 : "r"(to), "r"(from)
			 : "memory");
#undef COPY
	/* clang-format on */
	_Static_assert(sizeof(*to) == 288, "as copied");
}

/* Ticket lock: fair, so the wait is bounded by the number of CPUs. Waiters sleep in WFE. A ticket is
 * taken together with a look at whose turn it is. */
struct spinlock {
	union {
		u32 both;
		struct {
			u16 serving, next;
		};
	};
};
static inline void spin_lock(struct spinlock *l)
{
	u32 both = __atomic_fetch_add(&l->both, 1u << 16, __ATOMIC_ACQUIRE);
	u32 ticket = both >> 16, seen = both & 0xffff, differ;

	/* In the most frequent case of all, one instruction less than GCC would need. */
	__asm__("eor %w0, %w1, %w1, ror #16" : "=r"(differ) : "r"(both));
	if (likely(!differ))
		return;
	__asm__ volatile("sevl" : : : "memory");
	do {
		__asm__ volatile("wfe\n\tldaxrh %w0, %1"
				 : "=&r"(seen)
				 : "Q"(l->serving)
				 : "memory");
	} while (seen != ticket);
}
static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->serving, (u16)(l->serving + 1), __ATOMIC_RELEASE);
}
#endif
