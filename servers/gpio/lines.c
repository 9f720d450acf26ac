/* SPDX-License-Identifier: MIT */
/*
 * How lines work: direction, edges, interrupts.
 *
 * The registers for that have bits of all lines and no mask, so one thread alone writes them. The
 * clients' threads call it; it runs on its own scheduling context where they are on another CPU,
 * and for interrupts. What a client can make it do is bounded for each line: CHANGES in a window,
 * and two short runs for an edge in each interval. A line that had an edge is masked at the
 * controller, which remembers the next one, until the interval is over. So no client and no
 * chattering input can use up the time that another line's edges need.
 */
#include <stdatomic.h>
#include <stdio.h>

#include <takt/proto/gpio.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "gpio.h"

#define CHANGES 4
#define WINDOW_NS 10000000
#define BADGE_IRQ 1

static struct {
	/* Written by the lines' thread, read by all. */
	_Atomic takt_ticks window; /* end of the window that counts changes */
	_Atomic unsigned changes;
	/* Its own. */
	takt_slot irq;	 /* 0: nobody wants to know */
	takt_ticks rest; /* masked until then; 0: it is not */
} lines[LINES];

static takt_slot gate, interrupt;
static takt_ticks interval;

/* --- The lines' thread ------------------------------------------------------------------------ */

static void reg_bits(unsigned offset, uint32_t bits, bool on)
{
	reg_set(offset, on ? reg_get(offset) | bits : reg_get(offset) & ~bits);
}

static void drop_irq(unsigned n)
{
	if (!lines[n].irq)
		return;
	(void)!takt_task_cap_delete(TAKT_SELF_TASK, lines[n].irq, 1);
	env_slot_free(lines[n].irq);
	lines[n].irq = 0;
}

/* Edges that came before are forgotten. */
static int edge_interrupt(unsigned n, unsigned edges, takt_slot irq)
{
	uint32_t line = 1u << n;

	reg_bits(GPIOIE, line, false);
	drop_irq(n);
	lines[n].irq = irq;
	lines[n].rest = 0;
	reg_bits(GPIOIS, line, false);
	reg_bits(GPIOIBE, line, edges == GPIO_BOTH_EDGES);
	reg_bits(GPIOIEV, line, edges == GPIO_RISING);
	reg_set(GPIOIC, line);
	reg_bits(GPIOIE, line, edges != GPIO_EDGES_OFF);
	return 0;
}

static int change(void *self, struct takt_msg *m)
{
	unsigned n = (unsigned)m->w[0];
	takt_ticks now = takt_now();

	(void)self;
	if (now >= lines[n].window) {
		lines[n].window = now + takt_ns_to_ticks(WINDOW_NS);
		lines[n].changes = 0;
	}
	lines[n].changes++;
	if (TAKT_TAG_LABEL(m->tag) == GPIO_EDGE)
		return edge_interrupt(n, (unsigned)m->w[1], (takt_slot)m->w[2]);
	reg_bits(GPIODIR, 1u << n, m->w[1]);
	return 0;
}

/* Unmasks the lines whose interval is over; returns when the next one's is, 0: there is none. */
static takt_ticks end_rests(takt_ticks now)
{
	takt_ticks next = 0;

	for (unsigned n = 0; n < LINES; n++) {
		if (lines[n].rest && lines[n].rest <= now) {
			lines[n].rest = 0;
			reg_bits(GPIOIE, 1u << n, true);
		}
		if (lines[n].rest && (!next || lines[n].rest < next))
			next = lines[n].rest;
	}
	return next;
}

static void rests_over(void *self)
{
	struct server *s = self;

	s->deadline = end_rests(takt_now());
}

static void edges_came(void *self, uint64_t badges)
{
	uint32_t came = reg_get(GPIOMIS) & ((1u << LINES) - 1);
	takt_ticks now = takt_now();

	(void)badges;
	/* Masked and cleared before the clients know: an edge from here on is a new one. */
	reg_bits(GPIOIE, came, false);
	reg_set(GPIOIC, came);
	for (; came; came &= came - 1) {
		unsigned n = (unsigned)__builtin_ctz(came);

		if (takt_irq_trigger(lines[n].irq))
			drop_irq(n); /* its maker has destroyed it; the line stays masked */
		else
			lines[n].rest = now + interval;
	}
	(void)!takt_irq_ack(interrupt);
	rests_over(self);
}

static void lines_thread(void *unused)
{
	static struct server server = {
		.handle = change, .irq = edges_came, .timeout = rests_over, .self = &server};

	(void)unused;
	server_run(&server);
}

/* --- For the clients' threads ----------------------------------------------------------------- */

static int call_lines(unsigned op, unsigned line, uint64_t value, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(op, 3, 0), .w = {line, value, irq}};

	if (lines[line].changes >= CHANGES && takt_now() < lines[line].window)
		return TAKT_E_AGAIN;
	return takt_call(gate, &m);
}

int line_direction(unsigned line, bool output)
{
	if (!(reg_get(GPIODIR) & 1u << line) == !output)
		return 0;
	return call_lines(GPIO_DIRECTION, line, output, 0);
}

int line_edges(unsigned line, unsigned edges, takt_slot irq)
{
	return call_lines(GPIO_EDGE, line, edges, irq);
}

static int make_sc(takt_slot *sc, unsigned cpu)
{
	uint64_t budget = env_number("irq-budget-us", 50),
		 period = env_number("irq-period-us", 1000);

	*sc = env_slot_alloc();
	return takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY,
					env_number("irq-priority", env_number("priority", 0)),
					takt_ns_to_ticks(budget * 1000),
					takt_ns_to_ticks(period * 1000), cpu, *sc);
}

int lines_init(void)
{
	struct rt_thread t = {
		.name = "lines", .fn = lines_thread, .cpu = (unsigned)env_number("cpu", 0)};
	int err = make_sc(&t.sc, t.cpu);

	interval = takt_ns_to_ticks(env_number("edge-interval-us", 1000) * 1000);
	interrupt = env_cap("irq");
	gate = env_slot_alloc();
	if (!err)
		err = rt_thread_make(&t);
	if (!err)
		err = takt_create_gate(TAKT_SELF_FACTORY, 0, gate);
	if (!err)
		err = takt_thread_bind_gate(t.slot, gate);
	if (!err)
		err = takt_irq_bind_thread(interrupt, t.slot, BADGE_IRQ);
	return err ? err : rt_thread_go(&t);
}
