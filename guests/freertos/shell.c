/* SPDX-License-Identifier: MIT */
/* A task that sleeps until something was typed. Its handler is interrupt level, so all of this file
 * is compiled without FP/SIMD registers. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <FreeRTOS.h>
#include <task.h>

#include "port.h"
#include "shell.h"

#define STACK_WORDS 1024
#define LINE_SIZE 80
#define MAX_TASKS 24

static TaskHandle_t shell;

void port_input_interrupt(void)
{
	BaseType_t wanted = pdFALSE;

	if (shell)
		vTaskNotifyGiveFromISR(shell, &wanted);
	portYIELD_FROM_ISR(wanted);
}

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	char text[120];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pv_log(text, len < (int)sizeof(text) ? (unsigned)len : sizeof(text) - 1);
}

static const char *state_name(eTaskState state)
{
	static const char *const names[] = {"running", "ready", "blocked", "suspended", "deleted"};

	return state <= eDeleted ? names[state] : "?";
}

static UBaseType_t take_states(TaskStatus_t *tasks, uint64_t *total)
{
	UBaseType_t n = uxTaskGetSystemState(tasks, MAX_TASKS, total);

	if (!n)
		say("more than %d tasks\n", MAX_TASKS);
	return n;
}

static void show_tasks(void)
{
	static TaskStatus_t tasks[MAX_TASKS];
	uint64_t total;
	UBaseType_t n = take_states(tasks, &total);

	for (UBaseType_t i = 0; i < n; i++)
		say("%-16s %-9s priority %2lu, stack left %lu words\n", tasks[i].pcTaskName,
		    state_name(tasks[i].eCurrentState), (unsigned long)tasks[i].uxCurrentPriority,
		    (unsigned long)tasks[i].usStackHighWaterMark);
	say("heap: %lu bytes free, %lu at least\n", (unsigned long)xPortGetFreeHeapSize(),
	    (unsigned long)xPortGetMinimumEverFreeHeapSize());
}

/* Time that the guest has consumed, not time that has passed. */
static void show_stats(void)
{
	static TaskStatus_t tasks[MAX_TASKS];
	uint64_t total, us = takt_hz() / 1000000;
	UBaseType_t n = take_states(tasks, &total);

	for (UBaseType_t i = 0; i < n; i++)
		say("%-16s %10" PRIu64 " us %3u.%u %%\n", tasks[i].pcTaskName,
		    tasks[i].ulRunTimeCounter / us,
		    (unsigned)(tasks[i].ulRunTimeCounter * 100 / (total ? total : 1)),
		    (unsigned)(tasks[i].ulRunTimeCounter * 1000 / (total ? total : 1) % 10));
	say("consumed %" PRIu64 " us, at tick %" PRIu64 "\n", total / us, xTaskGetTickCount());
}

static void show_ticks(void)
{
	say("%" PRIu64 " ticks, %" PRIu64 " of them by interrupt\n", xTaskGetTickCount(),
	    port_tick_interrupts());
}

/* The two ways in which a guest finds itself broken; for trying what becomes of it. */
static void fail_assertion(void)
{
	configASSERT(!"asked for");
}

static __attribute__((noinline)) unsigned use_stack(unsigned n)
{
	volatile char bytes[256];

	memset((void *)bytes, (int)n, sizeof(bytes));
	vTaskDelay(1);
	return n ? use_stack(n - 1) + (unsigned)bytes[n % sizeof(bytes)] : 0;
}

static void overflow_stack(void)
{
	(void)use_stack(100);
}

static const struct {
	const char *name, *help;
	void (*run)(void);
} commands[] = {
	{"tasks", "tasks, their state and stack; the heap", show_tasks},
	{"stats", "time that each task has run", show_stats},
	{"ticks", "how many ticks there were, and interrupts for them", show_ticks},
	{"assert", "fails an assertion: the end of this guest", fail_assertion},
	{"overflow", "overflows this task's stack: the same", overflow_stack},
};

static void obey(const char *line)
{
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(line, commands[i].name)) {
			commands[i].run();
			return;
		}
	if (!*line)
		return;
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		say("%-10s%s\n", commands[i].name, commands[i].help);
}

static void shell_task(void *unused)
{
	static char line[LINE_SIZE];
	unsigned len = 0;
	char c;

	(void)unused;
	for (;;) {
		if (!pv_read(&c, 1)) {
			(void)ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
		} else if (c == '\r' || c == '\n') {
			line[len] = 0;
			len = 0;
			obey(line);
		} else if (len < LINE_SIZE - 1) {
			line[len++] = c;
		}
	}
}

void shell_start(unsigned priority)
{
	if (xTaskCreate(shell_task, "shell", STACK_WORDS, NULL, priority, &shell) != pdPASS)
		port_panic("no room for the tasks", "shell");
}
