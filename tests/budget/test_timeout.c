/* SPDX-License-Identifier: MIT */
/* Time-out faults: a handler, on the same CPU or on another one, decides about a thread that has
 * used up its budget, or about a server that has used up its client's. */
#include "../target/harness.h"
#include "burn.h"

#define LABEL_BURN 5	/* w0: ticks of CPU time */
#define LABEL_FORWARD 6 /* the same, by the next server */
#define TOO_MUCH 9	/* what a server answers that was sent back */
#define NO_MORE 10	/* where the next one was stopped */
#define BUDGET us(500)
#define PERIOD (exact_time() ? ms(20) : ms(2)) /* debts are paid in periods */

enum decision { GO_ON, STOP, SEND_BACK, CANCEL_CLIENT, SAY_NOTHING };

static struct handler {
	struct worker *worker;
	takt_slot gate, client;
	volatile enum decision decision;
	struct takt_msg last;
	volatile unsigned told;
} * handler;

static struct worker *server[2];
static takt_slot gate[2];

static struct client {
	struct worker *worker;
	uint16_t label;
	takt_ticks work;
	volatile int result; /* what the server answers, or an error */
	volatile takt_ticks took;
} * client;

static uint64_t birth(takt_slot slot)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

	CHECK_OK(takt_call(TAKT_ROOT_TASK, &m));
	return m.w[2];
}

static void sleep_ms(uint64_t n)
{
	(void)irqs_within(1ull << 62, in_ms(n));
}

/* Three budgets and a bit. Where the host is late with the timer, one budget may take all that. */
static takt_ticks some_work(void)
{
	return exact_time() ? us(1800) : ms(20);
}

/* --- Those who take part ---------------------------------------------------------------------- */

static void serve_from(struct takt_msg m, int err)
{
	for (;;) {
		uint16_t label = 0;

		CHECK_OK(err);
		if (TAKT_TAG_LABEL(m.tag) == LABEL_BURN) {
			burn(m.w[0]);
		} else {
			m.tag = TAKT_TAG(LABEL_BURN, 1, 0);
			err = takt_call(gate[1], &m);
			label = err < 0 ? NO_MORE : (uint16_t)err;
		}
		m.tag = TAKT_TAG(label, 0, 0);
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void serve(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	serve_from(m, err);
}

/* Where a handler sends a server: it gives up what it was at, and tells its client. */
static void too_much(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(TOO_MUCH, 0, 0)};
	int err = takt_reply_wait(&m, TAKT_NEVER);

	serve_from(m, err);
}

static void handle(void *arg)
{
	struct handler *h = arg;
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	for (;;) {
		CHECK_OK(err);
		CHECK_EQ(TAKT_TAG_LABEL(m.tag), TAKT_LABEL_TIMEOUT);
		h->last = m;
		h->told++;
		while (h->decision == SAY_NOTHING)
			;
		if (h->decision == CANCEL_CLIENT)
			CHECK_OK(takt_thread_cancel(h->client));
		m.tag = TAKT_TAG(h->decision == STOP, h->decision == SEND_BACK, 0);
		m.w[0] = (uint64_t)too_much;
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void call_once(void *arg)
{
	struct client *c = arg;
	struct takt_msg m = {.tag = TAKT_TAG(c->label, 1, 0), .w = {c->work}};
	takt_ticks begin = takt_now();

	c->result = takt_call(gate[0], &m);
	c->took = takt_now() - begin;
}

static void burn_alone(void *arg)
{
	struct client *c = arg;
	takt_ticks begin = takt_now();

	burn(c->work);
	c->took = takt_now() - begin;
}

/* --- Set-up ----------------------------------------------------------------------------------- */

static void handler_start(unsigned cpu, enum decision decision)
{
	handler = pool_new(sizeof(*handler));
	handler->worker = worker_new(handle, handler);
	handler->worker->cpu = cpu;
	handler->worker->prio = 35;
	handler->decision = decision;
	worker_start(handler->worker);
	handler->gate = gate_new(handler->worker->slot, 66);
}

static void server_start(unsigned n, unsigned cpu, bool passive)
{
	struct worker *w = worker_new(serve, NULL);
	takt_slot sc;

	w->cpu = cpu;
	w->passive = passive;
	w->prio = 20;
	if (!passive) {
		w->budget = BUDGET;
		w->period = PERIOD;
	}
	worker_start(w);
	server[n] = w;
	gate[n] = gate_new(w->slot, 0);
	if (!passive)
		return;
	sc = sc_new(20, cpu, ms(1), ms(1)); /* on which it gets to its first wait */
	CHECK_OK(takt_thread_attach(w->slot, sc));
	sleep_ms(10);
	CHECK_OK(takt_thread_detach(w->slot, sc));
}

static struct client *client_new(void (*fn)(void *arg), uint16_t label, takt_ticks work)
{
	struct client *c = pool_new(sizeof(*c));

	c->label = label;
	c->work = work;
	c->worker = worker_new(fn, c);
	c->worker->prio = 25;
	c->worker->budget = BUDGET;
	c->worker->period = PERIOD;
	worker_make(c->worker);
	handler->client = c->worker->slot;
	return c;
}

/* A client of so many servers on its CPU (0: it does the work itself), the last of which is
 * watched. */
static void scene(unsigned handler_cpu, unsigned servers, enum decision decision)
{
	takt_slot watched;

	handler_start(handler_cpu, decision);
	for (unsigned i = 0; i < servers; i++)
		server_start(i, 0, true);
	client = client_new(servers ? call_once : burn_alone,
			    servers == 2 ? LABEL_FORWARD : LABEL_BURN, some_work());
	watched = servers ? server[servers - 1]->slot : client->worker->slot;
	CHECK_OK(takt_thread_timeout_gate(watched, handler->gate));
	worker_start(client->worker);
	while (!handler->told)
		sleep_ms(1);
	CHECK_EQ(handler->last.badge, 66);
	CHECK_EQ(handler->last.w[TAKT_FAULT_THREAD], birth(watched));
	CHECK_EQ(handler->last.w[TAKT_TIMEOUT_SC], birth(client->worker->sc));
	CHECK_EQ(handler->last.w[TAKT_FAULT_PSTATE] & 0x1f, 0);
}

static void check_took(void)
{
	CHECK(client->took >= PERIOD - us(500));
	if (exact_time()) {
		CHECK(client->took >= 3 * PERIOD - us(500));
		CHECK(client->took <= 3 * PERIOD + ms(1));
	}
}

/* --- Each decision, for each depth, from each CPU -----------------------------------------------
 */

static void check_go_on(unsigned handler_cpu)
{
	for (unsigned servers = 0; servers < 3; servers++) {
		scene(handler_cpu, servers, GO_ON);
		worker_join(client->worker);
		CHECK_OK(client->result);
		check_took();
		if (exact_time())
			CHECK_EQ(handler->told, 3);
	}
}

static void check_stop(unsigned handler_cpu)
{
	scene(handler_cpu, 0, STOP);
	CHECK(quiet(client->worker->bit, 50));
	CHECK_OK(takt_thread_start(client->worker->slot, 0, 0, 0)); /* it has stopped */
	CHECK_OK(takt_thread_stop(client->worker->slot));
	for (unsigned servers = 1; servers < 3; servers++) {
		scene(handler_cpu, servers, STOP);
		worker_join(client->worker);
		CHECK_EQ(client->result, servers == 1 ? TAKT_E_GONE : NO_MORE);
	}
}

static void check_send_back(unsigned handler_cpu)
{
	for (unsigned servers = 1; servers < 3; servers++) {
		scene(handler_cpu, servers, SEND_BACK);
		worker_join(client->worker);
		CHECK_EQ(client->result, TOO_MUCH);
		if (exact_time())
			CHECK_EQ(handler->told, 1);
		/* The server is as good as new. */
		client = client_new(call_once, servers == 2 ? LABEL_FORWARD : LABEL_BURN, us(10));
		worker_start(client->worker);
		worker_join(client->worker);
		CHECK_OK(client->result);
	}
}

static void check_cancel(unsigned handler_cpu)
{
	for (unsigned servers = 1; servers < 3; servers++) {
		struct client *other;

		scene(handler_cpu, servers, CANCEL_CLIENT);
		worker_join(client->worker);
		CHECK_EQ(client->result, TAKT_E_CANCELED);
		/* The next one brings what was left to its end, and is told of in turn. */
		handler->decision = GO_ON;
		other = client_new(call_once, servers == 2 ? LABEL_FORWARD : LABEL_BURN, us(10));
		worker_start(other->worker);
		worker_join(other->worker);
		CHECK_OK(other->result);
	}
}

TEST(it_goes_on)
{
	check_go_on(0);
}
TEST(it_goes_on_by_another_cpu)
{
	check_go_on(other_cpu());
}
TEST(it_is_stopped)
{
	check_stop(0);
}
TEST(it_is_stopped_by_another_cpu)
{
	check_stop(other_cpu());
}
TEST(the_server_is_sent_back)
{
	check_send_back(0);
}
TEST(the_server_is_sent_back_by_another_cpu)
{
	check_send_back(other_cpu());
}
TEST(the_client_is_cancelled)
{
	check_cancel(0);
}
TEST(the_client_is_cancelled_by_another_cpu)
{
	check_cancel(other_cpu());
}

/* --- A server on another CPU, on its own budget -------------------------------------------------
 */

static void check_remote(unsigned server_cpu, unsigned handler_cpu)
{
	handler_start(handler_cpu, GO_ON);
	server_start(0, server_cpu, false);
	CHECK_OK(takt_thread_timeout_gate(server[0]->slot, handler->gate));
	client = client_new(call_once, LABEL_BURN, some_work());
	worker_start(client->worker);
	worker_join(client->worker);
	CHECK_OK(client->result);
	CHECK(handler->told);
	CHECK_EQ(handler->last.w[TAKT_TIMEOUT_SC], birth(server[0]->sc));
	check_took();
	handler->decision = SEND_BACK;
	client = client_new(call_once, LABEL_BURN, some_work());
	worker_start(client->worker);
	worker_join(client->worker);
	CHECK_EQ(client->result, TOO_MUCH);
}

TEST(a_remote_server_and_a_handler_beside_it)
{
	unsigned cpu = other_cpu();

	check_remote(cpu, cpu);
}

TEST(a_remote_server_and_a_handler_here)
{
	check_remote(other_cpu(), 0);
}

/* --- Handlers that do not handle ----------------------------------------------------------------
 */

static void check_gone(unsigned handler_cpu)
{
	for (unsigned how = 0; how < 3; how++) {
		scene(handler_cpu, 1, SAY_NOTHING);
		if (how == 0)
			CHECK_OK(takt_thread_stop(handler->worker->slot));
		else if (how == 1)
			CHECK_OK(takt_factory_destroy(test_factory, handler->worker->slot));
		else
			CHECK_OK(takt_thread_detach(handler->worker->slot, handler->worker->sc));
		if (how == 2) /* it has got the message, and will never answer it */
			CHECK_OK(takt_thread_cancel(server[0]->slot));
		worker_join(client->worker);
		CHECK_OK(client->result);
		check_took();
		CHECK_EQ(handler->told, 1);
	}
}

TEST(a_handler_that_goes)
{
	check_gone(0);
}
TEST(a_handler_that_goes_on_another_cpu)
{
	check_gone(other_cpu());
}

static void check_poor(unsigned handler_cpu)
{
	scene(handler_cpu, 1, SAY_NOTHING);
	/* It has used its slice up by now and keeps on: next to no budget is left to it. */
	CHECK_OK(takt_sc_update(handler->worker->sc, us(100), 2 * PERIOD));
	sleep_ms(5);
	handler->decision = SEND_BACK;
	worker_join(client->worker);
	CHECK_EQ(client->result, TOO_MUCH);
}

TEST(a_handler_out_of_budget)
{
	check_poor(0);
}
TEST(a_handler_out_of_budget_on_another_cpu)
{
	check_poor(other_cpu());
}

TEST(errors)
{
	struct worker *w = worker_new(server_echo, NULL);
	takt_slot g, vcpu = slot_new();

	worker_start(w);
	g = gate_new(w->slot, 1);
	CHECK_ERR(takt_thread_timeout_gate(w->slot, cap_without(g, TAKT_R_GATE_CALL)),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_timeout_gate(cap_without(w->slot, TAKT_R_THREAD_CONTROL), g),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_timeout_gate(w->slot, w->sc), TAKT_E_TYPE);
	CHECK_ERR(takt_thread_timeout_gate(w->slot, slot_new()), TAKT_E_CAP);
	CHECK_OK(takt_thread_timeout_gate(w->slot, cap_with(g, TAKT_R_GATE_CALL)));
	CHECK_OK(takt_thread_timeout_gate(w->slot, 0));
	CHECK_OK(takt_create_thread(test_factory, "late", vcpu));
	CHECK_ERR(takt_thread_timeout_gate(vcpu, g), TAKT_E_STATE);
}

static const struct test tests[] = {
	T(it_goes_on),
	T(it_goes_on_by_another_cpu),
	T(it_is_stopped),
	T(it_is_stopped_by_another_cpu),
	T(the_server_is_sent_back),
	T(the_server_is_sent_back_by_another_cpu),
	T(the_client_is_cancelled),
	T(the_client_is_cancelled_by_another_cpu),
	T(a_remote_server_and_a_handler_beside_it),
	T(a_remote_server_and_a_handler_here),
	T(a_handler_that_goes),
	T(a_handler_that_goes_on_another_cpu),
	T(a_handler_out_of_budget),
	T(a_handler_out_of_budget_on_another_cpu),
	T(errors),
};
const struct suite suite_timeout = SUITE("timeout", tests);
