/* SPDX-License-Identifier: MIT */
/*
 * A guest that shares its CPU with another one like it and sees when it does not run: it reads the
 * counter all the time, and notes each gap. Prints a line "gap FROM TO" for each, in instructions;
 * whoever knows those of both can tell what a switch takes. A tick of the counter is 16
 * instructions, but FROM, the end of its slice, falls on one, and how far TO is from the next one
 * can be counted.
 */
#include <stdint.h>

#define UART 0x09000000ul
#define GAPS 128
#define GAP 40 /* ticks: more than any loop here, less than a switch to the other guest and back   \
		*/
#define TICK 16

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

/* Waits for the next gap. */
static void gap(uint64_t *from, uint64_t *to)
{
	uint64_t last, now, reads, scratch;

	__asm__ volatile("	mov	%[reads], #0\n"
			 "	mrs	%[now], cntvct_el0\n"
			 "1:	mov	%[last], %[now]\n"
			 "	mrs	%[now], cntvct_el0\n"
			 "	sub	%[scratch], %[now], %[last]\n"
			 "	cmp	%[scratch], %[gap]\n"
			 "	b.ls	1b\n"
			 "2:	mrs	%[scratch], cntvct_el0\n"
			 "	add	%[reads], %[reads], #1\n"
			 "	cmp	%[scratch], %[now]\n"
			 "	b.eq	2b"
			 : [last] "=&r"(last), [now] "=&r"(now), [reads] "=&r"(reads),
			   [scratch] "=&r"(scratch)
			 : [gap] "i"(GAP)
			 : "cc", "memory");
	*from = (last + 1) * TICK;
	/* The first of those reads was 4 after `now`, and one every 4 followed. */
	*to = (now + 1) * TICK - 4 * reads;
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
	for (unsigned i = 0; i < GAPS; i++)
		gap(&from[i], &to[i]);
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
