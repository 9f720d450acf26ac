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
#define UARTPCELLID0 0xff0 /* four registers of a byte each */
#define PCELLID 0xb105f00d

static char *uart;

void early_console_init(void)
{
	if (!platform.uart.size)
		return;
	uart = arch_map_device(platform.uart.base, platform.uart.size);
	io_write32(uart + UARTCR, io_read32(uart + UARTCR) | UARTCR_UARTEN | UARTCR_TXE);
}

/*
 * The device tree cannot be read, and somebody should be told. These are places where boards have
 * a PL011; it is used only if it identifies itself, and nothing else is done after it.
 */
static const u64 guesses[] = {0x09000000, 0x1c090000};

static u32 component_id(const char *base)
{
	u32 id = 0;

	for (unsigned i = 0; i < 4; i++)
		id |= (boot_probe(base + UARTPCELLID0 + i * 4, 0) & 0xff) << i * 8;
	return id;
}

void early_console_guess(void)
{
	for (unsigned i = 0; i < ARRAY_SIZE(guesses) && !uart; i++) {
		char *base = arch_map_device(guesses[i], PAGE_SIZE);

		if (component_id(base) != PCELLID)
			continue;
		platform.uart = (struct region){guesses[i], PAGE_SIZE};
		early_console_init();
	}
}

size_t early_write(const char *text, size_t n)
{
	static bool returned; /* the carriage; a line feed comes next */
	size_t i;

	if (!uart)
		return n;
	for (i = 0; i < n && !(io_read32(uart + UARTFR) & UARTFR_TXFF); i++) {
		if (text[i] == '\n') {
			returned = !returned;
			if (returned) {
				io_write32(uart + UARTDR, '\r');
				break;
			}
		}
		io_write32(uart + UARTDR, (u8)text[i]);
	}
	return i;
}
