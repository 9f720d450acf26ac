/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "world.h"

struct thread *root;
bool step_checks = true;
u64 random_state = 1;

#define WAKE_LINE 100 /* hardware line that wakes root */
#define SLOT_WAKE 99
#define SETTLE_LIMIT 100000

static void print_thread(const char *what, const struct thread *t)
{
	printf("# %s: thread %lu, CPU %u, state %u, pc %lx, x0 %lx, x1 %lx, x8 %lx, peer %lu\n", what,
	       t->object.birth, t->cpu, t->state, t->regs->pc, t->regs->x[0], t->regs->x[1],
	       t->regs->x[8], t->peer ? t->peer->object.birth : 0);
}

static void die(const char *what)
{
	printf("# %s\n", what);
	for (unsigned i = 0; i < platform.cpus; i++) {
		printf("# CPU %u: mode %u, priority %d, interrupt %u\n", i, fake_mode(i),
		       cpus[i].prio, fake_interrupted(i));
		if (cpus[i].thread)
			print_thread("runs", cpus[i].thread);
	}
	if (root)
		print_thread("root", root);
	fflush(stdout);
	abort();
}

static void must(bool ok, const char *what)
{
	if (!ok)
		die(what);
}

u64 random_u64(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dul >> 8;
}

u64 random_below(u64 n)
{
	return random_u64() % n;
}

/* --- Steps ----------------------------------------------------------------------------------- */

void user_call(struct thread *t, u64 slot, u64 label, unsigned words, const u64 *w, unsigned caps,
	       const u64 *c, u64 window)
{
	struct takt_frame *r = t->regs;

	r->x[0] = slot;
	r->x[1] = TAKT_TAG(label, words, caps);
	for (unsigned i = 0; i < words && i < TAKT_REG_WORDS; i++)
		r->x[2 + i] = w[i];
	r->x[8] = TAKT_CALL;
	for (unsigned i = 0; i < caps && i < TAKT_MAX_CAPS; i++)
		r->x[10 + i] = c[i];
	r->x[14] = window;
	r->pc = SVC_PC;
}

void user_flavour(struct thread *t, u64 flavour)
{
	t->regs->x[1] = 0;
	t->regs->x[8] = flavour;
	t->regs->pc = SVC_PC;
}

void user_deadline(struct thread *t, u64 when)
{
	t->regs->x[8] |= TAKT_F_DEADLINE;
	t->regs->x[9] = when;
}

bool user_done(const struct thread *t)
{
	return t->state == THREAD_RUN && t->regs->pc != SVC_PC;
}

s64 user_result(const struct thread *t)
{
	return (s64)t->regs->x[0];
}

bool cpus_outside(void)
{
	for (unsigned i = 0; i < platform.cpus; i++)
		if (fake_mode(i) == FAKE_KERNEL)
			return false;
	return true;
}

bool step(unsigned cpu)
{
	if (fake_can_go(cpu)) {
		fake_go(cpu);
	} else if (fake_mode(cpu) == FAKE_USER && cpus[cpu].frame->pc == SVC_PC) {
		cpus[cpu].frame->pc += 4;
		fake_svc(cpu);
	} else {
		return false;
	}
	if (step_checks && cpus_outside())
		check_invariants();
	return true;
}

void settle(void)
{
	bool any;
	unsigned n = 0;

	do {
		any = false;
		for (unsigned i = 0; i < platform.cpus; i++)
			any |= step(i);
		must(n++ < SETTLE_LIMIT, "the CPUs do not come to rest");
	} while (any);
}

void advance(u64 ticks)
{
	u64 end = fake_now + ticks;

	for (u64 next = fake_next_timer(); next < end; next = fake_next_timer()) {
		fake_now = MAX(fake_now, next);
		settle();
	}
	fake_now = end;
	settle();
}

/* --- Root ------------------------------------------------------------------------------------ */

struct object *object_in(struct task *t, u64 slot)
{
	struct cap *c = task_slot(t, slot);

	return c ? cap_object(*c) : NULL;
}

static void root_run(void)
{
	unsigned n = 0;

	while (!user_done(root) || !cpus_outside()) {
		bool any = false;

		for (unsigned i = 0; i < platform.cpus; i++)
			any |= step(i);
		if (!any) { /* somebody's deadline or budget */
			must(fake_next_timer() != TAKT_NEVER, "root waits for nothing");
			fake_now = MAX(fake_now, fake_next_timer());
		}
		must(n++ < SETTLE_LIMIT, "root's call does not end");
	}
}

static void root_wake(void)
{
	if (root->state == THREAD_RUN)
		return;
	fake_line(WAKE_LINE, true);
	root_run();
	fake_line(WAKE_LINE, false);
	must(root->regs->x[1] == TAKT_TAG_IRQ, "root was woken by something");
}

s64 root_call(u64 slot, u64 label, unsigned words, const u64 *w, unsigned caps, const u64 *c,
	      u64 window)
{
	root_wake();
	user_call(root, slot, label, words, w, caps, c, window);
	root_run();
	return user_result(root);
}

u64 root_word(unsigned n)
{
	return root->regs->x[2 + n];
}

void root_sleep(void)
{
	root_wake();
	must(!root_call(SLOT_WAKE, TAKT_IRQ_ACK, W(), C(), 0), "ack");
	user_flavour(root, TAKT_WAIT);
	settle();
	must(root->state == THREAD_WAIT, "root sleeps");
}

void world_boot(unsigned cpus_wanted)
{
	if (root)
		return;
	fake_boot(cpus_wanted);
	root = cpus[0].thread;
	settle();
	must(!root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(WAKE_LINE, 1), C(TAKT_ROOT_FACTORY),
			SLOT_WAKE),
	     "wake line");
	must(!root_call(SLOT_WAKE, TAKT_IRQ_BIND_THREAD, W(1), C(TAKT_ROOT_THREAD), 0), "bind");
}

/* --- Compartments ---------------------------------------------------------------------------- */

static u64 before[3];

static void account(u64 *w)
{
	must(!root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0), "info");
	for (unsigned i = 0; i < 3; i++)
		w[i] = root_word(i);
}

void compartment(u64 pages)
{
	account(before);
	must(!root_call(TAKT_ROOT_MEMORY, TAKT_MEMORY_DERIVE,
			W(1ul << 20, pages * PAGE_SIZE, TAKT_R_ALL), C(TAKT_ROOT_FACTORY),
			SLOT_EXTENT),
	     "extent");
	must(!root_call(SLOT_EXTENT, TAKT_MEMORY_TO_FACTORY, W(), C(), SLOT_FACTORY), "factory");
	must(!root_call(TAKT_ROOT_SCHEDULER, TAKT_SCHEDULER_NARROW,
			W((1u << platform.cpus) - 1, 0, 60, 900), C(TAKT_ROOT_FACTORY),
			SLOT_SCHEDULER),
	     "scheduler");
	must(!root_call(TAKT_ROOT_MEMORY, TAKT_MEMORY_DERIVE, W(0, 64 * PAGE_SIZE, TAKT_R_ALL),
			C(TAKT_ROOT_FACTORY), SLOT_MEMORY),
	     "memory");
}

static s64 destroy(u64 slot)
{
	return root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(slot), 0);
}

bool compartment_end(void)
{
	u64 after[3];
	bool same = true;

	must(!destroy(SLOT_EXTENT), "destroying the compartment");
	must(!destroy(SLOT_SCHEDULER) && !destroy(SLOT_MEMORY), "destroying what it used");
	settle();
	account(after);
	for (unsigned i = 0; i < 3; i++) {
		if (before[i] != after[i])
			printf("# root's account, word %u: %lu before, %lu after\n", i, before[i],
			       after[i]);
		same = same && before[i] == after[i];
	}
	must(!root_call(TAKT_ROOT_TASK, TAKT_TASK_CAP_DELETE,
			W(SLOT_EXTENT, TAKT_ROOT_SLOTS - SLOT_EXTENT), C(), 0),
	     "emptying the slots");
	check_invariants();
	return same;
}

/* --- Objects --------------------------------------------------------------------------------- */

static void make(u64 type, u64 word, u64 slot)
{
	s64 err = root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(type, word, 0x78, 0), C(), slot);

	if (err)
		printf("# making object of type %lu in slot %lu: %ld\n", type, slot, err);
	must(!err, "an object cannot be made");
}

struct task *make_task(u64 slot)
{
	make(TAKT_TASK, TAKT_TASK_NATIVE, slot);
	return ROOT_OBJECT(task, slot);
}

struct thread *make_thread(u64 slot, u64 task_slot, unsigned cpu, unsigned kind)
{
	u64 utcb = 0x10000000 + slot * 2 * PAGE_SIZE;

	make(TAKT_THREAD, 0, slot);
	must(!root_call(slot, TAKT_THREAD_CONFIGURE, W(utcb, kind, utcb + PAGE_SIZE),
			C(task_slot, task_slot), 0),
	     "configuring a thread");
	must(!root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_RUN, W(cpu), C(slot), 0), "placing it");
	return ROOT_OBJECT(thread, slot);
}

struct sc *make_sc(u64 slot, unsigned prio, unsigned cpu, u64 budget, u64 period)
{
	must(!root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_CREATE_SC, W(prio, budget, period, cpu),
			C(SLOT_FACTORY), slot),
	     "making an SC");
	return ROOT_OBJECT(sc, slot);
}

struct gate *make_gate(u64 slot, u64 badge, u64 thread_slot)
{
	make(TAKT_GATE, badge, slot);
	if (thread_slot)
		must(!root_call(thread_slot, TAKT_THREAD_BIND_GATE, W(), C(slot), 0),
		     "binding a gate");
	return ROOT_OBJECT(gate, slot);
}

struct irq *make_irq(u64 slot)
{
	make(TAKT_IRQ, 0, slot);
	return ROOT_OBJECT(irq, slot);
}

struct thread *make_runner(u64 slot, u64 task_slot, unsigned cpu, unsigned prio)
{
	struct thread *t = make_thread(slot, task_slot, cpu, TAKT_THREAD_PLAIN);

	make_sc(slot + 1, prio, cpu, FAKE_HZ / 100, FAKE_HZ / 100);
	must(!root_call(slot, TAKT_THREAD_ATTACH, W(), C(slot + 1), 0), "attaching");
	must(!root_call(slot, TAKT_THREAD_START, W(0x8000, 0x9000, 0), C(), 0), "starting");
	return t;
}

void give_cap(u64 task_slot, u64 to, u64 from, u64 rights)
{
	must(!root_call(task_slot, TAKT_TASK_CAP_COPY, W(to, rights), C(from), 0),
	     "giving a capability");
}
