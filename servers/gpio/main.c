/* SPDX-License-Identifier: MIT */
/*
 * gpio: owns a PL061 and hands out its lines one by one.
 *
 *   device  the controller's registers
 *   irq     its interrupt; masked at the controller, for nothing waits for edges yet
 *
 * A client holds a gate whose badge is its line, so it cannot name another. The server is passive
 * with a thread on each CPU: an access runs on the client's own scheduling context, without a
 * message to another CPU. Its only state is the hardware. GPIODATA is masked by the address, so
 * setting one line is one store that needs no lock. GPIODIR has no such mask: see set_direction.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <takt/proto/gpio.h>
#include <takt/rt.h>
#include <takt/server.h>

#define LINES 8

/* Register offsets; those of GPIODATA carry the mask of lines in address bits 2..9. */
#define DATA(lines) ((lines) << 2)
#define DIR 0x400
#define IE 0x410
#define IC 0x41c
#define AFSEL 0x420

static volatile uint8_t *registers;
static atomic_flag direction_busy = ATOMIC_FLAG_INIT;

static uint32_t get(unsigned offset)
{
	return *(volatile uint32_t *)(registers + offset);
}

static void set(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(registers + offset) = value;
}

/*
 * GPIODIR holds the bits of all lines, and the threads of two CPUs may want to change it at once.
 * The loser does not wait for the other, which runs on a budget of its client's and may be without
 * one at this moment: it gets E_AGAIN. A line that has its direction already never does.
 */
static int set_direction(uint32_t line, bool output)
{
	if (!(get(DIR) & line) == !output)
		return 0;
	if (atomic_flag_test_and_set_explicit(&direction_busy, memory_order_acquire))
		return TAKT_E_AGAIN;
	set(DIR, output ? get(DIR) | line : get(DIR) & ~line);
	atomic_flag_clear_explicit(&direction_busy, memory_order_release);
	return 0;
}

static int handle(void *self, struct takt_msg *m)
{
	uint32_t line;

	(void)self;
	if (m->badge >= LINES)
		return TAKT_E_RANGE;
	line = 1u << m->badge;
	switch (TAKT_TAG_LABEL(m->tag)) {
	case GPIO_SET:
		if (TAKT_TAG_WORDS(m->tag) < 1)
			return TAKT_E_MSG;
		if (m->w[0] > 1)
			return TAKT_E_INVAL;
		set(DATA(line), m->w[0] ? line : 0);
		return 0;
	case GPIO_GET:
		m->w[0] = get(DATA(line)) ? 1 : 0;
		return server_words(m, 1);
	case GPIO_DIRECTION:
		if (TAKT_TAG_WORDS(m->tag) < 1)
			return TAKT_E_MSG;
		if (m->w[0] > 1)
			return TAKT_E_INVAL;
		return set_direction(line, m->w[0]);
	default:
		return TAKT_E_OP;
	}
}

/* The threads of the other CPUs: the same server, with the same hardware as its state. */
void server_thread(unsigned index)
{
	struct server server = {.handle = handle};

	(void)index;
	server_run(&server);
}

int main(void)
{
	struct server server = {.handle = handle};

	registers = rt_map_device(env_cap("device"), 0);
	if (!registers) {
		printf("gpio: no registers to map: capability \"device\" is missing or unfit\n");
		return EXIT_FAILURE;
	}
	/* No interrupts, no alternate functions. Levels and directions stay: after a restart of
	 * this server the clients' lines are as they were. */
	set(IE, 0);
	set(IC, 0xff);
	set(AFSEL, 0);
	server_run(&server);
}
