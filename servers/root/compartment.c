/* SPDX-License-Identifier: MIT */
/*
 * A compartment: kernel memory of its own, out of which comes everything that is made for it: its
 * task, its threads, their scheduling contexts, the gates that it may call, and the records of its
 * memory and devices. So the end of that kernel memory is the end of all of it.
 */
#include <stdio.h>
#include <string.h>
#include <takt/layout.h>

#include "root.h"

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

/* Its factory, its task. */
static int make_base(struct compartment *c)
{
	const struct desc *d = &c->desc;
	int err = ram_alloc(index_of(c), TAKT_ROOT_FACTORY, d->kernel_memory, TAKT_R_ALL,
			    &c->kernel_memory);

	c->factory = slot_alloc(index_of(c));
	c->task = slot_alloc(index_of(c));
	if (!err && !c->task)
		err = TAKT_E_QUOTA;
	if (!err)
		err = takt_memory_to_factory(c->kernel_memory, c->factory);
	if (err)
		return checked(d->name, "kernel-memory", err);
	err = takt_create_task(c->factory, TAKT_TASK_NATIVE, d->name, c->task);
	if (!err)
		err = takt_task_cap_grow(c->task, TAKT_SELF_SLOTS);
	return checked(d->name, "making its task", err);
}

static unsigned thread_count(const struct compartment *c)
{
	return c->desc.threads_per_cpu ? bootinfo()->cpus : 1;
}

/*
 * Its range of the scheduler; and where it has threads on other CPUs than those with time of their
 * own, which its own range need not include, a second one that root keeps. Nothing of a compartment
 * gets time by any other way.
 */
static int make_schedulers(struct compartment *c)
{
	const struct desc *d = &c->desc;
	int err = TAKT_E_QUOTA;

	c->scheduler = slot_alloc(index_of(c));
	if (c->scheduler)
		err = takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, c->factory, d->cpus, d->lowest,
					    d->highest, d->share, c->scheduler);
	if (!err && !d->passive && thread_count(c) > 1) {
		uint64_t others = ((1ull << thread_count(c)) - 1) & ~(1ull << d->cpu);

		c->other_scheduler = slot_alloc(index_of(c));
		err = !c->other_scheduler ?
			      TAKT_E_QUOTA :
			      takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, c->factory, others,
						    d->priority, d->priority,
						    d->thread_share, c->other_scheduler);
	}
	return checked(d->name, "share of the scheduler", err);
}

/* Gates to root: one for commands, one for faults. */
static int make_gates(struct compartment *c)
{
	uint64_t index = index_of(c);
	int err;

	c->root_gate = slot_alloc(index_of(c));
	c->fault_gate = slot_alloc(index_of(c));
	c->notify = slot_alloc(index_of(c));
	c->server_irq = slot_alloc(index_of(c));
	err = c->server_irq ? takt_create_gate(c->factory, index, c->root_gate) : TAKT_E_QUOTA;
	if (!err)
		err = takt_create_gate(c->factory, index | BADGE_FAULT, c->fault_gate);
	if (!err)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, c->root_gate);
	if (!err)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, c->fault_gate);
	if (err)
		return checked(c->desc.name, "making gates to root", err);
	err = compartment_give(c, "root", c->root_gate,
			       TAKT_R_GATE_CALL | TAKT_R_GATE_TRANSFER);
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
	takt_slot thread = slot_alloc(index_of(c));
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
	takt_slot sc = slot_alloc(index_of(c));
	int err;

	if (n && d->passive)
		return 0;
	err = takt_scheduler_create_sc(n ? c->other_scheduler : c->scheduler, c->factory,
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

	c->threads = thread_count(c);
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
		       ram_alloc(index_of(c), c->factory, c->desc.memory,
				 TAKT_R_ALL & ~(uint64_t)TAKT_R_MEM_EXEC, &c->memory));
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
		{TAKT_SELF_SCHEDULER, c->scheduler_gate ? c->scheduler_gate : c->scheduler,
		 c->scheduler_gate ? TAKT_R_GATE_CALL | TAKT_R_GATE_TRANSFER : TAKT_R_ALL},
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

bool is_server(const struct compartment *c)
{
	return c->desc.passive || c->desc.threads_per_cpu || c->is_target;
}

/* It ends already: a reason to give up, and nothing to complain about. */
static bool called_off(const struct compartment *c)
{
	uint8_t command = c->command;

	return c->halted || (command && command != CONTROL_START);
}

int compartment_build(struct compartment *c)
{
	static int (*const step[])(struct compartment *c) = {
		make_base,   make_schedulers, make_gates, make_threads, make_memory,
		routes_give, devices_give,    machine_give, give_self,	image_load,
	};
	int err = 0;

	for (unsigned i = 0; !err && i < sizeof(step) / sizeof(step[0]); i++)
		err = called_off(c) ? TAKT_E_CANCELED : step[i](c);
	if (err)
		return err;
	/* From here on the watcher halts it; one that found it not alive has halted it before. */
	c->live = true;
	return called_off(c) ? TAKT_E_CANCELED : start_thread(c, 0);
}

/*
 * Root's answer to the server has gone, so the watcher does not run on the scheduling context that
 * is taken from it here.
 */
int compartment_open(struct compartment *c)
{
	int err = 0;

	for (unsigned n = 1; !err && n < c->threads; n++)
		err = start_thread(c, n);
	if (!err && c->desc.passive)
		err = checked(c->desc.name, "making it passive",
			      takt_thread_detach(c->thread[0], c->sc[0]));
	return err ? err : routes_bind(c);
}

/*
 * Whatever it has made of its schedulers, without them none of its threads gets time of its own; and
 * the threads that others call end those calls. What remains is for the worker.
 *
 * Errors are for nobody: it may have been halted in the middle of its start, and what it got not
 * even made cannot be taken away.
 */
void compartment_halt(struct compartment *c)
{
	if (c->scheduler)
		(void)!takt_factory_destroy(TAKT_ROOT_FACTORY, c->scheduler);
	if (c->other_scheduler)
		(void)!takt_factory_destroy(TAKT_ROOT_FACTORY, c->other_scheduler);
	for (unsigned n = 0; n < c->threads; n++)
		if (c->thread[n])
			(void)!takt_thread_stop(c->thread[n]);
}

/* Its kernel memory goes first: that takes everything else along, cleared. */
void compartment_destroy(struct compartment *c)
{
	c->live = false;
	if (c->kernel_memory &&
	    checked(c->desc.name, "destroying it",
		    takt_factory_destroy(TAKT_ROOT_FACTORY, c->kernel_memory)))
		return; /* what it has is not given to anybody else */
	account_close(index_of(c));
	c->kernel_memory = c->factory = c->task = c->memory = c->image = 0;
	c->scheduler = c->other_scheduler = c->fault_gate = c->root_gate = c->log = c->notify = 0;
	c->scheduler_gate = c->server_irq = 0;
	memset(c->thread, 0, sizeof(c->thread));
	memset(c->sc, 0, sizeof(c->sc));
	for (unsigned i = 0; i < c->routes; i++)
		c->route[i].gate = 0;
	c->threads = c->caps = 0;
}
