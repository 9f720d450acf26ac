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

/* A dump of a fault is put into words piece by piece, and goes out where it happened in the text. */
static char piece[LOG_PIECE];
static size_t piece_at, piece_end;

#define DRAIN_STEP 8

u64 log_head(void)
{
	return __atomic_load_n(&out_head, __ATOMIC_ACQUIRE);
}

bool log_waiting(void)
{
	return LOAD_ONCE(out_tail) != LOAD_ONCE(out_head) || fault_dump_waiting();
}

size_t log_room(void)
{
	return LOG_SIZE - (out_head - LOAD_ONCE(out_tail));
}

static void drain(size_t most)
{
	u64 tail, end;

	if (__atomic_exchange_n(&draining, true, __ATOMIC_ACQUIRE))
		return;
	tail = out_tail;
	end = log_head(); /* first: a dump that comes meanwhile has its place behind that */
	if (fault_dump_waiting())
		end = fault_dump_place();
	if (tail != end) {
		size_t run = MIN(end - tail, LOG_SIZE - tail % LOG_SIZE);

		tail += early_write(&out[tail % LOG_SIZE], MIN(run, most));
		__atomic_store_n(&out_tail, tail, __ATOMIC_RELEASE);
	} else if (piece_at < piece_end) {
		piece_at += early_write(&piece[piece_at], MIN(piece_end - piece_at, most));
		if (piece_at == piece_end)
			fault_dump_next();
	} else if (fault_dump_waiting()) {
		piece_at = 0;
		piece_end = fault_dump_piece(piece, sizeof(piece));
	}
	__atomic_store_n(&draining, false, __ATOMIC_RELEASE);
}

void log_drain(void)
{
	drain(DRAIN_STEP);
}

void log_flush(void)
{
	while (log_waiting())
		drain(LOG_SIZE);
}

void log_booted(void)
{
	at_once = false;
}

void log_console(bool on)
{
	STORE_ONCE(quiet, !on);
}

static bool echo(void)
{
	return !LOAD_ONCE(quiet);
}

/* The room in the ring. What is lost is counted, and told as soon as there is room for that and for what
 * comes next. With the lock. */
static struct sink ring(void)
{
	struct sink s = {out, out_head, out_head + log_room(), LOG_SIZE - 1};
	char line[64];

	if (lost)
		put_text(&s, line,
			 format(line, sizeof(line), "takt: %lu bytes of the log lost\n", lost));
	return s;
}

/* What is in the sink from `from` on was not told before. */
static void commit(const struct sink *s, u64 from)
{
	if (s->at > s->end) {
		lost += s->at - from;
		return;
	}
	lost = 0;
	__atomic_store_n(&out_head, s->at, __ATOMIC_RELEASE);
}

/* Text, or with arguments a format. */
static void put_in(const char *text, size_t n, va_list *ap)
{
	struct sink s;
	u64 from;

	spin_lock(&lock);
	if (echo()) {
		s = ring();
		from = s.at;
		if (ap)
			format_to(&s, text, *ap);
		else
			put_text(&s, text, n);
		commit(&s, from);
	}
	spin_unlock(&lock);
}

void log_write(const char *text, size_t n)
{
	put_in(text, n, NULL);
}

void klog(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_in(fmt, 0, &ap);
	va_end(ap);
	if (at_once)
		log_flush();
}

static void write_out(const char *text, size_t n)
{
	for (size_t done = 0; done < n;)
		done += early_write(text + done, n - done);
}

#define PANIC "\ntakt: PANIC: "

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
	for (; out_tail < out_head; out_tail++)
		write_out(&out[out_tail % LOG_SIZE], 1);
	write_out(PANIC, sizeof(PANIC) - 1);
	write_out(line, n);
	write_out("\n", 1);
	psci_system_off();
}
