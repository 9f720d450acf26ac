/* SPDX-License-Identifier: MIT */
/*
 * Event tracing into per-CPU rings. Off, a trace point costs one load and a branch on a word of
 * struct cpu that is in the cache anyway; the fast path of calls pays nothing, since `tracing` is
 * among the reasons not to take it.
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <core/cpu.h>
#include <core/object.h>
#include <takt/trace.h>

#define TRACE_SLOTS (PAGE_SIZE / sizeof(struct takt_trace_record)) /* of a page */

/* One CPU's ring; in the memory of the factory that paid for it, and ends with that. */
struct trace {
	struct object object;
	u8 cpu;
	bool mapped;		  /* all pages are there, and some mapped */
	bool complete;		  /* all are */
	u32 made, pages;	  /* pages so far, and wanted */
	struct weak task;	  /* where it is mapped, at va */
	u64 va;
	u64 slot;		  /* of the next record; 0 is the header */
	u64 mask;
	u64 last_thread, last_sc; /* of the last SWITCH */
	void *page[TAKT_TRACE_PAGES];
};
_Static_assert(sizeof(struct trace) <= 512, "size class");

#define COLD __attribute__((cold, noinline))

/* TRACE(c, KIND, arg, up to four words): they are computed only while tracing, and travel in
 * registers, so that the function that is traced needs no larger stack frame. c is this CPU. */
#define TRACE(c, KIND, arg, ...)                                                                   \
	do {                                                                                       \
		if (unlikely((c)->tracing))                                                        \
			TRACE_WORDS(c, TAKT_TRACE_##KIND, (u32)(arg), __VA_ARGS__, 0, 0, 0, 0);    \
	} while (0)
#define TRACE_WORDS(c, kind, arg, w0, w1, w2, w3, ...) trace_event(c, kind, arg, w0, w1, w2, w3)

void trace_event(struct cpu *c, enum takt_trace_kind kind, u32 arg, u64 w0, u64 w1, u64 w2,
		 u64 w3) COLD;

/* t invokes o; null: nothing. */
void trace_invoke(struct cpu *c, const struct thread *t, const struct object *o) COLD;

/* Records a SWITCH if c->thread and c->sc, null when idle, are not those of the last one. */
void trace_switch(struct cpu *c) COLD;

/* Makes or goes on making the ring of this CPU: E_RESTART until it is complete. */
struct task;
int trace_map(struct factory *f, struct task *t, u64 va, u64 pages,
	      struct thread *caller) MUST_CHECK;

/* Records these kinds on this CPU from now on. */
int trace_control(u64 mask) MUST_CHECK;

/* Its end, on its CPU; and its memory, when nobody looks at it any more. */
int trace_teardown(struct trace *r) MUST_CHECK;
void trace_reclaim(struct trace *r);
#endif
