/* SPDX-License-Identifier: MIT */
/*
 * sched: stands in for the kernel's scheduler objects and decides which CPU its clients mean.
 *
 *   main.c       the program: policies and clients as the description has them
 *   interpose.c  the scheduler protocol, operation by operation
 *   place.c      policies
 *
 * For each client there is a scheduler of the kernel with the client's CPUs, priorities and share,
 * which the server holds in the client's stead: what a client may use up is bounded by the kernel
 * as ever, whatever the server does. A client names CPUs as it would to the kernel. Each number
 * gets a place, one of the client's CPUs, when it first matters, and keeps it, so that a thread and
 * its scheduling contexts meet.
 *
 * The threads of the server are passive, one on each CPU, and share this state without locks.
 */
#ifndef SCHED_H
#define SCHED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <takt/env.h>
#include <takt/sys.h>

#define SCHED_CLIENTS 32
#define SCHED_CHILDREN 4 /* narrowed schedulers of a client at a time */
#define SCHED_CPUS 8
#define SCHED_POLICIES 8
#define SCHED_PINS 8

/* Badges: of a client's gate, number and policy; of a scheduler that it narrowed. */
#define SCHED_BADGE(client, policy) ((uint64_t)(client) << 32 | (policy))
#define SCHED_BADGE_CHILD (1ull << 63)

struct pin {
	const char *pattern; /* of the client's name: all of it, or its beginning before a '*' */
	unsigned len, cpu;
	bool prefix;
};

enum policy_kind { POLICY_KEEP, POLICY_SPREAD, POLICY_PACK, POLICY_PIN };

struct policy {
	enum policy_kind kind;
	struct pin pin[SCHED_PINS];
	unsigned pins;
};

struct client {
	_Atomic uint64_t birth;		     /* of the kernel's scheduler that the places are in */
	_Atomic uint8_t place[SCHED_CPUS];   /* CPU + 1; 0: none yet */
	_Atomic unsigned booked[SCHED_CPUS]; /* what it has placed there, as sched.booked */
};

struct child {
	atomic_bool used;
	_Atomic uint64_t mask; /* the client's CPU numbers */
	unsigned policy;
};

/* Slots from `children` on: three for each child. */
enum child_slot { CHILD_GATE, CHILD_SCHEDULER, CHILD_FACTORY, CHILD_SLOTS };

struct sched {
	struct policy policy[SCHED_POLICIES];
	unsigned policies;
	const char *(*name)(unsigned client); /* may return null */
	takt_slot schedulers; /* first of the slots with the clients' schedulers of the kernel */
	takt_slot children;   /* first of SCHED_CLIENTS * SCHED_CHILDREN * CHILD_SLOTS slots */
	takt_slot thread[SCHED_CPUS]; /* all of the server's */
	unsigned threads;
	struct client client[SCHED_CLIENTS];
	struct child child[SCHED_CLIENTS * SCHED_CHILDREN];
	/* Per mille of each CPU's time that was placed there; one for what has no share. */
	_Atomic unsigned booked[SCHED_CPUS];
};

/* A thread of the server. */
struct sched_thread {
	struct sched *sched;
	takt_slot self;
	takt_slot window; /* where the arguments arrive */
	takt_slot made;	  /* for what goes back */
};

/* Which scheduler a message is for. */
struct target {
	unsigned client, policy;
	takt_slot scheduler; /* the kernel's */
	struct child *child; /* null: the client's own */
};

/* A message to a scheduler, which is turned into its answer: `handle` of struct server. */
int sched_handle(void *thread, struct takt_msg *m);

/* "keep", "spread", "pack" or "pin:NAME=CPU,NAME*=CPU,..."; false: it is none. Patterns stay in
 * the text. */
bool policy_parse(const char *text, struct policy *policy);

/* The CPU for the client's CPU number `cpu`, where an SC with `want` per mille shall run. Errors
 * are the kernel's. If it was placed only now, *fresh: place_forget takes it back. */
TAKT_MUST_CHECK int place(struct sched *s, const struct target *t, uint64_t cpu, unsigned want,
			  unsigned *to, bool *fresh);
void place_forget(struct sched *s, const struct target *t, uint64_t cpu);

/* Where it has been placed, or `cpu` itself. */
uint64_t place_look(struct sched *s, const struct target *t, uint64_t cpu);

/* Something of `want` per mille runs there now. */
void place_book(struct sched *s, const struct target *t, unsigned cpu, unsigned want);

/* The client is another one than when it was last seen: its places are void. */
void place_refresh(struct sched *s, const struct target *t, uint64_t birth);

#endif
