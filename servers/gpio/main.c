/* SPDX-License-Identifier: MIT */
/*
 * The clients' side of the server.
 *
 *   device             the controller's registers
 *   irq                its interrupt
 *   irq-priority, irq-budget-us, irq-period-us
 *                      time for edges and for changes from other CPUs, from the server's share
 *   edge-interval-us   an input's irq is triggered no more often than that
 *
 * A client holds a gate whose badge is its line, so it cannot name another. These threads are
 * passive, one on each CPU: an access runs on the client's own scheduling context. The data
 * register is masked by the address, so setting one line is one store that needs no lock. All that
 * changes how a line works is done by the lines' thread (lines.c), which they call.
 */
#include <stdio.h>
#include <stdlib.h>

#include <takt/proto/gpio.h>
#include <takt/rt.h>
#include <takt/server.h>

#include "gpio.h"

volatile uint8_t *registers;

static int keep_irq(const struct server *s, takt_slot *kept)
{
	int slot, err = server_check_irq(TAKT_SELF_TASK, s->window);

	if (err)
		return err;
	slot = server_keep_cap(s, 0);
	if (slot < 0)
		return slot;
	*kept = (takt_slot)slot;
	return 0;
}

static int handle_edge(const struct server *s, unsigned line, const struct takt_msg *m)
{
	takt_slot irq = 0;
	int err = 0;

	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	if (m->w[0] > GPIO_BOTH_EDGES)
		return TAKT_E_INVAL;
	if (TAKT_TAG_CAPS(m->tag) != (m->w[0] != GPIO_EDGES_OFF))
		return TAKT_E_MSG;
	if (m->w[0] != GPIO_EDGES_OFF)
		err = keep_irq(s, &irq);
	if (err)
		return err;
	err = line_edges(line, (unsigned)m->w[0], irq);
	if (err && irq) {
		(void)!takt_task_cap_delete(TAKT_SELF_TASK, irq, 1);
		env_slot_free(irq);
	}
	return err;
}

static int handle(void *self, struct takt_msg *m)
{
	unsigned line = (unsigned)m->badge, op = TAKT_TAG_LABEL(m->tag);

	if (m->badge >= LINES)
		return TAKT_E_RANGE;
	switch (op) {
	case GPIO_SET:
	case GPIO_DIRECTION:
		if (TAKT_TAG_WORDS(m->tag) < 1)
			return TAKT_E_MSG;
		if (m->w[0] > 1)
			return TAKT_E_INVAL;
		if (op == GPIO_DIRECTION)
			return line_direction(line, m->w[0]);
		reg_set(GPIODATA(1u << line), m->w[0] << line);
		return 0;
	case GPIO_GET:
		m->w[0] = reg_get(GPIODATA(1u << line)) ? 1 : 0;
		return server_words(m, 1);
	case GPIO_EDGE:
		return handle_edge(self, line, m);
	default:
		return TAKT_E_OP;
	}
}

static void serve(void)
{
	struct server server = {.handle = handle, .self = &server, .window = server_window()};

	server_run(&server);
}

/* The threads of the other CPUs: the same server, with the same hardware as its state. */
void server_thread(unsigned index)
{
	(void)index;
	serve();
}

int main(void)
{
	int err;

	registers = rt_map_device(env_cap("device"), 0);
	if (!registers) {
		printf("gpio: no registers to map: capability \"device\" is missing or unfit\n");
		return EXIT_FAILURE;
	}
	/* No interrupts, no alternate functions. Levels and directions stay: after a restart of
	 * this server the clients' lines are as they were. */
	reg_set(GPIOIE, 0);
	reg_set(GPIOIC, 0xff);
	reg_set(GPIOAFSEL, 0);
	err = lines_init();
	if (err) {
		printf("gpio: no thread for its lines (irq, irq-..., priorities, share): %s\n",
		       rt_error(err));
		return EXIT_FAILURE;
	}
	serve();
}
