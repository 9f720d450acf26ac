/* SPDX-License-Identifier: MIT */
/*
 * freertos: an LED task and a reporting task on FreeRTOS, as a paravirtual guest.
 *
 *   led-gpios   the LED's line
 *   period-ms   the LED's period: it toggles every half of it
 *   report-s    seconds between two lines on the console
 *   edges       1: a line for each change of the LED, too (takt/edge.h)
 *
 * On the session "console" there is a shell.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <FreeRTOS.h>
#include <task.h>

#include <takt/edge.h>
#include <takt/env.h>
#include <takt/proto/gpio.h>
#include <takt/rt.h>

#include "port.h"
#include "shell.h"

#define LED_PRIORITY 10
#define SHELL_PRIORITY 2
#define REPORT_PRIORITY 1
#define STACK_WORDS 1024

static takt_slot led;
static uint64_t period_ms, report_s, edges;

static struct {
	volatile uint64_t toggles, errors;
	volatile uint64_t late_ns, late_max_ns; /* sum, greatest */
} seen;

static void log_edge(const struct edge *e)
{
	char line[EDGE_LINE];

	pv_log(line, edge_line(line, "rtos", e));
}

static void led_task(void *argument)
{
	TickType_t last = xTaskGetTickCount(), half = pdMS_TO_TICKS(period_ms) / 2;
	struct edge e = {0};

	(void)argument;
	for (;;) {
		uint64_t late;

		/* False where the instant had passed: this one is late, the rhythm stays. */
		(void)xTaskDelayUntil(&last, half);
		e.before = takt_now();
		if (gpio_set(led, e.level ^= 1))
			seen.errors++;
		e.after = takt_now();
		e.due = port_tick_instant(last);
		late = takt_ticks_to_ns(e.after - e.due);
		seen.late_ns += late;
		if (late > seen.late_max_ns)
			seen.late_max_ns = late;
		e.number = ++seen.toggles;
		if (edges)
			log_edge(&e);
	}
}

static void report_task(void *argument)
{
	TickType_t last = xTaskGetTickCount();

	(void)argument;
	for (;;) {
		char line[160];
		uint64_t toggles, late, most;
		int len;

		(void)xTaskDelayUntil(&last, pdMS_TO_TICKS(report_s * 1000));
		taskENTER_CRITICAL();
		toggles = seen.toggles;
		late = seen.late_ns;
		most = seen.late_max_ns;
		taskEXIT_CRITICAL();
		len = snprintf(line, sizeof(line),
			       "tick %" PRIu64 ", LED toggled %" PRIu64 " times, %" PRIu64
			       " errors, late avg %" PRIu64 " max %" PRIu64 " ns, heap free %zu\n",
			       xTaskGetTickCount(), toggles, seen.errors,
			       toggles ? late / toggles : 0, most, xPortGetFreeHeapSize());
		pv_log(line, len < (int)sizeof(line) ? (unsigned)len : sizeof(line) - 1);
	}
}

static void create_tasks(void)
{
	TaskHandle_t task;

	if (xTaskCreate(led_task, "led", STACK_WORDS, NULL, LED_PRIORITY, &task) != pdPASS ||
	    xTaskCreate(report_task, "report", STACK_WORDS, NULL, REPORT_PRIORITY, NULL) != pdPASS)
		port_panic("no room for the tasks", "heap");
	/* What releases it is the tick: it goes on with the tick's time, if that has its own. */
	vTaskSetApplicationTaskTag(task, (TaskHookFunction_t)(uintptr_t)pv_sc_of[configTICK_VIRQ]);
	shell_start(SHELL_PRIORITY);
}

static int take_line(void)
{
	int err;

	led = env_cap("led-gpios");
	while ((err = gpio_direction(led, 1)) == TAKT_E_AGAIN)
		takt_sleep_until(takt_now() + takt_ns_to_ticks(1000000));
	return err;
}

int main(void)
{
	int err = take_line();

	if (err) {
		printf("cannot drive the LED's line: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	period_ms = env_number("period-ms", 500);
	report_s = env_number("report-s", 10);
	edges = env_number("edges", 0);
	if (period_ms < 2 || period_ms > 3600000 || !report_s || report_s > 86400) {
		printf("period-ms or report-s is out of range\n");
		return EXIT_FAILURE;
	}
	err = port_run("freertos", create_tasks);
	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
