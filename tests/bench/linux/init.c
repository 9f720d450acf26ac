/* SPDX-License-Identifier: MIT */
/*
 * Linux's init for measuring how long the boot takes: prints the counter, which runs since reset,
 * and switches the machine off. System calls by hand, there is no C library.
 */
#include <stdint.h>

#define SYS_WRITE 64
#define SYS_REBOOT 142
#define CONSOLE 1 /* the kernel has opened it for init */
#define REBOOT_MAGIC1 0xfee1dead
#define REBOOT_MAGIC2 0x28121969
#define REBOOT_POWER_OFF 0x4321fedc

void _start(void) __attribute__((noreturn));

static long system_call(long number, long a, long b, long c)
{
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

void _start(void)
{
	static const char name[] = "linux.boot.at ", unit[] = " ticks\n# end\n";
	char text[64], *to = text, digits[20];
	unsigned n = 0;
	uint64_t now;

	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(now));
	for (const char *s = name; *s; s++)
		*to++ = *s;
	do {
		digits[n++] = (char)('0' + now % 10);
		now /= 10;
	} while (now);
	while (n)
		*to++ = digits[--n];
	for (const char *s = unit; *s; s++)
		*to++ = *s;
	(void)system_call(SYS_WRITE, CONSOLE, (long)text, to - text);
	for (;;)
		(void)system_call(SYS_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_POWER_OFF);
}
