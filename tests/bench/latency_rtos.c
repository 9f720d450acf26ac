/* SPDX-License-Identifier: MIT */
/*
 * As latency.c, with FreeRTOS: a task with a period of one tick that must not be late, and another
 * one for housekeeping. The figure is the greatest lateness of the first: from when its tick was
 * due to its own first instructions. It runs on the tick's scheduling context, if that has one (its
 * tag), the other task on the base.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <FreeRTOS.h>
#include <task.h>

#include <takt/env.h>
#include <takt/rt.h>

#include "../../guests/freertos/port.h"

#define WORK_NS 50000
#define CHORE_TICKS 10
#define CHORE_NS 400000
#define SETTLE 20 /* releases that do not count, while the others start */
#define STACK_WORDS 1024

static TaskHandle_t chores;

static struct {
	volatile uint64_t releases, missed;
	volatile takt_ticks latest;
} seen;

/* Two instructions a turn. */
static void work(uint64_t ns)
{
	uint64_t turns = ns / 2;

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(turns) : : "cc");
}

static void control_task(void *unused)
{
	TickType_t last = xTaskGetTickCount();
	takt_ticks length = port_tick_instant(1) - port_tick_instant(0);

	(void)unused;
	for (;;) {
		takt_ticks late;

		(void)xTaskDelayUntil(&last,
				      1); /* false where it has passed: then this one is late */
		late = takt_now() - port_tick_instant(last);
		seen.releases++;
		if (seen.releases > SETTLE) {
			if (late > seen.latest)
				seen.latest = late;
			seen.missed += late >= length;
		}
		work(WORK_NS);
		if (seen.releases % CHORE_TICKS == 0)
			xTaskNotifyGive(chores);
	}
}

static void report(const char *figure)
{
	char text[128];
	int len = snprintf(
		text, sizeof(text),
		"# %s: %" PRIu64 " ticks, %" PRIu64 " missed\n%s %" PRIu64 " ns\n# end\n", figure,
		seen.releases - SETTLE, seen.missed, figure, takt_ticks_to_ns(seen.latest));

	pv_log(text, (unsigned)len);
}

static void chore_task(void *unused)
{
	uint64_t wanted = env_number("ticks", 1000) + SETTLE;
	bool reported = false;

	(void)unused;
	for (;;) {
		(void)ulTaskNotifyTake(pdFALSE, portMAX_DELAY);
		work(CHORE_NS);
		if (!reported && seen.releases >= wanted) {
			report(env_string("figure", "latency"));
			reported = true;
		}
	}
}

static void create_tasks(void)
{
	TaskHandle_t control;

	if (xTaskCreate(chore_task, "chores", STACK_WORDS, NULL, 2, &chores) != pdPASS ||
	    xTaskCreate(control_task, "control", STACK_WORDS, NULL, 10, &control) != pdPASS)
		port_panic("no room for the tasks", "heap");
	vTaskSetApplicationTaskTag(control,
				   (TaskHookFunction_t)(uintptr_t)pv_sc_of[configTICK_VIRQ]);
}

int main(void)
{
	int err = port_run("latency", create_tasks);

	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	/* Index 0 is the base: the figure would be another one. */
	if (env_count("event-scheduling") && !pv_sc_of[configTICK_VIRQ]) {
		printf("the tick brings no scheduling context of its own\n");
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
