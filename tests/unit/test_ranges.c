/* SPDX-License-Identifier: MIT */
/* Sets of ranges against a plain array of them. */
#include <core/ranges.h>
#include <stdlib.h>

#include "tap.h"

#define MANY 256

static struct range range[MANY];
static struct range *set;
static unsigned members;

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

static bool well; /* in order, balanced, and with the right height and reach */

/* Returns how many there are. */
static unsigned check_tree(const struct range *r, const struct range **last)
{
	int height[2] = {0, 0};
	u64 reach;
	unsigned n;

	if (!r)
		return 0;
	n = check_tree(r->child[0], last);
	well &= !*last || (*last)->base < r->base || ((*last)->base == r->base && *last < r);
	*last = r;
	n += check_tree(r->child[1], last);
	reach = r->base + r->size;
	for (unsigned side = 0; side < 2; side++) {
		if (r->child[side]) {
			height[side] = r->child[side]->height;
			reach = MAX(reach, r->child[side]->reach);
		}
	}
	well &= r->reach == reach && r->height == 1 + MAX(height[0], height[1]) &&
		abs(height[0] - height[1]) <= 1;
	return n + 1;
}

static bool set_is_well(void)
{
	const struct range *last = NULL;

	well = true;
	return check_tree(set, &last) == members && well;
}

static bool meets(u64 base, u64 size)
{
	for (unsigned i = 0; i < MANY; i++)
		if (range[i].height && range[i].base < base + size &&
		    base < range[i].base + range[i].size)
			return true;
	return false;
}

static void put(unsigned i, u64 base, u64 size)
{
	range[i].base = base;
	range[i].size = size;
	ranges_insert(&set, &range[i]);
	members++;
}

static void take(unsigned i)
{
	ranges_remove(&set, &range[i]);
	members--;
}

TEST(in_order)
{
	CHECK(!ranges_meet(set, 0, 100));
	for (unsigned i = 0; i < MANY; i++) {
		put(i, 2ul * i, 1);
		CHECK(set_is_well());
	}
	CHECK(set->height <= 9); /* 11 if it had to be */
	for (unsigned i = 0; i < 2 * MANY; i++)
		CHECK(ranges_meet(set, i, 1) == !(i % 2));
	for (unsigned i = 0; i < MANY; i++) {
		take(i);
		CHECK(set_is_well());
	}
	CHECK(!set);
}

TEST(the_same_again_and_again)
{
	for (unsigned i = 0; i < MANY; i++)
		put(i, 7, 3);
	CHECK(set_is_well());
	CHECK(ranges_meet(set, 9, 1) && !ranges_meet(set, 10, 1) && !ranges_meet(set, 0, 7));
	for (unsigned i = 0; i < MANY; i++)
		take((i * 5) % MANY);
	CHECK(!set);
}

TEST(at_random)
{
	srand(1);
	for (unsigned n = 0; n < 20000; n++) {
		unsigned i = (unsigned)rand() % MANY;
		u64 base = (u64)rand() % 1000, size = 1 + (u64)rand() % (n % 7 ? 6 : 60);

		if (range[i].height)
			take(i);
		else if (n / 2000 % 2 || rand() % 4 == 0) /* full, and nearly empty */
			put(i, base, size);
		if (n % 16 == 0)
			CHECK(set_is_well());
		base = (u64)rand() % 1000;
		CHECK(ranges_meet(set, base, size) == meets(base, size));
	}
}

int main(void)
{
	RUN(in_order);
	RUN(the_same_again_and_again);
	RUN(at_random);
	return tap_done();
}
