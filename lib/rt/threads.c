/* SPDX-License-Identifier: MIT */
/*
 * Further threads in the own task.
 *
 * A stack is memory from the heap, mapped a second time at its own place: there an overflow runs
 * into an unmapped page and not into somebody's data.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rt_internal.h"

#define DEFAULT_STACK 0x4000

extern const char __tls_block[];

static _Atomic unsigned next_number = TAKT_MAX_CPUS;

static unsigned take_number(void)
{
	unsigned n = atomic_load(&next_number);

	do {
		if (n >= TAKT_THREADS_MAX)
			return 0;
	} while (!atomic_compare_exchange_weak(&next_number, &n, n + 1));
	return n;
}

/* Maps `size` bytes of heap at `stack` as the stack of thread t->number and fills in its top. */
static int prepare_stack(struct rt_thread *t, char *stack, uint64_t size)
{
	uint64_t top = TAKT_VA_STACK_TOP((uint64_t)t->number);
	struct rt_boot *boot = (struct rt_boot *)(stack + size) - 1;
	int err;

	*boot = (struct rt_boot){t->fn, t->arg, t->number, t->slot, {0}};
	err = takt_task_map(TAKT_SELF_TASK, TAKT_SELF_MEMORY, top - size,
			    (uint64_t)stack - TAKT_VA_HEAP, size, TAKT_MAP_READ | TAKT_MAP_WRITE);
	if (err)
		return err;
	t->sp = (void *)(top - sizeof(*boot) - (uint64_t)__tls_block);
	return 0;
}

/* The kernel object, placed on its CPU. What a failure leaves of it stays in the factory. */
static int make_object(struct rt_thread *t)
{
	uint64_t n = t->number;
	takt_slot fault = env_cap("fault");
	int err = takt_create_thread(TAKT_SELF_FACTORY, t->name ? t->name : "thread", t->slot);

	if (!err)
		err = takt_thread_configure(t->slot, TAKT_SELF_TASK,
					    t->guest ? t->guest : TAKT_SELF_TASK, TAKT_VA_UTCB(n),
					    t->kind,
					    t->kind == TAKT_THREAD_PLAIN ? 0 : TAKT_VA_STATE(n));
	if (!err && fault)
		err = takt_thread_fault_gate(t->slot, fault);
	if (!err)
		err = takt_scheduler_run(TAKT_SELF_SCHEDULER, t->slot, t->cpu);
	return err;
}

int rt_thread_make(struct rt_thread *t)
{
	uint64_t size = t->stack_size ? t->stack_size : DEFAULT_STACK;
	char *stack;
	int err;

	size = (size + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	if (size > TAKT_STACK_MAX_SIZE)
		return TAKT_E_RANGE;
	t->number = take_number();
	t->slot = env_slot_alloc();
	if (!t->number || !t->slot)
		return TAKT_E_QUOTA;
	stack = aligned_alloc(TAKT_PAGE_SIZE, size);
	if (!stack) {
		err = TAKT_E_NOMEM;
		goto no_stack;
	}
	err = prepare_stack(t, stack, size);
	if (err)
		goto no_map;
	err = make_object(t);
	if (!err)
		return 0;
	(void)!takt_task_cap_delete(TAKT_SELF_TASK, t->slot, 1);
	(void)!takt_task_unmap(TAKT_SELF_TASK, TAKT_VA_STACK_TOP((uint64_t)t->number) - size,
			       size);
no_map:
	free(stack);
no_stack:
	env_slot_free(t->slot);
	return err;
}

int rt_thread_go(struct rt_thread *t)
{
	uint64_t boot = TAKT_VA_STACK_TOP((uint64_t)t->number) - sizeof(struct rt_boot);
	int err = t->sc ? takt_thread_attach(t->slot, t->sc) : 0;

	if (err)
		return err;
	return takt_thread_start(t->slot, (uint64_t)rt_thread_entry, boot, boot);
}

int rt_thread_create(struct rt_thread *t)
{
	int err = rt_thread_make(t);

	return err ? err : rt_thread_go(t);
}

static __attribute__((noinline)) void run(const struct rt_boot *boot)
{
	boot->fn(boot->arg);
}

void rt_thread_begin(const struct rt_boot *boot, void *tls)
{
	rt_tls_init(tls, TAKT_VA_UTCB((uint64_t)boot->number), boot->number, boot->self);
	run(boot);
	rt_thread_exit();
}
