/* SPDX-License-Identifier: MIT */
/* Runtime beside the C library: threads, mappings, devices, readiness. */
#ifndef TAKT_RT_H
#define TAKT_RT_H

#include <takt/env.h>
#include <takt/layout.h>
#include <takt/sys.h>

/* Maps a device extent (registers) of `size` bytes, or all of it with 0, at an address of its own.
 * Null if it cannot be mapped. Typical: rt_map_device(env_cap("device"), 0). */
volatile void *rt_map_device(takt_slot extent, uint64_t size);

/* Maps `size` bytes of an extent from `offset` on, with the flags of task.map, at an address of its
 * own that is 2 MiB aligned where the size allows large blocks. Null on error. */
void *rt_map(takt_slot extent, uint64_t offset, uint64_t size, uint64_t flags);

/* Unused address space: `size` bytes aligned to `align` (a power of two), 0 when there is none. */
uint64_t rt_va_alloc(uint64_t size, uint64_t align);

struct rt_thread {
	const char *name;
	void (*fn)(void *arg); /* when it returns, the thread stops */
	void *arg;
	unsigned cpu;
	takt_slot sc;	  /* scheduling context on that CPU; 0: passive, runs for its callers */
	uint64_t stack_size; /* 0: 16 KiB; at most TAKT_STACK_MAX_SIZE */
	enum takt_thread_kind kind; /* a vCPU: its state page is at TAKT_VA_STATE(number) */
	takt_slot guest; /* a vCPU's guest task; 0: the own task */
	/* out */
	takt_slot slot;	 /* the thread's capability */
	unsigned number; /* for TAKT_VA_UTCB, TAKT_VA_STATE */
	void *sp;	 /* top of its stack, below its thread-local data */
};

/* Makes a thread in the own task out of TAKT_SELF_FACTORY and starts it. rt_thread_make leaves it
 * stopped and placed, without its SC: rt_thread_go attaches that and starts it at `fn`. */
TAKT_MUST_CHECK int rt_thread_make(struct rt_thread *t);
TAKT_MUST_CHECK int rt_thread_go(struct rt_thread *t);
TAKT_MUST_CHECK int rt_thread_create(struct rt_thread *t);

/* Number of the calling thread: 0 for main's. */
unsigned rt_thread_number(void);

/* Slot of the calling thread's own capability. */
takt_slot rt_thread_self(void);

/* Tells root that the program serves from now on. Only the first call does anything. */
void rt_ready(void);

/* From now on the thread is signalled with that badge whenever a server that the program has a route
 * to runs again. That one knows nothing of what the server before it had been told. So a program
 * calls this before it tells a server anything, and tells it again then. Without a root, which
 * would start it again, there is nothing to do. Once. */
TAKT_MUST_CHECK int rt_notify_servers(takt_slot thread, uint64_t badge);

/* Ends the program, as returning from main and exit() do: root takes it away, and starts it again if
 * its description says so. */
void rt_exit(int code) __attribute__((noreturn));

/* Ends the calling thread, as returning from its function does. */
void rt_thread_exit(void) __attribute__((noreturn));

/* Where standard output goes, line by line; a program may define its own. */
void rt_write(const char *s, unsigned len);

/* Prints a line with a level: on a console session it is shown if the session's level is not below.
 * The line is one piece, without an end of line; it is cut at 159 characters. */
enum rt_level { RT_ERROR, RT_WARNING, RT_INFO, RT_DEBUG };
void rt_log(unsigned level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Name of an error, "E_CAP"; never null. */
const char *rt_error(int err);

#endif
