/* SPDX-License-Identifier: MIT */
/*
 * Protocol of a GPIO line. The gate stands for one line; the server knows it by the badge.
 *
 * An edge triggers the irq that the client gave, once: further ones within the server's
 * `edge-interval-us` count as one, which comes at the end of the interval. None is forgotten that
 * comes after the irq has been seen. An irq that is gone ends the notification.
 */
#ifndef TAKT_PROTO_GPIO_H
#define TAKT_PROTO_GPIO_H

#include <takt/sys.h>

enum gpio_op {
	GPIO_SET,	/* w0: level 0 or 1 */
	GPIO_GET,	/* -> w0: level */
	GPIO_DIRECTION, /* w0: 0 input, 1 output. E_AGAIN: too many changes of this line, wait 10 ms
			 */
	GPIO_EDGE,	/* w0: enum gpio_edges, c0: irq (R_IRQ_TRIGGER) to trigger, in place of the
			   one before; none with GPIO_EDGES_OFF. E_AGAIN as above */
};

enum gpio_edges { GPIO_EDGES_OFF, GPIO_RISING, GPIO_FALLING, GPIO_BOTH_EDGES };

static inline TAKT_MUST_CHECK int gpio_set(takt_slot line, unsigned level)
{
	struct takt_msg m = {.tag = TAKT_TAG(GPIO_SET, 1, 0), .w = {level}};

	return takt_call(line, &m);
}

/* Level, or an error. */
static inline TAKT_MUST_CHECK int gpio_get(takt_slot line)
{
	struct takt_msg m = {.tag = TAKT_TAG(GPIO_GET, 0, 0)};
	int err = takt_call(line, &m);

	return err ? err : (int)m.w[0];
}

static inline TAKT_MUST_CHECK int gpio_direction(takt_slot line, unsigned output)
{
	struct takt_msg m = {.tag = TAKT_TAG(GPIO_DIRECTION, 1, 0), .w = {output}};

	return takt_call(line, &m);
}

static inline TAKT_MUST_CHECK int gpio_edge(takt_slot line, enum gpio_edges edges, takt_slot irq)
{
	struct takt_msg m = {
		.tag = TAKT_TAG(GPIO_EDGE, 1, edges != GPIO_EDGES_OFF), .w = {edges}, .cap = {irq}};

	return takt_call(line, &m);
}
#endif
