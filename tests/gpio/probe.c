/* SPDX-License-Identifier: MIT */
/*
 * A client of the gpio server that tries the protocol, then reports each edge of its inputs:
 * "edge LINE irqs N level L". test_gpio.py drives the inputs and reads along. Meanwhile it toggles
 * its output and measures how long that takes at most: "set worst N ns".
 */
#include <inttypes.h>
#include <stdio.h>
#include <takt/proto/gpio.h>
#include <takt/rt.h>

#define INPUTS 2
#define TICK_NS 10000000
#define TICKS_PER_REPORT 10
#define TICKS_TO_WATCH 50 /* until then edges go to irqs that nobody has */

static takt_slot input[INPUTS], output, factory;
static unsigned line_of[INPUTS];
static unsigned failures;

static void expect(const char *what, int is, int wanted)
{
	if (is == wanted)
		return;
	failures++;
	printf("probe: %s: %s, wanted %s\n", what, rt_error(is), rt_error(wanted));
}

static int send(takt_slot gate, unsigned op, unsigned words, uint64_t w0, unsigned caps,
		takt_slot cap)
{
	struct takt_msg m = {.tag = TAKT_TAG(op, words, caps), .w = {w0}, .cap = {cap, cap}};

	return takt_call(gate, &m);
}

static takt_slot new_irq(takt_slot thread, uint64_t badge)
{
	takt_slot irq = env_slot_alloc();
	int err = takt_create_irq(factory, irq);

	if (!err && thread)
		err = takt_irq_bind_thread(irq, thread, badge);
	expect("making an irq", err, 0);
	return irq;
}

static void destroy(takt_slot cap)
{
	expect("destroying", takt_factory_destroy(TAKT_SELF_FACTORY, cap), 0);
	env_slot_free(cap);
}

/* Once the server is willing to change this line again. */
static int edge(takt_slot line, unsigned edges, takt_slot irq)
{
	int err;

	while ((err = gpio_edge(line, edges, irq)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(1000000));
	return err;
}

static void wrong_messages(takt_slot line)
{
	takt_slot irq = new_irq(0, 0), weak = env_slot_alloc(), none = env_slot_alloc();

	expect("copy", takt_task_cap_copy(TAKT_SELF_TASK, irq, weak, TAKT_R_IRQ_BIND), 0);
	expect("no operation", send(line, 77, 0, 0, 0, 0), TAKT_E_OP);
	expect("set without a level", send(line, GPIO_SET, 0, 1, 0, 0), TAKT_E_MSG);
	expect("set to 2", send(line, GPIO_SET, 1, 2, 0, 0), TAKT_E_INVAL);
	expect("direction without", send(line, GPIO_DIRECTION, 0, 1, 0, 0), TAKT_E_MSG);
	expect("direction 2", send(line, GPIO_DIRECTION, 1, 2, 0, 0), TAKT_E_INVAL);
	expect("edges without words", send(line, GPIO_EDGE, 0, 1, 1, irq), TAKT_E_MSG);
	expect("edges 4", send(line, GPIO_EDGE, 1, 4, 1, irq), TAKT_E_INVAL);
	expect("edges without an irq", send(line, GPIO_EDGE, 1, 1, 0, 0), TAKT_E_MSG);
	expect("no edges with an irq", send(line, GPIO_EDGE, 1, 0, 1, irq), TAKT_E_MSG);
	expect("edges with two", send(line, GPIO_EDGE, 1, 1, 2, irq), TAKT_E_MSG);
	expect("an empty slot", send(line, GPIO_EDGE, 1, 1, 1, none), TAKT_E_CAP);
	expect("a thread", send(line, GPIO_EDGE, 1, 1, 1, TAKT_SELF_THREAD), TAKT_E_TYPE);
	expect("a gate", send(line, GPIO_EDGE, 1, 1, 1, line), TAKT_E_TYPE);
	expect("an irq not to trigger", send(line, GPIO_EDGE, 1, 1, 1, weak), TAKT_E_RIGHTS);
	env_slot_free(none);
	destroy(irq);
	env_slot_free(weak); /* as dead as the other */
}

/* A line may change a few times in a row, not for ever; and no refused irq costs a slot. */
static void many_changes(takt_slot line)
{
	takt_slot irq = new_irq(0, 0);
	unsigned refused = 0;

	for (unsigned i = 0; i < 1000; i++) {
		int err = gpio_edge(line, GPIO_BOTH_EDGES, irq);

		refused += err == TAKT_E_AGAIN;
		if (err && err != TAKT_E_AGAIN)
			expect("many changes", err, 0);
	}
	if (!refused) {
		printf("probe: a thousand changes in a row were not refused\n");
		failures++;
	}
	expect("after many changes", edge(line, GPIO_EDGES_OFF, 0), 0);
	destroy(irq);
}

static void nothing(void *unused)
{
	(void)unused;
}

/* Irqs with nobody behind them, which the next edge will show. */
static void dead_irqs(void)
{
	struct rt_thread t = {
		.name = "short", .fn = nothing, .cpu = (unsigned)env_number("cpu", 0)};
	takt_slot irq = new_irq(0, 0);

	expect("edges to a dead irq", edge(input[0], GPIO_BOTH_EDGES, irq), 0);
	destroy(irq);
	expect("a thread", rt_thread_make(&t), 0);
	irq = new_irq(t.slot, 1);
	expect("edges to a dead thread", edge(input[1], GPIO_BOTH_EDGES, irq), 0);
	destroy(t.slot);
}

static void watch_inputs(void)
{
	for (unsigned i = 0; i < INPUTS; i++)
		expect("edges",
		       edge(input[i], (unsigned)env_number("edges", GPIO_BOTH_EDGES),
			    new_irq(TAKT_SELF_THREAD, 1u << i)),
		       0);
	printf("probe: watches\n");
}

static void report(uint64_t badges)
{
	static unsigned count[INPUTS];

	for (unsigned i = 0; i < INPUTS; i++)
		if (badges & 1u << i)
			printf("edge %u irqs %u level %d\n", line_of[i], ++count[i],
			       gpio_get(input[i]));
}

/* One toggle of the output; returns its ticks. */
static takt_ticks toggle(void)
{
	static unsigned level;
	takt_ticks begin = takt_now();

	expect("set", gpio_set(output, level ^= 1), 0);
	return takt_now() - begin;
}

static void run(void)
{
	takt_ticks tick = takt_ns_to_ticks(TICK_NS), next = takt_now() + tick, worst = 0;
	unsigned ticks = 0;

	for (;;) {
		struct takt_msg m = {0};
		int err = takt_wait(&m, next);

		if (!err) {
			report(m.w[0]);
			continue;
		}
		for (unsigned i = 0; i < 2; i++) {
			takt_ticks took = toggle();

			worst = took > worst ? took : worst;
		}
		next += tick;
		if (++ticks == TICKS_TO_WATCH)
			watch_inputs();
		if (ticks % TICKS_PER_REPORT)
			continue;
		printf("set worst %" PRIu64 " ns\n", takt_ticks_to_ns(worst));
		worst = 0;
	}
}

int main(void)
{
	input[0] = env_cap("in-gpios");
	input[1] = env_cap("in-gpios.1");
	output = env_cap("out-gpios");
	line_of[0] = (unsigned)env_number("first-line", 0);
	line_of[1] = (unsigned)env_number("second-line", 0);
	factory = TAKT_SELF_FACTORY;
	expect("output", gpio_direction(output, 1), 0);
	for (unsigned i = 0; i < INPUTS; i++) {
		expect("input", gpio_direction(input[i], 0), 0);
		wrong_messages(input[i]);
		many_changes(input[i]);
	}
	dead_irqs();
	printf("probe: tried, %u failures\n", failures);
	run();
}
