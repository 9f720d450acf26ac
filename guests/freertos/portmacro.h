/* SPDX-License-Identifier: MIT */
/*
 * FreeRTOS on a paravirtual vCPU of takt: what the kernel wants to know of its port.
 *
 * Masking interrupts is a store to the vCPU's state page (takt/pv.h). Critical sections mask those
 * whose handlers may call the kernel; the number of a virtual interrupt is its priority.
 */
#ifndef PORTMACRO_H
#define PORTMACRO_H

#include <stdint.h>

#include <takt/pv.h>

#define portCHAR char
#define portFLOAT float
#define portDOUBLE double
#define portLONG long
#define portSHORT short
#define portSTACK_TYPE uint64_t
#define portBASE_TYPE long

typedef portSTACK_TYPE StackType_t;
typedef portBASE_TYPE BaseType_t;
typedef unsigned portBASE_TYPE UBaseType_t;
typedef uint64_t TickType_t;

#define portMAX_DELAY ((TickType_t)UINT64_MAX)
#define portTICK_TYPE_IS_ATOMIC 1
#define portTICK_PERIOD_MS ((TickType_t)1000 / configTICK_RATE_HZ)

#define portSTACK_GROWTH (-1)
#define portBYTE_ALIGNMENT 16
#define portPOINTER_SIZE_TYPE uint64_t

#define portTASK_FUNCTION_PROTO(name, argument) void name(void *argument)
#define portTASK_FUNCTION(name, argument) void name(void *argument)

/* Switching. A handler only asks for a switch: it happens when the outermost one is done. */
extern volatile uint32_t port_switch_wanted;

void vPortYield(void);

#define portYIELD() vPortYield()
#define portYIELD_FROM_ISR(wanted)                                                                 \
	do {                                                                                       \
		if (wanted)                                                                        \
			port_switch_wanted = 1;                                                    \
	} while (0)
#define portEND_SWITCHING_ISR(wanted) portYIELD_FROM_ISR(wanted)

/* Interrupts. */
#define PORT_API_LEVELS ((uint32_t)((2ull << configMAX_SYSCALL_VIRQ) - 1))
#define PORT_ALL_LEVELS (~(uint32_t)0)

void vPortEnterCritical(void);
void vPortExitCritical(void);

#define portDISABLE_INTERRUPTS() ((void)pv_mask_levels(PORT_API_LEVELS))
#define portENABLE_INTERRUPTS() pv_unmask(PORT_ALL_LEVELS)
#define portENTER_CRITICAL() vPortEnterCritical()
#define portEXIT_CRITICAL() vPortExitCritical()
#define portSET_INTERRUPT_MASK_FROM_ISR() ((UBaseType_t)pv_mask_levels(PORT_API_LEVELS))
#define portCLEAR_INTERRUPT_MASK_FROM_ISR(old) pv_unmask((uint32_t)(old))
#define portMEMORY_BARRIER() __asm__ volatile("" : : : "memory")

/* Sleeps without a tick, `expected` ticks at most. */
void port_sleep(TickType_t expected);
#define portSUPPRESS_TICKS_AND_SLEEP(expected) port_sleep(expected)

/* Depth 0 of the state page is the tasks' level. */
#define portCHECK_IF_IN_ISR() (pv_page->depth != 0)
#define portASSERT_IF_IN_ISR() configASSERT(!portCHECK_IF_IN_ISR())

/* The highest ready priority, by counting leading zeros. */
#define portRECORD_READY_PRIORITY(priority, ready) ((ready) |= 1ul << (priority))
#define portRESET_READY_PRIORITY(priority, ready) ((ready) &= ~(1ul << (priority)))
#define portGET_HIGHEST_PRIORITY(top, ready) ((top) = 63 - __builtin_clzl(ready))

#define portNOP() __asm__ volatile("nop")
#define portINLINE inline
#define portFORCE_INLINE inline __attribute__((always_inline))

#endif
