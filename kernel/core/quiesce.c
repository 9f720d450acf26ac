/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/ipc.h>
#include <core/quiesce.h>
#include <object/thread.h>

static struct spinlock lock;
static u64 done = 1;	/* the last round that is over */
static bool running;	/* round done + 1 is under way */
static u32 missing;	/* CPUs it waits for */
static struct list waiters;
static struct inbox_node node[MAX_CPUS];

void quiesce_init(void)
{
	list_init(&waiters);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		list_init(&node[i].link);
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
	list_add_tail(&waiters, &t->want_link);
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
static void round_over(void)
{
	unsigned next = 0;

	running = false;
	__atomic_store_n(&done, done + 1, __ATOMIC_RELEASE);
	for (struct list *l = waiters.next; l != &waiters;) {
		struct thread *t = container_of(l, struct thread, want_link);

		l = l->next;
		if (t->waits_round <= done) {
			list_del(&t->want_link);
			t->waits_round = 0;
			remote_return(t);
		} else {
			next = MAX(next, t->invoke_prio);
		}
	}
	if (!list_empty(&waiters))
		ask_all(next);
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
