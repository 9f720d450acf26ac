/* SPDX-License-Identifier: MIT */
/* A client of servers that root started: what their services cost, by the same instrument. Prints
 * its figures and "# end". */
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

static void show(const char *name)
{
	if (unexpected)
		printf("# no %s: %s\n", name, rt_error(unexpected));
	else
		printf("%s %u V\n", name, median());
	unexpected = 0;
}

static void bench_gpio(void)
{
	takt_slot line = env_cap("gpios");

	expect(gpio_direction(line, 1), 0);
	MEASURE(expect(gpio_set(line, i_ & 1), 0));
	expect(gpio_get(line), 1);
	show("gpio.set");
}

int main(void)
{
	MEASURE((void)0);
	stamp_cost = median();
	bench_gpio();
	printf("# end\n");
}
