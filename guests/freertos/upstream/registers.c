/* SPDX-License-Identifier: MIT */
#include <FreeRTOS.h>
#include <task.h>

#include "../port.h"
#include "tests.h"

/* registers.S */
void registers_task_a(void *rounds);
void registers_task_b(void *rounds);
void registers_task_c(void *rounds);

#define TASKS 3

static volatile uint64_t rounds[TASKS];

void registers_start(unsigned priority)
{
	static void (*const code[TASKS])(void *rounds) = {registers_task_a, registers_task_b,
							  registers_task_c};

	for (unsigned i = 0; i < TASKS; i++)
		if (xTaskCreate(code[i], "registers", configMINIMAL_STACK_SIZE, (void *)&rounds[i],
				priority, NULL) != pdPASS)
			port_panic("no room for the tasks", "registers");
}

/* All have counted since the last time. */
bool registers_good(void)
{
	static uint64_t last[TASKS];
	bool good = true;

	for (unsigned i = 0; i < TASKS; i++) {
		uint64_t now = rounds[i];

		good &= now != last[i];
		last[i] = now;
	}
	return good;
}
