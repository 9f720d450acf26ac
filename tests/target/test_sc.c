/* SPDX-License-Identifier: MIT */
/* Scheduling contexts: priorities, slices, budgets. Bounds are exact where time is; elsewhere the
 * end of a budget may come late, which is a debt, so that on the whole it holds all the same. */
#include "harness.h"

#define LATE ms(40) /* by the host's scheduling */

static uint64_t consumed(takt_slot sc)
{
	uint64_t w[6] = {0};

	CHECK_OK(takt_sc_info(sc, w));
	return w[0];
}

/* --- Priorities ------------------------------------------------------------------------------- */

static volatile unsigned order[8], ran;

static void note_order(void *number)
{
	order[ran++ % 8] = (unsigned)(uint64_t)number;
}

TEST(the_most_urgent_runs_first)
{
	static const unsigned prio[] = {12, 30, 1, 29, 13, 2};
	static const unsigned wanted[] = {30, 29, 13, 12, 2, 1};
	struct worker *w[6];

	ran = 0;
	for (unsigned i = 0; i < 6; i++) {
		w[i] = worker_new(note_order, (void *)(uint64_t)prio[i]);
		w[i]->prio = prio[i];
		worker_start(w[i]);
	}
	CHECK_EQ(ran, 0); /* this thread is more urgent than all */
	for (unsigned i = 0; i < 6; i++)
		worker_join(w[i]);
	for (unsigned i = 0; i < 6; i++)
		CHECK_EQ(order[i], wanted[i]);
}

static void start_urgent(void *arg)
{
	struct worker *w = arg;

	ran = 0;
	worker_start(w);
	note_order((void *)2); /* after the urgent one */
}

TEST(the_more_urgent_preempts)
{
	struct worker *urgent = worker_new(note_order, (void *)1);
	struct worker *w = worker_new(start_urgent, urgent);

	urgent->prio = HELP_PRIO + 1;
	worker_make(urgent);
	worker_start(w);
	worker_join(w);
	CHECK_EQ(ran, 2);
	CHECK_EQ(order[0], 1);
	CHECK_EQ(order[1], 2);
	worker_join(urgent);
}

TEST(equals_run_in_turn)
{
	struct worker *w[3];
	volatile bool *stop = pool_new(1);
	uint64_t least = UINT64_MAX, most = 0;

	for (unsigned i = 0; i < 3; i++) {
		w[i] = worker_new(spin_until_set, (void *)stop);
		w[i]->budget = w[i]->period = us(500);
		worker_start(w[i]);
	}
	CHECK(quiet(w[0]->bit, 15));
	for (unsigned i = 0; i < 3; i++) {
		uint64_t t = consumed(w[i]->sc);

		least = t < least ? t : least;
		most = t > most ? t : most;
	}
	*stop = true;
	if (exact_time()) {
		CHECK(most - least <= us(600)); /* a slice, and what it takes to look */
		CHECK(least >= ms(4));
	}
	CHECK(least > 0);
	for (unsigned i = 0; i < 3; i++)
		worker_join(w[i]);
}

static void yield_and_note(void *number)
{
	for (unsigned i = 0; i < 4; i++) {
		note_order(number);
		takt_yield();
	}
}

TEST(yield_goes_to_the_end_of_the_queue)
{
	struct worker *a = worker_new(yield_and_note, (void *)1),
		      *b = worker_new(yield_and_note, (void *)2);

	ran = 0;
	a->budget = a->period = b->budget = b->period = ms(100);
	worker_start(a);
	worker_start(b);
	worker_join(a);
	worker_join(b);
	CHECK_EQ(ran, 8);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(order[i], 1 + i % 2);
}

/* --- Budgets ---------------------------------------------------------------------------------- */

/* Marks at which a busy thread had the CPU: stretches without a gap. */
struct stretches {
	takt_ticks gap; /* anything longer is time that it did not have */
	takt_ticks end;
	takt_ticks had; /* all of it, also where there are too many stretches to record */
	unsigned count, most;
	struct {
		takt_ticks from, to;
	} s[256];
};

/* Less than any way through the kernel takes, more than a reading of the clock. */
static takt_ticks gap(void)
{
	return exact_time() ? 10 : us(5);
}

static void record(void *arg)
{
	struct stretches *r = arg;
	takt_ticks last = takt_now();

	r->s[0].from = last;
	while (last < r->end) {
		takt_ticks now = takt_now();

		if (now - last <= r->gap)
			r->had += now - last;
		if (now - last > r->gap && r->count < 255) {
			r->s[r->count++].to = last;
			r->s[r->count].from = now;
		}
		last = now;
	}
	r->s[r->count++].to = last;
}

/* The most time in any window of `length` that begins with a stretch. */
static takt_ticks most_in_window(const struct stretches *r, takt_ticks length)
{
	takt_ticks most = 0;

	for (unsigned i = 0; i < r->count; i++) {
		takt_ticks end = r->s[i].from + length, sum = 0;

		for (unsigned j = i; j < r->count && r->s[j].from < end; j++)
			sum += (r->s[j].to < end ? r->s[j].to : end) - r->s[j].from;
		most = sum > most ? sum : most;
	}
	return most;
}

static struct stretches *record_budget(unsigned cpu, takt_ticks budget, takt_ticks period,
				       unsigned prio, takt_ticks length, takt_slot *sc)
{
	struct stretches *r = pool_new(sizeof(*r));
	struct worker *w = worker_new(record, r);

	w->cpu = cpu;
	w->budget = budget;
	w->period = period;
	w->prio = prio;
	r->gap = gap();
	r->end = takt_now() + length;
	worker_make(w);
	*sc = w->sc;
	worker_start(w);
	/* A last refill may be missing, then it ends a period later. */
	irqs_await(w->bit);
	return r;
}

static takt_ticks all_time(const struct stretches *r)
{
	takt_ticks all = 0;

	for (unsigned i = 0; i < r->count; i++)
		all += r->s[i].to - r->s[i].from;
	return all;
}

/* Never more than the budget in any period; exact to a microsecond, of which the kernel's way in
 * and out and the reading of the clock take most. */
static void check_windows(const struct stretches *r, takt_ticks budget, takt_ticks period)
{
	if (exact_time())
		CHECK(most_in_window(r, period) <= budget + us(1));
	else
		CHECK(r->count > 0);
}

static void check_budget(unsigned cpu, takt_ticks budget, takt_ticks period)
{
	takt_slot sc;
	takt_ticks from = takt_now(), length = exact_time() ? 20 * period : ms(200);
	struct stretches *r = record_budget(cpu, budget, period, HELP_PRIO, length, &sc);

	length = takt_now() - from;

	check_windows(r, budget, period);
	/* In real time `consumed` has in it what the host took from the CPU, which is paid back in
	 * part only. */
	CHECK((exact_time() ? consumed(sc) : r->had) <=
	      (length / period + 1) * budget + (exact_time() ? us(2) : LATE));
	if (exact_time()) { /* nobody else is there: all of it is had */
		CHECK(r->count >= 19 && r->count < 255);
		CHECK(all_time(r) >= 19 * (budget - us(2)));
	}
	CHECK_OK(takt_sc_update(sc, ms(1), ms(1))); /* gives back the share */
}

TEST(budgets_hold)
{
	check_budget(0, us(300), ms(1));
	check_budget(0, ms(1), ms(2));
	check_budget(0, us(50), us(500));
	check_budget(0, us(900), ms(1));
}

TEST(budgets_hold_on_another_cpu)
{
	check_budget(other_cpu(), us(300), ms(1));
	check_budget(other_cpu(), ms(1), ms(2));
}

static void disturb(void *arg)
{
	volatile bool *stop = arg;
	struct takt_msg m = {0};
	takt_ticks next = takt_now();

	while (!*stop) {
		spin_ms(0);
		for (takt_ticks end = takt_now() + us(17); takt_now() < end;)
			;
		next += us(131);
		(void)!takt_wait(&m, next);
	}
}

/* Preempted again and again, the budget comes back in many small parts: still never too much. */
TEST(budgets_hold_in_pieces)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(disturb, (void *)stop);
	struct stretches *r;
	takt_slot sc;

	w->prio = HELP_PRIO + 1;
	worker_start(w);
	r = record_budget(0, us(400), ms(2), HELP_PRIO, ms(40), &sc);
	*stop = true;
	worker_join(w);
	check_windows(r, us(400), ms(2));
	if (exact_time()) {
		CHECK(r->count > 20);
		CHECK(consumed(sc) >= us(400) * 10);
	}
}

/* Who sleeps when its time comes does not save it up. */
static void sleep_then_record(void *arg)
{
	struct takt_msg m = {0};

	CHECK_ERR(takt_wait(&m, in_ms(10)), TAKT_E_TIMEOUT);
	record(arg);
}

TEST(budgets_do_not_add_up)
{
	struct stretches *r = pool_new(sizeof(*r));
	struct worker *w = worker_new(sleep_then_record, r);

	w->budget = us(300);
	w->period = ms(1);
	r->gap = gap();
	r->end = in_ms(20);
	worker_start(w);
	irqs_await(w->bit);
	check_windows(r, us(300), ms(1));
}

/* Many short runs are as good as a long one. */
static void nap(void *arg)
{
	volatile bool *stop = arg;
	struct takt_msg m = {0};

	while (!*stop) {
		for (takt_ticks end = takt_now() + us(5); takt_now() < end;)
			;
		(void)!takt_wait(&m, takt_now() + us(5));
	}
}

TEST(napping_wins_nothing)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(nap, (void *)stop);
	takt_ticks from, used, length;

	w->budget = us(200);
	w->period = ms(2);
	worker_make(w);
	from = takt_now();
	worker_start(w);
	CHECK(quiet(w->bit, 40));
	used = consumed(w->sc);
	length = takt_now() - from;
	*stop = true;
	CHECK(used <= (length / ms(2) + 1) * us(200) + (exact_time() ? us(2) : LATE));
	CHECK(used >= us(200));
}

TEST(the_depleted_irq)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(spin_until_set, (void *)stop);
	takt_slot irq = irq_new(1);

	w->budget = us(500);
	w->period = ms(3);
	worker_make(w);
	CHECK_ERR(takt_sc_depleted_irq(w->sc, cap_without(irq, TAKT_R_IRQ_TRIGGER)),
		  TAKT_E_RIGHTS);
	CHECK_OK(takt_sc_depleted_irq(w->sc, irq));
	worker_start(w);
	for (unsigned i = 0; i < 5; i++) {
		uint64_t info[6];

		irqs_await(1);
		CHECK_OK(takt_sc_info(w->sc, info));
		CHECK(info[0] >= (i + 1) * us(500) - us(2));
		if (exact_time())
			CHECK(info[0] <= (i + 1) * us(500) + us(2));
	}
	*stop = true;
	worker_join(w);
	/* Who stops in time depletes nothing. */
	(void)irqs_within(1, 0);
	w->fn = spin_ms;
	w->arg = NULL;
	worker_start(w);
	worker_join(w);
	CHECK(quiet(1, 4));
}

TEST(a_depleted_thread_lets_others_run)
{
	volatile bool *stop = pool_new(1);
	struct worker *greedy = worker_new(spin_until_set, (void *)stop),
		      *modest = worker_new(spin_ms, (void *)2);
	takt_ticks before;

	greedy->prio = HELP_PRIO + 1;
	greedy->budget = us(500);
	greedy->period = ms(1);
	worker_start(greedy);
	worker_start(modest);
	before = takt_now();
	worker_join(modest);
	CHECK(takt_now() - before >= ms(2));
	CHECK(consumed(greedy->sc) >= us(500));
	*stop = true;
	worker_join(greedy);
}

/* The server runs on its caller's budget, and stops with it. */
static void call_echo(void *arg)
{
	CHECK_OK(call_words(*(takt_slot *)arg, 0, 0, 0, NULL));
}

static void serve_long(void *arg)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	record(arg);
	m.tag = 0;
	CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
}

TEST(a_server_runs_on_its_callers_budget)
{
	struct stretches *r = pool_new(sizeof(*r));
	struct worker *server = worker_new(serve_long, r), *client;
	takt_slot *gate = pool_new(sizeof(*gate));

	server->passive = true;
	worker_make(server);
	*gate = gate_new(server->slot, 0);
	worker_start(server);
	client = worker_new(call_echo, gate);
	client->budget = us(300);
	client->period = ms(1);
	r->gap = gap();
	r->end = in_ms(20);
	worker_start(client);
	worker_join(client);
	check_windows(r, us(300), ms(1));
	if (exact_time())
		CHECK(consumed(client->sc) >= us(300) * 15);
}

/* --- Changes ---------------------------------------------------------------------------------- */

TEST(update_errors)
{
	takt_slot sc = sc_new(5, 0, ms(1), ms(1)), elsewhere = sc_new(5, cpus() - 1, ms(1), ms(1));

	CHECK_ERR(takt_sc_update(sc, 0, ms(1)), TAKT_E_RANGE);
	CHECK_ERR(takt_sc_update(sc, us(1), ms(1)), TAKT_E_RANGE);
	CHECK_ERR(takt_sc_update(sc, ms(2), ms(1)), TAKT_E_RANGE);
	CHECK_ERR(takt_sc_update(sc, 0, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_sc_update(sc, UINT64_MAX, UINT64_MAX), TAKT_E_RANGE);
	CHECK_ERR(takt_sc_update(cap_with(sc, TAKT_R_SC_INFO), ms(1), ms(2)), TAKT_E_RIGHTS);
	CHECK_OK(takt_sc_update(elsewhere, ms(2), ms(2)));
	CHECK_EQ(consumed(elsewhere), 0);
}

/* Changing an SC again and again makes no time. */
TEST(updates_win_nothing)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(spin_until_set, (void *)stop);
	takt_ticks from, used, length;

	w->budget = us(300);
	w->period = ms(3);
	worker_make(w);
	from = takt_now();
	worker_start(w);
	for (unsigned i = 0; i < 60; i++) {
		CHECK(!irqs_within(w->bit, takt_now() + us(500)));
		CHECK_OK(takt_sc_update(w->sc, us(300), ms(3)));
	}
	used = consumed(w->sc);
	length = takt_now() - from;
	*stop = true;
	CHECK(used <= (length / ms(3) + 1) * us(300) + (exact_time() ? us(2) : LATE));
}

TEST(an_update_takes_effect)
{
	volatile bool *stop = pool_new(1);
	struct worker *w = worker_new(spin_until_set, (void *)stop);
	uint64_t before, used;

	w->budget = us(100);
	w->period = ms(1);
	worker_start(w);
	CHECK(quiet(w->bit, 5));
	CHECK_OK(takt_sc_update(w->sc, us(800), ms(1)));
	CHECK(quiet(w->bit, 2));
	before = consumed(w->sc);
	CHECK(quiet(w->bit, 10));
	used = consumed(w->sc) - before;
	*stop = true;
	if (exact_time())
		CHECK(used <= us(800) * 11 && used >= us(800) * 9);
	CHECK(used > 0);
}

static const struct test tests[] = {
	T(the_most_urgent_runs_first),
	T(the_more_urgent_preempts),
	T(equals_run_in_turn),
	T(yield_goes_to_the_end_of_the_queue),
	T(budgets_hold),
	T(budgets_hold_on_another_cpu),
	T(budgets_hold_in_pieces),
	T(budgets_do_not_add_up),
	T(napping_wins_nothing),
	T(the_depleted_irq),
	T(a_depleted_thread_lets_others_run),
	T(a_server_runs_on_its_callers_budget),
	T(update_errors),
	T(updates_win_nothing),
	T(an_update_takes_effect),
};
const struct suite suite_sc = SUITE("sc", tests);
