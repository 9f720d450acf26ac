/* SPDX-License-Identifier: MIT */
#include "guest.h"

#define STACK 0x2000
#define VISIT 1 /* immediates of BRK */

struct worker *vcpu;
takt_slot event_sc;
unsigned event_index;
void (*on_exit_guest)(void);
void (*on_interrupt)(unsigned n);

static void (*guest_fn)(void);
static uint8_t guest_stack[STACK] __attribute__((aligned(16)));
static uint8_t upcall_stack[STACK] __attribute__((aligned(16)));

takt_ticks units(uint64_t n)
{
	return us(exact_time() ? n : 30 * n);
}

unsigned guest_cpu(void)
{
	return cpus() > 1;
}

/* --- Monitor ---------------------------------------------------------------------------------- */

static void resume(void)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER));
}

static void exited(uint64_t reason)
{
	struct takt_msg m = {0};

	CHECK_EQ(reason, TAKT_EXIT_FAULT);
	CHECK_EQ(pv_page->esr >> 26, 0x3c); /* BRK */
	if ((pv_page->esr & 0xffff) == VISIT) {
		if (on_exit_guest)
			on_exit_guest();
		pv_page->guest.pc += 4;
		resume();
	}
	(void)!takt_irq_trigger(vcpu->done);
	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

static void monitor(void *unused)
{
	(void)unused;
	pv_page->upcall_entry = (uint64_t)pv_upcall;
	pv_page->upcall_sp = (uint64_t)(upcall_stack + STACK);
	pv_page->entry = (uint64_t)exited;
	pv_page->entry_sp = (uint64_t)vcpu->sp;
	pv_page->guest.sp = (uint64_t)(guest_stack + STACK);
	pv_page->guest.pc = (uint64_t)guest_fn;
	resume();
}

void guest_new(void (*fn)(void), unsigned base_prio, takt_ticks budget, takt_ticks period)
{
	vcpu = worker_new(monitor, NULL);
	vcpu->kind = TAKT_THREAD_PV;
	vcpu->cpu = guest_cpu();
	vcpu->prio = base_prio;
	vcpu->budget = vcpu->period = ms(500);
	worker_make(vcpu);
	event_sc = sc_new(EVENT_PRIO, guest_cpu(), budget, period);
	CHECK_OK(takt_thread_attach_as(vcpu->slot, event_sc, &event_index));
	CHECK_EQ(event_index, 1);
	pv_page = (struct takt_pv_page *)vcpu->state;
	guest_fn = fn;
	on_interrupt = NULL;
	on_exit_guest = NULL;
}

void guest_run(void)
{
	worker_start(vcpu);
}

void guest_ended(void)
{
	worker_join(vcpu);
}

/* --- Guest ------------------------------------------------------------------------------------ */

void guest_finish(void)
{
	__asm__ volatile("brk #0");
	__builtin_unreachable();
}

void guest_visit_monitor(void)
{
	__asm__ volatile("brk %0" : : "i"(VISIT) : "memory");
}

void guest_select(uint32_t index)
{
	pv_page->sel = index;
	pv_sync();
}

void pv_interrupt(unsigned n)
{
	if (on_interrupt)
		on_interrupt(n);
}

/* --- Time ------------------------------------------------------------------------------------- */

uint64_t consumed(takt_slot sc)
{
	uint64_t w[6] = {0};

	CHECK_OK(takt_sc_info(sc, w));
	return w[0];
}

void spin_until(takt_ticks when)
{
	while (takt_now() < when)
		;
}

void burn(takt_ticks amount)
{
	takt_ticks last = takt_now(), used = 0, gap = us(exact_time() ? 1 : 50);

	while (used < amount) {
		takt_ticks now = takt_now();

		if (now - last < gap)
			used += now - last;
		last = now;
	}
}

static void hog_run(void *arg)
{
	struct hog *h = arg;

	takt_sleep_until(h->from);
	h->began = takt_now();
	burn(h->work);
	h->ended = takt_now();
}

struct hog *hog_new(unsigned prio, takt_ticks from, takt_ticks work)
{
	struct hog *h = pool_new(sizeof(*h));

	h->from = from;
	h->work = work;
	h->worker = worker_new(hog_run, h);
	h->worker->prio = prio;
	h->worker->cpu = guest_cpu();
	h->worker->budget = h->worker->period = ms(500);
	worker_start(h->worker);
	return h;
}
