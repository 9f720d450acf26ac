/* SPDX-License-Identifier: MIT */
/* A cancellation goes after an invocation from CPU to CPU, and comes home; it is not lost on the way,
 * nor does anybody more urgent wait for it behind somebody less urgent. */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define CLIENT (SLOT_FREE + 1)
#define SERVER (SLOT_FREE + 3)
#define OTHER (SLOT_FREE + 5)
#define HOG (SLOT_FREE + 7)
#define GATE (SLOT_FREE + 9)
#define HOG_IRQ (SLOT_FREE + 10)
#define POINTS 100
#define LATER 1000

static unsigned point, stop;
static struct thread *client;

static bool preempt(void)
{
	return ++point == stop;
}

/* The hog sleeps; a server never answers, being busy with something. */
static void set_up(bool *tap_ok, unsigned hog_cpu)
{
	struct thread *hog;

	step_checks = false;
	compartment(80);
	make_task(TASK);
	client = make_runner(CLIENT, TASK, 0, 20);
	(void)make_runner(SERVER, TASK, 1, 10);
	hog = make_runner(HOG, TASK, hog_cpu, 25);
	make_gate(GATE, 1, SERVER);
	make_irq(HOG_IRQ);
	CHECK(!root_call(HOG_IRQ, TAKT_IRQ_BIND_THREAD, W(1), C(HOG), 0));
	give_cap(TASK, 10, GATE, TAKT_R_ALL);
	user_flavour(hog, TAKT_WAIT);
	root_sleep();
	step_checks = true;
}

static void hog_wakes(bool *tap_ok)
{
	CHECK(!root_call(HOG_IRQ, TAKT_IRQ_TRIGGER, W(), C(), 0));
	root_sleep();
	settle();
}

static void hog_sleeps(void)
{
	user_flavour(ROOT_OBJECT(thread, HOG), TAKT_WAIT);
	settle();
}

static void client_calls(bool *tap_ok)
{
	user_call(client, 10, 7, W(1), C(), 0);
	user_deadline(client, fake_now + LATER);
	settle();
	CHECK(client->state == THREAD_BLOCKED);
}

/* On until there is nothing to do, or the CPU stops at the chosen point. */
static void run_until_stop(unsigned cpu)
{
	point = 0;
	fake_preempt = preempt;
	while (step(cpu) && fake_mode(cpu) != FAKE_KERNEL)
		;
	fake_preempt = NULL;
}

static void run_alone(unsigned cpu)
{
	while (step(cpu))
		;
}

/* The answer is taken before its cancellation comes, and then somebody keeps the CPU busy. */
TEST(a_destroyer_hurries_a_late_cancellation)
{
	unsigned met = 0;

	for (stop = 1; stop < POINTS; stop++) {
		set_up(tap_ok, 0);
		client_calls(tap_ok);
		fake_now += LATER;
		run_alone(0);
		run_until_stop(1);
		run_alone(0);
		if (client->state == THREAD_RUN && client->cancelling)
			met++;
		hog_wakes(tap_ok);
		CHECK(!root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(CLIENT), 0));
		CHECK(compartment_end());
	}
	CHECK(met);
}

/* The invocation goes on from CPU 1 to CPU 2 while its cancellation arrives there. */
TEST(a_cancellation_overtakes_what_it_is_for)
{
	unsigned met = 0;

	for (stop = 1; stop < POINTS; stop++) {
		set_up(tap_ok, 1);
		(void)make_runner(OTHER, TASK, 2, 10);
		hog_wakes(tap_ok);
		client_calls(tap_ok); /* stays in the inbox of CPU 1, below the hog */
		CHECK(!root_call(TAKT_ROOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(SERVER), 0));
		CHECK(!root_call(OTHER, TAKT_THREAD_BIND_GATE, W(), C(GATE), 0));
		root_sleep();
		user_flavour(ROOT_OBJECT(thread, HOG), TAKT_WAIT);
		run_until_stop(1);
		if (client->request_cpu == 2 && !client->node.queued)
			met++;
		fake_now += LATER;
		run_alone(0);
		run_alone(2);
		run_alone(0);
		settle();
		CHECK(user_done(client));
		CHECK(user_result(client) == TAKT_E_TIMEOUT);
		CHECK(compartment_end());
	}
	CHECK(met);
}

/* What it was for has ended by itself: the next invocation has nothing to do with it. */
TEST(a_late_cancellation_leaves_the_next_invocation_alone)
{
	unsigned met = 0;

	for (stop = 1; stop < POINTS; stop++) {
		set_up(tap_ok, 0);
		client_calls(tap_ok);
		fake_now += LATER;
		run_alone(0);
		run_until_stop(1);
		run_alone(0);
		if (client->state == THREAD_RUN && client->cancelling) {
			met++;
			CHECK(user_result(client) == TAKT_E_TIMEOUT);
			user_call(client, 10, 7, W(1), C(), 0);
			settle();
			CHECK(client->state == THREAD_BLOCKED); /* without a deadline, for ever */
		}
		hog_sleeps();
		CHECK(compartment_end());
	}
	CHECK(met);
}

/* --- A circle of calls over two CPUs, which nobody detects -------------------------------- */

#define BACK (SLOT_FREE + 11)

static struct thread *server;

/* The client waits for the server on the other CPU, which waits for the client. */
static void circle(bool *tap_ok, u64 deadline)
{
	compartment(80);
	make_task(TASK);
	client = make_runner(CLIENT, TASK, 0, 20);
	server = make_runner(SERVER, TASK, 1, 10);
	make_gate(GATE, 1, SERVER);
	make_gate(BACK, 2, CLIENT);
	give_cap(TASK, 10, GATE, TAKT_R_ALL);
	give_cap(TASK, 11, BACK, TAKT_R_ALL);
	user_flavour(server, TAKT_WAIT);
	root_sleep();
	user_call(client, 10, 7, W(1), C(), 0);
	if (deadline)
		user_deadline(client, deadline);
	settle();
	CHECK(server->caller == client);
	user_call(server, 11, 7, W(1), C(), 0);
	settle();
	CHECK(client->state == THREAD_BLOCKED && server->state == THREAD_BLOCKED);
}

static bool ends_with(const struct thread *t, s64 result)
{
	return user_done(t) && user_result(t) == result;
}

TEST(a_circle_ends_with_its_deadline)
{
	circle(tap_ok, fake_now + FAKE_HZ);
	advance(FAKE_HZ / 2);
	CHECK(client->state == THREAD_BLOCKED && server->state == THREAD_BLOCKED);
	advance(FAKE_HZ);
	CHECK(ends_with(client, TAKT_E_TIMEOUT) && server->state == THREAD_BLOCKED);
	user_flavour(client, TAKT_WAIT); /* now it serves the other one */
	settle();
	CHECK(client->state == THREAD_RUN && client->caller == server && client->regs->x[8] == 2);
	user_flavour(client, TAKT_REPLY_WAIT);
	settle();
	CHECK(ends_with(server, 0));
	CHECK(compartment_end());
}

TEST(a_circle_is_ended_by_others)
{
	static const struct {
		u64 whom;
		u64 op; /* 99: destroyed */
		s64 result; /* of the other one; 1: waits on */
	} ways[] = {
		{CLIENT, TAKT_THREAD_CANCEL, 1}, {SERVER, TAKT_THREAD_CANCEL, 1},
		{CLIENT, TAKT_THREAD_STOP, TAKT_E_GONE}, {SERVER, TAKT_THREAD_STOP, TAKT_E_GONE},
		{CLIENT, 99, TAKT_E_GONE}, {SERVER, 99, TAKT_E_GONE},
		{SLOT_FACTORY, 0, 0}, /* left as it is, for the end of all */
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		struct thread *it, *other;

		circle(tap_ok, 0);
		it = ways[i].whom == CLIENT ? client : server;
		other = it == client ? server : client;
		if (ways[i].op == 99)
			CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(ways[i].whom), 0));
		else if (ways[i].whom != SLOT_FACTORY)
			CHECK(!root_call(ways[i].whom, ways[i].op, W(), C(), 0));
		root_sleep();
		if (ways[i].op == TAKT_THREAD_CANCEL)
			CHECK(ends_with(it, TAKT_E_CANCELED) && other->state == THREAD_BLOCKED);
		else if (ways[i].result)
			CHECK(ends_with(other, ways[i].result));
		CHECK(compartment_end());
	}
}

int main(void)
{
	world_boot(3);
	RUN(a_destroyer_hurries_a_late_cancellation);
	RUN(a_cancellation_overtakes_what_it_is_for);
	RUN(a_late_cancellation_leaves_the_next_invocation_alone);
	RUN(a_circle_ends_with_its_deadline);
	RUN(a_circle_is_ended_by_others);
	return tap_done();
}
