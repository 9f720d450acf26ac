/* SPDX-License-Identifier: MIT */
/* The timer queue against a plain array. */
#include <core/timerq.h>

#include "tap.h"
#include "world.h"

#define TIMERS 64

static struct timerq q;
static struct timer timers[TIMERS];
static u64 model[TIMERS]; /* TAKT_NEVER: not queued */

static unsigned check_node(const struct timer *t, const struct timer *parent, bool *ok)
{
	if (!t)
		return 0;
	*ok = *ok && t->parent == parent && t->queued && t->when == model[t - timers] &&
	      (!parent || parent->when <= t->when);
	return 1 + check_node(t->left, t, ok) + check_node(t->right, t, ok);
}

static bool same(void)
{
	u64 least = TAKT_NEVER;
	unsigned count = 0;
	bool ok = true;

	for (unsigned i = 0; i < TIMERS; i++) {
		least = MIN(least, model[i]);
		count += model[i] != TAKT_NEVER;
		ok = ok && timers[i].queued == (model[i] != TAKT_NEVER);
	}
	return check_node(q.root, NULL, &ok) == count && ok && q.count == count &&
	       timerq_next(&q) == least;
}

TEST(behaves_like_an_array)
{
	for (unsigned i = 0; i < TIMERS; i++)
		model[i] = TAKT_NEVER;
	for (unsigned n = 0; n < 200000; n++) {
		u64 i = random_below(TIMERS);

		if (random_below(3)) {
			model[i] = random_below(100); /* many are equal */
			timerq_insert(&q, &timers[i], model[i]);
		} else {
			model[i] = TAKT_NEVER;
			timerq_remove(&q, &timers[i]);
		}
		CHECK(same());
	}
}

TEST(comes_out_in_order)
{
	u64 last = 0;

	for (unsigned i = 0; i < TIMERS; i++) {
		model[i] = random_u64();
		timerq_insert(&q, &timers[i], model[i]);
	}
	while (q.root) {
		struct timer *t = q.root;

		CHECK(t->when >= last);
		last = t->when;
		model[t - timers] = TAKT_NEVER;
		timerq_remove(&q, t);
		CHECK(same());
	}
}

int main(void)
{
	RUN(behaves_like_an_array);
	RUN(comes_out_in_order);
	return tap_done();
}
