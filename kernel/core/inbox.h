/* SPDX-License-Identifier: MIT */
/*
 * Messages between CPUs. A thread or an irq has one node; while it is queued, posting it again does
 * nothing, so nobody can flood another CPU. The work is done by the receiving CPU at the sender's
 * priority, and an inter-processor interrupt goes out only if that is above what runs there.
 */
#ifndef CORE_INBOX_H
#define CORE_INBOX_H

#include <arch/inline.h>
#include <core/list.h>
#include <core/types.h>

enum inbox_kind {
	INBOX_INVOKE,  /* thread: do its invocation here, on its behalf */
	INBOX_WAKE,    /* thread: its invocation elsewhere is done; run it again */
	INBOX_IRQ,     /* irq: it arrived */
	INBOX_CANCEL,  /* thread's `cancel_node`: give up the invocation that is under way here */
	INBOX_QUIESCE, /* this CPU holds no pointer from an earlier stay in the kernel */
	INBOX_TELL,    /* more threads have waited for that */
	INBOX_MAIL,    /* vCPU's `mail_node`: there is something for its guest */
};

struct inbox_node {
	struct list link;
	u8 kind;
	u8 prio;
	u8 cpu; /* while queued: where */
	bool queued;
	bool closed; /* never queued again */
};

struct inbox {
	struct spinlock lock;
	u64 levels; /* bit n: something at priority n */
	struct list level[PRIORITIES];
};

void inbox_init(struct inbox *in);
/* Queues the node; one that is queued already only moves to a higher priority. */
void inbox_post(unsigned cpu, struct inbox_node *node, enum inbox_kind kind, unsigned prio);

/* If the node waits in that CPU's inbox, it waits at that priority at least. */
void inbox_hurry(unsigned cpu, struct inbox_node *node, unsigned prio);

/* Takes the node out of that CPU's inbox; false if it was not in it. */
bool inbox_remove(unsigned cpu, struct inbox_node *node);

/* The same, for good: its owner goes, while others may be about to post it. */
void inbox_close(unsigned cpu, struct inbox_node *node);

/* Highest priority of what waits, -1 if nothing. */
static inline int inbox_top(const struct inbox *in)
{
	u64 levels = LOAD_ONCE(in->levels);

	return levels ? 63 - __builtin_clzll(levels) : -1;
}

/* Something waits that is more urgent than `prio`. */
static inline bool inbox_above(const struct inbox *in, int prio)
{
	u64 levels = LOAD_ONCE(in->levels);

	return unlikely(levels) && 63 - __builtin_clzll(levels) > prio;
}

/* Does the most urgent piece of work on this CPU. */
void inbox_work(struct inbox *in);
#endif
