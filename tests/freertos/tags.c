/* SPDX-License-Identifier: MIT */
/*
 * Two FreeRTOS tasks, one released by every tick, one that computes in the background, beside a hog
 * whose priority is between those of the tick's scheduling context and the base. The urgent task's tag
 * is `tag`: 0, so it runs on the base, or that of the tick's. Prints, after `ticks` of them, the
 * greatest lateness of the first and how long the same work ever took each of the two.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <FreeRTOS.h>
#include <task.h>

#include <takt/env.h>
#include <takt/rt.h>

#include "../../guests/freertos/port.h"

#define WORK_NS 50000
#define SETTLE 50 /* ticks that do not count */
#define STACK_WORDS 1024

static volatile uint64_t ticks;

/* Two instructions a turn. Returns how long it took. */
static takt_ticks work(void)
{
	takt_ticks from = takt_now();
	uint64_t turns = WORK_NS / 2;

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(turns) : : "cc");
	return takt_now() - from;
}

static volatile takt_ticks latest, urgent_longest, background_longest;

static void note(volatile takt_ticks *most, takt_ticks now)
{
	if (ticks > SETTLE && now > *most)
		*most = now;
}

static void urgent_task(void *unused)
{
	TickType_t last = xTaskGetTickCount();

	(void)unused;
	for (;;) {
		(void)xTaskDelayUntil(&last, 1);
		note(&latest, takt_now() - port_tick_instant(last));
		note(&urgent_longest, work());
		ticks++;
	}
}

static void background_task(void *unused)
{
	uint64_t wanted = env_number("ticks", 1000) + SETTLE;
	char text[120];
	int len;

	(void)unused;
	while (ticks < wanted)
		note(&background_longest, work());
	len = snprintf(text, sizeof(text),
		       "tag: late %" PRIu64 " ns, urgent %" PRIu64 " ns, background %" PRIu64 " ns\n",
		       takt_ticks_to_ns(latest), takt_ticks_to_ns(urgent_longest),
		       takt_ticks_to_ns(background_longest));
	pv_log(text, (unsigned)len);
	vTaskSuspend(NULL);
}

static void create_tasks(void)
{
	TaskHandle_t urgent;

	if (xTaskCreate(background_task, "back", STACK_WORDS, NULL, 2, NULL) != pdPASS ||
	    xTaskCreate(urgent_task, "urgent", STACK_WORDS, NULL, 10, &urgent) != pdPASS)
		port_panic("no room for the tasks", "heap");
	vTaskSetApplicationTaskTag(urgent, (TaskHookFunction_t)(uintptr_t)env_number("tag", 0));
}

int main(void)
{
	int err = port_run("tags", create_tasks);

	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
