/* SPDX-License-Identifier: MIT */
/*
 * A hostile client of a server of schedulers, on each of its CPUs: any message, any capability, as
 * fast as it can, by threads that are stopped in the middle and started anew. The factories that it
 * names are used up, or end while they are used. "attack: ROUNDS" from time to time.
 *
 *   seed
 *   cpus-used   its threads: on the CPUs 0 to that, less one
 */
#include <stdbool.h>
#include <stdio.h>
#include <takt/rt.h>

#define ROUND_NS 2000000
#define SLOTS 24
#define FACTORY_PAGES 4

/* Slots of things: a factory of its own, the same without the right to destroy, then what was made.
 */
struct attacker {
	struct rt_thread thread;
	uint64_t random;
	takt_slot first;
};

static struct attacker attackers[TAKT_MAX_CPUS];

static uint32_t random_below(struct attacker *a, uint32_t n)
{
	a->random = a->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(a->random >> 33) % n;
}

static takt_slot some_slot(struct attacker *a)
{
	return a->first + random_below(a, SLOTS);
}

/* Numbers that mean something, mostly: CPUs, priorities, shares, times; then those at the edges. */
static uint64_t some_word(struct attacker *a)
{
	switch (random_below(a, 8)) {
	case 0:
		return a->random;
	case 1:
		return ~0ull >> random_below(a, 64);
	case 2:
	case 3:
		return takt_ns_to_ticks(1000 * (1 + random_below(a, 10000)));
	case 4:
		return 1 + random_below(a, 100);
	default:
		return random_below(a, 4);
	}
}

static takt_slot some_argument(struct attacker *a)
{
	switch (random_below(a, 8)) {
	case 0:
		return random_below(a, 80);
	case 1:
		return some_slot(a);
	case 2:
		return TAKT_SELF_THREAD;
	case 3:
		return TAKT_SELF_FACTORY;
	case 4:
		return a->first + 1;
	default:
		return a->first;
	}
}

static void send_something(struct attacker *a)
{
	bool good = random_below(a, 4);
	unsigned op = good ? random_below(a, 5) : random_below(a, 0x10000);
	unsigned words = random_below(a, 8) ? 4 : random_below(a, TAKT_MAX_WORDS + 1);
	unsigned caps = random_below(a, 8) ? op <= TAKT_SCHEDULER_NARROW
					   : random_below(a, TAKT_MAX_CAPS + 1);
	struct takt_msg m = {.tag = TAKT_TAG(op, words, caps)};

	m.window = random_below(a, 8) ? some_slot(a) : random_below(a, 300);
	for (unsigned i = 0; i < TAKT_REG_WORDS; i++)
		m.w[i] = some_word(a);
	for (unsigned i = 0; i < TAKT_MAX_CAPS; i++)
		m.cap[i] = some_argument(a);
	/* What it has made may be a scheduler, too. */
	(void)!takt_call(random_below(a, 4) ? TAKT_SELF_SCHEDULER : some_slot(a), &m);
}

/* Ends something that was made, or the factory and all that is in it; the next one has room for
 * nothing, or for little. */
static void end_something(struct attacker *a)
{
	takt_slot slot = some_slot(a);

	if (slot > a->first + 1 && random_below(a, 4)) {
		if (random_below(a, 2))
			(void)!takt_factory_destroy(
				random_below(a, 2) ? a->first : TAKT_SELF_FACTORY, slot);
		(void)!takt_task_cap_delete(TAKT_SELF_TASK, slot, 1);
		return;
	}
	(void)!takt_factory_destroy(TAKT_SELF_FACTORY, a->first);
	(void)!takt_task_cap_delete(TAKT_SELF_TASK, a->first, SLOTS);
	(void)!takt_factory_sub(TAKT_SELF_FACTORY, 1 + random_below(a, FACTORY_PAGES), a->first);
	(void)!takt_task_cap_copy(TAKT_SELF_TASK, a->first, a->first + 1, TAKT_R_FACTORY_CREATE);
}

static void attack(void *attacker)
{
	struct attacker *a = attacker;

	for (;;) {
		send_something(a);
		if (!random_below(a, 16))
			end_something(a);
	}
}

static int start(struct attacker *a, unsigned cpu)
{
	a->random = env_number("seed", 1) + cpu;
	a->first = env_slots_alloc(SLOTS);
	a->thread = (struct rt_thread){
		.name = "attack", .fn = attack, .arg = a, .cpu = cpu, .sc = env_slot_alloc()};
	return takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY,
					env_number("priority", 0) - 1, takt_ns_to_ticks(1000000),
					takt_ns_to_ticks(1000000), cpu, a->thread.sc)
		       ?: rt_thread_create(&a->thread);
}

/* Cut off where it is, begun anew. */
static int restart(struct attacker *a)
{
	int err;

	while ((err = takt_thread_stop(a->thread.slot)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(100000));
	if (err)
		return err;
	return rt_thread_go(
		&(struct rt_thread){.slot = a->thread.slot, .number = a->thread.number});
}

int main(void)
{
	unsigned cpus = (unsigned)env_number("cpus-used", 1);
	int err = 0;

	for (unsigned i = 0; !err && i < cpus; i++)
		err = start(&attackers[i], i);
	for (unsigned round = 1; !err; round++) {
		struct attacker *a = &attackers[round % cpus];

		takt_sleep_until(takt_now() + takt_ns_to_ticks(ROUND_NS + random_below(a, 50000)));
		err = restart(a);
		if (!(round % 100))
			printf("attack: %u\n", round);
	}
	printf("attack: ends: %s\n", rt_error(err));
}
