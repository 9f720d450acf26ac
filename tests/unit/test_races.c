/* SPDX-License-Identifier: MIT */
/*
 * A call from CPU 0 to a server on CPU 1, and somebody who ends it. The CPUs are stopped at up to
 * two points within the kernel, at all of them in turn, so that each order of the steps is met.
 */
#include <string.h>

#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define CLIENT (SLOT_FREE + 1)
#define SERVER (SLOT_FREE + 3)
#define KILLER (SLOT_FREE + 5)
#define GATE (SLOT_FREE + 7)
#define POINTS 400
#define DESTROY 99

static unsigned point, stop_at[2];

static bool preempt(void)
{
	point++;
	return point == stop_at[0] || point == stop_at[1];
}

static struct thread *client, *server, *killer;

static void set_up(unsigned killer_cpu)
{
	step_checks = false;
	compartment(80);
	make_task(TASK);
	client = make_runner(CLIENT, TASK, 0, 20);
	server = make_runner(SERVER, TASK, 1, 20);
	killer = make_runner(KILLER, TASK, killer_cpu, 30);
	make_gate(GATE, 1, SERVER);
	give_cap(TASK, 1, SLOT_FACTORY, TAKT_R_ALL);
	for (u64 i = 0; i < 7; i++)
		give_cap(TASK, 10 + i, CLIENT + i, TAKT_R_ALL);
	user_flavour(server, TAKT_WAIT);
	root_sleep();
	step_checks = true;
}

/* Starts with the CPU that is given, goes on with the other where one stops or has nothing to do. */
static void race(unsigned first)
{
	unsigned cpu = first, idle = 0;

	point = 0;
	fake_preempt = preempt;
	while (idle < 2) {
		if (step(cpu)) {
			idle = 0;
			if (fake_mode(cpu) == FAKE_KERNEL)
				cpu = 1 - cpu;
		} else {
			idle++;
			cpu = 1 - cpu;
		}
	}
	fake_preempt = NULL;
	settle();
}

/* The server answers if it was called; a client that lives ends up with some result. */
static bool ends_well(void)
{
	bool alive = object_in(root->task, CLIENT);

	if (!user_done(killer) || user_result(killer))
		return false;
	user_flavour(killer, TAKT_WAIT); /* the others may have the CPU */
	settle();
	if (object_in(root->task, SERVER) && user_done(server)) {
		user_flavour(server, TAKT_REPLY_WAIT);
		settle();
	}
	return !alive || client->state == THREAD_STOPPED || user_done(client);
}

static bool run(u64 op, u64 victim, unsigned killer_cpu, unsigned first)
{
	bool ok;

	set_up(killer_cpu);
	user_call(client, 10 + GATE - CLIENT, 7, W(1, 2, 3, 4, 5, 6), C(), 0);
	if (op == DESTROY)
		user_call(killer, 1, TAKT_FACTORY_DESTROY, W(), C(10 + victim - CLIENT), 0);
	else
		user_call(killer, 10 + victim - CLIENT, op, W(), C(), 0);
	race(first);
	ok = ends_well();
	step_checks = false;
	ok = compartment_end() && ok;
	step_checks = true;
	return ok;
}

static bool all_orders(u64 op, u64 victim)
{
	unsigned orders = 0;

	for (unsigned way = 0; way < 4; way++) {
		unsigned last = POINTS;

		for (unsigned a = 1; a < last; a++) {
			for (unsigned b = a + 1; b < a + 24; b += 3) {
				stop_at[0] = a;
				stop_at[1] = b;
				if (!run(op, victim, way & 1, way >> 1)) {
					printf("# way %u, stopped at %u and %u\n", way, a, b);
					return false;
				}
				orders++;
				if (point < a) /* there are no more */
					last = a;
				if (point < b)
					break;
			}
		}
	}
	printf("# %u orders\n", orders);
	return true;
}

TEST(cancel_client)
{
	CHECK(all_orders(TAKT_THREAD_CANCEL, CLIENT));
}

TEST(stop_client)
{
	CHECK(all_orders(TAKT_THREAD_STOP, CLIENT));
}

TEST(destroy_client)
{
	CHECK(all_orders(DESTROY, CLIENT));
}

TEST(stop_server)
{
	CHECK(all_orders(TAKT_THREAD_STOP, SERVER));
}

TEST(destroy_server)
{
	CHECK(all_orders(DESTROY, SERVER));
}

TEST(destroy_gate)
{
	CHECK(all_orders(DESTROY, GATE));
}

int main(void)
{
	world_boot(2);
	RUN(cancel_client);
	RUN(stop_client);
	RUN(destroy_client);
	RUN(stop_server);
	RUN(destroy_server);
	RUN(destroy_gate);
	return tap_done();
}
