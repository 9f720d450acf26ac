/* SPDX-License-Identifier: MIT */
/* What an application needs of the port beside FreeRTOS's own functions. */
#ifndef FREERTOS_PORT_H
#define FREERTOS_PORT_H

#include <FreeRTOS.h>

#include <takt/sys.h>

/* Starts a vCPU in which `create` runs first, to make tasks, and then FreeRTOS. The caller's thread
 * goes on, to write the guest's output: pv_log_serve. */
TAKT_MUST_CHECK int port_run(const char *name, void (*create)(void));

/* Handler of the virtual interrupts other than tick and input; the port has an empty one. It is interrupt
 * level: compile it with -mgeneral-regs-only. */
void port_application_interrupt(unsigned n);

/* The same for input of the console, which pv_read gives. */
void port_input_interrupt(void);

/* A timer that arrives as that virtual interrupt, at `at` and then every `period`. */
TAKT_MUST_CHECK int port_timer(unsigned virq, takt_ticks at, takt_ticks period);

/* Ticks of the clock that the guest has consumed. */
uint64_t port_run_time(void);

/* Interrupts of the tick so far; less than there were ticks, as it stands still in idle times. */
uint64_t port_tick_interrupts(void);

/* Whether no task but the idle task is ready. For the idle task. */
int port_idle_is_alone(void);

/* The lowest address of the running task's stack. */
const void *port_stack_limit(void);

/* When a tick was or will be due, to compare with takt_now. */
takt_ticks port_tick_instant(TickType_t tick_count);

/* Prints a message and ends the guest. */
void port_panic(const char *what, const char *detail) __attribute__((noreturn));

#endif
