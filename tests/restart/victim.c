/* SPDX-License-Identifier: MIT */
/*
 * A program that comes to its end, in the way that its property `does` names:
 *
 *   wait    it does nothing
 *   exit    main returns 3
 *   fault   it reads from nowhere
 *   nap     it sleeps for 600 ms, then main returns 3
 *   spin    it takes all the time that it gets
 *   call    it calls the server all the time, which holds the answers back
 *   churn   threads on all its CPUs call, allocate, map, make and destroy objects, with
 *           interrupts bound and a timer running, until somebody kills it
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "proto.h"

#define HOLD_NS 3000000

static void wait_for_ever(void)
{
	struct takt_msg m = {0};

	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

/* Errors are expected: the server is killed, too. */
static void call(void)
{
	for (;;)
		if (echo_hold(env_cap("gates"), HOLD_NS))
			takt_sleep_until(takt_now() + takt_ns_to_ticks(100000));
}

/* One round of everything that leaves something to be cleaned up. */
static void churn_once(takt_slot factory, takt_slot object, takt_slot object2)
{
	uint64_t n;
	char *p;

	(void)!echo(env_cap("gates"), 1, &n);
	p = malloc(2000);
	if (p)
		memset(p, 0x5a, 2000);
	(void)!takt_create_gate(factory, 1, object);
	(void)!takt_create_task(factory, TAKT_TASK_NATIVE, "child", object2);
	if (!takt_thread_bind_gate(rt_thread_self(), object))
		(void)!takt_task_cap_copy(object2, object, 1, TAKT_R_ALL);
	(void)!takt_factory_destroy(factory, object2);
	(void)!takt_factory_destroy(factory, object);
	free(p);
}

static void churn(void *unused)
{
	takt_slot factory = env_slot_alloc(), one = env_slot_alloc(), two = env_slot_alloc();

	(void)unused;
	for (;;) {
		if (!takt_factory_sub(TAKT_SELF_FACTORY, 12, factory)) {
			churn_once(factory, one, two);
			(void)!takt_factory_destroy(TAKT_SELF_FACTORY, factory);
		}
		takt_yield();
	}
}

/* Threads 1.. are on the other CPUs (threads-per-cpu). */
void server_thread(unsigned index)
{
	(void)index;
	churn(NULL);
}

static int begin_churn(void)
{
	static struct rt_thread thread = {.name = "churn", .fn = churn};
	takt_slot timer = env_slot_alloc(), sc = env_slot_alloc();
	int err = takt_create_irq(TAKT_SELF_FACTORY, timer);

	if (!err)
		err = takt_irq_bind_thread(timer, TAKT_SELF_THREAD, 1);
	if (!err)
		err = takt_irq_timer(timer, takt_now(), takt_ns_to_ticks(50000), NULL);
	if (!err && env_cap("irq"))
		err = takt_irq_bind_thread(env_cap("irq"), TAKT_SELF_THREAD, 2);
	if (!err && env_cap("device") && !rt_map_device(env_cap("device"), 0))
		err = TAKT_E_INVAL;
	if (!err)
		err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY,
					       (unsigned)env_number("priority", 0),
					       takt_ns_to_ticks(1000000),
					       takt_ns_to_ticks(1000000), 0, sc);
	thread.sc = sc;
	return err ? err : rt_thread_create(&thread);
}

int main(void)
{
	const char *does = env_string("does", "wait");
	int err;

	if (!strcmp(does, "exit"))
		return 3;
	if (!strcmp(does, "nap")) {
		takt_sleep_until(takt_now() + takt_ns_to_ticks(600000000));
		return 3;
	}
	if (!strcmp(does, "fault"))
		return *(volatile int *)env_number("nowhere", 8);
	if (!strcmp(does, "spin"))
		for (;;)
			__asm__ volatile("");
	if (!strcmp(does, "call"))
		call();
	if (!strcmp(does, "churn")) {
		err = begin_churn();
		if (err) {
			printf("# victim: %s\n", rt_error(err));
			return 1;
		}
		rt_ready();
	}
	wait_for_ever();
}
