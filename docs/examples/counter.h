/* SPDX-License-Identifier: MIT */
/* Protocol of a counter. Each gate to the server stands for a counter of its own. */
#ifndef COUNTER_H
#define COUNTER_H

#include <takt/sys.h>

enum counter_op {
	COUNTER_ADD,	/* w0: what to add -> w0: the sum */
	COUNTER_NOTIFY, /* w0: sum, c0: irq (R_IRQ_TRIGGER) to trigger once that is reached */
};

static inline TAKT_MUST_CHECK int counter_add(takt_slot counter, uint64_t n, uint64_t *sum)
{
	struct takt_msg m = {.tag = TAKT_TAG(COUNTER_ADD, 1, 0), .w = {n}};
	int err = takt_call(counter, &m);

	*sum = m.w[0];
	return err;
}

static inline TAKT_MUST_CHECK int counter_notify(takt_slot counter, uint64_t sum, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(COUNTER_NOTIFY, 1, 1), .w = {sum}, .cap = {irq}};

	return takt_call(counter, &m);
}
#endif
