/* SPDX-License-Identifier: MIT */
/* Calls through gates: messages, capabilities, badges, and who runs when. Time-outs, chains and
 * ends are in test_call.c. */
#include <string.h>

#include "harness.h"

/* A server with its gate; messages go both ways through the whole of a struct takt_msg. */
struct echo {
	struct worker *w;
	takt_slot gate;
};

static struct echo echo_start(unsigned cpu, bool passive, takt_slot task)
{
	struct echo e = {.w = worker_new(server_echo, NULL)};

	e.w->cpu = cpu;
	e.w->passive = passive;
	e.w->task = task;
	worker_make(e.w);
	e.gate = gate_new(e.w->slot, 0x1234);
	worker_start(e.w);
	return e;
}

static void check_echo(takt_slot gate, unsigned words)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, words, 0)};

	for (unsigned i = 0; i < TAKT_REG_WORDS; i++)
		m.w[i] = 100 + i;
	for (unsigned i = TAKT_REG_WORDS; i < TAKT_MAX_WORDS; i++)
		takt_utcb()->words[i] = 100 + i;
	CHECK_OK(takt_call(gate, &m));
	CHECK_EQ(m.tag, TAKT_TAG(0, words, 0));
	for (unsigned i = 0; i < words; i++)
		CHECK_EQ(i < TAKT_REG_WORDS ? m.w[i] : takt_utcb()->words[i], 101 + i);
	/* Words that were not sent do not change. */
	for (unsigned i = words < TAKT_REG_WORDS ? TAKT_REG_WORDS : words; i < TAKT_MAX_WORDS; i++)
		CHECK_EQ(takt_utcb()->words[i], 100 + i);
}

static void check_all_lengths(struct echo e)
{
	for (unsigned words = 0; words <= TAKT_MAX_WORDS; words++)
		check_echo(e.gate, words);
	for (unsigned words = TAKT_MAX_WORDS + 1; words < 128; words += 21) {
		struct takt_msg m = {.tag = TAKT_TAG(0, words, 0)};

		CHECK_ERR(takt_call(e.gate, &m), TAKT_E_MSG);
	}
	check_echo(e.gate, 3); /* the server has seen nothing of those */
}

TEST(words_in_the_own_task)
{
	check_all_lengths(echo_start(0, false, 0));
}

TEST(words_between_tasks)
{
	check_all_lengths(echo_start(0, false, task_new()));
}

TEST(words_to_a_passive_server)
{
	check_all_lengths(echo_start(0, true, task_new()));
}

TEST(words_between_cpus)
{
	check_all_lengths(echo_start(other_cpu(), false, task_new()));
}

static void server_labels(void *unused)
{
	struct takt_msg m = {0};

	(void)unused;
	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		m.w[0] = m.badge;
		m.w[1] = TAKT_TAG_LABEL(m.tag);
		m.tag = TAKT_TAG(m.w[1] + 1, 2, 0);
		CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
	}
}

TEST(labels_and_badges)
{
	struct worker *w = worker_new(server_labels, NULL);
	takt_slot a, b;
	struct takt_msg m;

	worker_make(w);
	a = gate_new(w->slot, 7);
	b = gate_new(w->slot, UINT64_MAX);
	worker_start(w);
	CHECK_EQ(call_words(a, 0x100, 0, 0, &m), 0x101);
	CHECK_EQ(m.w[0], 7);
	CHECK_EQ(m.w[1], 0x100);
	CHECK_EQ(call_words(b, 0xfffa, 0, 0, &m), -5); /* a label is the result, signed */
	CHECK_EQ(m.w[0], UINT64_MAX);
	CHECK_EQ(m.w[1], 0xfffa);
	/* The badge belongs to the gate, not to the capability. */
	CHECK_EQ(call_words(cap_with(a, TAKT_R_GATE_CALL), 1, 0, 0, &m), 2);
	CHECK_EQ(m.w[0], 7);
}

static void server_tags(void *unused)
{
	struct takt_msg m = {0};

	(void)unused;
	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		m.w[0] = m.tag;
		m.tag = TAKT_TAG(0, 1, 0);
		CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
	}
}

/* What arrives can be told from what the kernel says itself. */
static void check_feigned(unsigned cpu)
{
	static const uint64_t tags[] = {TAKT_TAG_IRQ, TAKT_TAG_FAULT, TAKT_TAG_TIMEOUT,
					TAKT_TAG(TAKT_LABEL_IRQ, 7, 0) | TAKT_TAG_KERNEL};
	struct worker *w = worker_new(server_tags, NULL);
	takt_slot gate;

	w->cpu = cpu;
	worker_make(w);
	gate = gate_new(w->slot, 0);
	worker_start(w);
	for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		uint64_t plain = tags[i] & ~(uint64_t)TAKT_TAG_KERNEL;
		struct takt_msg m = {.tag = tags[i]};

		CHECK_OK(takt_call(gate, &m));
		CHECK_EQ(m.w[0], plain);
		m = (struct takt_msg){.tag = plain};
		CHECK_OK(takt_call(gate, &m));
		CHECK_EQ(m.w[0], plain);
	}
}

TEST(nobody_feigns_a_signal)
{
	check_feigned(0);
}

TEST(nobody_feigns_a_signal_from_another_cpu)
{
	check_feigned(other_cpu());
}

TEST(gate_rights)
{
	struct echo e = echo_start(0, false, 0);
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, 1), .cap = {TAKT_ROOT_LOG}};
	takt_slot call = cap_with(e.gate, TAKT_R_GATE_CALL);

	CHECK_ERR(call_words(cap_without(e.gate, TAKT_R_GATE_CALL), 0, 1, 2, NULL), TAKT_E_RIGHTS);
	CHECK_OK(call_words(call, 0, 1, 2, NULL));
	CHECK_ERR(takt_call(call, &m), TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_bind_gate(e.w->slot, call), TAKT_E_RIGHTS);
}

TEST(gate_without_a_server)
{
	takt_slot gate = slot_new();
	struct worker *w = worker_new(server_echo, NULL);

	CHECK_OK(takt_create_gate(test_factory, 0, gate));
	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_GONE);
	worker_make(w);
	CHECK_OK(takt_thread_bind_gate(w->slot, gate));
	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_GONE); /* not started */
	worker_start(w);
	CHECK_OK(call_words(gate, 0, 0, 0, NULL));
	CHECK_OK(takt_thread_stop(w->slot));
	CHECK_ERR(call_words(gate, 0, 0, 0, NULL), TAKT_E_GONE);
	worker_start(w); /* anew, and the gate is good again */
	CHECK_OK(call_words(gate, 0, 0, 0, NULL));
}

TEST(gates_are_rebound)
{
	struct worker *a = worker_new(server_labels, NULL), *b = worker_new(server_echo, NULL);
	takt_slot gate;

	worker_start(a);
	worker_start(b);
	gate = gate_new(a->slot, 5);
	CHECK_EQ(call_words(gate, 1, 0, 0, NULL), 2);
	CHECK_OK(takt_thread_bind_gate(b->slot, gate));
	CHECK_EQ(call_words(gate, 1, 0, 0, NULL), 0);
}

/* --- Capabilities in messages ----------------------------------------------------------------- */

struct receiver {
	takt_slot window;
	unsigned caps;	      /* to be sent back, from the window on */
	volatile int result;  /* of the last reply_wait */
	volatile unsigned got;
};

static void server_caps(void *arg)
{
	struct receiver *r = arg;
	struct takt_msg m = {.window = r->window};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		r->got = TAKT_TAG_CAPS(m.tag);
		m.tag = TAKT_TAG(0, 0, r->caps);
		m.window = r->window;
		for (unsigned i = 0; i < TAKT_MAX_CAPS; i++)
			m.cap[i] = r->window + i;
		r->result = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static takt_slot receiver_start(struct receiver *r, unsigned cpu)
{
	struct worker *w = worker_new(server_caps, r);
	takt_slot gate;

	w->cpu = cpu;
	worker_make(w);
	gate = gate_new(w->slot, 0);
	worker_start(w);
	return gate;
}

static int send_caps(takt_slot gate, unsigned caps, takt_slot window)
{
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, caps), .window = window,
			     .cap = {TAKT_ROOT_LOG, TAKT_ROOT_INTC, TAKT_ROOT_TASK,
				     TAKT_ROOT_THREAD}};

	return takt_call(gate, &m);
}

static void check_types(takt_slot window, unsigned caps)
{
	static const unsigned type[] = {TAKT_LOG, TAKT_INTC, TAKT_TASK, TAKT_THREAD};

	for (unsigned i = 0; i < TAKT_MAX_CAPS; i++)
		CHECK_EQ(slot_type(window + i), i < caps ? type[i] : TAKT_NONE);
}

static void check_transfer(unsigned cpu)
{
	struct receiver *r = pool_new(sizeof(*r));
	takt_slot gate, window;

	r->window = slots_new(TAKT_MAX_CAPS);
	window = slots_new(TAKT_MAX_CAPS);
	gate = receiver_start(r, cpu);
	for (unsigned caps = 0; caps <= TAKT_MAX_CAPS; caps++) {
		r->caps = caps;
		CHECK_OK(send_caps(gate, caps, window));
		CHECK_EQ(r->got, caps);
		check_types(r->window, caps);
		check_types(window, caps); /* the same ones, sent back */
		CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, r->window, TAKT_MAX_CAPS));
		CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, window, TAKT_MAX_CAPS));
	}
}

TEST(capabilities)
{
	check_transfer(0);
}

TEST(capabilities_between_cpus)
{
	check_transfer(other_cpu());
}

TEST(capabilities_keep_their_rights)
{
	struct receiver *r = pool_new(sizeof(*r));
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, 1)};
	enum takt_type type;
	uint64_t rights;
	takt_slot gate;

	r->window = slots_new(TAKT_MAX_CAPS);
	gate = receiver_start(r, 0);
	m.cap[0] = cap_with(TAKT_ROOT_TASK, TAKT_R_TASK_CAP);
	CHECK_OK(takt_call(gate, &m));
	CHECK_OK(takt_task_cap_inspect(TAKT_ROOT_TASK, r->window, &type, &rights));
	CHECK_EQ(type, TAKT_TASK);
	CHECK_EQ(rights, TAKT_R_TASK_CAP);
}

TEST(what_does_not_fit_hits_the_caller)
{
	struct receiver *r = pool_new(sizeof(*r));
	struct takt_msg m;
	takt_slot gate, none;

	r->window = slots_new(TAKT_MAX_CAPS);
	r->got = 77;
	gate = receiver_start(r, 0);
	for (unsigned caps = TAKT_MAX_CAPS + 1; caps < 8; caps++)
		CHECK_ERR(send_caps(gate, caps, 0), TAKT_E_MSG);
	/* A slot that is taken in the window: nothing at all arrives. */
	CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK, TAKT_ROOT_DTB, r->window + 1, TAKT_R_ALL));
	CHECK_ERR(send_caps(gate, 2, 0), TAKT_E_EXISTS);
	CHECK_EQ(slot_type(r->window), TAKT_NONE);
	CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, r->window + 1, 1));
	/* An empty slot to be sent. */
	none = slot_new();
	m = (struct takt_msg){.tag = TAKT_TAG(0, 0, 2), .cap = {TAKT_ROOT_LOG, none}};
	CHECK_ERR(takt_call(gate, &m), TAKT_E_CAP);
	m = (struct takt_msg){.tag = TAKT_TAG(0, 0, 1), .cap = {0x7fffffff}};
	CHECK_ERR(takt_call(gate, &m), TAKT_E_CAP);
	CHECK_EQ(slot_type(r->window), TAKT_NONE);
	CHECK_EQ(r->got, 77); /* the server slept through all that */
	CHECK_OK(send_caps(gate, 1, 0));
	CHECK_EQ(r->got, 1);
}

TEST(servers_without_a_window_take_none)
{
	struct receiver *r = pool_new(sizeof(*r));
	takt_slot gate = receiver_start(r, 0);

	CHECK_ERR(send_caps(gate, 1, 0), TAKT_E_RANGE);
	CHECK_OK(send_caps(gate, 0, 0));
}

TEST(a_window_beyond_the_table)
{
	struct receiver *r = pool_new(sizeof(*r));
	takt_slot gate;

	r->window = TAKT_ROOT_SLOTS - 1;
	gate = receiver_start(r, 0);
	CHECK_ERR(send_caps(gate, 2, 0), TAKT_E_RANGE);
	CHECK_EQ(slot_type(TAKT_ROOT_SLOTS - 1), TAKT_NONE);
	CHECK_OK(send_caps(gate, 1, 0));
	CHECK_EQ(slot_type(TAKT_ROOT_SLOTS - 1), TAKT_LOG);
	slot_clear(TAKT_ROOT_SLOTS - 1);
}

/* The answer's capabilities have no room: the caller learns it, the server goes on. */
TEST(an_answer_that_does_not_fit_hits_the_caller_only)
{
	struct receiver *r = pool_new(sizeof(*r));
	takt_slot gate;

	r->window = slots_new(TAKT_MAX_CAPS);
	r->caps = 1;
	r->result = 55;
	gate = receiver_start(r, 0);
	CHECK_ERR(send_caps(gate, 1, 0), TAKT_E_RANGE);
	CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, r->window, TAKT_MAX_CAPS));
	CHECK_ERR(send_caps(gate, 1, SLOT_THREAD), TAKT_E_EXISTS);
	CHECK_EQ(r->result, 0);
}

/* A server asks whether its caller could take what it is about to make. */
struct asker {
	takt_slot self;
	unsigned caps;
	volatile int result;
};

static void server_asks(void *arg)
{
	struct asker *a = arg;
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	for (;;) {
		a->result = takt_thread_caller_window(a->self, a->caps);
		m.tag = TAKT_TAG(0, 0, 0);
		CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
	}
}

static void check_asking(unsigned cpu)
{
	struct asker *a = pool_new(sizeof(*a));
	struct worker *w = worker_new(server_asks, a);
	takt_slot window = slots_new(TAKT_MAX_CAPS), gate;
	const struct {
		takt_slot window;
		unsigned caps;
		int result;
	} cases[] = {
		{window, 1, 0}, {window, 4, 0}, {window, 5, TAKT_E_MSG}, {window, 77, TAKT_E_MSG},
		{0, 1, TAKT_E_RANGE}, {TAKT_ROOT_SLOTS - 1, 1, 0},
		{TAKT_ROOT_SLOTS - 1, 2, TAKT_E_RANGE}, {TAKT_ROOT_SLOTS, 1, TAKT_E_RANGE},
		{SLOT_THREAD, 1, TAKT_E_EXISTS}, {window, 0, 0},
	};

	w->cpu = cpu;
	worker_make(w);
	a->self = w->slot;
	gate = gate_new(w->slot, 0);
	CHECK_ERR(takt_thread_caller_window(w->slot, 1), TAKT_E_STATE);
	worker_start(w);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct takt_msg m = {.window = cases[i].window};

		a->caps = cases[i].caps;
		CHECK_OK(takt_call(gate, &m));
		CHECK_EQ(a->result, cases[i].result);
	}
	CHECK_ERR(takt_thread_caller_window(w->slot, 1), TAKT_E_STATE);
	CHECK_ERR(takt_thread_caller_window(cap_without(w->slot, TAKT_R_THREAD_SERVE), 1),
		  TAKT_E_RIGHTS);
}

TEST(a_server_asks_for_the_callers_window)
{
	check_asking(0);
}

TEST(a_server_asks_for_the_window_on_another_cpu)
{
	check_asking(other_cpu());
}

/* --- Who runs --------------------------------------------------------------------------------- */

static void note(void *arg)
{
	*(volatile takt_ticks *)arg = takt_now();
}

/* A call runs the server on its caller's time and priority: nobody between them gets in. */
TEST(a_call_goes_past_those_in_between)
{
	struct echo e = echo_start(0, false, 0);
	takt_ticks ran = 0;
	struct worker *between = worker_new(note, &ran);

	e.w->prio = HELP_PRIO;
	between->prio = HELP_PRIO + 1;
	CHECK_OK(call_words(e.gate, 0, 0, 0, NULL));
	worker_start(between);
	for (unsigned i = 0; i < 50; i++)
		CHECK_OK(call_words(e.gate, 0, 0, 0, NULL));
	CHECK_EQ(ran, 0);
	worker_join(between);
	CHECK(ran);
}

TEST(the_caller_pays)
{
	struct echo e = echo_start(0, false, task_new());
	uint64_t server[6], client[6], server_after[6], client_after[6];

	CHECK_OK(call_words(e.gate, 0, 0, 0, NULL));
	CHECK_OK(takt_sc_info(e.w->sc, server));
	CHECK_OK(takt_sc_info(SLOT_SC, client));
	for (unsigned i = 0; i < 200; i++)
		CHECK_OK(call_words(e.gate, 0, 0, 0, NULL));
	CHECK_OK(takt_sc_info(e.w->sc, server_after));
	CHECK_OK(takt_sc_info(SLOT_SC, client_after));
	CHECK_EQ(server_after[0], server[0]);
	CHECK(client_after[0] - client[0] > us(40)); /* 200 calls are not free */
}

TEST(a_remote_server_pays_itself)
{
	struct echo e = echo_start(other_cpu(), false, 0);
	uint64_t before[6], after[6];

	CHECK_OK(takt_sc_info(e.w->sc, before));
	for (unsigned i = 0; i < 200; i++)
		CHECK_OK(call_words(e.gate, 0, 0, 0, NULL));
	CHECK_OK(takt_sc_info(e.w->sc, after));
	CHECK(after[0] > before[0]);
}

TEST(a_passive_server_cannot_be_called_from_another_cpu)
{
	struct echo e = echo_start(other_cpu(), true, 0);

	CHECK_ERR(call_words(e.gate, 0, 0, 0, NULL), TAKT_E_CPU);
}

/* A server with a thread on each CPU: callers reach the one on theirs. */
static void call_and_note(void *arg)
{
	takt_slot gate = *(takt_slot *)arg;
	struct takt_msg m;

	CHECK_EQ(call_words(gate, 5, 0, 0, &m), 0);
	CHECK_OK(call_words(gate, 5, 0, 0, &m));
}

TEST(gates_reach_the_server_of_the_callers_cpu)
{
	struct echo here = echo_start(0, true, 0), there;
	unsigned other = other_cpu();
	static takt_slot gate;
	struct worker *client = worker_new(call_and_note, &gate);

	there = echo_start(other, true, 0);
	gate = here.gate;
	CHECK_OK(takt_thread_bind_gate(there.w->slot, gate));
	/* Passive servers: a call to the wrong one would fail. */
	CHECK_OK(call_words(gate, 0, 0, 0, NULL));
	client->cpu = other;
	worker_start(client);
	worker_join(client);
}

static const struct test tests[] = {
	T(words_in_the_own_task),
	T(words_between_tasks),
	T(words_to_a_passive_server),
	T(words_between_cpus),
	T(labels_and_badges),
	T(nobody_feigns_a_signal),
	T(nobody_feigns_a_signal_from_another_cpu),
	T(gate_rights),
	T(gate_without_a_server),
	T(gates_are_rebound),
	T(capabilities),
	T(capabilities_between_cpus),
	T(capabilities_keep_their_rights),
	T(what_does_not_fit_hits_the_caller),
	T(servers_without_a_window_take_none),
	T(a_window_beyond_the_table),
	T(an_answer_that_does_not_fit_hits_the_caller_only),
	T(a_server_asks_for_the_callers_window),
	T(a_server_asks_for_the_window_on_another_cpu),
	T(a_call_goes_past_those_in_between),
	T(the_caller_pays),
	T(a_remote_server_pays_itself),
	T(a_passive_server_cannot_be_called_from_another_cpu),
	T(gates_reach_the_server_of_the_callers_cpu),
};
const struct suite suite_gate = SUITE("gate", tests);
