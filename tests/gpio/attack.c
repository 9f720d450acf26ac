/* SPDX-License-Identifier: MIT */
/*
 * A hostile client of the gpio server: any message, any capability, as fast as it can, by a thread
 * that is stopped in the middle and started anew, with attack-us of each millisecond. It has one
 * line; "attack: ROUNDS" from time to time.
 */
#include <stdio.h>
#include <takt/proto/gpio.h>
#include <takt/rt.h>

#define ROUND_NS 3000000

static takt_slot line, irq;
static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % n;
}

/* Mostly what looks reasonable, lest all be refused at the first check. */
static void send_something(void)
{
	struct takt_msg m = {.window = random_below(8) ? 0 : random_below(300)};
	unsigned op = random_below(4) ? random_below(4) : random_below(0x10000);
	unsigned words = random_below(4) ? 1 : random_below(TAKT_MAX_WORDS + 1);
	unsigned caps = random_below(4) ? op == GPIO_EDGE : random_below(TAKT_MAX_CAPS + 1);

	m.tag = TAKT_TAG(op, words, caps);
	for (unsigned i = 0; i < TAKT_REG_WORDS; i++)
		m.w[i] = random_below(8) ? random_below(4) : random_state;
	for (unsigned i = 0; i < TAKT_MAX_CAPS; i++)
		m.cap[i] = random_below(4) ? irq : random_below(80);
	(void)!takt_call(line, &m);
}

static void attack(void *unused)
{
	(void)unused;
	for (;;)
		send_something();
}

static int make_thread(struct rt_thread *t)
{
	int err;

	t->sc = env_slot_alloc();
	err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY,
				       env_number("priority", 0) - 1,
				       takt_ns_to_ticks(env_number("attack-us", 300) * 1000),
				       takt_ns_to_ticks(1000000), t->cpu, t->sc);
	return err ? err : rt_thread_create(t);
}

int main(void)
{
	struct rt_thread t = {
		.name = "attack", .fn = attack, .cpu = (unsigned)env_number("cpu", 0)};
	int err;

	random_state = env_number("seed", 1);
	line = env_cap("gpios");
	irq = env_slot_alloc();
	err = takt_create_irq(TAKT_SELF_FACTORY, irq);
	if (!err)
		err = takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 1);
	if (!err)
		err = make_thread(&t);
	/* The thread is cut off where it is, then begins anew. */
	for (unsigned round = 1; !err; round++) {
		takt_ticks end = takt_now() + takt_ns_to_ticks(ROUND_NS + random_below(50000));
		struct takt_msg m = {0};

		while (takt_wait(&m, end) != TAKT_E_TIMEOUT)
			;
		err = takt_thread_stop(t.slot);
		if (!err)
			err = rt_thread_go(&(struct rt_thread){.slot = t.slot, .number = t.number});
		if (!(round % 100))
			printf("attack: %u\n", round);
	}
	printf("attack: ends: %s\n", rt_error(err));
}
