/* SPDX-License-Identifier: MIT */
/*
 * The whole kernel on fake CPUs, with the test as all user code. The first task, "root", makes what
 * a test needs; other threads execute system calls that the test puts into their registers.
 */
#ifndef WORLD_H
#define WORLD_H

#include <arch/fake.h>
#include <core/frame.h>
#include <core/invoke.h>
#include <core/sched.h>
#include <object/factory.h>
#include <object/gate.h>
#include <object/irq.h>
#include <object/mapping.h>
#include <object/memory.h>
#include <object/sc.h>
#include <object/scheduler.h>
#include <object/task.h>
#include <object/thread.h>
#include <takt/bootinfo.h>

/* An SVC stands at this address in every task; elsewhere, the thread does nothing. */
#define SVC_PC 0x1000ul

extern struct thread *root;

void world_boot(unsigned cpus);

/* Arguments: a count and an array. */
#define W(...)                                                                                     \
	(unsigned)(sizeof((u64[]){__VA_ARGS__}) / sizeof(u64)),                                    \
		((u64[TAKT_REG_WORDS + 1]){__VA_ARGS__})
#define C(...) W(__VA_ARGS__)

/* Puts a system call into the registers of a thread in user mode. */
void user_call(struct thread *t, u64 slot, u64 label, unsigned words, const u64 *w, unsigned caps,
	       const u64 *c, u64 window);
void user_flavour(struct thread *t, u64 flavour); /* with no arguments */
void user_deadline(struct thread *t, u64 when);	  /* to be added to either */
/* It has come back from its system call. */
bool user_done(const struct thread *t);
s64 user_result(const struct thread *t);

/* One step of a CPU: an interrupt, a piece of the kernel, or the system call of what runs there.
 * False if there is nothing to do. Checks the invariants after it. */
bool step(unsigned cpu);
extern bool step_checks;
/* Steps all CPUs until none has anything to do; time stands still. */
void settle(void);
/* Moves time, by as many timer interrupts as there are on the way. */
void advance(u64 ticks);

/* A system call of root, whose result is waited for. Root runs above everything else on CPU 0
 * until it sleeps. */
s64 root_call(u64 slot, u64 label, unsigned words, const u64 *w, unsigned caps, const u64 *c,
	      u64 window);
u64 root_word(unsigned n); /* of the last answer */
void root_sleep(void);	   /* any root_call wakes it */

/* The object in a slot of a task. */
struct object *object_in(struct task *t, u64 slot);
#define ROOT_OBJECT(type, slot) container_of(object_in(root->task, slot), struct type, object)

/* --- Things made by root for a test: everything comes out of one factory ---------------------- */

/* Slots of root. */
enum {
	SLOT_EXTENT = 100, /* what the factory is made of */
	SLOT_FACTORY,
	SLOT_SCHEDULER, /* all CPUs, priorities 0..60 */
	SLOT_MEMORY,	/* 64 pages */
	SLOT_FREE = 128,
};

/* Makes and ends the compartment. Ends: everything is destroyed and the accounts are as before. */
void compartment(u64 pages);
bool compartment_end(void) MUST_CHECK;

/* New objects in root's slots; the test fails hard if they cannot be made. */
struct task *make_task(u64 slot);
struct thread *make_thread(u64 slot, u64 task_slot, unsigned cpu, unsigned kind);
struct sc *make_sc(u64 slot, unsigned prio, unsigned cpu, u64 budget, u64 period);
struct gate *make_gate(u64 slot, u64 badge, u64 thread_slot);
struct irq *make_irq(u64 slot);
/* The same with an SC attached, started; in user mode once it gets the CPU. */
struct thread *make_runner(u64 slot, u64 task_slot, unsigned cpu, unsigned prio);
void give_cap(u64 task_slot, u64 to, u64 from, u64 rights);

/* A small generator of random numbers; the same everywhere. */
extern u64 random_state;
u64 random_u64(void);
u64 random_below(u64 n);

/* In invariants.c: ends the program with a message if one does not hold. Every CPU must be outside
 * of the kernel. */
void check_invariants(void);
bool cpus_outside(void);
#endif
