/* SPDX-License-Identifier: MIT */
/*
 * The FreeRTOS port for paravirtual vCPUs. All of this file, and FreeRTOS itself, is compiled
 * without FP/SIMD registers: interrupts run in it, and only a switch saves those (see switch.S).
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <FreeRTOS.h>
#include <task.h>

#include <takt/rt.h>

#include "port.h"
#include "record.h"

/* FreeRTOS's own. What pxCurrentTCB points to begins with the top of the task's stack. */
extern void *volatile pxCurrentTCB;

volatile uint32_t port_switch_wanted;

/* Depth of critical sections of the running task. Before the first task runs it never comes down to
 * 0, so that nothing opens the interrupts too early. */
static volatile uint32_t nesting = 1;

struct port_fp port_fp;

static struct pv_vcpu vcpu;
static takt_slot tick_irq;
static void (*create_tasks)(void);
static takt_ticks tick_length, first_tick, last_tick; /* first: of tick 0 */

/* Tasks */

static void **stack_top(void)
{
	return pxCurrentTCB;
}

StackType_t *pxPortInitialiseStack(StackType_t *pxTopOfStack, TaskFunction_t pxCode,
				   void *pvParameters)
{
	struct voluntary_record *r =
		(void *)(((uintptr_t)pxTopOfStack & ~(uintptr_t)15) - sizeof(*r));

	port_fp.owner = NULL; /* a task that was deleted may have been where this one is */
	memset(r, 0, sizeof(*r));
	r->kind = RECORD_VOLUNTARY;
	r->x[0] = (uint64_t)pxCode;
	r->x[1] = (uint64_t)pvParameters;
	r->x[11] = (uint64_t)port_task_begin;
	return (StackType_t *)r;
}

void port_task_main(void (*code)(void *), void *argument)
{
	nesting = 0;
	pv_unmask(PORT_ALL_LEVELS);
	code(argument);
	port_panic("a task returned", pcTaskGetName(NULL));
}

/* The task's state of masking and nesting is kept in this call's own variables. */
void vPortYield(void)
{
	uint32_t open = pv_mask(), depth = nesting;

	port_switch();
	nesting = depth;
	pv_unmask(open);
}

void vPortEnterCritical(void)
{
	portDISABLE_INTERRUPTS();
	nesting++;
}

void vPortExitCritical(void)
{
	configASSERT(nesting);
	if (!--nesting)
		portENABLE_INTERRUPTS();
}

/* Interrupts */

static uint64_t tick_interrupts;

uint64_t port_tick_interrupts(void)
{
	return tick_interrupts;
}

/* Ticks that passed while one was pending arrive as one interrupt: the clock tells how many. */
static void tick(void)
{
	takt_ticks now = takt_now();
	uint32_t open = pv_mask_levels(PORT_API_LEVELS);

	tick_interrupts++;
	for (; now - last_tick >= tick_length; last_tick += tick_length)
		if (xTaskIncrementTick())
			port_switch_wanted = 1;
	pv_unmask(open);
}

static int set_tick(takt_ticks at, takt_ticks period)
{
	return takt_irq_timer(tick_irq, at, period, NULL);
}

/* When `ticks` more will have passed. */
static takt_ticks instant_after(TickType_t ticks)
{
	if (ticks > (TAKT_NEVER - last_tick) / tick_length)
		return TAKT_NEVER;
	return last_tick + ticks * tick_length;
}

/* What an interrupt wakes belongs to it: the idle task takes its scheduling context over until that
 * task is switched to, of several the most urgent one. */
static void keep_interrupts_sc(void)
{
	unsigned best = 0;

	for (uint32_t left = pv_page->pending; left; left &= left - 1) {
		unsigned index = pv_sc_of[__builtin_ctz(left)];

		if (pv_priority[index] > pv_priority[best])
			best = index;
	}
	pv_page->sel = best;
}

/*
 * Sleeps until then, or until an interrupt. The timer is set before, for the tick that comes next
 * after that, so that nothing is left to be set between the end of the sleep and the task that is
 * due. If the tick has a scheduling context of its own, it is the tick that must end the sleep: the
 * end of a wait brings none.
 */
static int sleep_until(takt_ticks until)
{
	bool by_tick = pv_sc_of[configTICK_VIRQ] || until == TAKT_NEVER;

	if (set_tick(by_tick ? until : until + tick_length, tick_length))
		return -1;
	(void)pv_wait(PORT_ALL_LEVELS, by_tick ? TAKT_NEVER : until);
	keep_interrupts_sc();
	return 0;
}

/*
 * Called by the idle task with the scheduler suspended: nobody is ready, and nothing is due before
 * `expected` ticks. The vCPU sleeps until then, or until an interrupt, without a tick in between.
 */
void port_sleep(TickType_t expected)
{
	uint32_t open = pv_mask();
	TickType_t passed;

	if (eTaskConfirmSleepModeStatus() == eAbortSleep || sleep_until(instant_after(expected))) {
		pv_unmask(open);
		return;
	}
	passed = (takt_now() - last_tick) / tick_length;
	if (passed > expected)
		passed = expected;
	last_tick += passed * tick_length;
	if (passed) {
		nesting++; /* FreeRTOS's critical section in there must not open the interrupts */
		vTaskStepTick(passed);
		nesting--;
	}
	pv_unmask(open);
	/* An interrupt came before, and was handled just now: there is to be a tick again. */
	if (passed < expected && set_tick(last_tick + tick_length, tick_length))
		port_panic("no tick", "the timer cannot be set");
}

uint64_t port_run_time(void)
{
	return pv_consumed();
}

int port_timer(unsigned virq, takt_ticks at, takt_ticks period)
{
	return pv_timer(&vcpu, virq, at, period);
}

takt_ticks port_tick_instant(TickType_t tick_count)
{
	return first_tick + tick_count * tick_length;
}

__attribute__((weak)) void port_input_interrupt(void)
{
}

__attribute__((weak)) void port_application_interrupt(unsigned n)
{
	(void)n;
}

/*
 * Returns whether to switch, with all interrupts masked from here to the resumption: a nested
 * interrupt cannot ask for a switch after this has looked. Nested ones leave it to the outermost.
 */
int port_interrupt(unsigned n)
{
	if (n == configTICK_VIRQ)
		tick();
	else if (n == configINPUT_VIRQ)
		port_input_interrupt();
	else
		port_application_interrupt(n);
	(void)pv_mask();
	if (pv_page->depth != 1 || !port_switch_wanted)
		return 0;
	port_switch_wanted = 0;
	return 1;
}

/* Moves the interrupted task's frame to its stack. The caller adds the FP/SIMD registers. FreeRTOS
 * looks for an overflow only after that, when what lies below the stack would be gone. */
void *port_save_preempted(void)
{
	const struct takt_frame *f = &pv_page->frame[0];
	struct preempted_record *r = (void *)((f->sp & ~(uint64_t)15) - sizeof(*r));

	if ((const void *)r < port_stack_limit())
		port_panic("stack overflow", pcTaskGetName(NULL));
	r->kind = RECORD_PREEMPTED;
	r->frame = *f;
	*stack_top() = r;
	return r;
}

/*
 * Makes the current task's context frame 0, the only one, and returns its record. A task that gave
 * way goes on in vPortYield, which expects all interrupts masked and knows the nesting.
 */
void *port_load_frame(void)
{
	struct takt_frame *f = &pv_page->frame[0];
	void *top = *stack_top();
	const struct voluntary_record *v = top;
	const struct preempted_record *p = top;

	pv_page->depth = 1;
	if (p->kind == RECORD_PREEMPTED) {
		nesting = 0; /* in a critical section it would not have been preempted */
		*f = p->frame;
		return top;
	}
	for (unsigned i = 0; i < 12; i++)
		f->x[19 + i] = v->x[i];
	f->sp = (uint64_t)(v + 1);
	f->pc = v->x[11];
	f->pstate = 0;
	f->open = 0;
	return top;
}

/* Start and end */

BaseType_t xPortStartScheduler(void)
{
	(void)pv_mask();
	port_fp.idle = xTaskGetIdleTaskHandle();
	tick_length = takt_hz() / configTICK_RATE_HZ;
	first_tick = last_tick = takt_now();
	if (pv_irq(&vcpu, configTICK_VIRQ, &tick_irq) ||
	    set_tick(last_tick + tick_length, tick_length))
		port_panic("no tick", "the timer cannot be set");
	port_start_first();
}

void vPortEndScheduler(void)
{
	port_panic("the scheduler was ended", "");
}

static void guest(void)
{
	create_tasks();
	vTaskStartScheduler();
	port_panic("the scheduler did not start", "");
}

int port_run(const char *name, void (*create)(void))
{
	int err;

	create_tasks = create;
	vcpu = (struct pv_vcpu){.name = name, .guest = guest, .upcall = port_upcall};
	err = pv_start(&vcpu);
	return err ? err : pv_input(&vcpu, configINPUT_VIRQ);
}

void port_panic(const char *what, const char *detail)
{
	static char text[160];
	int len;

	(void)pv_mask();
	len = snprintf(text, sizeof(text), "stopped: %s (%s)\n", what, detail);
	pv_log(text, len < (int)sizeof(text) ? (unsigned)len : sizeof(text) - 1);
	pv_stop();
}

void port_assert(const char *file, int line)
{
	char where[96];

	snprintf(where, sizeof(where), "%s:%d", file, line);
	port_panic("assertion failed", where);
}
