/* SPDX-License-Identifier: MIT */
/* Types and small macros used everywhere in the kernel. */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <takt/error.h>
#include <takt/types.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int16_t s16;
typedef int64_t s64;

/* Physical, and guest-physical (stage-2 input) addresses: not to be mixed up with each other, nor
 * with what the kernel may dereference. */
typedef struct {
	u64 v;
} paddr_t;
typedef struct {
	u64 v;
} ipaddr_t;

#define PADDR(x) ((paddr_t){(x)})
#define IPADDR(x) ((ipaddr_t){(x)})

#define PAGE_SHIFT TAKT_PAGE_SHIFT
#define PAGE_SIZE ((u64)TAKT_PAGE_SIZE)
#define MAX_CPUS TAKT_MAX_CPUS
#define PRIORITIES TAKT_PRIORITIES

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define ALWAYS_INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline)) /* keep it out of a hot function */
#define ALIGNED(n) __attribute__((aligned(n)))
#define BOOT __attribute__((section(".text.boot"))) /* used only while booting */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(x, a) (((x) + (a) - 1) & ~((a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((a) - 1)) == 0)
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* A relaxed atomic access, for which GCC would not use an address with an offset. */
#define LOAD_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define STORE_ONCE(x, value) (*(volatile __typeof__(x) *)&(x) = (value))

/* a + b without overflow, or false. */
static inline MUST_CHECK bool add_ok(u64 a, u64 b, u64 *sum)
{
	return !__builtin_add_overflow(a, b, sum);
}

/* For states that the kernel alone can bring about. Never reachable by what user level does. */
void panic(const char *fmt, ...) NORETURN __attribute__((format(printf, 1, 2)));
#define ASSERT(cond)                                                                               \
	do {                                                                                       \
		if (unlikely(!(cond)))                                                             \
			panic("%s:%d: %s", __FILE__, __LINE__, #cond);                             \
	} while (0)

/* The kernel's log: a ring in memory that is copied to the early console while the kernel owns it.
 * Formats: %s %.Ns %c %d %u %x %lu %lx %lld-style longs, %p, field widths and 0-padding. */
void klog(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

void *memset(void *dst, int c, size_t n);
void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
