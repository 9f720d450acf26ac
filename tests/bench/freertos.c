/* SPDX-License-Identifier: MIT */
/* What a switch of tasks costs in FreeRTOS on a paravirtual vCPU. Prints its figure and "# end". */
#include <stdio.h>
#include <stdlib.h>

#include <FreeRTOS.h>
#include <task.h>

#include <takt/rt.h>

#include "../../guests/freertos/port.h"
#include "bench.h"

#define PRIORITY 20

uint64_t stamp_cost;

static uint32_t sample[SAMPLES];
static volatile uint64_t partner_stamp;
static volatile bool over;

void record(unsigned i, uint64_t ns)
{
	if (i >= WARM_UP)
		sample[i - WARM_UP] = (uint32_t)ns;
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

static void partner(void *unused)
{
	(void)unused;
	while (!over) {
		partner_stamp = stamp();
		taskYIELD();
	}
	vTaskSuspend(NULL);
}

/* From one task's yield to the first instruction of the other. */
static void driver(void *unused)
{
	char line[64];
	int len;

	(void)unused;
	MEASURE((void)0);
	stamp_cost = median();
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t begin = stamp();

		PUT_ASIDE(begin);
		taskYIELD();
		record(i, partner_stamp - begin - stamp_cost);
	}
	len = snprintf(line, sizeof(line), "pv.yield %u V\n# end\n", (unsigned)median());
	over = true;
	pv_log(line, (unsigned)len);
	vTaskSuspend(NULL);
}

static void create_tasks(void)
{
	if (xTaskCreate(driver, "driver", 1024, NULL, PRIORITY, NULL) != pdPASS ||
	    xTaskCreate(partner, "partner", 1024, NULL, PRIORITY, NULL) != pdPASS)
		port_panic("no room for the tasks", "heap");
}

int main(void)
{
	int err = port_run("bench", create_tasks);

	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
