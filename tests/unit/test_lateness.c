/* SPDX-License-Identifier: MIT */
/* The blinker's account of how late it was. */
#include <string.h>

#include "../../servers/blinker/lateness.h"
#include "tap.h"

static struct lateness l;
static struct lateness_figures f;

TEST(each_value_has_its_bucket)
{
	static const struct {
		uint64_t ns;
		unsigned bucket;
	} values[] = {
		{0, 0},		  {1, 1},	    {2, 2},
		{3, 2},		  {4, 3},	    {1023, 10},
		{1024, 11},	  {1ull << 37, 38}, {(1ull << 38) - 1, 38},
		{1ull << 38, 39}, {UINT64_MAX, 39},
	};

	for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		memset(&l, 0, sizeof(l));
		lateness_add(&l, values[i].ns, 0);
		CHECK(lateness_read(&l, &f));
		CHECK(f.count == 1 && f.bucket[values[i].bucket] == 1);
		CHECK(f.least == values[i].ns && f.most == values[i].ns);
	}
}

TEST(figures_add_up)
{
	memset(&l, 0, sizeof(l));
	for (uint64_t ns = 10; ns <= 1000; ns += 10)
		lateness_add(&l, ns, ns == 500 ? 3 : 0);
	CHECK(lateness_read(&l, &f));
	CHECK(f.count == 100 && f.missed == 3 && f.least == 10 && f.most == 1000);
	CHECK(f.sum == 50500);
}

TEST(nothing_is_counted_yet)
{
	memset(&l, 0, sizeof(l));
	CHECK(lateness_read(&l, &f));
	CHECK(f.count == 0 && f.most == 0 && f.missed == 0);
}

TEST(cleared_with_the_next_one)
{
	memset(&l, 0, sizeof(l));
	lateness_add(&l, 77, 9);
	lateness_clear(&l);
	CHECK(lateness_read(&l, &f));
	CHECK(f.count == 1);
	lateness_add(&l, 5, 0);
	CHECK(lateness_read(&l, &f));
	CHECK(f.count == 1 && f.least == 5 && f.most == 5 && !f.missed);
	lateness_add(&l, 6, 0);
	CHECK(lateness_read(&l, &f));
	CHECK(f.count == 2);
}

/* In the middle of a change, which here never ends. */
TEST(torn_figures_are_not_given_out)
{
	memset(&l, 0, sizeof(l));
	l.changes = 1;
	CHECK(!lateness_read(&l, &f));
}

TEST(the_rhythm_is_kept)
{
	static const struct {
		uint64_t next, period, now, then, missed;
	} cases[] = {
		{100, 10, 100, 110, 0},
		{100, 10, 109, 110, 0},
		{100, 10, 110, 120, 1}, /* its instant has come: too late for it */
		{100, 10, 111, 120, 1},
		{100, 10, 125, 130, 2},
		/* Hours late. */
		{1000, 250000000, 1000 + 250000000ull * 1000000, 1000 + 250000000ull * 1000001,
		 1000000},
		{1ull << 60, 3, (1ull << 62) + 1, ((1ull << 62) + 1) / 3 * 3 + 3, 0},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t missed,
			then = lateness_next(cases[i].next, cases[i].period, cases[i].now, &missed);

		CHECK(then > cases[i].now && then <= cases[i].now + cases[i].period);
		CHECK((then - cases[i].next) % cases[i].period == 0);
		CHECK(missed == (then - cases[i].next) / cases[i].period - 1);
		if (i < 6)
			CHECK(then == cases[i].then && missed == cases[i].missed);
	}
}

int main(void)
{
	RUN(each_value_has_its_bucket);
	RUN(figures_add_up);
	RUN(nothing_is_counted_yet);
	RUN(cleared_with_the_next_one);
	RUN(torn_figures_are_not_given_out);
	RUN(the_rhythm_is_kept);
	return tap_done();
}
