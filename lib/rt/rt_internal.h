/* SPDX-License-Identifier: MIT */
/* What the files of the runtime share. */
#ifndef TAKT_RT_INTERNAL_H
#define TAKT_RT_INTERNAL_H

#include <takt/rt.h>

/* The block that TPIDR_EL0 points to; thread-local data follows. crt0.S knows the first field. */
struct rt_tcb {
	struct takt_utcb *utcb;
	uint32_t number;
	takt_slot self;
};

_Static_assert(sizeof(struct rt_tcb) == 16, "thread-local data begin 16 bytes behind TPIDR_EL0");

/* What a thread made by rt_thread_make starts with; on top of its stack. */
struct rt_boot {
	void (*fn)(void *arg);
	void *arg;
	uint32_t number;
	takt_slot self;
	uint64_t pad[5];
};

_Static_assert(sizeof(struct rt_boot) == 64, "the stack below it stays 64 bytes aligned");

static inline struct rt_tcb *rt_tcb(void)
{
	struct rt_tcb *tcb;

	__asm__("mrs %0, tpidr_el0" : "=r"(tcb));
	return tcb;
}

/* The page that the first thread got: struct takt_env, or struct takt_bootinfo for root. */
extern const void *rt_start_page;

/* Before main: makes memory for malloc. Root has its own. */
void rt_heap_init(void);
void rt_heap_set(uint64_t va, uint64_t size);

/* Writes what the calling thread has printed of an unfinished line. */
void rt_stdio_flush(void);

/* Entered from crt0.S. */
void rt_start(uint64_t arg, void *tls) __attribute__((noreturn));
void rt_thread_begin(const struct rt_boot *boot, void *tls) __attribute__((noreturn));
void rt_thread_entry(void);

/* Makes `tls` the calling thread's thread-local block. */
void rt_tls_init(void *tls, uint64_t utcb, unsigned number, takt_slot self);

#endif
