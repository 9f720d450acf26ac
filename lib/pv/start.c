/* SPDX-License-Identifier: MIT */
/* Start and end of a paravirtual vCPU. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <takt/rt.h>

#include "pv_internal.h"

#define GUEST_STACK 0x4000
#define UPCALL_STACK 0x4000

struct takt_pv_page *pv_page;
unsigned pv_priority[8];
uint8_t pv_sc_of[32];
void *pv_tls;

static struct rt_thread thread;
static uint8_t guest_stack[GUEST_STACK] __attribute__((aligned(16)));
static uint8_t upcall_stack[UPCALL_STACK] __attribute__((aligned(16)));

/* The monitor: first function of the vCPU's thread. It does nothing but let the guest begin. */
static void monitor(void *arg)
{
	struct pv_vcpu *v = arg;
	struct takt_pv_page *page = pv_page;
	struct takt_msg m = {0};

	__asm__("mrs %0, tpidr_el0" : "=r"(pv_tls));
	page->open = 0;
	page->upcall_entry = (uint64_t)v->upcall;
	page->upcall_sp = (uint64_t)(upcall_stack + UPCALL_STACK);
	page->entry = (uint64_t)pv_monitor_entry;
	page->entry_sp = (uint64_t)thread.sp;
	page->guest = (struct takt_frame){
		.x = {(uint64_t)pv_tls, (uint64_t)v->guest},
		.sp = (uint64_t)(guest_stack + GUEST_STACK),
		.pc = (uint64_t)pv_guest_entry,
	};
	printf("pv: the guest does not start: %s\n",
	       rt_error(takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER)));
}

/* The only exits that a guest of this library makes are its faults. */
void pv_exited(uint64_t reason)
{
	const struct takt_pv_page *page = pv_page;

	printf("%s: guest stopped: exit %" PRIu64 " at pc %#" PRIx64 " lr %#" PRIx64 " sp %#" PRIx64
	       " syndrome %#" PRIx64 " address %#" PRIx64 "\n",
	       thread.name, reason, page->guest.pc, page->guest.x[30], page->guest.sp, page->esr,
	       page->far);
	rt_exit(-1);
}

void pv_stop(void)
{
	(void)pv_mask();
	pv_log_end();
	for (;;)
		(void)!takt_thread_stop(thread.slot);
}

/* The vCPU's scheduling context, see pv_start. */
static int make_sc(struct pv_vcpu *v, takt_slot sc)
{
	uint64_t own[6];
	uint64_t priority, budget_us, period_us;
	takt_ticks budget, period;
	int err = takt_sc_info(TAKT_SELF_SC, own);

	if (err)
		return err;
	v->cpu = (unsigned)own[4];
	priority = env_number("vcpu-priority", own[1]);
	budget_us = env_number("vcpu-budget-us", 0);
	period_us = env_number("vcpu-period-us", budget_us);
	budget = budget_us ? takt_ns_to_ticks(budget_us * 1000) : own[2];
	period = budget_us ? takt_ns_to_ticks(period_us * 1000) : own[3];
	pv_priority[0] = (unsigned)priority;
	return takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, (unsigned)priority,
					budget, period, v->cpu, sc);
}

#define EVENT_CELLS 4 /* interrupt, priority, budget and period in us */

/* Time of its own for an interrupt; `cell`: the first of its four. */
static int add_event(struct pv_vcpu *v, unsigned cell, unsigned leave)
{
	uint32_t virq = env_cell("event-scheduling", cell);
	unsigned priority = env_cell("event-scheduling", cell + 1), index;
	uint32_t budget = env_cell("event-scheduling", cell + 2);
	uint32_t period = env_cell("event-scheduling", cell + 3);
	takt_slot sc = env_slot_alloc();
	int err = sc ? 0 : TAKT_E_QUOTA;

	if (!err && virq < sizeof(pv_sc_of) && pv_sc_of[virq])
		err = TAKT_E_EXISTS; /* it is there twice */
	if (!err)
		err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, priority,
					       takt_ns_to_ticks(budget * 1000ull),
					       takt_ns_to_ticks(period * 1000ull), v->cpu, sc);
	if (!err)
		err = takt_thread_attach_as(v->slot, sc, &index);
	if (!err)
		err = takt_thread_virq_sc(v->slot, virq, sc, leave);
	if (err) {
		printf("%s: event-scheduling: interrupt %u, priority %u, %u of %u us: %s\n",
		       v->name, (unsigned)virq, priority, (unsigned)budget, (unsigned)period,
		       rt_error(err));
		return err;
	}
	pv_priority[index] = priority;
	pv_sc_of[virq] = (uint8_t)index; /* which the kernel took: below 32 */
	return 0;
}

/* Time of their own for interrupts: event-scheduling, leave. */
static int add_events(struct pv_vcpu *v)
{
	const char *leave = env_string("leave", "eoi");
	bool idle = !strcmp(leave, "idle");
	unsigned cells = env_count("event-scheduling");
	int err = 0;

	if (cells % EVENT_CELLS || (!idle && strcmp(leave, "eoi"))) {
		printf("%s: event-scheduling: %u cells, leave \"%s\": not groups of %d, or neither "
		       "\"eoi\" nor \"idle\"\n",
		       v->name, cells, leave, EVENT_CELLS);
		return TAKT_E_INVAL;
	}
	for (unsigned i = 0; i < cells && !err; i += EVENT_CELLS)
		err = add_event(v, i, idle ? TAKT_LEAVE_IDLE : TAKT_LEAVE_EOI);
	return err;
}

int pv_start(struct pv_vcpu *v)
{
	takt_slot sc = env_slot_alloc();
	int err;

	if (!sc)
		return TAKT_E_QUOTA;
	err = make_sc(v, sc);
	if (err)
		return err;
	thread = (struct rt_thread){
		.name = v->name,
		.fn = monitor,
		.arg = v,
		.cpu = v->cpu,
		.sc = sc,
		.kind = TAKT_THREAD_PV,
	};
	err = rt_thread_make(&thread);
	if (err)
		return err;
	v->slot = thread.slot;
	v->sc = sc;
	pv_page = (struct takt_pv_page *)TAKT_VA_STATE((uint64_t)thread.number);
	/* The first one attached is the base: before those of interrupts, not in rt_thread_go. */
	err = takt_thread_attach(v->slot, sc);
	if (err)
		return err;
	thread.sc = 0;
	err = add_events(v);
	if (err)
		return err;
	err = pv_log_init();
	if (err)
		return err;
	return rt_thread_go(&thread);
}

int pv_irq(const struct pv_vcpu *v, unsigned virq, takt_slot *irq)
{
	int err;

	*irq = env_slot_alloc();
	if (!*irq)
		return TAKT_E_QUOTA;
	err = takt_create_irq(TAKT_SELF_FACTORY, *irq);
	return err ? err : takt_irq_bind_vcpu(*irq, v->slot, virq, 0);
}

int pv_timer(const struct pv_vcpu *v, unsigned virq, takt_ticks at, takt_ticks period)
{
	takt_slot irq;
	int err = pv_irq(v, virq, &irq);

	return err ? err : takt_irq_timer(irq, at, period, NULL);
}
