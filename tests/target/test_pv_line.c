/* SPDX-License-Identifier: MIT */
/* Paravirtual vCPUs: a hardware line, the PL031 real-time clock of QEMU's virt board, interrupts
 * the guest, and all registers are as they were when that goes on. */
#include <takt/pv.h>

#include "harness.h"

#define STACK 0x2000
#define ALL 0xffffffffu

#define RTC_BASE 0x09010000
#define RTC_LINE 34
#define LINE_VIRQ 7
#define FLAGS 0xa0000000ul /* N and C */

enum { RTC_DATA, RTC_MATCH, RTC_MASK = 4, RTC_RAW, RTC_CLEAR = 7 };

static volatile uint32_t *rtc;
static takt_slot line;
static volatile uint32_t line_came;
/* x0..x30 and sp, and behind them the flags: where the interrupt entered, and after its return. */
uint64_t line_entry[33], line_after[33];

/*
 * line_registers(mask, came, after): has a value of its own in all registers when the line goes
 * high, keeps them until the interrupt has come, and shows what they are then. x5 looks for that.
 * line_upcall: where interrupts enter; changes all registers before it returns.
 */
void line_registers(volatile uint32_t *mask, volatile uint32_t *came_, uint64_t *after);
extern void line_upcall(void);
void line_interrupt(unsigned n); /* called by it */
__asm__(".pushsection .text\n"
	".macro fill step\n"
	".irp r, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30\n"
	"	mov	x\\r, #0x1001 + \\step * \\r\n"
	".endr\n"
	".endm\n"
	".macro show base\n"
	".irp r, 2,4,6,8,10,12,14,16,18,20,22,24,26,28\n"
	"	str	x\\r, [\\base, #8 * \\r]\n"
	".endr\n"
	".irp r, 3,5,7,9,11,13,15,17,19,21,23,25,27,29,30\n"
	"	str	x\\r, [\\base, #8 * \\r]\n"
	".endr\n"
	"	mrs	x4, nzcv\n"
	"	str	x4, [\\base, #256]\n"
	".endm\n"
	"line_registers:\n"
	"	mov	x3, #0xa0000000\n"
	"	msr	nzcv, x3\n"
	"	fill	2\n"
	"	str	w3, [x0]\n"
	"1:	ldr	w5, [x1]\n"
	"	cbz	w5, 1b\n"
	"	stp	x0, x1, [x2]\n"
	"	show	x2\n"
	"	mov	x4, sp\n"
	"	str	x4, [x2, #248]\n"
	"	brk	#0\n"
	"line_upcall:\n"
	"	stp	x0, x1, [sp, #-16]!\n"
	"	adrp	x0, line_entry\n"
	"	add	x0, x0, :lo12:line_entry\n"
	"	show	x0\n"
	"	ldp	x2, x3, [sp], #16\n"
	"	mov	x4, sp\n"
	"	stp	x2, x3, [x0]\n"
	"	str	x4, [x0, #248]\n"
	"	mov	x0, x2\n"
	"	bl	line_interrupt\n"
	"	mov	x0, #-1\n"
	"	mov	x1, #-1\n"
	"	mov	x2, #-1\n"
	"	cmp	x0, #0\n"
	"	fill	3\n"
	"	mov	x8, #7\n"
	"	svc	#0\n"
	"	brk	#1\n"
	".popsection\n");
_Static_assert(TAKT_PV_RETURN == 7, "line_upcall");

/* Level 3 is entered by a trigger, and then the line interrupts that. */
void line_interrupt(unsigned n)
{
	if (n == 3)
		line_registers(&rtc[RTC_MASK], &line_came, line_after);
	rtc[RTC_MASK] = 0;
	rtc[RTC_CLEAR] = 1;
	(void)!takt_irq_ack(line);
	line_came = 1;
}

static takt_slot line_level; /* 0: the line interrupts the guest at its base */

static void guest_of_line(void)
{
	pv_unmask(ALL);
	if (line_level)
		(void)!takt_irq_trigger(line_level);
	line_registers(&rtc[RTC_MASK], &line_came, line_after);
}

static struct worker *vcpu;
static uint8_t guest_stack[STACK] __attribute__((aligned(16)));
static uint8_t upcall_stack[STACK] __attribute__((aligned(16)));
static volatile uint64_t exit_reason;

/* The guest came back, by the fault that ends it. */
static void exited(uint64_t reason)
{
	struct takt_msg m = {0};

	exit_reason = reason;
	(void)!takt_irq_trigger(vcpu->done);
	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

static void monitor(void *unused)
{
	struct takt_msg m = {0};

	(void)unused;
	pv_page->upcall_entry = (uint64_t)line_upcall;
	pv_page->upcall_sp = (uint64_t)(upcall_stack + STACK);
	pv_page->entry = (uint64_t)exited;
	pv_page->entry_sp = (uint64_t)vcpu->sp;
	pv_page->guest.sp = (uint64_t)(guest_stack + STACK);
	pv_page->guest.pc = (uint64_t)guest_of_line;
	CHECK_OK(takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER));
}

static takt_slot level_new(void)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, 3, 0));
	return irq;
}

/* The line is high, behind the mask in the device. */
static void line_prepare(void)
{
	rtc = window_map(TAKT_ROOT_DEVICES, RTC_BASE, TAKT_PAGE_SIZE,
			 TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE);
	line = slot_new();
	line_came = 0;
	CHECK_OK(takt_intc_get(TAKT_ROOT_INTC, test_factory, RTC_LINE, 0, line));
	CHECK_OK(takt_irq_bind_vcpu(line, vcpu->slot, LINE_VIRQ, 0));
	rtc[RTC_MASK] = 0;
	do
		rtc[RTC_MATCH] = rtc[RTC_DATA];
	while (!rtc[RTC_RAW]);
}

static void check_line(bool nested)
{
	struct takt_frame *f;

	vcpu = worker_new(monitor, NULL);
	vcpu->kind = TAKT_THREAD_PV;
	worker_make(vcpu);
	pv_page = (struct takt_pv_page *)vcpu->state;
	exit_reason = 0;
	line_prepare();
	line_level = nested ? level_new() : 0;
	worker_start(vcpu);
	irqs_await(vcpu->bit);
	CHECK_EQ(exit_reason, TAKT_EXIT_FAULT);
	CHECK_EQ(pv_page->esr >> 26, 0x3c); /* line_registers: brk */
	f = &pv_page->frame[nested];
	CHECK_EQ(line_entry[0], LINE_VIRQ);
	CHECK_EQ(line_entry[32], 0);
	CHECK_EQ(line_after[32], FLAGS);
	CHECK_EQ(line_after[0], (uint64_t)&rtc[RTC_MASK]);
	CHECK_EQ(f->x[0], line_after[0]);
	for (unsigned i = 1; i < 31; i++) {
		if (i == 5)
			continue;
		CHECK_EQ(line_after[i], i < 3 ? f->x[i] : 0x1001 + 2 * i);
		CHECK_EQ(line_entry[i], line_after[i]);
		CHECK_EQ(f->x[i], line_after[i]);
	}
	CHECK_EQ(f->sp, line_after[31]);
	CHECK_EQ(line_entry[31], nested ? f->sp : pv_page->upcall_sp);
	CHECK_EQ(f->pstate, FLAGS);
	CHECK_EQ(f->open, nested ? ALL << 4 : ALL);
	CHECK(f->pc > (uint64_t)line_registers && f->pc < (uint64_t)line_upcall);
	CHECK_EQ(pv_page->depth, nested);
	CHECK_EQ(pv_page->pending, 0);
}

TEST(a_line_interrupts_and_all_registers_stay)
{
	check_line(false);
}

TEST(a_line_interrupts_a_handler)
{
	check_line(true);
}

static const struct test tests[] = {
	T(a_line_interrupts_and_all_registers_stay),
	T(a_line_interrupts_a_handler),
};
const struct suite suite_pv_line = SUITE("pv_line", tests);
