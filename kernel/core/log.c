/* SPDX-License-Identifier: MIT */
#include <arch/inline.h>
#include <core/arch.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/printf.h>

static struct spinlock lock;
static bool quiet;  /* a driver has the UART */
static bool panicking;

/* What has still to go to the early console. Nobody waits for that with interrupts masked: a few
 * characters go out whenever a CPU stands at its dispatcher, more when it has nothing else to do. */
static bool draining; /* by one CPU; nobody waits for it */
static char out[LOG_SIZE];
static u64 out_head, out_tail; /* bytes ever put in and taken out */
static u64 lost; /* bytes that found no room since that was last said; with `lock` */
static bool at_once = true; /* while booting */

#define DRAIN_STEP 16
#define DRAIN_ALL UINT32_MAX

static bool pending(void)
{
	return __atomic_load_n(&out_tail, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&out_head, __ATOMIC_RELAXED);
}

bool log_waiting(void)
{
	return pending() || fault_dump_waiting();
}

size_t log_room(void)
{
	return LOG_SIZE - (out_head - __atomic_load_n(&out_tail, __ATOMIC_RELAXED));
}

static void drain(u32 most)
{
	u64 tail, head;

	if (__atomic_exchange_n(&draining, true, __ATOMIC_ACQUIRE))
		return;
	/* Room for a line has been made: put the next one of a dump into words. */
	if (!pending())
		fault_dump_line();
	head = __atomic_load_n(&out_head, __ATOMIC_ACQUIRE);
	for (tail = out_tail; most-- && tail != head; tail++) {
		char c = out[tail % LOG_SIZE];

		if (most < DRAIN_STEP && !early_ready())
			break;
		if (c == '\n')
			early_putc('\r');
		early_putc(c);
	}
	__atomic_store_n(&out_tail, tail, __ATOMIC_RELEASE);
	__atomic_store_n(&draining, false, __ATOMIC_RELEASE);
}

void log_drain(void)
{
	drain(DRAIN_STEP);
}

void log_flush(void)
{
	while (log_waiting())
		drain(DRAIN_ALL);
}

void log_booted(void)
{
	at_once = false;
}

void log_console(bool on)
{
	__atomic_store_n(&quiet, !on, __ATOMIC_RELAXED);
}

static void drain(u32 most);

/* With the lock, and room for it. */
static void append(const char *text, size_t n)
{
	u64 head = out_head;

	for (size_t i = 0; i < n; i++)
		out[head++ % LOG_SIZE] = text[i];
	__atomic_store_n(&out_head, head, __ATOMIC_RELEASE);
}

static const char lost_text[] = "takt: %lu bytes of the log lost\n";
#define LOST_LINE (sizeof(lost_text) + 20)

/* What is lost is counted, and told as soon as there is room for that and for what comes next. */
static void append_or_count(const char *text, size_t n)
{
	char line[LOST_LINE];

	if (log_room() < n + (lost ? LOST_LINE : 0)) {
		lost += n;
		return;
	}
	if (lost)
		append(line, format(line, sizeof(line), lost_text, lost));
	lost = 0;
	append(text, n);
}

void log_write(const char *text, size_t n, bool urgent)
{
	bool echo = urgent || !__atomic_load_n(&quiet, __ATOMIC_RELAXED);

	spin_lock(&lock);
	if (echo)
		append_or_count(text, n);
	spin_unlock(&lock);
	if (at_once)
		drain(DRAIN_ALL);
}

static void write_formatted(bool urgent, const char *fmt, va_list ap)
{
	char line[LOG_LINE];

	log_write(line, format_va(line, sizeof(line), fmt, ap), urgent);
}

void klog(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_formatted(false, fmt, ap);
	va_end(ap);
}

void klog_urgent(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	write_formatted(true, fmt, ap);
	va_end(ap);
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
	for (u64 i = out_tail; i < out_head; i++)
		early_putc(out[i % LOG_SIZE]);
	for (const char *s = "\r\ntakt: PANIC: "; *s; s++)
		early_putc(*s);
	for (size_t i = 0; i < n; i++)
		early_putc(line[i]);
	early_putc('\r');
	early_putc('\n');
	psci_system_off();
}
