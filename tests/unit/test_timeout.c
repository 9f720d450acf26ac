/* SPDX-License-Identifier: MIT */
/*
 * Time-out faults: who is told of what, with the handler on the same CPU and on another one, for
 * the home of the SC, for a server and for a server's server; and every way in which it goes on or
 * ends.
 */
#include "tap.h"
#include "world.h"

#define TASK SLOT_FREE
#define THREAD(n) (SLOT_FREE + 10 + 4 * (u64)(n)) /* its SC in the slot behind, then its gate */
#define SC(n) (THREAD(n) + 1)
#define GATE(n) (THREAD(n) + 2)
#define BUDGET (FAKE_HZ / 1000)
#define PERIOD (FAKE_HZ / 100)

enum { CLIENT, SERVER, NESTED, HANDLER, HELPER, THREADS };

static struct thread *t[THREADS];
static struct thread *tip;

static void call(struct thread *from, unsigned whom)
{
	user_call(from, 10 + whom, 7, W(1, 2, 3), C(), 0);
	settle();
}

static s64 operate(unsigned whom, u64 op)
{
	s64 err = root_call(THREAD(whom), op, W(), C(), 0);

	root_sleep();
	return err;
}

static void make_client(unsigned n, unsigned prio)
{
	t[n] = make_thread(THREAD(n), TASK, 0, TAKT_THREAD_PLAIN);
	(void)make_sc(SC(n), prio, 0, BUDGET, PERIOD);
	(void)root_call(THREAD(n), TAKT_THREAD_ATTACH, W(), C(SC(n)), 0);
	(void)root_call(THREAD(n), TAKT_THREAD_START, W(0x8000, 0x9000, 0), C(), 0);
}

/* The handler is less urgent than who is watched: it runs while they have no budget, or wait.
 * The client has called so many servers, the last of which has the time-out gate. */
static void set_up(unsigned handler_cpu, unsigned servers)
{
	compartment(160);
	make_task(TASK);
	for (unsigned i = SERVER; i <= HANDLER; i++) {
		t[i] = make_runner(THREAD(i), TASK, i == HANDLER ? handler_cpu : 0, 10);
		make_gate(GATE(i), 100 + i, THREAD(i));
		give_cap(TASK, 10 + i, GATE(i), TAKT_R_ALL);
		user_flavour(t[i], TAKT_WAIT);
	}
	root_sleep();
	for (unsigned i = SERVER; i < HANDLER; i++)
		(void)root_call(THREAD(i), TAKT_THREAD_DETACH, W(), C(SC(i)), 0);
	make_client(CLIENT, 20);
	tip = t[servers];
	(void)root_call(THREAD(servers), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)), 0);
	root_sleep();
	for (unsigned i = 0; i < servers; i++)
		call(t[i], i + 1);
	tip->regs->x[20] = 77;
}

static bool told(const struct thread *handler, const struct thread *of)
{
	const u64 *x = handler->regs->x;

	return handler->state == THREAD_RUN && x[0] == 0 && x[8] == 100 + HANDLER &&
	       x[1] == TAKT_TAG_TIMEOUT &&
	       x[2 + TAKT_FAULT_THREAD] == of->object.birth &&
	       x[2 + TAKT_FAULT_PC] == of->regs->pc && of->state == THREAD_BLOCKED;
}

static void answer(u64 label, unsigned words, u64 pc)
{
	user_flavour(t[HANDLER], TAKT_REPLY_WAIT);
	t[HANDLER]->regs->x[1] = TAKT_TAG(label, words, 0);
	t[HANDLER]->regs->x[2] = pc;
	settle();
}

static void await_refill(void)
{
	advance(t[CLIENT]->sc[0]->refill.time + BUDGET / 8 - fake_now);
}

/* Goes on at the replenishment, with what it had. */
static bool goes_on(void)
{
	bool early = cpus[0].thread == tip;

	await_refill();
	return !early && cpus[0].thread == tip && tip->state == THREAD_RUN &&
	       tip->regs->x[20] == 77 && cpus[0].sc == t[CLIENT]->sc[0];
}

/* Runs the rest of the test for each place of the handler and each depth of the chain. */
#define EVERYWHERE(servers_from)                                                                   \
	for (unsigned cpu = 0; cpu < 2; cpu++)                                                     \
		for (unsigned servers = (servers_from); servers < HANDLER; servers++)

TEST(the_handler_is_told)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET / 2);
		CHECK(cpus[0].thread == tip && t[HANDLER]->state == THREAD_WAIT);
		advance(BUDGET);
		CHECK(told(t[HANDLER], tip));
		CHECK(t[HANDLER]->regs->x[2 + TAKT_TIMEOUT_SC] == t[CLIENT]->sc[0]->object.birth);
		CHECK(t[HANDLER]->regs->x[2 + TAKT_TIMEOUT_REFILL] ==
		      t[CLIENT]->sc[0]->refill.time);
		CHECK(t[CLIENT]->sc[0]->state == SC_DEPLETED);
		CHECK(compartment_end());
	}
}

TEST(an_answer_lets_it_go_on)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		CHECK(told(t[HANDLER], tip));
		answer(0, 0, 0);
		CHECK(t[HANDLER]->state == THREAD_WAIT && tip->state == THREAD_RUN);
		CHECK(goes_on());
		advance(BUDGET + BUDGET / 2); /* and so on */
		CHECK(told(t[HANDLER], tip));
		CHECK(compartment_end());
	}
}

TEST(an_answer_after_the_replenishment)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(PERIOD + BUDGET);
		CHECK(told(t[HANDLER], tip) && t[CLIENT]->sc[0]->state == SC_PARKED);
		answer(0, 0, 0);
		CHECK(cpus[0].thread == tip && cpus[0].sc == t[CLIENT]->sc[0]);
		CHECK(compartment_end());
	}
}

TEST(an_answer_sends_it_elsewhere)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		answer(0, 1, 0x7000);
		CHECK(goes_on());
		CHECK(tip->regs->pc == 0x7000);
		CHECK(compartment_end());
	}
}

TEST(an_answer_stops_it)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		answer(1, 0, 0);
		CHECK(tip->state == THREAD_STOPPED && !tip->faulted);
		await_refill();
		if (servers) {
			CHECK(user_done(t[servers - 1]));
			CHECK(user_result(t[servers - 1]) == TAKT_E_GONE);
		}
		CHECK(compartment_end());
	}
}

/* The handler decides that the client has had enough, then that the server is to clean up. */
TEST(the_clients_call_is_cancelled)
{
	EVERYWHERE(1)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		CHECK(!operate(CLIENT, TAKT_THREAD_CANCEL));
		CHECK(t[CLIENT]->state == THREAD_RUN && user_result(t[CLIENT]) == TAKT_E_CANCELED);
		CHECK(tip->state == THREAD_BLOCKED && !t[SERVER]->caller);
		answer(0, 1, 0x7000);
		CHECK(tip->state == THREAD_RUN && tip->regs->pc == 0x7000);
		await_refill();
		CHECK(cpus[0].thread == t[CLIENT]);
		call(t[CLIENT], SERVER); /* helps it to become free */
		CHECK(cpus[0].thread == tip);
		CHECK(compartment_end());
	}
}

TEST(the_clients_deadline_passes_meanwhile)
{
	EVERYWHERE(1)
	{
		set_up(cpu, servers);
		t[CLIENT]->deadline = fake_now + 2 * PERIOD;
		t[CLIENT]->timed = true;
		advance(PERIOD + BUDGET);
		CHECK(told(t[HANDLER], tip));
		advance(PERIOD - BUDGET / 2);
		CHECK(cpus[0].thread == t[CLIENT]);
		CHECK(user_done(t[CLIENT]) && user_result(t[CLIENT]) == TAKT_E_TIMEOUT);
		CHECK(told(t[HANDLER], tip));
		CHECK(compartment_end());
	}
}

TEST(cancelled_itself_it_goes_on)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		CHECK(!operate(servers, TAKT_THREAD_CANCEL));
		CHECK(tip->state == THREAD_RUN && !t[HANDLER]->caller);
		answer(1, 0, 0); /* which nobody wants any more */
		CHECK(tip->state == THREAD_RUN && t[HANDLER]->state == THREAD_WAIT);
		CHECK(goes_on());
		CHECK(compartment_end());
	}
}

TEST(stopped_meanwhile)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		CHECK(!operate(servers, TAKT_THREAD_STOP));
		CHECK(tip->state == THREAD_STOPPED && !tip->faulted && !t[HANDLER]->caller);
		answer(0, 0, 0);
		CHECK(tip->state == THREAD_STOPPED && t[HANDLER]->state == THREAD_WAIT);
		CHECK(compartment_end());
	}
}

TEST(the_handler_stops_or_goes)
{
	EVERYWHERE(0)
	for (unsigned gone = 0; gone < 2; gone++) {
		set_up(cpu, servers);
		advance(BUDGET + BUDGET / 2);
		CHECK(told(t[HANDLER], tip));
		if (gone)
			CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_DESTROY, W(),
					 C(THREAD(HANDLER)), 0));
		else
			CHECK(!operate(HANDLER, TAKT_THREAD_STOP));
		root_sleep();
		CHECK(goes_on());
		advance(BUDGET + BUDGET / 2); /* nobody is there to be told */
		CHECK(tip->state == THREAD_RUN && t[CLIENT]->sc[0]->state == SC_DEPLETED);
		CHECK(goes_on());
		CHECK(compartment_end());
	}
}

TEST(the_gate_goes)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_DESTROY, W(), C(GATE(HANDLER)), 0));
		root_sleep();
		advance(BUDGET + BUDGET / 2);
		CHECK(tip->state == THREAD_RUN && t[HANDLER]->state == THREAD_WAIT);
		CHECK(goes_on());
		CHECK(compartment_end());
	}
}

TEST(a_handler_without_time_is_not_waited_for)
{
	EVERYWHERE(0)
	{
		set_up(cpu, servers);
		CHECK(!root_call(THREAD(HANDLER), TAKT_THREAD_DETACH, W(), C(SC(HANDLER)), 0));
		root_sleep();
		advance(BUDGET + BUDGET / 2);
		CHECK(tip->state == THREAD_RUN);
		CHECK(goes_on());
		CHECK(compartment_end());
	}
}

/* It is told all the same, and acts when its own budget is back. */
TEST(a_handler_without_budget)
{
	EVERYWHERE(0)
	{
		struct sc *sc;

		set_up(cpu, servers);
		CHECK(!root_call(THREAD(HANDLER), TAKT_THREAD_DETACH, W(), C(SC(HANDLER)), 0));
		sc = make_sc(SC(HELPER), 50, cpu, BUDGET / 4, 3 * PERIOD);
		CHECK(!root_call(THREAD(HANDLER), TAKT_THREAD_ATTACH, W(), C(SC(HELPER)), 0));
		root_sleep();
		advance(2 * BUDGET);
		CHECK(told(t[HANDLER], tip) && sc->state == SC_DEPLETED);
		CHECK(cpus[cpu].thread != t[HANDLER]);
		advance(3 * PERIOD - BUDGET);
		CHECK(cpus[cpu].thread == t[HANDLER] && told(t[HANDLER], tip));
		answer(0, 0, 0);
		CHECK(cpus[0].thread == tip);
		CHECK(compartment_end());
	}
}

TEST(a_busy_handler_takes_one_after_the_other)
{
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		set_up(cpu, 0);
		make_client(HELPER, 19);
		CHECK(!root_call(THREAD(HELPER), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)),
				 0));
		root_sleep();
		advance(3 * BUDGET);
		CHECK(told(t[HANDLER], t[CLIENT]) && t[HELPER]->state == THREAD_BLOCKED);
		answer(0, 0, 0);
		CHECK(told(t[HANDLER], t[HELPER]));
		CHECK(t[CLIENT]->state == THREAD_RUN);
		answer(0, 0, 0);
		CHECK(t[HELPER]->state == THREAD_RUN && t[HANDLER]->state == THREAD_WAIT);
		CHECK(compartment_end());
	}
}

/* The rest of the queue when the handler stops, and when one of it is stopped. */
TEST(who_queues_for_the_handler)
{
	for (unsigned stopped = 0; stopped < 2; stopped++) {
		set_up(1, 0);
		make_client(HELPER, 19);
		CHECK(!root_call(THREAD(HELPER), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)),
				 0));
		root_sleep();
		advance(3 * BUDGET);
		CHECK(t[HELPER]->state == THREAD_BLOCKED && told(t[HANDLER], t[CLIENT]));
		CHECK(!operate(stopped ? HELPER : HANDLER, TAKT_THREAD_STOP));
		CHECK(t[HELPER]->state == (stopped ? THREAD_STOPPED : THREAD_RUN));
		CHECK(list_empty(&t[HANDLER]->wanters));
		CHECK(compartment_end());
	}
}

/* The one that helps pays with its own time: that this runs out is nobody's fault. */
TEST(a_helpers_budget_tells_nobody)
{
	set_up(0, 1);
	CHECK(!root_call(THREAD(SERVER), TAKT_THREAD_TIMEOUT_GATE, W(), C(), 0));
	make_client(HELPER, 25);
	root_sleep();
	call(t[HELPER], SERVER);
	CHECK(t[HELPER]->state == THREAD_WANT && cpus[0].thread == t[SERVER]);
	CHECK(!root_call(THREAD(SERVER), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)), 0));
	root_sleep();
	advance(BUDGET + BUDGET / 2);
	CHECK(t[HELPER]->sc[0]->state == SC_DEPLETED && t[HANDLER]->state == THREAD_WAIT);
	CHECK(cpus[0].sc == t[CLIENT]->sc[0] && cpus[0].thread == t[SERVER]);
	advance(BUDGET);
	CHECK(told(t[HANDLER], t[SERVER]));
	CHECK(compartment_end());
}

/* Nobody waits for himself: the thread is its own handler, or its handler waits for it. */
TEST(no_circles)
{
	set_up(0, 0);
	CHECK(!root_call(THREAD(CLIENT), TAKT_THREAD_BIND_GATE, W(), C(GATE(HANDLER)), 0));
	root_sleep();
	advance(BUDGET + BUDGET / 2);
	CHECK(t[CLIENT]->state == THREAD_RUN && goes_on());
	CHECK(compartment_end());

	/* The handler serves the client on its budget, and is its server's handler: the other way
	 * round it is refused. */
	set_up(0, 1);
	advance(BUDGET + BUDGET / 2);
	CHECK(told(t[HANDLER], t[SERVER]));
	call(t[HANDLER], SERVER);
	CHECK(user_done(t[HANDLER]) && user_result(t[HANDLER]) == TAKT_E_DEADLOCK);
	CHECK(told(t[HANDLER], t[SERVER]) || t[SERVER]->state == THREAD_BLOCKED);
	answer(0, 0, 0);
	CHECK(goes_on());
	CHECK(compartment_end());
}

TEST(wrong_arguments)
{
	set_up(0, 0);
	CHECK(root_call(THREAD(CLIENT), TAKT_THREAD_TIMEOUT_GATE, W(), C(SC(CLIENT)), 0) ==
	      TAKT_E_TYPE);
	CHECK(root_call(THREAD(CLIENT), TAKT_THREAD_TIMEOUT_GATE, W(), C(60000), 0) == TAKT_E_CAP);
	CHECK(!root_call(TAKT_ROOT_TASK, TAKT_TASK_CAP_COPY, W(SC(HELPER), TAKT_R_GATE_BIND),
			 C(GATE(HANDLER)), 0));
	CHECK(root_call(THREAD(CLIENT), TAKT_THREAD_TIMEOUT_GATE, W(), C(SC(HELPER)), 0) ==
	      TAKT_E_RIGHTS);
	(void)make_thread(THREAD(HELPER), TASK, 0, TAKT_THREAD_PV);
	CHECK(root_call(THREAD(HELPER), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)), 0) ==
	      TAKT_E_STATE);
	CHECK(!root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(TAKT_THREAD, 0, 0), C(),
			 GATE(HELPER)));
	CHECK(root_call(GATE(HELPER), TAKT_THREAD_TIMEOUT_GATE, W(), C(GATE(HANDLER)), 0) ==
	      TAKT_E_STATE);
	/* And without: none any more. */
	CHECK(!root_call(THREAD(CLIENT), TAKT_THREAD_TIMEOUT_GATE, W(), C(), 0));
	root_sleep();
	advance(BUDGET + BUDGET / 2);
	CHECK(t[CLIENT]->state == THREAD_RUN && goes_on());
	CHECK(compartment_end());
}

/* A fault's message has come to another CPU, and the gate is gone: the fault is nobody's, and no
 * system call is made of the registers of who faulted. */
TEST(a_fault_finds_its_gate_gone_on_another_cpu)
{
	set_up(1, 0);
	CHECK(!root_call(THREAD(CLIENT), TAKT_THREAD_FAULT_GATE, W(), C(GATE(HANDLER)), 0));
	root_sleep();
	t[CLIENT]->regs->x[0] = 10 + HANDLER;
	t[CLIENT]->regs->x[1] = TAKT_TAG(7, 1, 0);
	t[CLIENT]->regs->x[8] = TAKT_CALL;
	fake_fault(0, 0x92000007, 0xdead000);
	t[CLIENT]->fault_gate.birth++; /* as a destroyer does first */
	settle();
	CHECK(t[CLIENT]->state == THREAD_STOPPED && t[HANDLER]->state == THREAD_WAIT);
	CHECK(t[CLIENT]->regs->x[0] == 10 + HANDLER);
	CHECK(compartment_end());
}

int main(void)
{
	world_boot(2);
	RUN(the_handler_is_told);
	RUN(an_answer_lets_it_go_on);
	RUN(an_answer_after_the_replenishment);
	RUN(an_answer_sends_it_elsewhere);
	RUN(an_answer_stops_it);
	RUN(the_clients_call_is_cancelled);
	RUN(the_clients_deadline_passes_meanwhile);
	RUN(cancelled_itself_it_goes_on);
	RUN(stopped_meanwhile);
	RUN(the_handler_stops_or_goes);
	RUN(the_gate_goes);
	RUN(a_handler_without_time_is_not_waited_for);
	RUN(a_handler_without_budget);
	RUN(a_busy_handler_takes_one_after_the_other);
	RUN(who_queues_for_the_handler);
	RUN(a_helpers_budget_tells_nobody);
	RUN(no_circles);
	RUN(wrong_arguments);
	RUN(a_fault_finds_its_gate_gone_on_another_cpu);
	return tap_done();
}
