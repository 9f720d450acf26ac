/* SPDX-License-Identifier: MIT */
/* PL011 driver. All of it is driven by the device's interrupt; nothing waits for the device. */
#ifndef CONSOLE_UART_H
#define CONSOLE_UART_H

#include <stdbool.h>
#include <stdint.h>

struct uart {
	volatile uint8_t *registers;
	int (*next)(void *self);	    /* next byte to send, or -1 */
	void (*input)(void *self, uint8_t c); /* a byte arrived */
	void *self;
	bool sending; /* the transmit interrupt is awaited */
};

/* Takes the device over. The line's speed stays as the firmware set it. */
void uart_init(struct uart *u);

/* There may be something to send: starts the transmission if none is going on. */
void uart_start(struct uart *u);

/* The device's interrupt. */
void uart_irq(struct uart *u);

#endif
