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
#define INT_INPUT (INT_RX | INT_RT)
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
	set(u, IMSC, INT_INPUT | (u->sending ? INT_TX : 0));
}

/*
 * Input's interrupts are cleared before the receive FIFO is emptied, by switching it off and on: some
 * models raise them for the first byte in an empty FIFO only, so that they must never be cleared
 * while something is left in it.
 */
void uart_init(struct uart *u)
{
	set(u, IMSC, 0);
	set(u, CR, 0);
	set(u, LCR_H, LCR_H_WLEN_8);
	set(u, ICR, INT_ALL);
	set(u, LCR_H, LCR_H_WLEN_8 | LCR_H_FEN);
	set(u, IFLS, IFLS_RX_1_8_TX_1_8);
	set(u, CR, CR_UARTEN | CR_TXE | CR_RXE);
	set(u, IMSC, INT_INPUT);
}

void uart_start(struct uart *u)
{
	if (!u->sending)
		fill(u);
}

/* Some of what is in the FIFO: while it is read, more may come without end. */
static unsigned receive(struct uart *u)
{
	unsigned n;

	for (n = 0; n < 2 * FIFO && !(get(u, FR) & FR_RXFE); n++)
		u->input(u->self, get(u, DR) & 0xff);
	return n;
}

void uart_irq(struct uart *u)
{
	uint32_t events = get(u, MIS);

	/* What is read away clears input's interrupts, and what is left holds them: they come again
	 * after the acknowledgement. Only without anything to read they are cleared here; a byte that
	 * arrives just before that is read after it. */
	set(u, ICR, events & ~(uint32_t)INT_INPUT);
	if (!receive(u) && events & INT_INPUT) {
		set(u, ICR, INT_INPUT);
		(void)receive(u);
	}
	if (events & INT_TX)
		fill(u);
}
