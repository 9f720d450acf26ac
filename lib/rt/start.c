/* SPDX-License-Identifier: MIT */
/* From the entry point to main, and the end of a thread. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <takt/bootinfo.h>
#include <takt/proto/root.h>
#include <takt/server.h>
#include <unistd.h>

#include "rt_internal.h"

extern const char __tdata_start[], __tdata_end[], __tls_size[];
extern void (*const __init_array_start[])(void);
extern void (*const __init_array_end[])(void);

const void *rt_start_page;

/* libgcc's atomics, which the C library uses, ask for it. It stands here, in a file that is in
 * every program, lest the linker take libgcc's own with its way to ask the system. */
extern bool __aarch64_have_lse_atomics;
bool __aarch64_have_lse_atomics;

int main(void);

void rt_tls_init(void *tls, uint64_t utcb, unsigned number, takt_slot self)
{
	struct rt_tcb *tcb = tls;
	char *data = (char *)(tcb + 1);
	size_t init = (size_t)(__tdata_end - __tdata_start);

	tcb->utcb = (struct takt_utcb *)utcb;
	tcb->number = number;
	tcb->self = self;
	memcpy(data, __tdata_start, init);
	memset(data + init, 0, (size_t)__tls_size - init);
	__asm__ volatile("msr tpidr_el0, %0" : : "r"(tls) : "memory");
}

/* A program that has no threads-per-cpu in its description never comes here. */
__attribute__((weak)) void server_thread(unsigned index)
{
	(void)index;
}

static takt_slot numbered_thread(unsigned index)
{
	char name[] = "thread.0";

	if (!index)
		return TAKT_SELF_THREAD;
	name[sizeof(name) - 2] = (char)('0' + index % 10);
	return env_cap(name);
}

/* Separate from rt_start: here thread-local data can be used. */
static __attribute__((noinline, noreturn)) void run(unsigned index)
{
	if (index) {
		rt_tcb()->self = numbered_thread(index);
		server_thread(index);
		rt_thread_exit();
	}
	rt_heap_init();
	for (void (*const *f)(void) = __init_array_start; f < __init_array_end; f++)
		(*f)();
	rt_exit(main());
}

void rt_start(uint64_t arg, void *tls)
{
	unsigned index = arg & TAKT_START_INDEX_MASK;
	const struct takt_bootinfo *page =
		(const void *)(arg & ~(uint64_t)TAKT_START_INDEX_MASK);
	bool is_root = page->magic == TAKT_BOOTINFO_MAGIC;

	if (!index)
		rt_start_page = page;
	rt_tls_init(tls, is_root ? TAKT_ROOT_UTCB_VA : TAKT_VA_UTCB((uint64_t)index), index,
		    TAKT_SELF_THREAD);
	run(index);
}

void rt_thread_exit(void)
{
	rt_stdio_flush();
	for (;;) {
		if (takt_thread_stop(rt_tcb()->self)) {
			/* Without its own capability a thread can only sleep for ever. */
			struct takt_msg m = {0};

			(void)!takt_wait(&m, TAKT_NEVER);
		}
	}
}

/* Where there is no root to tell, in root itself for one, only the thread ends. */
void rt_exit(int code)
{
	takt_slot root = env_cap("root");

	printf("%s: ends, code %d\n", env_string("takt,name", "root"), code);
	rt_stdio_flush();
	if (root)
		(void)!root_exit(root, code);
	rt_thread_exit();
}

void _exit(int code)
{
	rt_exit(code);
}

unsigned rt_thread_number(void)
{
	return rt_tcb()->number;
}

takt_slot rt_thread_self(void)
{
	return rt_tcb()->self;
}
