/* SPDX-License-Identifier: MIT */
/* The loop of a server: badges, answers, capabilities, irqs, deadlines. */
#include <string.h>
#include <takt/server.h>

#include "rt.h"

#define IRQ_BADGE 0x40

enum op {
	OP_BADGE,	 /* -> w0: badge */
	OP_ADD,		 /* w0, w7 -> w0: the sum, w9: the same */
	OP_ERROR,	 /* E_AGAIN, whatever is in the words */
	OP_LABEL,	 /* 5: a result that is no error */
	OP_GIVE,	 /* -> c0: the log, c1: the task */
	OP_GIVE_NOTHING, /* an answer with a slot that is empty */
	OP_KEEP,	 /* c0.. -> w0: slot of the last one, w1: how many */
	OP_TIMER,	 /* w0: instant */
};

static struct server server;
static volatile uint64_t irqs;
static volatile bool irq_came, timeout_came;

static int keep(struct takt_msg *m)
{
	unsigned caps = TAKT_TAG_CAPS(m->tag);
	int slot = 0;

	if (!caps)
		return TAKT_E_MSG;
	for (unsigned i = 0; i < caps; i++) {
		slot = server_keep_cap(&server, i);
		if (slot < 0)
			return slot;
	}
	m->w[0] = (uint64_t)slot;
	m->w[1] = caps;
	return server_words(m, 2);
}

static int handle(void *self, struct takt_msg *m)
{
	uint64_t *w = takt_utcb()->words;

	if (self != &server)
		return TAKT_E_INVAL;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case OP_BADGE:
		m->w[0] = m->badge;
		return server_words(m, 1);
	case OP_ADD:
		w[9] = m->w[0] += w[7];
		return server_words(m, 10);
	case OP_ERROR:
		(void)server_words(m, 3);
		return TAKT_E_AGAIN;
	case OP_LABEL:
		return 5;
	case OP_GIVE:
	case OP_GIVE_NOTHING:
		m->cap[0] = TAKT_TAG_LABEL(m->tag) == OP_GIVE ? TAKT_SELF_LOG : 15;
		m->cap[1] = TAKT_SELF_TASK;
		return server_answer(m, 0, 2);
	case OP_KEEP:
		return keep(m);
	case OP_TIMER:
		server.deadline = m->w[0];
		return 0;
	default:
		return TAKT_E_OP;
	}
}

static void on_irq(void *self, uint64_t badges)
{
	irqs |= badges;
	irq_came = self == &server;
}

static void on_timeout(void *self)
{
	timeout_came = self == &server;
}

static void serve(void *unused)
{
	(void)unused;
	server = (struct server){.handle = handle,
				 .irq = on_irq,
				 .timeout = on_timeout,
				 .self = &server,
				 .window = server_window()};
	server_run(&server);
}

static struct rt_thread thread;
static takt_slot gate;

static takt_slot gate_with(uint64_t badge)
{
	takt_slot slot = env_slot_alloc();

	CHECK(!takt_create_gate(TAKT_SELF_FACTORY, badge, slot));
	CHECK(!takt_thread_bind_gate(thread.slot, slot));
	return slot;
}

static int call(unsigned op)
{
	struct takt_msg m = {.tag = TAKT_TAG(op, 0, 0)};

	return takt_call(gate, &m);
}

static void test_badges_tell_gates_apart(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(OP_BADGE, 0, 0)};

	CHECK(!takt_call(gate, &m) && m.w[0] == 1 && TAKT_TAG_WORDS(m.tag) == 1);
	m = (struct takt_msg){.tag = TAKT_TAG(OP_BADGE, 0, 0)};
	CHECK(!takt_call(gate_with(UINT64_MAX), &m) && m.w[0] == UINT64_MAX);
}

static void test_words_in_registers_and_utcb(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(OP_ADD, 8, 0), .w = {30}};

	takt_utcb()->words[7] = 12;
	CHECK(!takt_call(gate, &m) && m.w[0] == 42 && takt_utcb()->words[9] == 42);
}

static void test_results(void)
{
	CHECK(call(OP_ERROR) == TAKT_E_AGAIN);
	CHECK(call(OP_LABEL) == 5);
	CHECK(call(99) == TAKT_E_OP);
	CHECK(call(0xfffe) == TAKT_E_OP);
}

static void test_answers_with_capabilities(void)
{
	takt_slot window = env_slots_alloc(2);
	struct takt_msg m = {.tag = TAKT_TAG(OP_GIVE, 0, 0), .window = window};
	enum takt_type type = TAKT_NONE;
	uint64_t rights = 0;

	CHECK(!takt_call(gate, &m) && TAKT_TAG_CAPS(m.tag) == 2);
	CHECK(!takt_task_cap_inspect(TAKT_SELF_TASK, window, &type, &rights) && type == TAKT_LOG);
	CHECK(!takt_task_cap_inspect(TAKT_SELF_TASK, window + 1, &type, &rights) &&
	      type == TAKT_TASK);
	/* No room: the caller learns it, and the server goes on. */
	m = (struct takt_msg){.tag = TAKT_TAG(OP_GIVE, 0, 0), .window = window};
	CHECK(takt_call(gate, &m) == TAKT_E_EXISTS);
	m = (struct takt_msg){.tag = TAKT_TAG(OP_GIVE, 0, 0)};
	CHECK(takt_call(gate, &m) == TAKT_E_RANGE);
	CHECK(!takt_task_cap_delete(TAKT_SELF_TASK, window, 2));
	m = (struct takt_msg){.tag = TAKT_TAG(OP_GIVE_NOTHING, 0, 0), .window = window};
	CHECK(takt_call(gate, &m) == TAKT_E_CAP);
	CHECK(call(OP_LABEL) == 5);
}

static int send_caps(unsigned n, struct takt_msg *m)
{
	*m = (struct takt_msg){
		.tag = TAKT_TAG(OP_KEEP, 0, n),
		.cap = {TAKT_SELF_LOG, TAKT_SELF_TASK, TAKT_SELF_LOG, TAKT_SELF_FACTORY}};
	return takt_call(gate, m);
}

static void test_capabilities_are_kept(void)
{
	enum takt_type type = TAKT_NONE;
	uint64_t rights = 0;
	struct takt_msg m;
	unsigned kept = 0;
	int err;

	CHECK(send_caps(0, &m) == TAKT_E_MSG);
	CHECK(!send_caps(4, &m) && m.w[1] == 4);
	CHECK(!takt_task_cap_inspect(TAKT_SELF_TASK, (takt_slot)m.w[0], &type, &rights) &&
	      type == TAKT_FACTORY);
	/* The window is empty again, as often as it is used. */
	while (!(err = send_caps(1, &m)))
		kept++;
	CHECK(err == TAKT_E_QUOTA && kept > 50);
	CHECK(send_caps(1, &m) == TAKT_E_QUOTA);
	CHECK(server_keep_cap(&server, TAKT_MAX_CAPS) == TAKT_E_RANGE);
	CHECK(server_keep_cap(&(struct server){.window = 0}, 0) == TAKT_E_RANGE);
	CHECK(call(OP_LABEL) == 5);
}

static void test_irqs_between_calls(void)
{
	takt_slot irq = env_slot_alloc();

	CHECK(!takt_create_irq(TAKT_SELF_FACTORY, irq));
	CHECK(!takt_irq_bind_thread(irq, thread.slot, IRQ_BADGE));
	CHECK(!takt_irq_trigger(irq));
	CHECK(within_a_second(&irq_came) && irqs == IRQ_BADGE);
	CHECK(call(OP_LABEL) == 5);
}

static void test_deadlines(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(OP_TIMER, 1, 0),
			     .w = {takt_now() + takt_ns_to_ticks(5000000)}};

	CHECK(!takt_call(gate, &m) && !timeout_came);
	CHECK(within_a_second(&timeout_came) && takt_now() >= m.w[0]);
	timeout_came = false;
	takt_sleep_until(takt_now() + takt_ns_to_ticks(20000000));
	CHECK(!timeout_came); /* once */
	CHECK(call(OP_LABEL) == 5);
}

void test_server(void)
{
	int err = thread_start(&thread, serve, NULL, 11);

	if (err) {
		printf("not ok %u - a server's thread: %s\n", ++test_count, rt_error(err));
		return;
	}
	gate = gate_with(1);
	RUN(badges_tell_gates_apart);
	RUN(words_in_registers_and_utcb);
	RUN(results);
	RUN(answers_with_capabilities);
	RUN(irqs_between_calls);
	RUN(deadlines);
	RUN(capabilities_are_kept);
}
