/* SPDX-License-Identifier: MIT */
/* Chains of calls: helping, time-outs, deadlocks, depth, and what happens when one end leaves. */
#include "harness.h"

/* A server that, told to, works for a while or calls on. Labels below; the answer's word 0 is the
 * error that it got itself. */
enum {
	NOTHING,
	WORK_US,   /* w0: for that long, by the clock */
	WORK_UNTIL, /* w0: address of a bool */
	CALL_ON,   /* w0: gate, w1: label there; it gets NOTHING to do otherwise */
	CALL_CHAIN, /* w0: address of a 0-terminated list of gates */
};

struct server {
	struct worker *w;
	takt_slot gate;
};

static void spin_us(uint64_t n)
{
	takt_ticks end = takt_now() + us(n);

	while (takt_now() < end)
		;
}

static int work(struct takt_msg *m)
{
	const takt_slot *list;

	switch (TAKT_TAG_LABEL(m->tag)) {
	case WORK_US:
		spin_us(m->w[0]);
		return 0;
	case WORK_UNTIL:
		spin_until_set((void *)m->w[0]);
		return 0;
	case CALL_ON:
		return call_words((takt_slot)m->w[0], (uint16_t)m->w[1], 0, 0, NULL);
	case CALL_CHAIN:
		list = (const takt_slot *)m->w[0];
		return list[0] ? call_words(list[0], CALL_CHAIN, (uint64_t)(list + 1), 0, NULL) : 0;
	default:
		return 0;
	}
}

static void serve(void *served)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		int err = work(&m);

		if (served)
			++*(volatile unsigned *)served;
		m.tag = TAKT_TAG(err, 0, 0);
		CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
	}
}

static struct server server_start(unsigned prio, unsigned cpu, unsigned *served)
{
	struct server s = {.w = worker_new(serve, served)};

	s.w->prio = prio;
	s.w->cpu = cpu;
	s.w->passive = !prio;
	worker_make(s.w);
	s.gate = gate_new(s.w->slot, 0);
	worker_start(s.w);
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL)); /* it waits now */
	return s;
}

static int call_until(takt_slot gate, uint16_t label, uint64_t w0, takt_ticks deadline)
{
	struct takt_msg m = {.tag = TAKT_TAG(label, 2, 0), .w = {w0}};

	return takt_call_until(gate, &m, deadline);
}

/* A client as a worker: one call, its result. */
struct client {
	struct worker *w;
	takt_slot gate;
	uint16_t label;
	uint64_t w0, w1;
	takt_ticks deadline, began, ended;
	volatile int result;
};

static void client_run(void *arg)
{
	struct client *c = arg;
	struct takt_msg m = {.tag = TAKT_TAG(c->label, 2, 0), .w = {c->w0, c->w1}};

	c->began = takt_now();
	c->result = takt_call_until(c->gate, &m, c->deadline);
	c->ended = takt_now();
}

static struct client *client_new(takt_slot gate, uint16_t label, uint64_t w0, unsigned prio)
{
	struct client *c = pool_new(sizeof(*c));

	c->gate = gate;
	c->label = label;
	c->w0 = w0;
	c->deadline = TAKT_NEVER;
	c->result = 1;
	c->w = worker_new(client_run, c);
	c->w->prio = prio;
	return c;
}

/* --- Time-outs -------------------------------------------------------------------------------- */

TEST(a_wait_times_out)
{
	struct takt_msg m = {0};
	takt_ticks deadline = in_ms(3);

	CHECK_ERR(takt_wait(&m, deadline), TAKT_E_TIMEOUT);
	CHECK(takt_now() >= deadline);
	CHECK_ERR(takt_wait(&m, 0), TAKT_E_TIMEOUT);
	CHECK_ERR(takt_wait(&m, takt_now()), TAKT_E_TIMEOUT);
	CHECK_ERR(takt_reply_wait(&m, in_ms(1)), TAKT_E_TIMEOUT);
}

TEST(a_call_times_out)
{
	unsigned served = 0;
	volatile bool *go = pool_new(1);
	struct server s = server_start(HELP_PRIO, 0, &served);
	takt_ticks deadline = in_ms(2);

	CHECK_ERR(call_until(s.gate, WORK_UNTIL, (uint64_t)go, deadline), TAKT_E_TIMEOUT);
	CHECK(takt_now() >= deadline);
	CHECK(!exact_time() || takt_now() < deadline + us(10));
	CHECK_EQ(served, 1);
	*go = true;
	/* The server, an orphan, goes on in its own time; its answer goes to nobody. */
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
	CHECK_EQ(served, 3);
}

TEST(an_orphan_runs_on_its_own)
{
	unsigned served = 0;
	volatile bool *go = pool_new(1);
	struct server s = server_start(HELP_PRIO, 0, &served);

	CHECK_ERR(call_until(s.gate, WORK_UNTIL, (uint64_t)go, in_ms(1)), TAKT_E_TIMEOUT);
	*go = true;
	CHECK(quiet(1, 5));
	CHECK_EQ(served, 2);
}

TEST(a_passive_orphan_runs_when_helped)
{
	unsigned served = 0;
	volatile bool *go = pool_new(1);
	struct server s = server_start(0, 0, &served);

	CHECK_ERR(call_until(s.gate, WORK_UNTIL, (uint64_t)go, in_ms(1)), TAKT_E_TIMEOUT);
	*go = true;
	CHECK(quiet(1, 5));
	CHECK_EQ(served, 1); /* no time, no progress */
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
	CHECK_EQ(served, 3);
}

TEST(a_call_within_its_deadline)
{
	struct server s = server_start(HELP_PRIO, 0, NULL);

	for (unsigned i = 0; i < 20; i++)
		CHECK_OK(call_until(s.gate, WORK_US, 100, in_ms(WAIT_MS)));
	/* The deadline of a call that is over means nothing any more. */
	CHECK_OK(call_until(s.gate, NOTHING, 0, in_ms(2)));
	CHECK_OK(call_words(s.gate, WORK_US, 4000, 0, NULL));
	CHECK_OK(call_until(s.gate, NOTHING, 0, in_ms(2)));
	spin_us(4000);
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
}

TEST(a_call_with_a_deadline_in_the_past)
{
	unsigned served = 0;
	struct server s = server_start(HELP_PRIO, 0, &served);

	CHECK_ERR(call_until(s.gate, WORK_US, 3000, takt_now()), TAKT_E_TIMEOUT);
	CHECK_ERR(call_until(s.gate, WORK_US, 3000, 0), TAKT_E_TIMEOUT);
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
}

TEST(waiting_for_a_busy_server_times_out)
{
	volatile bool *go = pool_new(1);
	struct server s = server_start(HELP_PRIO, 0, NULL);
	struct client *c = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO + 1);

	worker_start(c->w);
	CHECK(quiet(c->w->bit, 2)); /* it is in the server */
	CHECK_ERR(call_until(s.gate, NOTHING, 0, in_ms(2)), TAKT_E_TIMEOUT);
	*go = true;
	worker_join(c->w);
	CHECK_OK(c->result);
}

/* The outer call's deadline ends it while the inner one goes on. */
TEST(a_chain_times_out_from_its_beginning)
{
	struct server inner = server_start(HELP_PRIO, 0, NULL), outer;
	struct takt_msg m = {.tag = TAKT_TAG(CALL_ON, 2, 0), .w = {inner.gate, 0}};
	takt_slot list[] = {inner.gate, 0};
	volatile bool *go = pool_new(1);
	struct client *c = client_new(inner.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO);

	outer = server_start(HELP_PRIO, 0, NULL);
	worker_start(c->w);
	CHECK(quiet(c->w->bit, 1));
	/* outer wants inner, which is busy with c */
	CHECK_ERR(takt_call_until(outer.gate, &m, in_ms(2)), TAKT_E_TIMEOUT);
	CHECK_ERR(call_until(outer.gate, CALL_CHAIN, (uint64_t)list, in_ms(2)), TAKT_E_TIMEOUT);
	*go = true;
	worker_join(c->w);
	CHECK_OK(call_words(outer.gate, CALL_ON, inner.gate, NOTHING, NULL));
}

/* --- Helping ---------------------------------------------------------------------------------- */

/* A server is busy for a client of low priority, and somebody in between has the CPU. An urgent
 * client helps the server past that one. */
static void check_helping(unsigned server_prio)
{
	unsigned served = 0;
	volatile bool *go = pool_new(1), *stop = pool_new(1);
	struct server s = server_start(server_prio, 0, &served);
	struct client *low = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO);
	struct worker *between = worker_new(spin_until_set, (void *)stop);

	between->prio = HELP_PRIO + 5;
	worker_start(low->w);
	CHECK(quiet(low->w->bit, 1));
	worker_start(between);
	*go = true;
	CHECK(quiet(low->w->bit, 2)); /* no progress at all */
	CHECK_EQ(served, 1);
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
	CHECK_EQ(served, 3);
	CHECK_EQ(low->result, 1); /* answered, but it has not run since */
	*stop = true;
	worker_join(between);
	worker_join(low->w);
	CHECK_OK(low->result);
}

TEST(helping_a_busy_server)
{
	check_helping(HELP_PRIO);
}

TEST(helping_a_busy_passive_server)
{
	check_helping(0);
}

/* The server itself waits for a second one: help goes through. */
TEST(helping_through_a_chain)
{
	struct server inner = server_start(0, 0, NULL), outer = server_start(0, 0, NULL);
	struct client *low = client_new(outer.gate, CALL_CHAIN, 0, HELP_PRIO);
	volatile bool *stop = pool_new(1), *go = pool_new(1);
	struct worker *between = worker_new(spin_until_set, (void *)stop);
	struct client *first = client_new(inner.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO + 1);
	takt_slot *list = pool_new(2 * sizeof(*list));

	list[0] = inner.gate;
	low->w0 = (uint64_t)list;
	between->prio = HELP_PRIO + 5;
	worker_start(first->w); /* inner is busy for it */
	CHECK(quiet(first->w->bit, 1));
	low->w->prio = HELP_PRIO + 2; /* so that it comes that far */
	worker_start(low->w);
	CHECK(quiet(low->w->bit, 1));
	worker_start(between);
	*go = true;
	CHECK(quiet(low->w->bit, 2));
	CHECK_OK(call_words(outer.gate, NOTHING, 0, 0, NULL));
	*stop = true;
	worker_join(between);
	worker_join(low->w);
	worker_join(first->w);
	CHECK_OK(low->result);
	CHECK_OK(first->result);
}

#define ROUNDS 24

/* Of an urgent thread that is woken by the server in the middle of its work for somebody else. */
struct urgent {
	takt_slot gate;
	uint64_t got[ROUNDS];
	int result[ROUNDS];
};

/* Label 1: triggers the irq first. The answer is the next number. */
static void serve_and_trigger(void *irq)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		if (TAKT_TAG_LABEL(m.tag))
			CHECK_OK(takt_irq_trigger((takt_slot)(uintptr_t)irq));
		m.tag = TAKT_TAG(0, 1, 0);
		m.w[0]++;
		CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
	}
}

/* A plain call, one that fails, one that would end at some time. */
static int call_by_kind(takt_slot gate, unsigned kind, uint64_t *w)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, 1, kind == 1), .w = {*w}, .cap = {SLOT_THREAD}};
	int err = takt_call_until(gate, &m, kind == 2 ? in_ms(100) : TAKT_NEVER);

	*w = m.w[0];
	return err;
}

static void call_when_woken(void *arg)
{
	struct urgent *u = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct takt_msg m = {0};

		CHECK_OK(takt_wait(&m, TAKT_NEVER));
		u->got[i] = 1000 + i;
		u->result[i] = call_by_kind(u->gate, i % 3, &u->got[i]);
	}
}

/* Between the urgent call, the busy server and the answer nothing else happens. */
TEST(helping_at_once)
{
	takt_slot irq = slot_new();
	struct worker *w = worker_new(call_when_woken, NULL), *server;
	struct urgent *u = pool_new(sizeof(*u));
	uint64_t refused = 0;
	int error;

	CHECK_OK(takt_factory_create(test_factory, TAKT_IRQ, 0, takt_name("kick"), irq));
	server = worker_new(serve_and_trigger, (void *)(uintptr_t)irq);
	server->passive = true;
	worker_make(server);
	u->gate = gate_new(server->slot, 0);
	w->arg = u;
	w->prio = TEST_PRIO + 5;
	worker_make(w);
	CHECK_OK(takt_irq_bind_thread(irq, w->slot, 1));
	worker_start(server);
	worker_start(w);
	error = call_by_kind(u->gate, 1, &refused);
	CHECK(error < 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct takt_msg m;

		CHECK_OK(call_words(u->gate, 1, i, 0, &m));
		CHECK_EQ(m.w[0], i + 1);
		CHECK_EQ(u->got[i], 1000 + i + (i % 3 != 1)); /* it has run already */
		CHECK_ERR(u->result[i], i % 3 == 1 ? error : 0);
	}
	worker_join(w);
}

/* Callers that found the server busy are served by priority, not in the order of their coming. */
TEST(urgent_callers_first)
{
	unsigned served = 0;
	struct server s = server_start(0, 0, &served);
	struct client *c[3];
	volatile bool *go = pool_new(1);

	c[0] = client_new(s.gate, WORK_UNTIL, (uint64_t)go, 10);
	c[1] = client_new(s.gate, WORK_US, 100, 11);
	c[2] = client_new(s.gate, WORK_US, 100, 12);
	for (unsigned i = 0; i < 3; i++) {
		worker_start(c[i]->w);
		CHECK(quiet(c[i]->w->bit, 1));
	}
	*go = true;
	for (unsigned i = 0; i < 3; i++) {
		worker_join(c[i]->w);
		CHECK_OK(c[i]->result);
	}
	CHECK(c[2]->ended < c[1]->ended);
}

TEST(callers_of_other_cpus_queue)
{
	volatile bool *go = pool_new(1);
	unsigned served = 0;
	struct server s = server_start(HELP_PRIO, 0, &served);
	struct client *first = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO), *c[6];
	unsigned other = other_cpu();

	worker_start(first->w);
	CHECK(quiet(first->w->bit, 1));
	for (unsigned i = 0; i < 6; i++) {
		c[i] = client_new(s.gate, NOTHING, 0, HELP_PRIO);
		c[i]->w->cpu = i % 2 ? cpus() - 1 : other;
		worker_start(c[i]->w);
	}
	CHECK(quiet(c[0]->w->bit, 5));
	*go = true;
	worker_join(first->w);
	for (unsigned i = 0; i < 6; i++) {
		worker_join(c[i]->w);
		CHECK_OK(c[i]->result);
	}
	CHECK_EQ(served, 8);
}

/* A server works for a local client that has no time left for long. Who calls from another CPU does not
 * wait for that: the server goes on with its own. */
TEST(callers_of_other_cpus_get_a_server_free)
{
	struct server s = server_start(HELP_PRIO, 0, NULL);
	struct client *poor = client_new(s.gate, WORK_US, 200000, HELP_PRIO);
	struct client *c = client_new(s.gate, NOTHING, 0, HELP_PRIO);

	c->w->cpu = other_cpu();
	poor->w->budget = us(200);
	poor->w->period = ms(20000);
	worker_start(poor->w);
	CHECK(quiet(poor->w->bit, 5));
	worker_start(c->w);
	worker_join(c->w);
	CHECK_OK(c->result);
	CHECK_EQ(poor->result, 1); /* answered, but it has not run since */
}

/* --- Deadlock and depth ----------------------------------------------------------------------- */

TEST(calling_oneself)
{
	takt_slot gate = gate_new(SLOT_THREAD, 0);

	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_DEADLOCK);
}

TEST(calling_in_a_circle)
{
	struct server a = server_start(0, 0, NULL), b = server_start(0, 0, NULL),
		      c = server_start(0, 0, NULL);
	takt_slot *list = pool_new(5 * sizeof(*list));

	list[0] = a.gate;
	CHECK_ERR(call_words(a.gate, CALL_CHAIN, (uint64_t)list, 0, NULL), TAKT_E_DEADLOCK);
	list[0] = b.gate;
	list[1] = a.gate;
	CHECK_ERR(call_words(a.gate, CALL_CHAIN, (uint64_t)list, 0, NULL), TAKT_E_DEADLOCK);
	list[1] = c.gate;
	list[2] = b.gate;
	CHECK_ERR(call_words(a.gate, CALL_CHAIN, (uint64_t)list, 0, NULL), TAKT_E_DEADLOCK);
	list[2] = gate_new(SLOT_THREAD, 0); /* back to the first caller */
	CHECK_ERR(call_words(a.gate, CALL_CHAIN, (uint64_t)list, 0, NULL), TAKT_E_DEADLOCK);
	/* All of them are well. */
	list[2] = 0;
	CHECK_OK(call_words(a.gate, CALL_CHAIN, (uint64_t)list, 0, NULL));
}

TEST(chains_are_bounded)
{
	struct server s[10];
	takt_slot *list = pool_new(11 * sizeof(*list));

	for (unsigned i = 0; i < 10; i++) {
		s[i] = server_start(0, 0, NULL);
		list[i] = s[i].gate;
	}
	list[8] = 0; /* this thread and 8 servers */
	CHECK_OK(call_words(list[0], CALL_CHAIN, (uint64_t)(list + 1), 0, NULL));
	list[8] = s[8].gate;
	CHECK_ERR(call_words(list[0], CALL_CHAIN, (uint64_t)(list + 1), 0, NULL), TAKT_E_DEPTH);
	list[8] = 0;
	CHECK_OK(call_words(list[0], CALL_CHAIN, (uint64_t)(list + 1), 0, NULL));
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void wait_twice(void *result)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	*(volatile int *)result = takt_wait(&m, TAKT_NEVER);
	m.tag = 0;
	(void)!takt_reply_wait(&m, TAKT_NEVER);
}

TEST(waiting_while_owing_an_answer)
{
	int result = 1;
	struct worker *w = worker_new(wait_twice, &result);
	takt_slot gate;

	worker_make(w);
	gate = gate_new(w->slot, 0);
	worker_start(w);
	CHECK_OK(call_words(gate, 0, 0, 0, NULL));
	CHECK_ERR(result, TAKT_E_STATE);
}

static void check_server_stops(unsigned cpu)
{
	volatile bool *go = pool_new(1);
	struct server s = server_start(HELP_PRIO, cpu, NULL);
	struct client *c[2];

	/* One is being served, one waits for its turn. */
	for (unsigned i = 0; i < 2; i++) {
		c[i] = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO + 1);
		worker_start(c[i]->w);
		CHECK(quiet(c[i]->w->bit, 2));
	}
	CHECK_OK(takt_thread_stop(s.w->slot));
	for (unsigned i = 0; i < 2; i++) {
		worker_join(c[i]->w);
		CHECK_ERR(c[i]->result, TAKT_E_GONE);
	}
	CHECK_ERR(call_words(s.gate, NOTHING, 0, 0, NULL), TAKT_E_GONE);
}

TEST(a_server_stops)
{
	check_server_stops(0);
}

TEST(a_server_on_another_cpu_stops)
{
	check_server_stops(other_cpu());
}

TEST(a_server_in_the_middle_stops)
{
	volatile bool *go = pool_new(1);
	unsigned served = 0;
	struct server inner = server_start(HELP_PRIO, 0, &served), outer;
	struct client *c;

	outer = server_start(HELP_PRIO, 0, NULL);
	c = client_new(outer.gate, CALL_ON, inner.gate, HELP_PRIO + 1);
	c->w1 = NOTHING;
	worker_start(c->w);
	worker_join(c->w);
	CHECK_EQ(served, 2);
	/* Now with inner busy: outer wants it. */
	struct client *busy = client_new(inner.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO);

	worker_start(busy->w);
	CHECK(quiet(busy->w->bit, 1));
	worker_start(c->w);
	CHECK(quiet(c->w->bit, 2));
	CHECK_OK(takt_thread_stop(outer.w->slot));
	worker_join(c->w);
	CHECK_ERR(c->result, TAKT_E_GONE);
	*go = true;
	worker_join(busy->w);
	CHECK_OK(busy->result);
	CHECK_EQ(served, 3);
}

TEST(a_client_stops)
{
	volatile bool *go = pool_new(1);
	unsigned served = 0;
	struct server s = server_start(HELP_PRIO, 0, &served);
	struct client *c = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO + 1);

	worker_start(c->w);
	CHECK(quiet(c->w->bit, 2));
	CHECK_OK(takt_thread_stop(c->w->slot));
	*go = true;
	CHECK_OK(call_words(s.gate, NOTHING, 0, 0, NULL));
	CHECK_EQ(served, 3);
	CHECK_EQ(c->result, 1);
}

TEST(a_waiting_client_stops)
{
	volatile bool *go = pool_new(1);
	unsigned served = 0;
	struct server s = server_start(HELP_PRIO, 0, &served);
	struct client *c[2];

	for (unsigned i = 0; i < 2; i++) {
		c[i] = client_new(s.gate, WORK_UNTIL, (uint64_t)go, HELP_PRIO + 1);
		worker_start(c[i]->w);
		CHECK(quiet(c[i]->w->bit, 2));
	}
	CHECK_OK(takt_thread_stop(c[1]->w->slot));
	*go = true;
	worker_join(c[0]->w);
	CHECK_OK(c[0]->result);
	CHECK(quiet(c[1]->w->bit, 2));
	CHECK_EQ(served, 2); /* the second request was never delivered */
}

static const struct test tests[] = {
	T(a_wait_times_out),
	T(a_call_times_out),
	T(an_orphan_runs_on_its_own),
	T(a_passive_orphan_runs_when_helped),
	T(a_call_within_its_deadline),
	T(a_call_with_a_deadline_in_the_past),
	T(waiting_for_a_busy_server_times_out),
	T(a_chain_times_out_from_its_beginning),
	T(helping_a_busy_server),
	T(helping_a_busy_passive_server),
	T(helping_through_a_chain),
	T(helping_at_once),
	T(urgent_callers_first),
	T(callers_of_other_cpus_queue),
	T(callers_of_other_cpus_get_a_server_free),
	T(calling_oneself),
	T(calling_in_a_circle),
	T(chains_are_bounded),
	T(waiting_while_owing_an_answer),
	T(a_server_stops),
	T(a_server_on_another_cpu_stops),
	T(a_server_in_the_middle_stops),
	T(a_client_stops),
	T(a_waiting_client_stops),
};
const struct suite suite_call = SUITE("call", tests);
