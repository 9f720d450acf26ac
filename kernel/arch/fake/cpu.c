/* SPDX-License-Identifier: MIT */
/* CPUs: each a stack of its own, on which the kernel runs when the test says so. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <arch/fake.h>
#include <arch/trap.h>
#include <core/context.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/sched.h>
#include <object/irq.h>

#include "internal.h"

#ifdef FAKE_ASAN
#include <sanitizer/common_interface_defs.h>
#define START_SWITCH(save, stack, size) __sanitizer_start_switch_fiber(save, stack, size)
#define FINISH_SWITCH(save, stack, size) __sanitizer_finish_switch_fiber(save, stack, size)
#else
#define START_SWITCH(save, stack, size) ((void)(save), (void)(stack), (void)(size))
#define FINISH_SWITCH(save, stack, size) ((void)(save), (void)(stack), (void)(size))
#endif

#define STACK_SIZE (256ul << 10)

enum event { EVENT_BOOT, EVENT_IRQ, EVENT_SVC, EVENT_FAULT, EVENT_WFI };

static struct fiber {
	ucontext_t context;
	void *stack, *fake_stack;
	enum fake_mode mode;
	enum event event;
	u64 syndrome, address;
} fibers[MAX_CPUS];

static ucontext_t test_context;
static const void *test_stack;
static size_t test_stack_size;
static void *test_fake_stack;
static bool running; /* a CPU rather than the test */

unsigned fake_cpu;
u64 fake_now = 1000000;
bool (*fake_preempt)(void);

struct cpu *fake_this_cpu(void)
{
	return &cpus[fake_cpu];
}

enum fake_mode fake_mode(unsigned cpu)
{
	return fibers[cpu].mode;
}

/* Back to the test until it lets this CPU go on. */
static void leave(enum fake_mode mode)
{
	struct fiber *f = &fibers[fake_cpu];

	f->mode = mode;
	START_SWITCH(&f->fake_stack, test_stack, test_stack_size);
	swapcontext(&f->context, &test_context);
	FINISH_SWITCH(f->fake_stack, &test_stack, &test_stack_size);
}

static void enter(unsigned cpu)
{
	struct fiber *f = &fibers[cpu];

	ASSERT(!running);
	running = true;
	fake_cpu = cpu;
	START_SWITCH(&test_fake_stack, f->stack, STACK_SIZE);
	swapcontext(&test_context, &f->context);
	FINISH_SWITCH(test_fake_stack, NULL, NULL);
	running = false;
}

void fake_point(void)
{
	if (running && fake_preempt && fake_preempt())
		leave(FAKE_KERNEL);
}

void fake_contended(const struct spinlock *l)
{
	ASSERT(running);
	(void)l;
	leave(FAKE_KERNEL);
}

void fake_wait_for_interrupt(void)
{
	leave(FAKE_IDLE);
}

/* As fastpath.S does: a bare trigger of an irq does not go through syscall_entry. */
static bool triggered(struct cpu *c, struct thread *t, bool *left)
{
	struct takt_frame *r = t->regs;
	struct cap *slot = task_slot(t->task, r->x[0]);
	struct object *o = slot ? cap_object(*slot) : NULL;

	if (c->not_fast || t->in_guest || r->x[8] != TAKT_CALL || !o || o->type != TAKT_IRQ ||
	    o->dying || r->x[1] != TAKT_TAG(TAKT_IRQ_TRIGGER, 0, 0) ||
	    !(cap_rights(*slot) & TAKT_R_IRQ_TRIGGER))
		return false;
	r->x[0] = r->x[1] = 0;
	*left = irq_trigger_quickly(container_of(o, struct irq, object), c) != LEAVE_DECIDE;
	return true;
}

/* As vectors.S does. */
static bool interrupted(struct cpu *c)
{
	struct takt_frame *f = trap_irq(c);

	if (f == LEAVE_DECIDE)
		return false;
	if (f == LEAVE_LOADED)
		return true;
	if (((u64)f & LEAVE_UPCALL) == LEAVE_UPCALL) {
		struct takt_pv_page *p = c->thread->pv;
		struct takt_frame *save = (struct takt_frame *)((u64)f - LEAVE_UPCALL);
		struct takt_frame all = p->guest;

		all.x[0] = save->x[0];
		all.open = save->open;
		*save = all;
		p->guest.pc = p->upcall_entry;
		p->guest.pstate = 0;
		if (p->depth == 1)
			p->guest.sp = p->upcall_sp;
	}
	return true;
}

/* False: sched_leave is to follow. */
static bool handle(struct fiber *f)
{
	struct cpu *c = this_cpu();
	struct thread *t = c->thread;

	switch (f->event) {
	case EVENT_SVC: {
		bool left = true;

		if (!triggered(c, t, &left))
			syscall_entry(t);
		return left;
	}
	case EVENT_FAULT:
		if (t->in_guest)
			vcpu_exit(t, TAKT_EXIT_FAULT, f->syndrome, f->address);
		else
			ipc_fault(t, f->syndrome, f->address);
		break;
	case EVENT_WFI:
		(void)!machine_trap(t, 0);
		break;
	default:
		return interrupted(c);
	}
	return false;
}

void kernel_enter(void)
{
	for (bool left = false;;) {
		if (!left)
			sched_leave();
		ASSERT(this_cpu()->thread && this_cpu()->frame == this_cpu()->thread->regs);
		leave(FAKE_USER);
		left = handle(&fibers[fake_cpu]);
	}
}

static void fiber_main(void)
{
	FINISH_SWITCH(NULL, &test_stack, &test_stack_size);
	if (fake_cpu)
		secondary_main(fake_cpu);
	kernel_main();
}

void smp_start(void)
{
	/* They come up when the boot CPU has left the kernel. */
}

static void start(unsigned cpu)
{
	struct fiber *f = &fibers[cpu];

	f->stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	if (f->stack == MAP_FAILED || getcontext(&f->context))
		exit(1);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = STACK_SIZE;
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
	enter(cpu);
}

void fake_smp_run(void)
{
	for (unsigned i = 0; i < platform.cpus; i++)
		start(i);
}

bool fake_can_go(unsigned cpu)
{
	switch (fibers[cpu].mode) {
	case FAKE_KERNEL:
		return true;
	case FAKE_USER:
	case FAKE_IDLE:
		return fake_interrupted(cpu);
	default:
		return false;
	}
}

void fake_go(unsigned cpu)
{
	fibers[cpu].event = EVENT_IRQ;
	enter(cpu);
}

static void trap(unsigned cpu, enum event event)
{
	ASSERT(fibers[cpu].mode == FAKE_USER);
	fibers[cpu].event = event;
	enter(cpu);
}

void fake_svc(unsigned cpu)
{
	trap(cpu, EVENT_SVC);
}

void fake_guest_wfi(unsigned cpu)
{
	trap(cpu, EVENT_WFI);
}

void fake_fault(unsigned cpu, u64 syndrome, u64 address)
{
	fibers[cpu].syndrome = syndrome;
	fibers[cpu].address = address;
	trap(cpu, EVENT_FAULT);
}
