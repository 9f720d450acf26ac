/* SPDX-License-Identifier: MIT */
/*
 * A guest that measures what its machine costs it, in virtual time: an instruction is a nanosecond,
 * a tick of the counter sixteen. Figures are means of many operations, since a single one is known
 * to a tick only. Prints a line "NAME VALUE V" for each at the end, when nobody else has anything
 * to say on that line, then switches its machine off. GICv2.
 */
#include <stdbool.h>
#include <stdint.h>

#define UART 0x09000000ul
#define GPIO_DIR 0x09030400ul
#define GICD 0x08000000ul
#define GICC 0x08010000ul
#define GICD_ISENABLER 0x100
#define GICD_IPRIORITYR 0x400
#define GICD_ITARGETSR 0x800
#define GICD_SGIR 0xf00
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10
#define TIMER 27
/* The board's clock, passed through: it interrupts when its counter is what MR says, at once if it
 * is that already. */
#define RTC 0x0b000000ul
#define RTC_DR 0x00
#define RTC_MR 0x04
#define RTC_IMSC 0x10
#define RTC_ICR 0x1c
#define RTC_IRQ 96
#define SGI 5
#define PSCI_VERSION 0x84000000ul
#define SELECT_SC 0xc6000001ul /* TAKT_HVC_SELECT_SC; x1: which */
#define PSCI_SYSTEM_OFF 0x84000008ul

#define WARM_UP 16
#define ROUNDS 256
#define MAX_FIGURES 16
#define NS_PER_TICK 16
#define AHEAD 62500 /* ticks: 1 ms */

#define READ(reg)                                                                                  \
	({                                                                                         \
		uint64_t v_;                                                                       \
		__asm__ volatile("isb\n\tmrs %0, " #reg : "=r"(v_) : : "memory");                  \
		v_;                                                                                \
	})
#define WRITE(reg, value)                                                                          \
	__asm__ volatile("msr " #reg ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

void guest_main(void);
void guest_interrupt(void);
void guest_exception(uint64_t pc, uint64_t esr, uint64_t far);

static volatile uint64_t taken; /* when the last interrupt was */
static volatile unsigned interrupts;

static uint32_t load(uint64_t at)
{
	uint32_t v;

	__asm__ volatile("ldr %w0, [%1]" : "=r"(v) : "r"(at) : "memory");
	return v;
}

static void store(uint64_t at, uint32_t v)
{
	__asm__ volatile("str %w0, [%1]" : : "r"(v), "r"(at) : "memory");
}

static uint64_t hypercall(uint64_t function)
{
	register uint64_t x0 __asm__("x0") = function;

	__asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
	return x0;
}

static void print(const char *s)
{
	for (; *s; s++)
		store(UART, (uint8_t)*s);
}

static void print_number(uint64_t n)
{
	char text[21], *p = text + 20;

	for (*p = 0; p == text + 20 || n; n /= 10)
		*--p = (char)('0' + n % 10);
	print(p);
}

static struct {
	const char *name;
	uint64_t ticks;
} figures[MAX_FIGURES];
static unsigned figure_count;

static void figure(const char *name, uint64_t ticks)
{
	figures[figure_count].name = name;
	figures[figure_count++].ticks = ticks;
}

static void print_figures(void)
{
	for (unsigned i = 0; i < figure_count; i++) {
		print(figures[i].name);
		print(" ");
		print_number((figures[i].ticks * NS_PER_TICK + ROUNDS / 2) / ROUNDS);
		print(" V\r\n");
	}
}

void guest_exception(uint64_t pc, uint64_t esr, uint64_t far)
{
	(void)far;
	print("# exception at ");
	print_number(pc);
	print(", esr ");
	print_number(esr);
	print("\n");
	hypercall(PSCI_SYSTEM_OFF);
}

void guest_interrupt(void)
{
	uint64_t now = READ(cntvct_el0);
	uint32_t iar = load(GICC + GICC_IAR);

	if ((iar & 0x3ff) == TIMER)
		WRITE(cntv_ctl_el0, 0);
	if ((iar & 0x3ff) == RTC_IRQ)
		store(RTC + RTC_ICR, 1);
	taken = now;
	interrupts++;
	store(GICC + GICC_EOIR, iar);
}

/* --- Round trips ------------------------------------------------------------------------- */

static uint64_t time_of(void (*operation)(void))
{
	uint64_t start;

	for (unsigned i = 0; i < WARM_UP; i++)
		operation();
	start = READ(cntvct_el0);
	for (unsigned i = 0; i < ROUNDS; i++)
		operation();
	return READ(cntvct_el0) - start;
}

static void nothing(void)
{
	__asm__ volatile("" : : : "memory");
}

static void call_version(void)
{
	(void)hypercall(PSCI_VERSION);
}

static void select_base(void)
{
	register uint64_t x0 __asm__("x0") = SELECT_SC;
	register uint64_t x1 __asm__("x1") = 0;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1) : : "x2", "x3", "memory");
}

static void read_register(void)
{
	(void)load(GPIO_DIR);
}

/* --- Interrupts -------------------------------------------------------------------------- */

static uint64_t time_to_handler(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WARM_UP + ROUNDS; i++) {
		unsigned before = interrupts;
		uint64_t start = READ(cntvct_el0);

		store(GICD + GICD_SGIR, 2u << 24 | SGI);
		while (interrupts == before)
			;
		sum += i < WARM_UP ? 0 : taken - start;
	}
	return sum;
}

/* From the store that makes the line high. */
static uint64_t time_after_device(void)
{
	uint64_t sum = 0;

	store(RTC + RTC_IMSC, 1);
	for (unsigned i = 0; i < WARM_UP + ROUNDS; i++) {
		unsigned before = interrupts;
		uint32_t now = load(RTC + RTC_DR);
		uint64_t start = READ(cntvct_el0);

		store(RTC + RTC_MR, now);
		while (interrupts == before)
			;
		sum += i < WARM_UP ? 0 : taken - start;
	}
	store(RTC + RTC_IMSC, 0);
	return sum;
}

static uint64_t time_after_timer(bool sleep)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < WARM_UP + ROUNDS; i++) {
		unsigned before = interrupts;
		uint64_t at = READ(cntvct_el0) + AHEAD;

		WRITE(cntv_cval_el0, at);
		WRITE(cntv_ctl_el0, 1);
		while (interrupts == before)
			if (sleep)
				__asm__ volatile("wfi" : : : "memory");
		sum += i < WARM_UP ? 0 : taken - at;
	}
	return sum;
}

static void enable(unsigned intid)
{
	store(GICD + GICD_ISENABLER + intid / 32 * 4, 1u << intid % 32);
}

void guest_main(void)
{
	uint64_t loop = time_of(nothing);

	figure("vm.hypercall", time_of(select_base) - loop);
	figure("vm.psci", time_of(call_version) - loop);
	figure("vm.mmio_user", time_of(read_register) - loop);
	store(GICD, 1);
	enable(SGI);
	enable(TIMER);
	__asm__ volatile("strb %w0, [%1]"
			 :
			 : "r"(1), "r"(GICD + GICD_ITARGETSR + RTC_IRQ)
			 : "memory");
	enable(RTC_IRQ);
	store(GICC + GICC_PMR, 0xff);
	store(GICC, 1);
	__asm__ volatile("msr daifclr, #2" : : : "memory");
	figure("vm.ipi", time_to_handler());
	figure("vm.irq", time_after_device());
	figure("vm.timer_spin", time_after_timer(false));
	figure("vm.timer_wfi", time_after_timer(true));
	print_figures();
	print("# end\r\n");
	hypercall(PSCI_SYSTEM_OFF);
}
