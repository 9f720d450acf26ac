/* SPDX-License-Identifier: MIT */
/* Calls between threads of one CPU: what each party sees, and every way in which a call ends. */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define THREAD(n) (SLOT_FREE + 10 + 4 * (u64)(n)) /* its SC in the slot behind, then its gate */
#define GATE(n) (THREAD(n) + 2)
#define MOST 12

static struct thread *t[MOST];

/* Thread 0 has the CPU; the others are servers that wait, passive ones. */
static void chain_of(unsigned threads)
{
	compartment(160);
	make_task(TASK);
	for (unsigned i = threads; i-- > 0;) { /* 0 last: it keeps the CPU */
		t[i] = make_runner(THREAD(i), TASK, 0, 20);
		make_gate(GATE(i), 100 + i, THREAD(i));
		give_cap(TASK, 10 + i, GATE(i), TAKT_R_ALL);
		if (!i)
			continue;
		user_flavour(t[i], TAKT_WAIT);
	}
	root_sleep();
	for (unsigned i = 1; i < threads; i++)
		(void)root_call(THREAD(i), TAKT_THREAD_DETACH, W(), C(THREAD(i) + 1), 0);
	root_sleep();
}

static void call(struct thread *from, unsigned gate)
{
	user_call(from, 10 + gate, 7, W(1, 2, 3), C(), 0);
}

/* What the fast path knows of it by number. */
TEST(the_word_of_a_threads_state)
{
	struct thread t = {.state = THREAD_IDLE, .in_guest = true};

	CHECK(t.wait_word == IDLE_IN_GUEST);
	t.has_events = true;
	CHECK(t.wait_word == (IDLE_IN_GUEST | HAS_EVENTS));
}

TEST(a_call_and_its_reply)
{
	chain_of(2);
	call(t[0], 1);
	settle();
	CHECK(t[0]->state == THREAD_OPEN && cpus[0].thread == t[1]);
	CHECK(t[1]->regs->x[8] == 101 && t[1]->regs->x[1] == TAKT_TAG(7, 3, 0));
	CHECK(t[1]->regs->x[2] == 1 && t[1]->regs->x[4] == 3);
	CHECK(cpus[0].sc == t[0]->sc[0]);
	t[1]->regs->x[2] = 42;
	user_flavour(t[1], TAKT_REPLY_WAIT);
	t[1]->regs->x[1] = TAKT_TAG(0, 1, 0);
	settle();
	CHECK(user_done(t[0]) && user_result(t[0]) == 0 && t[0]->regs->x[2] == 42);
	CHECK(t[1]->state == THREAD_WAIT && cpus[0].thread == t[0]);
	CHECK(compartment_end());
}

TEST(wait_while_owing_a_reply)
{
	chain_of(2);
	call(t[0], 1);
	settle();
	user_flavour(t[1], TAKT_WAIT);
	settle();
	CHECK(user_done(t[1]) && user_result(t[1]) == TAKT_E_STATE);
	CHECK(compartment_end());
}

/* One of them is being destroyed by somebody who has stopped in the middle of it: it is found, but not
 * given any more. */
TEST(capabilities_arrive_all_or_not_at_all)
{
	struct irq *going;

	chain_of(2);
	for (u64 n = 0; n < 3; n++) {
		struct irq *irq = make_irq(SLOT_FREE + 1 + n);

		give_cap(TASK, 60 + n, SLOT_FREE + 1 + n, TAKT_R_ALL);
		if (n == 1)
			going = irq;
	}
	root_sleep();
	t[1]->regs->x[14] = 70;
	going->object.dying = true;
	user_call(t[0], 11, 7, W(), C(60, 61, 62), 0);
	settle();
	CHECK(user_done(t[0]) && user_result(t[0]) < 0 && t[1]->state == THREAD_WAIT);
	for (u64 n = 70; n < 73; n++)
		CHECK(!object_in(t[1]->task, n));
	going->object.dying = false;
	user_call(t[0], 11, 7, W(), C(60, 61, 62), 0);
	settle();
	CHECK(t[0]->state == THREAD_OPEN && object_in(t[1]->task, 72));
	CHECK(compartment_end());
}

TEST(no_deeper_than_eight)
{
	chain_of(10);
	for (unsigned i = 0; i < 9; i++) {
		call(t[i], i + 1);
		settle();
	}
	CHECK(t[7]->state == THREAD_OPEN && t[8]->depth == CALL_DEPTH);
	CHECK(user_done(t[8]) && user_result(t[8]) == TAKT_E_DEPTH);
	CHECK(t[9]->state == THREAD_WAIT);
	CHECK(compartment_end());
}

TEST(an_orphan_counts_its_calls_from_itself)
{
	chain_of(11);
	call(t[0], 1);
	user_deadline(t[0], fake_now + 1000);
	settle();
	for (unsigned i = 1; i < 8; i++) {
		call(t[i], i + 1);
		settle();
	}
	CHECK(t[8]->depth == CALL_DEPTH);
	advance(2000);
	CHECK(user_done(t[0]) && user_result(t[0]) == TAKT_E_TIMEOUT);
	CHECK(t[1]->depth == 0 && t[8]->depth == CALL_DEPTH - 1);
	CHECK(!root_call(THREAD(1), TAKT_THREAD_ATTACH, W(), C(THREAD(1) + 1), 0));
	root_sleep();
	user_flavour(t[0], TAKT_WAIT);
	settle();
	CHECK(cpus[0].thread == t[8]);
	call(t[8], 9);
	settle();
	CHECK(t[8]->state == THREAD_OPEN && cpus[0].thread == t[9]);
	call(t[9], 10);
	settle();
	CHECK(user_done(t[9]) && user_result(t[9]) == TAKT_E_DEPTH);
	CHECK(compartment_end());
}

TEST(a_server_with_an_sc_of_its_own_replies_and_keeps_it)
{
	chain_of(3);
	call(t[0], 1);
	settle();
	CHECK(!root_call(THREAD(1), TAKT_THREAD_ATTACH, W(), C(THREAD(1) + 1), 0));
	root_sleep();
	user_flavour(t[1], TAKT_YIELD);
	settle();
	CHECK(cpus[0].sc == t[1]->sc[0] && cpus[0].thread == t[1]);
	call(t[1], 2);
	settle();
	CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_INFO, W(), C(), 0));
	root_sleep(); /* the chain was walked again, with the server in a call */
	user_flavour(t[2], TAKT_REPLY_WAIT);
	settle();
	CHECK(cpus[0].sc == t[1]->sc[0] && cpus[0].thread == t[1]);
	user_flavour(t[1], TAKT_REPLY_WAIT);
	settle();
	CHECK(cpus[0].sc == t[0]->sc[0] && cpus[0].thread == t[0]);
	CHECK(t[1]->sc[0]->state == SC_DORMANT);
	CHECK(compartment_end());
}

TEST(no_circles)
{
	chain_of(3);
	call(t[0], 1);
	settle();
	call(t[1], 2);
	settle();
	for (unsigned i = 0; i < 3; i++) {
		call(t[2], i);
		settle();
		CHECK(user_done(t[2]) && user_result(t[2]) == TAKT_E_DEADLOCK);
	}
	CHECK(compartment_end());
}

TEST(a_deadline_ends_a_call)
{
	chain_of(2);
	call(t[0], 1);
	user_deadline(t[0], fake_now + 1000);
	settle();
	CHECK(t[0]->state == THREAD_OPEN);
	advance(2000);
	CHECK(user_done(t[0]) && user_result(t[0]) == TAKT_E_TIMEOUT);
	CHECK(!t[1]->caller && t[1]->state == THREAD_RUN); /* an orphan without time */
	CHECK(cpus[0].thread == t[0]);
	/* It helps when it wants the server: the orphan's reply goes nowhere. */
	call(t[0], 1);
	user_flavour(t[1], TAKT_REPLY_WAIT);
	settle();
	CHECK(t[0]->state == THREAD_OPEN && t[1]->caller == t[0]);
	CHECK(compartment_end());
}

TEST(who_wants_a_busy_server_helps_it)
{
	struct thread *urgent;

	chain_of(2);
	call(t[0], 1);
	settle();
	urgent = make_runner(THREAD(2), TASK, 0, 40);
	root_sleep();
	CHECK(cpus[0].thread == urgent);
	call(urgent, 1);
	settle();
	CHECK(urgent->state == THREAD_WANT && cpus[0].thread == t[1]);
	CHECK(cpus[0].sc == urgent->sc[0]);
	user_flavour(t[1], TAKT_REPLY_WAIT);
	settle(); /* the first caller has its answer, the second one is served */
	CHECK(t[0]->state == THREAD_RUN && t[1]->caller == urgent);
	user_flavour(t[1], TAKT_REPLY_WAIT);
	settle();
	CHECK(user_done(urgent) && user_result(urgent) == 0 && cpus[0].thread == urgent);
	CHECK(compartment_end());
}

/* What somebody else does to one of two in a call, and how it ends for the caller. */
static bool ends(unsigned whom, u64 op, s64 result)
{
	s64 err;

	chain_of(2);
	call(t[0], 1);
	settle();
	if (op == 99)
		err = root_call(SLOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(THREAD(whom)), 0);
	else
		err = root_call(THREAD(whom), op, W(), C(), 0);
	root_sleep();
	if (err)
		return false;
	if (whom == 0 && op != TAKT_THREAD_CANCEL)
		return !t[1]->caller && t[1]->depth == 0;
	return user_done(t[0]) && user_result(t[0]) == result;
}

TEST(either_side_can_end_a_call)
{
	static const struct {
		unsigned whom;
		u64 op;
		s64 result;
	} ways[] = {
		{0, TAKT_THREAD_CANCEL, TAKT_E_CANCELED}, {0, TAKT_THREAD_STOP, 0}, {0, 99, 0},
		{1, TAKT_THREAD_STOP, TAKT_E_GONE},	  {1, 99, TAKT_E_GONE},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(ways); i++) {
		CHECK(ends(ways[i].whom, ways[i].op, ways[i].result));
		CHECK(compartment_end());
	}
}

TEST(a_fault_is_a_call)
{
	chain_of(2);
	CHECK(!root_call(THREAD(0), TAKT_THREAD_FAULT_GATE, W(), C(GATE(1)), 0));
	root_sleep();
	CHECK(cpus[0].thread == t[0]);
	t[0]->regs->x[3] = 33;
	fake_fault(0, 0x92000007, 0xdead000);
	settle();
	CHECK(cpus[0].thread == t[1]);
	CHECK(TAKT_TAG_LABEL(t[1]->regs->x[1]) == TAKT_LABEL_FAULT);
	CHECK(t[1]->regs->x[2 + TAKT_FAULT_ADDRESS] == 0xdead000);
	user_flavour(t[1], TAKT_REPLY_WAIT);
	settle();
	CHECK(cpus[0].thread == t[0] && t[0]->regs->x[3] == 33);
	CHECK(compartment_end());
}

/* Stopped, placed on another CPU and started there before the one that wants it has the CPU again. */
TEST(whom_one_wants_moves_away)
{
	struct thread *urgent, *hog;

	chain_of(2);
	call(t[0], 1);
	settle();
	urgent = make_runner(THREAD(2), TASK, 0, 40);
	root_sleep();
	call(urgent, 1);
	settle();
	CHECK(urgent->state == THREAD_WANT && cpus[0].thread == t[1]);
	hog = make_runner(THREAD(4), TASK, 0, 50);

	CHECK(!root_call(THREAD(1), TAKT_THREAD_STOP, W(), C(), 0));
	CHECK(!root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_RUN, W(1), C(THREAD(1)), 0));
	make_sc(THREAD(3), 20, 1, 1000, 10000);
	CHECK(!root_call(THREAD(1), TAKT_THREAD_ATTACH, W(), C(THREAD(3)), 0));
	CHECK(!root_call(THREAD(1), TAKT_THREAD_START, W(0x4000, 0, 0), C(), 0));
	root_sleep();
	CHECK(cpus[1].thread == t[1] && cpus[0].thread == hog && urgent->state == THREAD_WANT);
	user_flavour(hog, TAKT_WAIT);
	settle();
	CHECK(cpus[1].thread == t[1] && cpus[0].thread == urgent);
	CHECK(user_done(urgent) && user_result(urgent) == TAKT_E_GONE);
	user_flavour(urgent, TAKT_WAIT);
	settle();
	CHECK(user_done(t[0]) && user_result(t[0]) == TAKT_E_GONE);
	CHECK(compartment_end());
}

int main(void)
{
	world_boot(2);
	RUN(the_word_of_a_threads_state);
	RUN(a_call_and_its_reply);
	RUN(wait_while_owing_a_reply);
	RUN(capabilities_arrive_all_or_not_at_all);
	RUN(no_deeper_than_eight);
	RUN(an_orphan_counts_its_calls_from_itself);
	RUN(a_server_with_an_sc_of_its_own_replies_and_keeps_it);
	RUN(no_circles);
	RUN(a_deadline_ends_a_call);
	RUN(who_wants_a_busy_server_helps_it);
	RUN(either_side_can_end_a_call);
	RUN(a_fault_is_a_call);
	RUN(whom_one_wants_moves_away);
	return tap_done();
}
