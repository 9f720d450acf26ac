/* SPDX-License-Identifier: MIT */
/* The hooks that FreeRTOS calls by its configuration. */
#include <FreeRTOS.h>
#include <task.h>

#include "port.h"

void vApplicationIdleHook(void);
void vApplicationMallocFailedHook(void);
void vApplicationTickHook(void);
void vApplicationStackOverflowHook(TaskHandle_t xTask, char *pcTaskName);

/* Nothing is ready but for less than it takes to stop the tick (port_sleep): sleep until the next
 * interrupt. One that comes before is delivered before, and the tasks that it woke have run when
 * this goes on. Where other tasks have the idle priority as well, it is theirs. */
void vApplicationIdleHook(void)
{
	if (port_idle_is_alone())
		(void)pv_wait(PORT_ALL_LEVELS, TAKT_NEVER);
}

__attribute__((weak)) void vApplicationTickHook(void)
{
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
