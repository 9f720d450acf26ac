/* SPDX-License-Identifier: MIT */
#include "uart.h"

#define DR 0x00
#define FR 0x18
#define FR_RXFE 0x10
#define FR_TXFF 0x20
#define LCR_H 0x2c
#define LCR_H_FEN 0x10
#define LCR_H_WLEN_8 0x60
#define CR 0x30
#define CR_UARTEN 0x001
#define CR_TXE 0x100
#define CR_RXE 0x200
#define IFLS 0x34
#define IFLS_RX_1_8_TX_1_8 0x00
#define IMSC 0x38
#define MIS 0x40
#define ICR 0x44
#define INT_RX 0x10
#define INT_TX 0x20
#define INT_RT 0x40
#define INT_ALL 0x7ff

#define FIFO 16 /* bytes of the smallest FIFO of this device */

static uint32_t get(struct uart *u, unsigned offset)
{
	return *(volatile uint32_t *)(u->registers + offset);
}

static void set(struct uart *u, unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(u->registers + offset) = value;
}

/*
 * Fills the FIFO once. The transmit interrupt comes when the FIFO has drained through its mark, not
 * because it is empty: so a transmission starts with bytes, not with the interrupt, and the
 * interrupt is wanted only if more follows, which it does only after a full FIFO.
 */
static void fill(struct uart *u)
{
	int c = 0;
	unsigned n;

	for (n = 0; n < FIFO && !(get(u, FR) & FR_TXFF); n++) {
		c = u->next(u->self);
		if (c < 0)
			break;
		set(u, DR, (uint32_t)c);
	}
	u->sending = c >= 0;
	set(u, IMSC, INT_RX | INT_RT | (u->sending ? INT_TX : 0));
}

void uart_init(struct uart *u)
{
	set(u, IMSC, 0);
	set(u, CR, 0);
	set(u, LCR_H, LCR_H_WLEN_8 | LCR_H_FEN);
	set(u, IFLS, IFLS_RX_1_8_TX_1_8);
	set(u, ICR, INT_ALL);
	set(u, CR, CR_UARTEN | CR_TXE | CR_RXE);
	set(u, IMSC, INT_RX | INT_RT);
}

void uart_start(struct uart *u)
{
	if (!u->sending)
		fill(u);
}

void uart_irq(struct uart *u)
{
	uint32_t events = get(u, MIS);

	/* Cleared first: a byte that arrives from here on raises it again. */
	set(u, ICR, events);
	for (unsigned n = 0; n < 2 * FIFO && !(get(u, FR) & FR_RXFE); n++)
		u->input(u->self, get(u, DR) & 0xff);
	if (events & INT_TX)
		fill(u);
}
