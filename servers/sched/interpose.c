/* SPDX-License-Identifier: MIT */
/*
 * The scheduler protocol. What a client sends is checked as the kernel checks it (objects.def),
 * then done with the kernel's scheduler that stands behind the client, on the CPU that is meant.
 *
 * Objects are made out of the client's factory and go into its window: that has room before
 * anything is made. A scheduler that a client narrows is one more gate to here, with a scheduler of
 * the kernel behind it that ends when the gate does, or rather when that is next noticed.
 */
#include <string.h>

#include <takt/server.h>

#include "sched.h"

/* --- Which scheduler -------------------------------------------------------------------------- */

static takt_slot child_slot(const struct sched *s, const struct child *c, enum child_slot which)
{
	return s->children + (takt_slot)((c - s->child) * CHILD_SLOTS) + which;
}

/* Type and birth number of what is in one of the own slots. */
static enum takt_type inspect(takt_slot slot, uint64_t *birth)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

	if (takt_call(TAKT_SELF_TASK, &m))
		return TAKT_NONE;
	if (birth)
		*birth = m.w[2];
	return (enum takt_type)m.w[0];
}

/* Ends whatever there is of it; without the right to destroy in its factory, that ends the rest. */
static void child_end(struct sched *s, struct child *c)
{
	takt_slot factory = child_slot(s, c, CHILD_FACTORY);

	(void)!takt_factory_destroy(factory, child_slot(s, c, CHILD_SCHEDULER));
	(void)!takt_factory_destroy(factory, child_slot(s, c, CHILD_GATE));
	(void)!takt_task_cap_delete(TAKT_SELF_TASK, child_slot(s, c, CHILD_GATE), CHILD_SLOTS);
	c->mask = 0;
	c->used = false;
}

/* The client destroys its gate, and what was behind goes as well. */
static void reap(struct sched *s, unsigned client)
{
	for (unsigned i = 0; i < SCHED_CHILDREN; i++) {
		struct child *c = &s->child[client * SCHED_CHILDREN + i];

		/* One that has no mask yet is being made. */
		if (c->used && c->mask && !inspect(child_slot(s, c, CHILD_GATE), NULL))
			child_end(s, c);
	}
}

static int find_target(struct sched *s, uint64_t badge, struct target *t)
{
	uint64_t birth = 0;
	unsigned n = (unsigned)(badge & 0xffffffff);

	*t = (struct target){.client = (unsigned)(badge >> 32), .policy = n};
	if (badge & SCHED_BADGE_CHILD) {
		t->child = &s->child[n];
		t->client = n / SCHED_CHILDREN;
		t->policy = t->child->policy;
	}
	if (t->client >= SCHED_CLIENTS || t->policy >= s->policies)
		return TAKT_E_RANGE;
	if (inspect(s->schedulers + t->client, &birth) != TAKT_SCHEDULER)
		return TAKT_E_CAP;
	place_refresh(s, t, birth);
	reap(s, t->client);
	t->scheduler =
		t->child ? child_slot(s, t->child, CHILD_SCHEDULER) : s->schedulers + t->client;
	return 0;
}

/* --- Operations ------------------------------------------------------------------------------- */

/* As the kernel does before an operation begins. */
static int check_message(const struct sched_thread *t, const struct takt_msg *m, unsigned words,
			 enum takt_type argument)
{
	enum takt_type type;

	if (TAKT_TAG_WORDS(m->tag) < words || TAKT_TAG_CAPS(m->tag) != (argument ? 1 : 0))
		return TAKT_E_MSG;
	if (!argument)
		return 0;
	type = inspect(t->window, NULL);
	if (!type)
		return TAKT_E_CAP;
	return type == argument ? 0 : TAKT_E_TYPE;
}

/* As the kernel reckons; 0 for what it will refuse, too. */
static unsigned share_of(uint64_t budget, uint64_t period)
{
	if (budget >= period || period > UINT64_MAX / 2000)
		return 0;
	return (unsigned)((budget * 1000 + period - 1) / period);
}

static int create_sc(struct sched_thread *t, const struct target *target, struct takt_msg *m)
{
	unsigned want = share_of(m->w[1], m->w[2]), cpu;
	bool fresh;
	int err = takt_thread_caller_window(t->self, 1);

	if (!err)
		err = place(t->sched, target, m->w[3], want, &cpu, &fresh);
	if (err)
		return err;
	err = takt_scheduler_create_sc(target->scheduler, t->window, m->w[0], m->w[1], m->w[2], cpu,
				       t->made);
	if (err) {
		if (fresh)
			place_forget(t->sched, target, m->w[3]);
		return err;
	}
	place_book(t->sched, target, cpu, want);
	m->cap[0] = t->made;
	return server_answer(m, 0, 1);
}

static int run(struct sched_thread *t, const struct target *target, struct takt_msg *m)
{
	unsigned cpu;
	bool fresh;
	int err = place(t->sched, target, m->w[0], 0, &cpu, &fresh);

	if (err)
		return err;
	err = takt_scheduler_run(target->scheduler, t->window, cpu);
	if (err && fresh)
		place_forget(t->sched, target, m->w[0]);
	return err;
}

/* The numbers that a narrowed scheduler has; for the others the kernel checks. */
static int check_cpu(const struct target *t, uint64_t cpu)
{
	if (t->child && (cpu >= SCHED_CPUS || !(t->child->mask & 1u << cpu)))
		return TAKT_E_CPU;
	return 0;
}

/* What the kernel says about the CPU that is meant. */
static int ask(struct sched_thread *t, const struct target *target, enum takt_op op,
	       struct takt_msg *m)
{
	struct takt_msg to = {.tag = TAKT_TAG(op, 1, 0)};
	int err = check_cpu(target, m->w[0]);

	if (err)
		return err;
	to.w[0] = place_look(t->sched, target, m->w[0]);
	err = takt_call(target->scheduler, &to);
	memcpy(m->w, to.w, sizeof(m->w));
	return err;
}

static int info(struct sched_thread *t, const struct target *target, struct takt_msg *m)
{
	int err = ask(t, target, TAKT_SCHEDULER_INFO, m);

	if (target->child)
		m->w[2] = target->child->mask;
	return err ? err : server_words(m, 6);
}

static int account(struct sched_thread *t, const struct target *target, struct takt_msg *m)
{
	int err = ask(t, target, TAKT_SCHEDULER_ACCOUNT, m);

	return err ? err : server_words(m, 3);
}

static int bind_all(const struct sched *s, takt_slot gate)
{
	int err = 0;

	for (unsigned i = 0; !err && i < s->threads; i++)
		err = takt_thread_bind_gate(s->thread[i], gate);
	return err;
}

/* The CPUs that the client's numbers in `mask` stand for. */
static int place_mask(struct sched *s, const struct target *t, uint64_t mask, uint64_t *to)
{
	*to = 0;
	if (!mask || mask >> SCHED_CPUS)
		return TAKT_E_CPU;
	for (unsigned i = 0; i < SCHED_CPUS; i++) {
		unsigned cpu;
		bool fresh;
		int err = mask & 1u << i ? place(s, t, i, 0, &cpu, &fresh) : TAKT_E_CPU;

		if (!(mask & 1u << i))
			continue;
		if (err)
			return err;
		*to |= 1u << cpu;
	}
	return 0;
}

static struct child *child_claim(struct sched *s, unsigned client)
{
	for (unsigned i = 0; i < SCHED_CHILDREN; i++) {
		struct child *c = &s->child[client * SCHED_CHILDREN + i];

		if (!atomic_exchange(&c->used, true))
			return c;
	}
	return NULL;
}

static int child_make(struct sched_thread *t, const struct target *target, struct child *c,
		      const struct takt_msg *m)
{
	struct sched *s = t->sched;
	takt_slot factory = child_slot(s, c, CHILD_FACTORY), gate = child_slot(s, c, CHILD_GATE);
	uint64_t mask;
	int err = place_mask(s, target, m->w[0], &mask);

	c->policy = target->policy;
	if (!err)
		err = takt_task_cap_copy(TAKT_SELF_TASK, t->window, factory, TAKT_R_ALL);
	if (!err)
		err = takt_create_gate(factory, SCHED_BADGE_CHILD | (uint64_t)(c - s->child), gate);
	if (!err)
		err = bind_all(s, gate);
	if (!err)
		err = takt_scheduler_narrow(target->scheduler, factory, mask, (unsigned)m->w[1],
					    (unsigned)m->w[2], (unsigned)m->w[3],
					    child_slot(s, c, CHILD_SCHEDULER));
	if (!err)
		err = takt_task_cap_copy(TAKT_SELF_TASK, gate, t->made,
					 TAKT_R_GATE_CALL | TAKT_R_GATE_TRANSFER);
	return err;
}

static int narrow(struct sched_thread *t, const struct target *target, struct takt_msg *m)
{
	struct child *c;
	int err = takt_thread_caller_window(t->self, 1);

	/* Numbers that the kernel would refuse must not become others on their way there. */
	if (!err && (m->w[1] | m->w[2] | m->w[3]) >> 16)
		err = TAKT_E_RANGE;
	if (err)
		return err;
	c = child_claim(t->sched, target->client);
	if (!c)
		return TAKT_E_QUOTA;
	err = child_make(t, target, c, m);
	if (err) {
		child_end(t->sched, c);
		return err;
	}
	c->mask = m->w[0];
	m->cap[0] = t->made;
	return server_answer(m, 0, 1);
}

int sched_handle(void *thread, struct takt_msg *m)
{
	static const struct {
		int (*handle)(struct sched_thread *t, const struct target *target,
			      struct takt_msg *m);
		unsigned words;
		enum takt_type argument;
	} ops[] = {
		[TAKT_SCHEDULER_CREATE_SC] = {create_sc, 4, TAKT_FACTORY},
		[TAKT_SCHEDULER_RUN] = {run, 1, TAKT_THREAD},
		[TAKT_SCHEDULER_NARROW] = {narrow, 4, TAKT_FACTORY},
		[TAKT_SCHEDULER_INFO] = {info, 1, TAKT_NONE},
		[TAKT_SCHEDULER_ACCOUNT] = {account, 1, TAKT_NONE},
	};
	struct sched_thread *t = thread;
	unsigned op = TAKT_TAG_LABEL(m->tag);
	struct target target;
	int err;

	if (op >= sizeof(ops) / sizeof(ops[0]))
		return TAKT_E_OP;
	err = check_message(t, m, ops[op].words, ops[op].argument);
	if (!err)
		err = find_target(t->sched, m->badge, &target);
	/* What went out with the last answer. */
	if (!err)
		err = takt_task_cap_delete(TAKT_SELF_TASK, t->made, 1);
	return err ? err : ops[op].handle(t, &target, m);
}
