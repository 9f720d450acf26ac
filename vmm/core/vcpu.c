/* SPDX-License-Identifier: MIT */
/*
 * A vCPU's thread. It waits until somebody starts the vCPU, then enters the guest and handles its
 * exits until the machine as a whole has something else to do.
 *
 * Everything here and below runs on the guest's own time, between two of its instructions: no C
 * library, no floating-point registers, no waiting for others.
 */
#include <string.h>

#include "device.h"
#include "log.h"

#define EVENT_CELLS 4 /* interrupt, priority, budget and period in us */
#define FIRST_SHARED 32

static int act(struct vcpu *v, const struct takt_vcpu_rider *r)
{
	switch (r->action & 0xff) {
	case TAKT_VIRQ_SYNC:
		return takt_virq_sync(v->self, r->intid);
	case TAKT_VIRQ_SGI:
		return takt_virq_sgi(v->self, r->action >> TAKT_VIRQ_SGI_SHIFT, r->intid, v->index);
	default:
		return takt_virq_set(v->self, r->intid, r->action);
	}
}

void vcpu_walk(struct vcpu *v, struct takt_vcpu_rider rider)
{
	struct takt_vcpu_page *page = v->page;
	unsigned n = page->riders;

	page->riders = 0;
	for (unsigned i = 0; i <= n; i++) {
		const struct takt_vcpu_rider *r = i < n ? &page->rider[i] : &rider;
		int err = act(v, r);

		if (err)
			vmm_log("interrupt %u, action %x: error %d", r->intid, r->action, err);
	}
}

bool vcpu_start(struct vcpu *v, uint64_t pc, uint64_t arg)
{
	int off = VCPU_OFF;

	/* Only one of several that try at once gets past this. */
	if (!__atomic_compare_exchange_n(&v->state, &off, VCPU_CLAIMED, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return false;
	v->boot_pc = pc;
	v->boot_x0 = arg;
	__atomic_store_n(&v->state, VCPU_START, __ATOMIC_RELEASE);
	return !takt_irq_trigger(v->kick);
}

void vcpu_fail(struct vcpu *v, const char *why)
{
	vmm_log("cpu%u: %s; the machine stops", v->index, why);
	arch_vcpu_dump(v);
	machine_ask(v->machine, MACHINE_FAILED);
}

/* An exit, other than one of the guest's traps. */
static __attribute__((noinline)) void exited_otherwise(struct vcpu *v, int reason)
{
	switch (reason) {
	case TAKT_EXIT_EVENT: /* the kick: look again */
		break;
	case TAKT_EXIT_ERROR:
		vmm_log("cpu%u: entering the guest: error %ld", v->index, (long)v->page->esr);
		vcpu_fail(v, "state page refused");
		break;
	default:
		vmm_log("cpu%u: resume: error %d", v->index, reason);
		vcpu_fail(v, "resume refused");
		break;
	}
}

bool vcpu_exited(struct vcpu *v, int reason)
{
	if (reason == TAKT_EXIT_TRAP)
		return arch_trap(v);
	exited_otherwise(v, reason);
	return vcpu_goes_on(v);
}

static void wait_for_start(struct vcpu *v)
{
	while (vcpu_state(v) != VCPU_START) {
		struct takt_msg m = {0};

		(void)!takt_wait(&m, TAKT_NEVER);
	}
}

/* Off, unless the guest has switched itself off and somebody wants it on again already. */
static void leave(struct vcpu *v)
{
	int on = VCPU_ON;

	(void)__atomic_compare_exchange_n(&v->state, &on, VCPU_OFF, false, __ATOMIC_ACQ_REL,
					  __ATOMIC_RELAXED);
}

static void vcpu_main(void *arg)
{
	struct vcpu *v = arg;

	for (;;) {
		wait_for_start(v);
		v->page->riders = 0; /* left over from the last run */
		v->page->standby = 0;
		v->logged = 0;
		arch_vcpu_boot(v);
		__atomic_store_n(&v->state, VCPU_ON, __ATOMIC_RELEASE);
		if (vcpu_goes_on(v))
			arch_vcpu_run(v->page, v);
		leave(v);
		/* The first thread may be waiting for all vCPUs to be out of the guest. */
		(void)!takt_irq_trigger(v->machine->control);
	}
}

/* A scheduling context for the vCPU's thread, by the properties and defaults that the compartment's
 * share of time is computed from. Slot or an error. */
static int make_sc(unsigned cpu)
{
	uint64_t period = env_number("vcpu-period-us", env_number("period-us", 10000));
	uint64_t budget = env_number("vcpu-budget-us", env_number("budget-us", 1000));
	unsigned priority = (unsigned)env_number("vcpu-priority", env_number("priority", 0));
	takt_slot sc = env_slot_alloc();
	int err;

	if (!sc)
		return TAKT_E_QUOTA;
	if (budget > period)
		budget = period;
	err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, priority,
				       takt_ns_to_ticks(budget * 1000),
				       takt_ns_to_ticks(period * 1000), cpu, sc);
	return err ? err : (int)sc;
}

/* Time of its own for an interrupt; `cell`: the first of its four. */
static int add_event(struct vcpu *v, unsigned cell, unsigned leave)
{
	takt_slot sc = env_slot_alloc();
	uint32_t intid = env_cell("event-scheduling", cell);
	uint32_t priority = env_cell("event-scheduling", cell + 1);
	uint32_t budget = env_cell("event-scheduling", cell + 2);
	uint32_t period = env_cell("event-scheduling", cell + 3);
	const char *what = "no slot for its scheduling context";
	int err = sc ? 0 : TAKT_E_QUOTA;

	if (!err) {
		what = "no such scheduling context can be made";
		err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, priority,
					       takt_ns_to_ticks(budget * 1000ull),
					       takt_ns_to_ticks(period * 1000ull), v->thread.cpu,
					       sc);
	}
	if (!err) {
		what = "its scheduling context cannot be attached";
		err = takt_thread_attach(v->self, sc);
	}
	if (!err) {
		what = "no such interrupt";
		err = takt_thread_virq_sc(v->self, intid, sc, leave);
	}
	if (err)
		vmm_log("cpu%u: event-scheduling: interrupt %u, priority %u, %u of %u us: %s: %s",
			v->index, intid, priority, budget, period, what, rt_error(err));
	return err;
}

static bool twice(unsigned cell)
{
	for (unsigned i = 0; i < cell; i += EVENT_CELLS)
		if (env_cell("event-scheduling", i) == env_cell("event-scheduling", cell))
			return true;
	return false;
}

/* Private interrupts have it on every vCPU, shared ones while they are the first one's. */
static int add_events(struct vcpu *v)
{
	const char *leave = env_string("leave", "eoi");
	bool idle = !strcmp(leave, "idle");
	unsigned cells = env_count("event-scheduling");
	int err = 0;

	if (cells % EVENT_CELLS) {
		vmm_log("event-scheduling: %u cells are not groups of %u", cells, EVENT_CELLS);
		return TAKT_E_INVAL;
	}
	if (!idle && strcmp(leave, "eoi")) {
		vmm_log("leave: \"%s\" is neither \"eoi\" nor \"idle\"", leave);
		return TAKT_E_INVAL;
	}
	for (unsigned i = 0; i < cells && !err; i += EVENT_CELLS) {
		if (twice(i)) {
			vmm_log("event-scheduling: interrupt %u is there twice",
				env_cell("event-scheduling", i));
			return TAKT_E_EXISTS;
		}
		if (!v->index || env_cell("event-scheduling", i) < FIRST_SHARED)
			err = add_event(v, i, idle ? TAKT_LEAVE_IDLE : TAKT_LEAVE_EOI);
	}
	return err;
}

int vcpu_create(struct machine *m, unsigned index)
{
	struct vcpu *v = &m->vcpu[index];
	unsigned cpus = env_count("cpus");
	unsigned cpu = cpus ? env_cell("cpus", index % cpus) : (unsigned)env_number("cpu", 0);
	int err = make_sc(cpu);

	v->machine = m;
	v->index = index;
	if (err < 0)
		goto fail;
	v->thread = (struct rt_thread){.name = "vcpu",
				       .fn = vcpu_main,
				       .arg = v,
				       .cpu = cpu,
				       .sc = (takt_slot)err,
				       .kind = TAKT_THREAD_MACHINE,
				       .guest = m->task};
	err = rt_thread_make(&v->thread);
	if (err)
		goto fail;
	v->self = v->thread.slot;
	v->page = (struct takt_vcpu_page *)(uintptr_t)TAKT_VA_STATE(v->thread.number);
	/* The first one attached is the base: before those of interrupts, not in rt_thread_go. */
	err = takt_thread_attach(v->self, v->thread.sc);
	if (err)
		goto fail;
	v->thread.sc = 0;
	err = add_events(v);
	if (err)
		goto fail;
	err = machine_irq(v->self);
	if (err < 0)
		goto fail;
	v->kick = (takt_slot)err;
	return 0;
fail:
	vmm_log("cpu%u: %s", index, rt_error(err));
	return err;
}
