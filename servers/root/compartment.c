/* SPDX-License-Identifier: MIT */
/*
 * A compartment: kernel memory of its own, out of which come its task, its threads, their
 * scheduling contexts and the gates that it may call. One that fails or faults keeps what it has,
 * so that nobody else can get hold of it; it only runs no more.
 */
#include <stdio.h>
#include <string.h>
#include <takt/layout.h>

#include "root.h"

#define READY_NS 2000000000ull /* within this a server should be ready */
#define SETTLE_NS 1000000ull   /* from a server's being ready to its waiting for calls */

struct compartment compartments[MAX_COMPARTMENTS];
unsigned compartment_count;

void numbered_name(char out[NAME_SIZE], const char *name, unsigned n)
{
	if (n)
		snprintf(out, NAME_SIZE, "%s.%u", name, n);
	else
		snprintf(out, NAME_SIZE, "%s", name);
}

int compartment_give(struct compartment *c, const char *name, takt_slot slot, uint64_t rights)
{
	takt_slot to = TAKT_SELF_NAMED + c->caps;
	int err;

	if (c->caps == MAX_CAPS)
		return complain(c->desc.name, name, "more than %d capabilities", MAX_CAPS);
	if (strlen(name) >= NAME_SIZE)
		return complain(c->desc.name, name, "a name of more than %d characters",
				NAME_SIZE - 1);
	err = takt_task_cap_copy(c->task, slot, to, rights);
	if (err)
		return checked(c->desc.name, name, err);
	memset(c->cap[c->caps].name, 0, NAME_SIZE);
	memcpy(c->cap[c->caps].name, name, strlen(name));
	c->cap[c->caps++].slot = to;
	return 0;
}

/* Its factory, its task, its range of the scheduler. */
static int make_base(struct compartment *c)
{
	const struct desc *d = &c->desc;
	takt_slot kernel_memory;
	int err = ram_alloc(d->kernel_memory, TAKT_R_ALL, &kernel_memory);

	c->factory = slot_alloc();
	c->task = slot_alloc();
	c->scheduler = slot_alloc();
	if (!err && !c->scheduler)
		err = TAKT_E_QUOTA;
	if (!err)
		err = takt_memory_to_factory(kernel_memory, c->factory);
	if (err) {
		c->factory = 0;
		return checked(d->name, "kernel-memory", err);
	}
	err = takt_create_task(c->factory, TAKT_TASK_NATIVE, d->name, c->task);
	if (!err)
		err = takt_task_cap_grow(c->task, TAKT_SELF_SLOTS);
	if (err)
		return checked(d->name, "making its task", err);
	return checked(d->name, "share of the scheduler",
		       takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, c->factory, d->cpus, d->lowest,
					     d->highest, d->share, c->scheduler));
}

/* Gates to root: one for commands, one for faults. */
static int make_gates(struct compartment *c)
{
	uint64_t index = (uint64_t)(c - compartments);
	int err;

	c->root_gate = slot_alloc();
	c->fault_gate = slot_alloc();
	err = c->fault_gate ? takt_create_gate(c->factory, index, c->root_gate) : TAKT_E_QUOTA;
	if (!err)
		err = takt_create_gate(c->factory, index | BADGE_FAULT, c->fault_gate);
	if (!err)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, c->root_gate);
	if (!err)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, c->fault_gate);
	if (err)
		return checked(c->desc.name, "making gates to root", err);
	err = compartment_give(c, "root", c->root_gate, TAKT_R_GATE_CALL);
	if (!err)
		err = compartment_give(c, "fault", c->fault_gate, TAKT_R_GATE_CALL);
	return err;
}

/* The CPU of thread `n`: the first one's as described, the others' ascending. */
static unsigned thread_cpu(const struct compartment *c, unsigned n)
{
	return n == 0 ? c->desc.cpu : n <= c->desc.cpu ? n - 1 : n;
}

static int make_thread(struct compartment *c, unsigned n)
{
	const struct desc *d = &c->desc;
	enum takt_thread_kind kind = n ? TAKT_THREAD_PLAIN : d->kind;
	uint64_t state = kind == TAKT_THREAD_PLAIN ? 0 : TAKT_VA_STATE((uint64_t)n);
	takt_slot thread = slot_alloc();
	int err;

	if (!thread)
		return checked(d->name, "making a thread", TAKT_E_QUOTA);
	err = takt_create_thread(c->factory, d->name, thread);
	if (!err)
		err = takt_thread_configure(thread, c->task, c->task, TAKT_VA_UTCB((uint64_t)n),
					    kind, state);
	if (!err)
		err = takt_thread_fault_gate(thread, c->fault_gate);
	if (!err)
		err = takt_scheduler_run(TAKT_ROOT_SCHEDULER, thread, thread_cpu(c, n));
	c->thread[n] = thread;
	return checked(d->name, "making a thread", err);
}

/* The scheduling context of thread `n`. Threads of a passive server have none, except the first
 * one, which starts on it. */
static int make_sc(struct compartment *c, unsigned n)
{
	const struct desc *d = &c->desc;
	takt_slot sc = slot_alloc();
	int err;

	if (n && d->passive)
		return 0;
	/* The compartment's own scheduler may be confined to the first thread's CPU. */
	err = takt_scheduler_create_sc(n ? TAKT_ROOT_SCHEDULER : c->scheduler, c->factory,
				       d->priority, takt_ns_to_ticks(d->budget_us * 1000),
				       takt_ns_to_ticks(d->period_us * 1000), thread_cpu(c, n), sc);
	if (!err)
		err = takt_thread_attach(c->thread[n], sc);
	c->sc[n] = err ? 0 : sc;
	return checked(d->name, "making a scheduling context (priority, budget-us, period-us)",
		       err);
}

static int make_threads(struct compartment *c)
{
	int err = 0;

	c->threads = c->desc.threads_per_cpu ? bootinfo()->cpus : 1;
	for (unsigned n = 0; !err && n < c->threads; n++) {
		char name[NAME_SIZE];

		err = make_thread(c, n);
		if (!err)
			err = make_sc(c, n);
		numbered_name(name, "thread", n);
		if (!err && n)
			err = compartment_give(c, name, c->thread[n], TAKT_R_ALL);
	}
	return err;
}

static int make_memory(struct compartment *c)
{
	if (!c->desc.memory)
		return 0;
	return checked(c->desc.name, "memory",
		       ram_alloc(c->desc.memory, TAKT_R_ALL & ~(uint64_t)TAKT_R_MEM_EXEC,
				 &c->memory));
}

/* The slots that every program has. */
static int give_self(struct compartment *c)
{
	const struct {
		takt_slot to, from;
		uint64_t rights;
	} self[] = {
		{TAKT_SELF_TASK, c->task, TAKT_R_ALL},
		{TAKT_SELF_THREAD, c->thread[0], TAKT_R_ALL},
		{TAKT_SELF_FACTORY, c->factory, TAKT_R_ALL},
		{TAKT_SELF_SCHEDULER, c->scheduler, TAKT_R_ALL},
		{TAKT_SELF_SC, c->sc[0], TAKT_R_ALL},
		{TAKT_SELF_LOG, c->log ? c->log : TAKT_ROOT_LOG,
		 TAKT_R_LOG_WRITE | TAKT_R_GATE_CALL},
		{TAKT_SELF_MEMORY, c->memory, TAKT_R_ALL},
	};

	for (unsigned i = 0; i < sizeof(self) / sizeof(self[0]); i++) {
		int err = self[i].from ? takt_task_cap_copy(c->task, self[i].from, self[i].to,
							    self[i].rights) :
					 0;

		if (err)
			return checked(c->desc.name, "giving it its own capabilities", err);
	}
	return 0;
}

static int start_thread(struct compartment *c, unsigned n)
{
	return checked(c->desc.name, "starting a thread",
		       takt_thread_start(c->thread[n], c->entry, TAKT_VA_STACK_TOP((uint64_t)n),
					 TAKT_VA_ENV | n));
}

/* Before anything is made: all that the compartment is a client of must run. */
static int check_servers(struct compartment *c)
{
	for (unsigned i = 0; i < c->routes; i++)
		if (c->route[i].server->state != RUNNING)
			return complain(c->desc.name, c->route[i].name, "'%s' does not run",
					c->route[i].server->desc.name);
	return 0;
}

static int build(struct compartment *c)
{
	static int (*const step[])(struct compartment *c) = {
		check_servers, make_base,    make_gates,   make_threads, make_memory,
		routes_give,   devices_give, machine_give, give_self,	 image_load,
	};
	int err = 0;

	for (unsigned i = 0; !err && i < sizeof(step) / sizeof(step[0]); i++)
		err = step[i](c);
	return err;
}

/*
 * Waits until a server is ready, then starts its other threads and makes it passive. Before that
 * root's answer must have reached the server, so that it waits for calls and root no longer runs on
 * the scheduling context that is to be taken away.
 */
static int await_ready(struct compartment *c)
{
	int err = 0;

	watch(takt_now() + takt_ns_to_ticks(READY_NS), &c->ready);
	watch(takt_now() + takt_ns_to_ticks(SETTLE_NS), NULL);
	if (c->state != STARTING)
		return complain(c->desc.name, NULL, "stopped before it was ready");
	if (!c->ready)
		return complain(c->desc.name, NULL, "is not ready within %llu ms",
				READY_NS / 1000000);
	for (unsigned n = 1; !err && n < c->threads; n++)
		err = start_thread(c, n);
	if (!err && c->desc.passive)
		err = checked(c->desc.name, "making it passive",
			      takt_thread_detach(c->thread[0], c->sc[0]));
	return err;
}

static bool is_server(const struct compartment *c)
{
	return c->desc.passive || c->desc.threads_per_cpu || c->is_target;
}

int compartment_start(struct compartment *c)
{
	int err;

	c->state = STARTING;
	err = build(c);
	if (!err)
		err = start_thread(c, 0);
	if (!err && is_server(c))
		err = await_ready(c);
	if (err) {
		compartment_stop(c);
		c->state = FAILED;
		return err;
	}
	if (c->state == STARTING)
		c->state = RUNNING;
	return 0;
}

void compartment_stop(struct compartment *c)
{
	for (unsigned n = 0; n < c->threads && c->thread[n]; n++) {
		int err = takt_thread_stop(c->thread[n]);

		/* One on another CPU that waits for root's answer to its fault ends by that. */
		if (err != TAKT_E_AGAIN)
			(void)checked(c->desc.name, "stopping it", err);
	}
	c->state = STOPPED;
	c->ready = true;
}
