/* SPDX-License-Identifier: MIT */
/* A paravirtual guest: the driver is its guest context. */
#include <takt/pv.h>

#include "bench.h"

#define VIRQ 3
#define STACK 0x1000
#define SLICE 1000000 /* ticks: of an SC without budget */

void pv_handler(uint64_t when); /* called by pv_entry */
extern void pv_entry(void);	/* stamp.S */

static char guest_stack[STACK], entry_stack[STACK];

/* The guest came back to its monitor: it should not. */
static void exited(uint64_t reason)
{
	(void)reason;
	driver_done();
}

static void monitor(void *guest)
{
	struct takt_msg m = {0};

	pv_page->open = 0;
	pv_page->upcall_entry = (uint64_t)pv_entry;
	pv_page->upcall_sp = (uint64_t)(entry_stack + STACK);
	pv_page->entry = (uint64_t)exited;
	pv_page->entry_sp = (uint64_t)(entry_stack + STACK);
	pv_page->guest = (struct takt_frame){.sp = (uint64_t)(guest_stack + STACK),
					     .pc = (uint64_t)guest};
	(void)!takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER);
	driver_done();
}

void pv_handler(uint64_t when)
{
	SHARED->stamp = when;
	UART_IMSC = 0;
	(void)!takt_irq_ack(uart_line);
}

static void take_interrupts(void)
{
	pv_page->open = ~0u;
	MEASURE_TO_PARTNER(UART_IMSC = UART_IMSC_TX, 1);
	driver_done();
}

static void mask_and_unmask(void)
{
	pv_page->open = ~0u;
	MEASURE(pv_unmask(pv_mask()));
	driver_done();
}

/* As ipc.short, by a guest: `echo` answers with four words. */
static takt_slot echo;

static void call(void)
{
	struct takt_msg m;

	MEASURE(m = ((struct takt_msg){.tag = TAKT_TAG(0, 4, 0), .w = {1, 2, 3, 4}});
		(void)!takt_call(echo, &m));
	expect((int)m.w[3], 4);
	driver_done();
}

static void drive_guest(const char *name, bool max, void (*guest)(void), bool events)
{
	struct actor driver = {.task = TAKT_ROOT_TASK, .prio = PRIO_DRIVER, .fn = monitor,
			       .arg = (void *)guest, .kind = TAKT_THREAD_PV};

	actor_make(&driver);
	pv_page = (struct takt_pv_page *)driver.page;
	must(takt_irq_bind_vcpu(uart_line, driver.slot, VIRQ, 0), "line");
	if (events) {
		takt_slot sc = slot_new();

		must(takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, TAKT_ROOT_FACTORY, PRIO_DRIVER, SLICE,
					      SLICE, 0, sc), "SC of an event");
		must(takt_thread_attach(driver.slot, sc), "SC of an event");
	}
	drive(&driver, name, max);
	must(takt_irq_unbind(uart_line), "line");
}

void bench_pv(void)
{
	drive_guest("pv.irq", true, take_interrupts, false);
	drive_guest("pv.critical", false, mask_and_unmask, false);
	echo = echo_new(far, 4);
	drive_guest("pv.call", false, call, false);
	drive_guest("pv.call_events", false, call, true);
}
