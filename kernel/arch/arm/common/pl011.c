/* SPDX-License-Identifier: MIT */
/* The early console: a PL011 as the firmware left it, output only, polled. */
#include <arch/boot.h>
#include <arch/inline.h>
#include <core/arch.h>

/* PrimeCell UART (PL011) Technical Reference Manual, 3.2. */
#define UARTDR 0x00
#define UARTFR 0x18
#define UARTCR 0x30
#define UARTFR_TXFF 0x20
#define UARTCR_UARTEN 0x001
#define UARTCR_TXE 0x100

static char *uart;

void early_console_init(void)
{
	if (!platform.uart.size)
		return;
	uart = arch_map_device(platform.uart.base, platform.uart.size);
	io_write32(uart + UARTCR, io_read32(uart + UARTCR) | UARTCR_UARTEN | UARTCR_TXE);
}

void early_putc(char c)
{
	if (!uart)
		return;
	while (io_read32(uart + UARTFR) & UARTFR_TXFF)
		cpu_relax();
	io_write32(uart + UARTDR, (u8)c);
}
