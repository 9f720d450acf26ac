/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "../target/internal.h"
#include "../target/options.h"
#include "hostile.h"

#define MORGUE_PRIO 38
#define WRECKER_PRIO 35
#define STALL_S 20 /* without any invocation: something hangs */

struct arena {
	struct gang gang[GANGS];
	struct bystander bystander[TAKT_MAX_CPUS];
	uint64_t seed, random, invocations, lives;
	takt_slot morgue;
	takt_ticks progress, beaten[TAKT_MAX_CPUS];
	uint64_t beats[TAKT_MAX_CPUS];
	/* The wrecker's. */
	uint64_t wrecker_random, wrecked;
	volatile bool wrecker_stops;
	volatile unsigned doom;	 /* 1 + number of the gang to destroy now */
	volatile unsigned target; /* 1 + number of the gang that is being wrecked */
};

static void pause_until(takt_ticks when)
{
	(void)irqs_within(1ull << 62, when);
}

/* --- Threads on the side ---------------------------------------------------------------------- */

/* Takes the faults: whoever made one stays stopped until somebody starts it again. */
static void coroner(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	for (;;) {
		m = (struct takt_msg){.tag = TAKT_TAG(err ? 1 : m.w[0] & 1, 0, 0)};
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

/* Everything but what the referee itself looks at. */
static unsigned victim(uint64_t random)
{
	static const uint8_t first[] = {H_PREY, H_THREAD, H_THREAD, H_SC, H_GATE, H_IRQ};
	static const uint8_t count[] = {PREYS, SEATS, SEATS, SEATS, 4, 4};
	unsigned kind = (unsigned)(random % 64);

	if (kind == 63)
		return H_TASK;
	if (kind == 62)
		return H_SCHEDULER;
	if (kind == 61)
		return H_VM;
	kind %= sizeof(first);
	return first[kind] + (unsigned)(random >> 8) % count[kind];
}

/* Never invokes a gate: that would be to wait for a hostile answer. */
static void wreck(struct gang *g, uint64_t random)
{
	unsigned h = victim(random >> 16);
	takt_slot object = G(g, h);

	if (random & 1) {
		(void)!takt_factory_destroy(g->bank, object);
		return;
	}
	switch (h_type(h)) {
	case TAKT_THREAD:
		if (random & 2)
			(void)!takt_thread_cancel(object);
		else if (random & 4)
			(void)!takt_thread_detach(object, object + SEATS);
		else
			(void)!takt_thread_stop(object);
		break;
	case TAKT_IRQ:
		(void)!takt_irq_trigger(object);
		break;
	case TAKT_SC:
		(void)!takt_sc_update(object, us(50), us(5000));
		break;
	default:
		break;
	}
}

static void wrecker(void *arg)
{
	struct arena *a = arg;

	while (!a->wrecker_stops) {
		uint64_t random = random_next(&a->wrecker_random);
		struct gang *g = &a->gang[random % GANGS];
		unsigned doom = a->doom;

		if (doom) {
			(void)!takt_factory_destroy(a->gang[doom - 1].bank,
						    G(&a->gang[doom - 1], H_FACTORY));
			a->doom = 0;
		} else {
			__atomic_store_n(&a->target, g->number + 1, __ATOMIC_SEQ_CST);
			if (__atomic_load_n(&g->alive, __ATOMIC_SEQ_CST)) {
				wreck(g, random >> 8);
				a->wrecked++;
			}
			a->target = 0;
		}
		if (!a->doom)
			takt_sleep_until(takt_now() + us(100 + (random >> 40) % 2000));
	}
}

static struct worker *side_thread(void (*fn)(void *), struct arena *a, unsigned prio, unsigned cpu)
{
	struct worker *w = worker_new(fn, a);

	w->prio = prio;
	w->cpu = cpu;
	worker_make(w);
	return w;
}

/* --- Referee ---------------------------------------------------------------------------------- */

static void print_all(struct arena *a)
{
	for (unsigned i = 0; i < GANGS; i++)
		gang_print(&a->gang[i]);
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		printf("# CPU %u: %llu beats\n", cpu,
		       (unsigned long long)a->bystander[cpu].beats);
}

static void look_round(struct arena *a)
{
	takt_ticks now = takt_now();
	uint64_t before = a->invocations;

	for (unsigned i = 0; i < GANGS; i++)
		a->invocations += gang_look_after(&a->gang[i]);
	if (a->invocations != before)
		a->progress = now;
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		struct bystander *b = &a->bystander[cpu];

		if (b->wrong) {
			printf("# CPU %u: %s\n", cpu, b->wrong);
			print_all(a);
			CHECK(!"a bystander noticed something");
		}
		if (b->beats != a->beats[cpu])
			a->beaten[cpu] = now;
		a->beats[cpu] = b->beats;
		if (now - a->beaten[cpu] > STALL_S * takt_hz()) {
			print_all(a);
			CHECK(!"a bystander does not get its time");
		}
	}
	if (now - a->progress > STALL_S * takt_hz()) {
		print_all(a);
		CHECK(!"nobody gets on");
	}
}

static void begin_life(struct arena *a, struct gang *g, uint64_t shortest, uint64_t longest)
{
	gang_build(g, a->seed, bystander_gate, a->morgue);
	for (unsigned i = 0; i < GANGS; i++) {
		gang_meet(g, &a->gang[(g->number + 1) % GANGS]);
		gang_meet(&a->gang[(g->number + GANGS - 1) % GANGS], g);
	}
	g->end = in_ms(shortest + random_next(&a->random) % (longest - shortest));
	a->lives++;
}

static void end_life(struct arena *a, struct gang *g)
{
	uint64_t random = random_next(&a->random) >> 8;

	a->invocations += gang_look_after(g);
	__atomic_store_n(&g->alive, false, __ATOMIC_SEQ_CST);
	if (cpus() > 1 && random % 3 == 0)
		a->doom = g->number + 1;
	gang_destroy(g, (unsigned)(random >> 8));
	while (a->doom || a->target == g->number + 1) /* the wrecker has come back, too */
		pause_until(takt_now() + us(100));
	gang_check(g);
}

static void report(struct arena *a, takt_ticks took)
{
	printf("# %llu invocations, %llu a second, in %llu ms, %llu lives, %llu things wrecked\n",
	       (unsigned long long)a->invocations,
	       (unsigned long long)(a->invocations * takt_hz() / took),
	       (unsigned long long)(took / (takt_hz() / 1000)), (unsigned long long)a->lives,
	       (unsigned long long)a->wrecked);
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		struct bystander *b = &a->bystander[cpu];

		printf("# bystander %u: %llu beats, %llu missed, %llu calls, at most %llu us late\n", cpu,
		       (unsigned long long)b->beats, (unsigned long long)b->missed,
		       (unsigned long long)b->calls,
		       (unsigned long long)(b->latest * 1000000 / takt_hz()));
	}
}

static struct arena *set_up(struct worker **wrecks)
{
	struct arena *a = pool_new(sizeof(*a));

	a->seed = option("seed", 1);
	a->random = random_seed(a->seed, 1);
	a->wrecker_random = random_seed(a->seed, 2);
	printf("# seed %llu\n", (unsigned long long)a->seed);
	bystanders_start(a->bystander, option("exact", 0) ? ms(1) : ms(4));
	a->morgue = slot_new();
	CHECK_OK(takt_create_gate(test_factory, 0, a->morgue));
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		struct worker *w = side_thread(coroner, a, MORGUE_PRIO, cpu);

		worker_start(w);
		CHECK_OK(takt_thread_bind_gate(w->slot, a->morgue));
	}
	for (unsigned i = 0; i < GANGS; i++)
		gang_init(&a->gang[i], i);
	*wrecks = side_thread(wrecker, a, WRECKER_PRIO, cpus() - 1);
	a->progress = takt_now();
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		a->beaten[cpu] = a->progress;
	return a;
}

/* Gangs live between `shortest` and `longest` ms, for so long in all. */
static void fight(uint64_t millis, uint64_t shortest, uint64_t longest)
{
	struct worker *wrecks;
	struct arena *a = set_up(&wrecks);
	takt_ticks begin = takt_now(), end = in_ms(millis);

	for (unsigned i = 0; i < GANGS; i++)
		begin_life(a, &a->gang[i], shortest, longest);
	worker_start(wrecks);
	while (takt_now() < end) {
		pause_until(takt_now() + us(500 + random_next(&a->random) % 3000));
		look_round(a);
		for (unsigned i = 0; i < GANGS; i++) {
			if (takt_now() < a->gang[i].end)
				continue;
			end_life(a, &a->gang[i]);
			begin_life(a, &a->gang[i], shortest, longest);
		}
	}
	for (unsigned i = 0; i < GANGS; i++)
		end_life(a, &a->gang[i]);
	a->wrecker_stops = true;
	worker_join(wrecks);
	bystanders_end(a->bystander);
	report(a, takt_now() - begin);
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		CHECK(!a->bystander[cpu].wrong);
		if (!option("exact", 0))
			continue;
		CHECK_EQ(a->bystander[cpu].missed, 0);
		CHECK(a->bystander[cpu].latest < us(100));
	}
}

TEST(long_lives)
{
	fight(option("millis", 40000), 100, 400);
}

TEST(short_lives)
{
	fight(option("millis", 40000) / 2, 1, 20);
}

static const struct test tests[] = {T_LONG(long_lives, 600), T_LONG(short_lives, 600)};
const struct suite suite_hostile = SUITE("hostile", tests);
