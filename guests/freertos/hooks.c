/* SPDX-License-Identifier: MIT */
/* The hooks that FreeRTOS calls by its configuration. */
#include <FreeRTOS.h>
#include <task.h>

#include "port.h"

void vApplicationIdleHook(void);
void vApplicationMallocFailedHook(void);
void vApplicationStackOverflowHook(TaskHandle_t xTask, char *pcTaskName);

/* Nothing is ready: sleep until the next interrupt. One that comes before is delivered before, and
 * the tasks that it woke have run when this goes on. */
void vApplicationIdleHook(void)
{
	(void)pv_wait(PORT_ALL_LEVELS, TAKT_NEVER);
}

void vApplicationMallocFailedHook(void)
{
	port_panic("out of heap", pcTaskGetName(NULL));
}

void vApplicationStackOverflowHook(TaskHandle_t xTask, char *pcTaskName)
{
	(void)xTask;
	port_panic("stack overflow", pcTaskName);
}
