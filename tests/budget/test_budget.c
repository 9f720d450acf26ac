/* SPDX-License-Identifier: MIT */
/*
 * Threads that note when they run, by reading the counter all the time. In no window as long as its
 * period may a thread have run longer than its budget, but for the timer's resolution. With the
 * option "exact" time is counted in instructions, and all is checked; else what does not hang on the
 * host's moods.
 */
#include <stdio.h>
#include <string.h>

#include "../target/options.h"
#include "../target/harness.h"

#define RUNNERS 6
#define RING 1024 /* intervals remembered: more than there can be in a period */
#define GAP_NS 150 /* a longer way from one reading of the counter to the next leads through the kernel */
#define SLACK_NS 200
#define LATE_NS 5000

struct interval {
	takt_ticks from, to;
};

struct runner {
	struct worker *worker;
	takt_ticks budget, period;
	uint64_t random; /* 0: it never sleeps */
	volatile bool stop;
	takt_ticks used; /* in all */
	int64_t worst;	 /* above the budget, in any window */
	uint64_t count;
	struct interval ring[RING];
};

static bool exact(void)
{
	return option("exact", 0);
}

static takt_ticks ns(uint64_t n)
{
	return n * takt_hz() / 1000000000;
}

static uint64_t next(uint64_t *x)
{
	*x ^= *x >> 12;
	*x ^= *x << 25;
	*x ^= *x >> 27;
	return *x * 0x2545f4914f6cdd1dull >> 8;
}

static uint64_t between(uint64_t *x, uint64_t least, uint64_t most)
{
	return least + next(x) % (most - least + 1);
}

/* --- Runners ---------------------------------------------------------------------------------- */

/* An interval is over: how much of the period that ends with it has been used? The fullest window
 * of all ends where an interval ends. */
static void note(struct runner *r, takt_ticks from, takt_ticks to)
{
	takt_ticks begin = to - r->period, sum = 0;

	r->ring[r->count++ % RING] = (struct interval){from, to};
	r->used += to - from;
	for (uint64_t n = r->count; n && n + RING > r->count; n--) {
		const struct interval *i = &r->ring[(n - 1) % RING];

		if (i->to <= begin)
			break;
		sum += i->to - (i->from < begin ? begin : i->from);
	}
	if ((int64_t)(sum - r->budget) > r->worst)
		r->worst = (int64_t)(sum - r->budget);
}

static void nap(struct runner *r)
{
	takt_sleep_until(takt_now() + between(&r->random, 1, r->period / 2));
}

static void run(void *arg)
{
	struct runner *r = arg;
	takt_ticks gap = ns(GAP_NS), from = takt_now(), last = from, end = UINT64_MAX;

	if (r->random)
		end = from + between(&r->random, 1, r->budget);
	while (!r->stop) {
		takt_ticks now = takt_now();

		if (now - last > gap) { /* somebody else ran */
			note(r, from, last);
			from = takt_now(); /* what noting took is of no interval: too little, then */
			last = from;
			continue;
		}
		last = now;
		if (now < end)
			continue;
		note(r, from, last);
		nap(r);
		from = last = takt_now();
		end = from + between(&r->random, 1, r->budget);
	}
}

static struct runner *runner_new(unsigned prio, takt_ticks budget, takt_ticks period,
				 uint64_t random)
{
	struct runner *r = pool_new(sizeof(*r));

	r->budget = budget;
	r->period = period;
	r->random = random;
	r->worst = INT64_MIN;
	r->worker = worker_new(run, r);
	r->worker->prio = prio;
	r->worker->budget = budget;
	r->worker->period = period;
	worker_make(r->worker);
	return r;
}

static void print(const struct runner *r, takt_ticks took)
{
	printf("#  prio %2u, %6llu of %6llu us%s: %llu intervals, %llu per mille, at most %lld ns over\n",
	       r->worker->prio, (unsigned long long)(r->budget * 1000000 / takt_hz()),
	       (unsigned long long)(r->period * 1000000 / takt_hz()), r->random ? ", naps" : "",
	       (unsigned long long)r->count, (unsigned long long)(r->used * 1000 / took),
	       (long long)(r->worst * 1000000000 / (int64_t)takt_hz()));
}

/* --- Tests ------------------------------------------------------------------------------------ */

static void round_of_runners(uint64_t *random, uint64_t millis, struct runner **r)
{
	unsigned left = 850; /* per mille */
	takt_ticks begin;

	for (unsigned i = 0; i < RUNNERS; i++) {
		takt_ticks period = us(between(random, 200, 20000));
		unsigned share = (unsigned)between(random, 5, left / 3);
		takt_ticks budget = period * share / 1000;

		if (budget < us(5))
			budget = us(5);
		left -= (unsigned)(budget * 1000 / period) + 1;
		r[i] = runner_new((unsigned)between(random, 1, 35), budget, period,
				  next(random) % 2 ? next(random) | 1 : 0);
	}
	begin = takt_now();
	for (unsigned i = 0; i < RUNNERS; i++)
		worker_start(r[i]->worker);
	(void)irqs_within(1ull << 62, in_ms(millis));
	for (unsigned i = 0; i < RUNNERS; i++)
		r[i]->stop = true;
	for (unsigned i = 0; i < RUNNERS; i++)
		worker_join(r[i]->worker);
	for (unsigned i = 0; i < RUNNERS; i++)
		print(r[i], takt_now() - begin);
}

static void endure(uint64_t round)
{
	uint64_t random = (option("seed", 1) * 1000 + round) * 0x9e3779b97f4a7c15ull | 1;
	struct runner *r[RUNNERS];

	round_of_runners(&random, option("millis", 1000), r);
	for (unsigned i = 0; i < RUNNERS; i++) {
		CHECK(r[i]->count > 0);
		if (exact())
			CHECK(r[i]->worst <= (int64_t)ns(SLACK_NS));
	}
}

#define ROUND(n)                                                                                   \
	TEST(never_above_the_budget_##n)                                                           \
	{                                                                                          \
		endure(n);                                                                         \
	}
ROUND(1)
ROUND(2)
ROUND(3)
ROUND(4)
ROUND(5)
ROUND(6)
ROUND(7)
ROUND(8)

TEST(all_of_the_budget)
{
	struct runner *high = runner_new(30, us(300), us(1000), 0);
	struct runner *low = runner_new(20, us(2000), us(5000), 0);
	takt_ticks begin = takt_now(), took;

	worker_start(high->worker);
	worker_start(low->worker);
	(void)irqs_within(1ull << 62, in_ms(500));
	high->stop = low->stop = true;
	worker_join(high->worker);
	worker_join(low->worker);
	took = takt_now() - begin;
	print(high, took);
	print(low, took);
	if (!exact())
		test_skip("needs counted time");
	CHECK(high->used * 1000 / took >= 290);
	CHECK(low->used * 1000 / took >= 385);
}

struct punctual {
	uint64_t random;
	volatile bool stop;
	takt_ticks latest;
	uint64_t beats;
};

static void wake_up_often(void *arg)
{
	struct punctual *p = arg;

	while (!p->stop) {
		takt_ticks when = takt_now() + between(&p->random, us(20), us(900)), late;

		takt_sleep_until(when);
		late = takt_now() - when;
		if (late > p->latest)
			p->latest = late;
		p->beats++;
	}
}

TEST(the_more_urgent_preempts)
{
	struct punctual *p = pool_new(sizeof(*p));
	struct worker *w = worker_new(wake_up_often, p);
	uint64_t random = option("seed", 1) * 77 + 5;
	struct runner *r[RUNNERS];

	p->random = next(&random) | 1;
	w->prio = TEST_PRIO + 5;
	worker_start(w);
	round_of_runners(&random, 1000, r);
	p->stop = true;
	worker_join(w);
	printf("# %llu times, at most %llu ns late\n", (unsigned long long)p->beats,
	       (unsigned long long)(p->latest * 1000000000 / takt_hz()));
	CHECK(p->beats > 0);
	if (exact())
		CHECK(p->latest <= ns(LATE_NS));
}

static const struct test tests[] = {
	T_LONG(never_above_the_budget_1, 120), T_LONG(never_above_the_budget_2, 120),
	T_LONG(never_above_the_budget_3, 120), T_LONG(never_above_the_budget_4, 120),
	T_LONG(never_above_the_budget_5, 120), T_LONG(never_above_the_budget_6, 120),
	T_LONG(never_above_the_budget_7, 120), T_LONG(never_above_the_budget_8, 120),
	T(all_of_the_budget), T(the_more_urgent_preempts),
};
const struct suite suite_budget = SUITE("budget", tests);
