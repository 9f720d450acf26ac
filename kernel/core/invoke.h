/* SPDX-License-Identifier: MIT */
/* The system call: decoding, capability lookup, the central rights check, dispatch. */
#ifndef CORE_INVOKE_H
#define CORE_INVOKE_H

#include <core/object.h>
#include <object/task.h>
#include <object/thread.h>

struct sc;
struct irq;
struct gate;
struct memory;
struct factory;
struct scheduler;

/* One operation under way. The caller may live on another CPU: handlers use this and never "the
 * current thread". */
struct invocation {
	struct thread *caller;
	u64 tag;
	u64 w[TAKT_REG_WORDS]; /* message words 0..5, in and out; read once from the registers,
				  which in a paravirtual guest are memory that others may write */
	u64 window;	    /* slot for a new capability */
	struct takt_frame *frame; /* fastpath.S's own: where the caller's registers were saved */
	unsigned caps;	    /* capability arguments passed */
	struct object *cap[2]; /* and resolved, of the types that objects.def says */
	u64 cap_right[2];
};

/* A handler returns 0 or an error, or E_REMOTE(cpu): it must be done on that CPU. It has changed
 * nothing then. */
#define E_REMOTE_BASE (-256)
#define E_REMOTE(cpu) (E_REMOTE_BASE - (int)(cpu))
/* The handler has put the caller into another state itself, and has set its result or will. */
#define E_BLOCKED (-255)
/* Not finished: do it again after a preemption point; the caller's registers hold the progress. */
#define E_RESTART (-254)

typedef int (*op_handler)(struct object *self, u64 rights, struct invocation *in);

/* From the trap handler: the running thread made the system call. The kernel can be left then. */
void syscall_entry(struct thread *t);

/*
 * From fastpath.S: the running thread invokes o, which is no gate and lives. `in` is filled in up to
 * the window; of the thread's frame, x0..x17 and x30 are saved. Null if it worked and the thread
 * goes on, with the words in `in`; else the frame has the result, and what is to follow: see
 * LEAVE_DECIDE.
 */
struct takt_frame *invoke_quickly(struct object *o, u64 rights, struct invocation *in);

/* Does the invocation of `caller` here; from the inbox. */
void invoke_here(struct thread *caller);

/*
 * The new object goes into the caller's receive window. The slot has been checked with
 * invocation_window before anything was made; if somebody has filled it meanwhile, the object is
 * taken back. `unlink` frees what it holds and undoes the links through which others find it; null
 * if there are none.
 */
int invocation_window(struct invocation *in) MUST_CHECK;
int invocation_give(struct invocation *in, struct object *o, u64 rights,
		    void (*unlink)(struct object *)) MUST_CHECK;

/* Handlers, one per operation of objects.def. */
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, ...)                                                    \
	int type##_op_##name(struct object *self, u64 rights, struct invocation *in) MUST_CHECK;
#include <takt/objects.def>

#endif
