/* SPDX-License-Identifier: MIT */
/*
 * A client of servers that root started: what their services cost, by the same instrument. Prints
 * its figures and "# end".
 *
 *   gpios      a line, if it is to be measured
 *   figures    the first part of the names of its scheduler's
 */
#include <stdio.h>
#include <stdlib.h>
#include <takt/proto/gpio.h>

#include "bench.h"

uint64_t stamp_cost;

static uint32_t sample[SAMPLES];
static int unexpected;

void record(unsigned i, uint64_t ns)
{
	if (i >= WARM_UP)
		sample[i - WARM_UP] = (uint32_t)ns;
}

void expect(int is, int wanted)
{
	if (is != wanted)
		unexpected = is ? is : TAKT_E_STATE;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static uint32_t median(void)
{
	qsort(sample, SAMPLES, sizeof(sample[0]), compare);
	return sample[SAMPLES / 2];
}

static void show(const char *group, const char *name)
{
	if (unexpected)
		printf("# no %s.%s: %s\n", group, name, rt_error(unexpected));
	else
		printf("%s.%s %u V\n", group, name, median());
	unexpected = 0;
}

static void bench_gpio(void)
{
	takt_slot line = env_cap("gpios");

	expect(gpio_direction(line, 1), 0);
	MEASURE(expect(gpio_set(line, i_ & 1), 0));
	expect(gpio_get(line), 1);
	show("gpio", "set");
}

/* The kernel's object, or the server before it. */
static void bench_scheduler(const char *group)
{
	takt_slot scheduler = TAKT_SELF_SCHEDULER;
	takt_slot sc = env_slot_alloc();
	uint64_t w[6];

	MEASURE(expect(takt_scheduler_info(scheduler, 0, w), 0));
	show(group, "info");
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t begin = stamp();

		PUT_ASIDE(begin);
		expect(takt_scheduler_create_sc(scheduler, TAKT_SELF_FACTORY, 30,
						takt_ns_to_ticks(1000000),
						takt_ns_to_ticks(1000000), 0, sc),
		       0);
		record(i, stamp() - begin - stamp_cost);
		expect(takt_factory_destroy(TAKT_SELF_FACTORY, sc), 0);
	}
	show(group, "create_sc");
}

int main(void)
{
	MEASURE((void)0);
	stamp_cost = median();
	if (env_cap("gpios"))
		bench_gpio();
	bench_scheduler(env_string("figures", "scheduler"));
	printf("# end\n");
}
