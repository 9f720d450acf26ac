/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/ipc.h>
#include <core/quiesce.h>
#include <object/thread.h>

/* Threads told at a time. There may be many, and to tell one is to send a message to its CPU. */
#define TELL_STEP 4

/* Threads, and a priority that none of them is above. */
struct crowd {
	struct list threads;
	u8 prio;
};

static struct spinlock lock;
static u64 done = 1;	     /* the last round that is over */
static bool running;	     /* round done + 1 is under way */
static u32 missing;	     /* CPUs it waits for */
static struct crowd next[2]; /* wait for round done + 1, and done + 2 */
static struct crowd over;    /* their round is over: are about to be told */
static struct inbox_node node[MAX_CPUS], tell_node[MAX_CPUS];

void quiesce_init(void)
{
	list_init(&next[0].threads);
	list_init(&next[1].threads);
	list_init(&over.threads);
	for (unsigned i = 0; i < MAX_CPUS; i++) {
		list_init(&node[i].link);
		list_init(&tell_node[i].link);
	}
}

static void join(struct crowd *c, struct thread *t)
{
	list_add_tail(&c->threads, &t->want_link);
	c->prio = MAX(c->prio, t->invoke_prio);
}

static void join_all(struct crowd *c, struct crowd *from)
{
	list_splice_tail(&c->threads, &from->threads);
	c->prio = MAX(c->prio, from->prio);
	from->prio = 0;
}

u64 quiesce_after(void)
{
	spin_lock(&lock);
	u64 round = done + (running ? 2 : 1);

	spin_unlock(&lock);
	return round;
}

bool quiesce_done(u64 round)
{
	return __atomic_load_n(&done, __ATOMIC_ACQUIRE) >= round;
}

/* With the lock. A round that is under way is hurried up if this asker is more urgent. */
static void ask_all(unsigned prio)
{
	if (!running) {
		running = true;
		missing = (1u << platform.cpus) - 1;
	}
	for (unsigned i = 0; i < platform.cpus; i++)
		if (missing & 1u << i)
			inbox_post(i, &node[i], INBOX_QUIESCE, prio);
}

void quiesce_block(struct thread *t, u64 round)
{
	if (t->cpu == this_cpu()->id) {
		t->invoke_prio = (u8)thread_prio(t);
		t->request_cpu = t->cpu;
	}
	t->state = THREAD_BLOCKED;
	t->waits_round = round;
	this_cpu()->resched = true;
	spin_lock(&lock);
	join(&next[round > done + 1], t);
	ask_all(t->invoke_prio);
	spin_unlock(&lock);
}

bool quiesce_cancel(struct thread *t)
{
	bool waited;

	/* Set by t's own invocation; what ends it meanwhile has told t, or is about to. */
	if (!__atomic_load_n(&t->waits_round, __ATOMIC_RELAXED))
		return false;
	spin_lock(&lock);
	waited = t->waits_round != 0;
	if (waited) {
		list_del(&t->want_link);
		t->waits_round = 0;
	}
	spin_unlock(&lock);
	return waited;
}

/* With the lock. */
static void tell(void)
{
	unsigned cpu = this_cpu()->id;

	for (unsigned i = 0; i < TELL_STEP && !list_empty(&over.threads); i++) {
		struct thread *t = list_first(&over.threads, struct thread, want_link);

		list_del(&t->want_link);
		t->waits_round = 0;
		remote_return(t);
	}
	if (list_empty(&over.threads))
		over.prio = 0;
	else
		inbox_post(cpu, &tell_node[cpu], INBOX_TELL, over.prio);
}

/* With the lock. */
static void round_over(void)
{
	running = false;
	__atomic_store_n(&done, done + 1, __ATOMIC_RELEASE);
	join_all(&over, &next[0]);
	join_all(&next[0], &next[1]);
	if (!list_empty(&next[0].threads))
		ask_all(next[0].prio);
	tell();
}

void quiesce_tell(void)
{
	spin_lock(&lock);
	tell();
	spin_unlock(&lock);
}

void quiesce_cpu(void)
{
	struct cpu *c = this_cpu();

	context_forget_dying(c);
	spin_lock(&lock);
	missing &= ~(1u << c->id);
	if (running && !missing)
		round_over();
	spin_unlock(&lock);
}
