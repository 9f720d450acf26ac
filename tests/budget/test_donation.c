/* SPDX-License-Identifier: MIT */
/* Who pays for a call: the client for a passive server, a helper for whoever is in its way, a server
 * on another CPU for itself. */
#include <stdio.h>

#include "../target/options.h"
#include "../target/harness.h"
#include "burn.h"

#define LABEL_SPIN 5 /* w0: ticks of CPU time, as far as the server can tell */

static bool exact(void)
{
	return option("exact", 0);
}

static void serve(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	for (;;) {
		CHECK_OK(err);
		if (TAKT_TAG_LABEL(m.tag) == LABEL_SPIN)
			burn(m.w[0]);
		m.tag = TAKT_TAG(0, 1, 0);
		m.w[0]++;
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

struct client {
	struct worker *worker;
	takt_slot gate;
	takt_ticks work, deadline; /* deadline: after the start; 0: none */
	volatile bool started, done;
	volatile int result;
	volatile takt_ticks took;
};

static void call_once(void *arg)
{
	struct client *c = arg;
	struct takt_msg m = {.tag = TAKT_TAG(LABEL_SPIN, 1, 0), .w = {c->work}};
	takt_ticks begin = takt_now();

	c->started = true;
	c->result = takt_call_until(c->gate, &m, c->deadline ? begin + c->deadline : TAKT_NEVER);
	c->took = takt_now() - begin;
	if (!c->result && m.w[0] != c->work + 1)
		c->result = 1;
	c->done = true;
}

static uint64_t consumed(takt_slot sc)
{
	uint64_t w[6] = {0};

	CHECK_OK(takt_sc_info(sc, w));
	return w[0];
}

static struct worker *server_new(unsigned cpu, bool passive, takt_slot *gate)
{
	struct worker *w = worker_new(serve, NULL);
	takt_slot sc;

	w->cpu = cpu;
	w->passive = passive;
	w->prio = 20;
	worker_start(w);
	*gate = gate_new(w->slot, 0);
	if (!passive)
		return w;
	/* It gets to its first wait on an SC that is taken away then. */
	sc = sc_new(20, cpu, ms(1), ms(1));
	CHECK_OK(takt_thread_attach(w->slot, sc));
	(void)irqs_within(1ull << 62, in_ms(20));
	CHECK_OK(takt_thread_detach(w->slot, sc));
	return w;
}

static struct client *client_new(takt_slot gate, unsigned prio, takt_ticks budget,
				 takt_ticks period, takt_ticks work)
{
	struct client *c = pool_new(sizeof(*c));

	c->gate = gate;
	c->work = work;
	c->worker = worker_new(call_once, c);
	c->worker->prio = prio;
	c->worker->budget = budget;
	c->worker->period = period;
	return c;
}

static void start(struct client *c)
{
	worker_start(c->worker);
}

static void sleep_ms(uint64_t n)
{
	(void)irqs_within(1ull << 62, in_ms(n));
}

/* --- Tests ------------------------------------------------------------------------------------ */

TEST(a_client_pays_for_a_passive_server)
{
	takt_slot gate;
	struct client *c;

	(void)server_new(0, true, &gate);
	c = client_new(gate, 25, us(500), ms(5), ms(2));
	start(c);
	worker_join(c->worker);
	CHECK_OK(c->result);
	/* 2 ms of work, half a millisecond at a time: the fifth piece at the earliest ends it. */
	CHECK(c->took >= ms(15));
	CHECK(consumed(c->worker->sc) >= ms(2));
	if (exact())
		CHECK(c->took <= ms(21));
}

TEST(an_active_server_is_paid_by_its_client_too)
{
	struct worker *s;
	takt_slot gate;
	struct client *c;
	uint64_t before;

	s = server_new(0, false, &gate);
	c = client_new(gate, 25, ms(1), ms(1), ms(2));
	sleep_ms(5);
	before = consumed(s->sc);
	start(c);
	worker_join(c->worker);
	CHECK_OK(c->result);
	CHECK(consumed(c->worker->sc) >= ms(2));
	CHECK(consumed(s->sc) - before < us(100));
}

TEST(a_server_without_budget_is_stuck_until_the_refill)
{
	takt_slot gate;
	struct client *c;

	(void)server_new(0, true, &gate);
	c = client_new(gate, 25, us(500), ms(100), us(800));
	start(c);
	sleep_ms(50);
	CHECK(c->started);
	CHECK(!c->done);
	CHECK(consumed(c->worker->sc) <= us(510) || !exact());
	worker_join(c->worker);
	CHECK_OK(c->result);
	CHECK(c->took >= ms(99));
}

TEST(a_helper_brings_it_through)
{
	takt_slot gate;
	struct client *poor, *rich;

	(void)server_new(0, true, &gate);
	poor = client_new(gate, 25, us(500), ms(200), ms(2));
	rich = client_new(gate, 30, ms(1), ms(1), ms(1));
	start(poor);
	sleep_ms(10);
	CHECK(!poor->done);
	start(rich);
	worker_join(rich->worker);
	CHECK_OK(rich->result);
	CHECK(rich->took < ms(100));
	/* The rest of the other's work, and its own. */
	CHECK(consumed(rich->worker->sc) >= us(2400));
	if (exact())
		CHECK(rich->took <= us(2700));
	worker_join(poor->worker); /* has its answer, and runs again when it has budget */
	CHECK_OK(poor->result);
	CHECK(poor->took >= ms(190));
}

TEST(a_less_urgent_helper_helps_as_well)
{
	takt_slot gate;
	struct client *poor, *rich;

	(void)server_new(0, true, &gate);
	poor = client_new(gate, 25, us(500), ms(200), ms(2));
	rich = client_new(gate, 10, ms(1), ms(1), ms(1));
	start(poor);
	sleep_ms(10);
	start(rich);
	worker_join(rich->worker);
	CHECK_OK(rich->result);
	CHECK(rich->took < ms(100));
	worker_join(poor->worker);
	CHECK_OK(poor->result);
}

TEST(a_helper_may_give_up)
{
	takt_slot gate;
	struct client *poor, *hasty;

	(void)server_new(0, true, &gate);
	poor = client_new(gate, 25, us(500), ms(100), ms(5));
	hasty = client_new(gate, 30, ms(1), ms(1), ms(1));
	hasty->deadline = us(700);
	start(poor);
	sleep_ms(5);
	start(hasty);
	worker_join(hasty->worker);
	CHECK_EQ(hasty->result, TAKT_E_TIMEOUT);
	CHECK(hasty->took >= us(700));
	if (exact())
		CHECK(hasty->took <= us(705));
	CHECK(!poor->done);
	CHECK_OK(takt_sc_update(poor->worker->sc, ms(1), ms(1)));
	worker_join(poor->worker);
	CHECK_OK(poor->result);
}

TEST(a_call_times_out_in_the_server)
{
	takt_slot gate;
	struct client *c, *after;

	(void)server_new(0, true, &gate);
	c = client_new(gate, 25, ms(1), ms(1), ms(5));
	c->deadline = ms(2);
	start(c);
	worker_join(c->worker);
	CHECK_EQ(c->result, TAKT_E_TIMEOUT);
	if (exact())
		CHECK(c->took <= us(2005));
	/* What it left half done is finished by the next one. */
	after = client_new(gate, 25, ms(1), ms(1), ms(1));
	start(after);
	worker_join(after->worker);
	CHECK_OK(after->result);
	CHECK(consumed(after->worker->sc) >= us(3900));
}

TEST(without_budget_the_time_out_comes_with_the_refill)
{
	takt_slot gate;
	struct client *c;

	(void)server_new(0, true, &gate);
	c = client_new(gate, 25, us(500), ms(50), ms(5));
	c->deadline = ms(10);
	start(c);
	worker_join(c->worker);
	CHECK_EQ(c->result, TAKT_E_TIMEOUT);
	CHECK(c->took >= ms(49));
	if (exact())
		CHECK(c->took <= ms(51));
}

/* --- Other CPU -------------------------------------------------------------------------------- */

TEST(on_another_cpu_the_server_pays)
{
	unsigned cpu = other_cpu();
	struct worker *s;
	takt_slot gate;
	struct client *c;
	uint64_t before;

	s = server_new(cpu, false, &gate);
	sleep_ms(5);
	before = consumed(s->sc);
	c = client_new(gate, 25, ms(1), ms(1), ms(3));
	start(c);
	worker_join(c->worker);
	CHECK_OK(c->result);
	CHECK(consumed(s->sc) - before >= ms(3));
	CHECK(consumed(c->worker->sc) < ms(3));
}

TEST(on_another_cpu_a_passive_server_is_none)
{
	unsigned cpu = other_cpu();
	takt_slot gate;
	struct client *c;

	(void)server_new(cpu, true, &gate);
	c = client_new(gate, 25, ms(1), ms(1), ms(1));
	start(c);
	worker_join(c->worker);
	CHECK_EQ(c->result, TAKT_E_CPU);
}

TEST(on_another_cpu_nobody_helps)
{
	unsigned cpu = other_cpu();
	struct worker *s;
	takt_slot gate;
	struct client *c;

	s = server_new(cpu, false, &gate);
	sleep_ms(5);
	CHECK_OK(takt_sc_update(s->sc, us(100), ms(500)));
	c = client_new(gate, 30, ms(1), ms(1), ms(2));
	c->deadline = ms(30);
	start(c);
	worker_join(c->worker);
	CHECK_EQ(c->result, TAKT_E_TIMEOUT);
	CHECK(c->took >= ms(30));
	CHECK_OK(takt_sc_update(s->sc, ms(1), ms(1)));
	c = client_new(gate, 30, ms(1), ms(1), us(10));
	start(c);
	worker_join(c->worker);
	CHECK_OK(c->result);
}

TEST(clients_of_two_cpus_take_turns)
{
	unsigned cpu = other_cpu();
	takt_slot gate;
	struct client *here, *there;

	(void)server_new(cpu, false, &gate);
	here = client_new(gate, 25, ms(1), ms(1), ms(4));
	there = client_new(gate, 25, ms(1), ms(1), ms(4));
	there->worker->cpu = cpu;
	start(here);
	start(there);
	worker_join(here->worker);
	worker_join(there->worker);
	CHECK_OK(here->result);
	CHECK_OK(there->result);
}

static const struct test tests[] = {
	T(a_client_pays_for_a_passive_server), T(an_active_server_is_paid_by_its_client_too),
	T(a_server_without_budget_is_stuck_until_the_refill), T(a_helper_brings_it_through),
	T(a_less_urgent_helper_helps_as_well), T(a_helper_may_give_up),
	T(a_call_times_out_in_the_server), T(without_budget_the_time_out_comes_with_the_refill),
	T(on_another_cpu_the_server_pays), T(on_another_cpu_a_passive_server_is_none),
	T(on_another_cpu_nobody_helps), T(clients_of_two_cpus_take_turns),
};
const struct suite suite_donation = SUITE("donation", tests);
