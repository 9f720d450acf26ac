/* SPDX-License-Identifier: MIT */
/*
 * A guest that shares its CPU with another one like it and sees when it does not run: it reads the
 * counter all the time, and notes each gap. Prints a line "gap FROM TO" for each, in ticks; whoever
 * knows those of both can tell what a switch takes.
 */
#include <stdint.h>

#define UART 0x09000000ul
#define GAPS 128
#define GAP 40 /* ticks: more than any loop here, less than a switch to the other guest and back   \
		*/

void guest_main(void);
void guest_interrupt(void);
void guest_exception(uint64_t pc, uint64_t esr, uint64_t far);

static uint64_t from[GAPS], to[GAPS];

static void put(char c)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(c), "r"(UART) : "memory");
}

static void print(const char *s)
{
	for (; *s; s++)
		put(*s);
}

static void print_number(uint64_t n)
{
	char text[21], *p = text + 20;

	for (*p = 0; p == text + 20 || n; n /= 10)
		*--p = (char)('0' + n % 10);
	print(p);
}

static inline uint64_t counter(void)
{
	uint64_t now;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(now) : : "memory");
	return now;
}

void guest_interrupt(void)
{
}

void guest_exception(uint64_t pc, uint64_t esr, uint64_t far)
{
	(void)far;
	print("exception ");
	print_number(pc);
	print(" ");
	print_number(esr);
	print("\r\n");
	for (;;)
		__asm__ volatile("wfi");
}

void guest_main(void)
{
	uint64_t last = counter();

	for (unsigned i = 0; i < GAPS;) {
		uint64_t now = counter();

		if (now - last > GAP) {
			from[i] = last;
			to[i++] = now;
		}
		last = now;
	}
	for (unsigned i = 0; i < GAPS; i++) {
		print("gap ");
		print_number(from[i]);
		print(" ");
		print_number(to[i]);
		print("\r\n");
	}
	print("end of gaps\r\n");
	for (;;)
		__asm__ volatile("wfi");
}
