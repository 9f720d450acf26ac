/* SPDX-License-Identifier: MIT */
/* Configuration of FreeRTOS for the takt port; its documentation explains the standard entries. */
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#include <stdint.h>

void port_assert(const char *file, int line) __attribute__((noreturn));

#define configASSERT(x)                                                                            \
	do {                                                                                       \
		if (!(x))                                                                          \
			port_assert(__FILE__, __LINE__);                                           \
	} while (0)

/* The port's own: the tick's virtual interrupt, and the highest one whose handler may call the
 * kernel's FromISR functions. Higher ones are never masked by a critical section. */
#define configTICK_VIRQ 8
#define configINPUT_VIRQ 7 /* something was typed */
#define configMAX_SYSCALL_VIRQ 15

#define configTICK_RATE_HZ 1000
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_64_BITS
#define configMAX_PRIORITIES 32
#define configMINIMAL_STACK_SIZE 512 /* words of 8 bytes; a preempted task's record takes 104 */
#define configMAX_TASK_NAME_LEN 16
#define configINCLUDE_FREERTOS_TASK_C_ADDITIONS_H 1
#define configUSE_PREEMPTION 1
#define configUSE_TIME_SLICING 1
#define configUSE_PORT_OPTIMISED_TASK_SELECTION 1
#define configIDLE_SHOULD_YIELD 1
#define configUSE_IDLE_HOOK 1
#define configUSE_TICK_HOOK 1
#define configUSE_TICKLESS_IDLE 2 /* portmacro.h has its own */
#define configEXPECTED_IDLE_TIME_BEFORE_SLEEP 2

#define configSUPPORT_DYNAMIC_ALLOCATION 1
#define configSUPPORT_STATIC_ALLOCATION 0
#ifndef PORT_HEAP_KIB
#define PORT_HEAP_KIB 256
#endif
#define configTOTAL_HEAP_SIZE ((size_t)PORT_HEAP_KIB * 1024)
#define configSTACK_DEPTH_TYPE uint32_t

#define configCHECK_FOR_STACK_OVERFLOW 2
#define configUSE_MALLOC_FAILED_HOOK 1

/* Time that tasks have run, by what the vCPU's scheduling contexts have consumed: time that others
 * took from the guest does not count. */
#ifndef PORT_RUN_TIME_STATS
#define PORT_RUN_TIME_STATS 1
#endif
#define configGENERATE_RUN_TIME_STATS PORT_RUN_TIME_STATS
#define configRUN_TIME_COUNTER_TYPE uint64_t
#define portCONFIGURE_TIMER_FOR_RUN_TIME_STATS() ((void)0)
#define portGET_RUN_TIME_COUNTER_VALUE() port_run_time()
uint64_t port_run_time(void);

/* A task's tag says on which of the vCPU's scheduling contexts it runs (pv_select): 0, as it is
 * from the beginning, on the base, n on that of an interrupt with event-scheduling. */
#define configUSE_APPLICATION_TASK_TAG 1
#define traceTASK_SWITCHED_IN() pv_select((unsigned)(uintptr_t)pxCurrentTCB->pxTaskTag & 7)

#define configUSE_TASK_NOTIFICATIONS 1
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 3
#define configUSE_MUTEXES 1
#define configUSE_RECURSIVE_MUTEXES 1
#define configUSE_COUNTING_SEMAPHORES 1
#define configUSE_QUEUE_SETS 1
#define configQUEUE_REGISTRY_SIZE 0
#define configUSE_EVENT_GROUPS 1
#define configUSE_STREAM_BUFFERS 1
#define configUSE_TRACE_FACILITY 1
#define configUSE_STATS_FORMATTING_FUNCTIONS 1

#define configUSE_TIMERS 1
#define configTIMER_TASK_PRIORITY (configMAX_PRIORITIES - 1)
#define configTIMER_QUEUE_LENGTH 16
#define configTIMER_TASK_STACK_DEPTH configMINIMAL_STACK_SIZE

#define INCLUDE_eTaskGetState 1
#define INCLUDE_uxTaskGetStackHighWaterMark 1
#define INCLUDE_uxTaskPriorityGet 1
#define INCLUDE_vTaskDelay 1
#define INCLUDE_vTaskDelete 1
#define INCLUDE_vTaskPrioritySet 1
#define INCLUDE_vTaskSuspend 1
#define INCLUDE_xTaskAbortDelay 1
#define INCLUDE_xTaskDelayUntil 1
#define INCLUDE_xTaskGetCurrentTaskHandle 1
#define INCLUDE_xTaskGetHandle 1
#define INCLUDE_xTaskGetIdleTaskHandle 1
#define INCLUDE_xTaskGetSchedulerState 1
#define INCLUDE_xSemaphoreGetMutexHolder 1
#define INCLUDE_xTimerPendFunctionCall 1

#endif
