/* SPDX-License-Identifier: MIT */
/* Protocol of a GPIO line. The gate stands for one line; the server knows it by the badge. */
#ifndef TAKT_PROTO_GPIO_H
#define TAKT_PROTO_GPIO_H

#include <takt/sys.h>

enum gpio_op {
	GPIO_SET,	/* w0: level 0 or 1 */
	GPIO_GET,	/* -> w0: level */
	GPIO_DIRECTION, /* w0: 0 input, 1 output */
};

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
#endif
