/* SPDX-License-Identifier: MIT */
#include <arch/inline.h>
#include <core/arch.h>
#include <core/log.h>
#include <core/printf.h>

static struct spinlock lock;
static char ring[LOG_SIZE];
static u64 written; /* bytes ever */
static bool quiet;  /* a driver has the UART */
static bool panicking;

void log_console(bool on)
{
	__atomic_store_n(&quiet, !on, __ATOMIC_RELAXED);
}

void log_write(const char *text, size_t n, bool urgent)
{
	bool echo = urgent || !__atomic_load_n(&quiet, __ATOMIC_RELAXED);

	spin_lock(&lock);
	for (size_t i = 0; i < n; i++) {
		ring[written++ % LOG_SIZE] = text[i];
		if (echo && text[i] == '\n')
			early_putc('\r');
		if (echo)
			early_putc(text[i]);
	}
	spin_unlock(&lock);
}

size_t log_read(u64 *position, char *buf, size_t size)
{
	size_t n = 0;

	spin_lock(&lock);
	if (written - *position > LOG_SIZE)
		*position = written > LOG_SIZE ? written - LOG_SIZE : 0;
	while (n < size && *position < written)
		buf[n++] = ring[(*position)++ % LOG_SIZE];
	spin_unlock(&lock);
	return n;
}

void klog(const char *fmt, ...)
{
	char line[LOG_LINE];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_va(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_write(line, n, false);
}

void klog_urgent(const char *fmt, ...)
{
	char line[LOG_LINE];
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_va(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_write(line, n, true);
}

/* The first CPU to panic reports and ends everything; another one waits for that. The lock is not
 * taken: its holder may be what failed. */
void panic(const char *fmt, ...)
{
	char line[LOG_LINE];
	va_list ap;
	size_t n;

	if (__atomic_exchange_n(&panicking, true, __ATOMIC_RELAXED)) {
		for (;;)
			cpu_wfi();
	}
	va_start(ap, fmt);
	n = format_va(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (const char *s = "\r\ntakt: PANIC: "; *s; s++)
		early_putc(*s);
	for (size_t i = 0; i < n; i++)
		early_putc(line[i]);
	early_putc('\r');
	early_putc('\n');
	psci_system_off();
}
