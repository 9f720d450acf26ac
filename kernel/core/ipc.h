/* SPDX-License-Identifier: MIT */
/* Calls between threads: edges from caller to server, walked by the dispatcher. */
#ifndef CORE_IPC_H
#define CORE_IPC_H

#include <core/cpu.h>
#include <object/gate.h>
#include <object/thread.h>

/* The caller invokes a gate; its registers hold the message. On the CPU of the caller, or, when the
 * call came through the inbox, of the server. */
void ipc_call(struct thread *caller, struct gate *g, bool may_transfer);

/* Whom a thread in state OPEN or WANT calls. Null: who is only wanted may be gone, or have been stopped,
 * placed on another CPU and started there. On t's CPU. */
struct thread *ipc_peer(const struct thread *t);

/* The call of a thread in state WANT is tried again, its server being ready (local). */
void ipc_restart(struct thread *caller);

/* Answers the caller that is owed a reply, if any, then waits. */
void ipc_reply_wait(struct thread *self);
void ipc_wait(struct thread *self);

/* Whether so many capabilities could go to the thread's window now, which is in a call. */
int ipc_window(struct thread *to, u64 caps) MUST_CHECK;

/* Ends the call that `caller` makes with an error; the server becomes an orphan. */
void ipc_abort(struct thread *caller, int error);

/* Between ipc.c, cancel.c and timeout.c: it lives here; its invocation has this result; what it has under
 * way fails; its local call ends with it; a server has lost its caller. */
static inline bool local(const struct thread *t)
{
	return t->cpu == this_cpu()->id;
}
void ipc_result(struct thread *t, int error);
void ipc_fail(struct thread *caller, int error);
void ipc_end_call(struct thread *caller, int error);
void ipc_orphan(struct thread *s);

/* Ends whatever `t` waits for with the error; at once, or when the CPU where its invocation is has
 * given that up. On t's CPU. Nothing if it does not wait. */
void ipc_cancel(struct thread *t, int error);
/* Who waits until t has stopped is not held up by the priority of what t waits for. On t's CPU. */
void ipc_hurry(struct thread *t, const struct thread *asker);
/* A thread that runs again: who wanted it stopped goes on. */
void ipc_cancel_over(struct thread *t);
/* From the inbox: t's cancel_node arrived here. */
void ipc_cancel_here(struct thread *t);

/* The thread's invocation goes to another CPU; or its result goes home. */
void remote_send(struct thread *t, unsigned cpu);
void remote_return(struct thread *t);

/* The thread stops: who called it, and whom it calls, are told. */
void ipc_detach(struct thread *t);

/* Sends the fault to the thread's fault gate, or stops it with a dump. */
void ipc_fault(struct thread *t, u64 syndrome, u64 address);
/* From the inbox: the fault of a thread of another CPU. */
void ipc_fault_here(struct thread *t);

/* The SC has used up its budget: the thread that it ran tells its time-out gate, if it has one. On
 * the SC's CPU; something may have become ready. In timeout.c. */
void ipc_timeout(const struct sc *sc);

/* A message without donation, to s on this CPU: the caller is BLOCKED, as one of another CPU is. */
void ipc_message(struct thread *caller, struct thread *s);
/* E_DEADLOCK: s waits for c, as far as this CPU can see. E_DEPTH: it waits for too many. */
int ipc_circle(const struct thread *c, struct thread *s) MUST_CHECK;

/* What the fault was, in words, with all registers, on the log; goes to the console in any case. A few
 * of them are kept until they are written; of more, just the number. In arch. */
void fault_dump(const struct thread *t, u64 syndrome, u64 address);

/* For the log, one CPU at a time: a dump that is not written yet, after which byte of the log it
 * comes, its next piece, which is written, so that the one after it is next. */
bool fault_dump_waiting(void) MUST_CHECK;
u64 fault_dump_place(void) MUST_CHECK;
size_t fault_dump_piece(char *buf, size_t size) MUST_CHECK;
void fault_dump_next(void);
#endif
