/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/inbox.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/quiesce.h>
#include <core/trace.h>
#include <object/irq.h>
#include <object/thread.h>

void inbox_init(struct inbox *in)
{
	for (unsigned i = 0; i < PRIORITIES; i++)
		list_init(&in->level[i]);
}

/*
 * With the lock of that CPU's inbox: whether the node is in it. The node may be going into another
 * one at this time, under the lock of that one: who sees it queued there sees where.
 */
static bool is_in(unsigned cpu, const struct inbox_node *node)
{
	return __atomic_load_n(&node->queued, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&node->cpu, __ATOMIC_RELAXED) == cpu;
}

/* With the lock. */
static void link_node(struct inbox *in, struct inbox_node *node, unsigned prio)
{
	node->prio = (u8)prio;
	list_add_tail(&in->level[prio], &node->link);
	__atomic_store_n(&in->levels, in->levels | 1ul << prio, __ATOMIC_RELAXED);
	__atomic_store_n(&node->queued, true, __ATOMIC_RELEASE);
}

/* With the lock. */
static void unlink(struct inbox *in, struct inbox_node *node)
{
	list_del(&node->link);
	__atomic_store_n(&node->queued, false, __ATOMIC_RELAXED);
	if (list_empty(&in->level[node->prio]))
		__atomic_store_n(&in->levels, in->levels & ~(1ul << node->prio), __ATOMIC_RELAXED);
}

void inbox_post(unsigned cpu, struct inbox_node *node, enum inbox_kind kind, unsigned prio)
{
	struct cpu *to = &cpus[cpu];
	struct inbox *in = &to->inbox;

	spin_lock(&in->lock);
	if (node->queued && node->prio < prio)
		unlink(in, node);
	if (!node->queued && !node->closed) {
		node->kind = (u8)kind;
		__atomic_store_n(&node->cpu, (u8)cpu, __ATOMIC_RELAXED);
		link_node(in, node, prio);
	}
	spin_unlock(&in->lock);

	/* The other side publishes its priority and then looks into the inbox; we fill the inbox
	 * and then look at its priority. With a full barrier between on both sides, one sees the
	 * other. */
	dmb_ish();
	bool kick = (int)prio > __atomic_load_n(&to->prio, __ATOMIC_RELAXED);

	if (kick)
		irqc_kick(cpu);
	TRACE(this_cpu(), POST, cpu, kind, prio, kick);
}

void inbox_hurry(unsigned cpu, struct inbox_node *node, unsigned prio)
{
	struct inbox *in = &cpus[cpu].inbox;
	bool low;

	spin_lock(&in->lock);
	low = is_in(cpu, node) && node->prio < prio;
	if (low) {
		unlink(in, node);
		link_node(in, node, prio);
	}
	spin_unlock(&in->lock);
	dmb_ish(); /* as in inbox_post */
	if (low && (int)prio > __atomic_load_n(&cpus[cpu].prio, __ATOMIC_RELAXED))
		irqc_kick(cpu);
}

static struct inbox_node *take(struct inbox *in)
{
	struct inbox_node *node = NULL;

	spin_lock(&in->lock);
	int top = inbox_top(in);

	if (top >= 0) {
		node = list_first(&in->level[top], struct inbox_node, link);
		unlink(in, node);
	}
	spin_unlock(&in->lock);
	return node;
}

bool inbox_remove(unsigned cpu, struct inbox_node *node)
{
	struct inbox *in = &cpus[cpu].inbox;
	bool found;

	spin_lock(&in->lock);
	found = is_in(cpu, node);
	if (found)
		unlink(in, node);
	spin_unlock(&in->lock);
	return found;
}

void inbox_close(unsigned cpu, struct inbox_node *node)
{
	struct inbox *in = &cpus[cpu].inbox;

	spin_lock(&in->lock);
	if (node->queued)
		unlink(in, node);
	node->closed = true;
	spin_unlock(&in->lock);
}

void inbox_work(struct inbox *in)
{
	struct inbox_node *node = take(in);

	if (!node)
		return;
	TRACE(this_cpu(), INBOX, 0, node->kind, node->prio);
	switch ((enum inbox_kind)node->kind) {
	case INBOX_INVOKE:
		invoke_here(container_of(node, struct thread, node));
		break;
	case INBOX_WAKE:
		thread_wake(container_of(node, struct thread, node));
		break;
	case INBOX_IRQ:
		irq_deliver(container_of(node, struct irq, node));
		break;
	case INBOX_CANCEL:
		ipc_cancel_here(container_of(node, struct thread, cancel_node));
		break;
	case INBOX_QUIESCE:
		quiesce_cpu();
		break;
	case INBOX_TELL:
		quiesce_tell();
		break;
	case INBOX_MAIL:
		machine_mail(container_of(node, struct thread, mail_node));
		break;
	}
}
