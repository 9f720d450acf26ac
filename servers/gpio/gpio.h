/* SPDX-License-Identifier: MIT */
/*
 * gpio: owns a PL061 and hands out its lines one by one.
 *
 *   main.c    the clients' side: a passive thread on each CPU
 *   lines.c   the thread that changes how lines work and takes their interrupts
 */
#ifndef GPIO_H
#define GPIO_H

#include <stdbool.h>
#include <stdint.h>
#include <takt/sys.h>

#define LINES 8

/* Register offsets. Those of the data register carry the mask of lines in address bits 2..9. */
#define GPIODATA(lines) ((lines) << 2)
#define GPIODIR 0x400
#define GPIOIS 0x404
#define GPIOIBE 0x408
#define GPIOIEV 0x40c
#define GPIOIE 0x410
#define GPIOMIS 0x418
#define GPIOIC 0x41c
#define GPIOAFSEL 0x420

extern volatile uint8_t *registers;

static inline uint32_t reg_get(unsigned offset)
{
	return *(volatile uint32_t *)(registers + offset);
}

static inline void reg_set(unsigned offset, uint32_t value)
{
	*(volatile uint32_t *)(registers + offset) = value;
}

/* Starts the thread that has the lines. `registers` is mapped. */
TAKT_MUST_CHECK int lines_init(void);

/* Both take effect before they return. `irq` is a slot of the own task that the line keeps and
 * gives back later; after an error it is still the caller's. E_AGAIN: the line changes too often.
 */
TAKT_MUST_CHECK int line_direction(unsigned line, bool output);
TAKT_MUST_CHECK int line_edges(unsigned line, unsigned edges, takt_slot irq);

#endif
