/* SPDX-License-Identifier: MIT */
/* What an application needs of the port beside FreeRTOS's own functions. */
#ifndef FREERTOS_PORT_H
#define FREERTOS_PORT_H

#include <FreeRTOS.h>

#include <takt/sys.h>

/* Starts a vCPU in which `create` runs first, to make tasks, and then FreeRTOS. The caller's thread
 * goes on, to write the guest's output: pv_log_serve. */
TAKT_MUST_CHECK int port_run(const char *name, void (*create)(void));

/* Handler of the virtual interrupts other than the tick; the port has an empty one. It is interrupt
 * level: compile it with -mgeneral-regs-only. */
void port_application_interrupt(unsigned n);

/* When a tick was or will be due, to compare with takt_now. */
takt_ticks port_tick_instant(TickType_t tick_count);

/* Prints a message and ends the guest. */
void port_panic(const char *what, const char *detail) __attribute__((noreturn));

#endif
