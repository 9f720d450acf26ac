/* SPDX-License-Identifier: MIT */
/*
 * A guest that tests the interrupt controller of its machine, GICv2 or GICv3: more interrupts
 * pending than list registers, more active than list registers, SGIs, the timer, waiting, and a second
 * CPU that is interrupted, moved interrupts to, and switched off and on. Prints
 * TAP on its serial port and switches itself off.
 */
#include <stdbool.h>
#include <stdint.h>

#define UART 0x09000000ul
#define GICD 0x08000000ul
#define GICC 0x08010000ul
#define GICR_SGI 0x080b0000ul /* of CPU 0, and */
#define GICR_SIZE 0x20000ul   /* so much further of each other one */

#define CTLR 0x000
#define IGROUPR 0x080
#define ISENABLER 0x100
#define ISPENDR 0x200
#define ISACTIVER 0x300
#define IPRIORITYR 0x400
#define ITARGETSR 0x800
#define SGIR 0xf00
#define IROUTER 0x6000
#define GICC_PMR 0x04
#define GICC_IAR 0x0c
#define GICC_EOIR 0x10

#define FIRST 64 /* SPIs used; the machine's devices are below */
#define SPIS 12	 /* more than there are list registers on QEMU, by far */
#define TIMER 27
#define SGI 5
#define PING 6 /* to the second CPU, */
#define PONG 7 /* which answers */
#define LEAVE 8 /* it switches itself off */
#define MOVED 90
#define ROUNDS 1000
#define PSCI_CPU_OFF 0x84000002ul
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_AFFINITY_INFO 0xc4000004ul
#define PSCI_CPU_SUSPEND 0xc4000001ul
#define PSCI_SYSTEM_OFF 0x84000008ul

#define READ(reg)                                                                                  \
	({                                                                                         \
		uint64_t v_;                                                                       \
		__asm__ volatile("mrs %0, " #reg : "=r"(v_) : : "memory");                         \
		v_;                                                                                \
	})
#define WRITE(reg, value)                                                                          \
	__asm__ volatile("msr " #reg ", %0\n\tisb" : : "r"((uint64_t)(value)) : "memory")

static bool gic3;
static unsigned order[64], count; /* interrupts in the order in which they came */
static unsigned active, nested;	  /* taken and not ended; `nested`: each is to interrupt the last */
static unsigned deepest, results;
static volatile unsigned pongs;
static volatile unsigned ready, moved, leaving; /* by the second CPU */

void guest_main(void);
void guest_secondary(void);
void secondary(void); /* start.S */
void guest_interrupt(void);
void guest_exception(uint64_t pc, uint64_t esr, uint64_t far);

/* --- Machine ----------------------------------------------------------------------------- */

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

static void print(const char *s)
{
	for (; *s; s++)
		store(UART, (uint8_t)*s);
}

static void print_number(uint64_t n, unsigned base)
{
	char text[21], *p = text + 20;

	for (*p = 0; p == text + 20 || n; n /= base)
		*--p = "0123456789abcdef"[n % base];
	print(p);
}

static void off(void)
{
	register uint64_t x0 __asm__("x0") = PSCI_SYSTEM_OFF;

	__asm__ volatile("hvc #0" : : "r"(x0) : "memory");
}

static int64_t psci(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function, x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b, x3 __asm__("x3") = c;

	__asm__ volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return (int64_t)x0;
}

static void result(bool good, const char *what)
{
	print(good ? "ok " : "not ok ");
	print_number(++results, 10);
	print(" - ");
	print(what);
	print("\n");
	if (good)
		return;
	print("# came:");
	for (unsigned i = 0; i < count; i++) {
		print(" ");
		print_number(order[i], 10);
	}
	print("\n");
}

void guest_exception(uint64_t pc, uint64_t esr, uint64_t far)
{
	print("Bail out! exception at ");
	print_number(pc, 16);
	print(", esr ");
	print_number(esr, 16);
	print(", far ");
	print_number(far, 16);
	print("\n");
	off();
}

/* --- Interrupt controller ---------------------------------------------------------------- */

static void mask(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

/* What is pending comes before this returns. */
static void unmask(void)
{
	__asm__ volatile("msr daifclr, #2\n\tisb\n\tisb" : : : "memory");
}

static unsigned cpu(void)
{
	return READ(mpidr_el1) & 0xff;
}

/* Where a private interrupt has its registers. */
static uint64_t registers(unsigned intid)
{
	return gic3 && intid < 32 ? GICR_SGI + cpu() * GICR_SIZE : GICD;
}

static void set_bit(unsigned block, unsigned intid)
{
	store(registers(intid) + block + intid / 32 * 4, 1u << intid % 32);
}

static bool bit(unsigned block, unsigned intid)
{
	return load(registers(intid) + block + intid / 32 * 4) >> intid % 32 & 1;
}

static void set_priority(unsigned intid, unsigned priority)
{
	uint64_t at = registers(intid) + IPRIORITYR + intid;

	__asm__ volatile("strb %w0, [%1]" : : "r"(priority), "r"(at) : "memory");
}

static void enable(unsigned intid, unsigned priority)
{
	set_priority(intid, priority);
	if (!gic3 && intid >= 32)
		__asm__ volatile("strb %w0, [%1]" : : "r"(1), "r"(GICD + ITARGETSR + intid));
	set_bit(ISENABLER, intid);
}

static void start_cpu_interface(void)
{
	if (!gic3) {
		store(GICC + GICC_PMR, 0xff);
		store(GICC + CTLR, 1);
		return;
	}
	store(registers(0) + IGROUPR, ~0u);
	WRITE(icc_pmr_el1, 0xff);
	WRITE(icc_igrpen1_el1, 1);
}

static void send(unsigned intid, unsigned to)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	if (gic3)
		WRITE(icc_sgi1r_el1, (uint64_t)intid << 24 | 1u << to);
	else
		store(GICD + SGIR, 1u << (16 + to) | intid);
}

static void start_controller(void)
{
	if (!gic3) {
		store(GICD + CTLR, 1);
	} else {
		store(GICD + CTLR, 0x12);
		for (unsigned i = 32; i < 256; i += 32)
			store(GICD + IGROUPR + i / 8, ~0u);
	}
	start_cpu_interface();
}

static void end_interrupt(unsigned intid)
{
	if (gic3)
		WRITE(icc_eoir1_el1, intid);
	else
		store(GICC + GICC_EOIR, intid);
}

static void secondary_interrupt(unsigned intid)
{
	switch (intid & 0x3ff) {
	case PING:
		send(PONG, 0);
		break;
	case LEAVE:
		leaving = 1;
		break;
	case MOVED:
		moved++;
		break;
	}
	if ((intid & 0x3ff) < 1020)
		end_interrupt(intid);
}

void guest_secondary(void)
{
	start_cpu_interface();
	enable(PING, 0x60);
	enable(LEAVE, 0x60);
	leaving = 0;
	ready = 1;
	while (!leaving) {
		unmask();
		mask();
		if (!leaving)
			__asm__ volatile("wfi" : : : "memory");
	}
	psci(PSCI_CPU_OFF, 0, 0, 0);
}

void guest_interrupt(void)
{
	unsigned intid = gic3 ? (unsigned)READ(icc_iar1_el1) : load(GICC + GICC_IAR);

	if (cpu()) {
		secondary_interrupt(intid);
		return;
	}
	pongs += (intid & 0x3ff) == PONG;
	if (count < 64)
		order[count++] = intid & 0x3ff;
	if ((intid & 0x3ff) >= 1020)
		return;
	if (++active > deepest)
		deepest = active;
	if (intid == TIMER)
		WRITE(cntv_ctl_el0, 0);
	if (nested > 1) {
		nested--;
		set_bit(ISPENDR, intid - 1);
		unmask();
		mask();
	}
	active--;
	end_interrupt(intid);
}

/* --- Tests ------------------------------------------------------------------------------- */

static void forget(void)
{
	count = deepest = 0;
}

/* Interrupts FIRST + n - 1 down to FIRST came, each once, and left nothing. */
static bool came_downwards(unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (order[i] != FIRST + n - 1 - i || bit(ISPENDR, order[i]) ||
		    bit(ISACTIVER, order[i]))
			return false;
	return count == n;
}

/* The greater the number the more urgent. */
static void test_many_pending(void)
{
	for (unsigned i = 0; i < SPIS; i++)
		enable(FIRST + i, 0xf0 - i * 8);
	for (unsigned round = 0; round < 3; round++) {
		forget();
		mask();
		for (unsigned i = 0; i < SPIS; i++)
			set_bit(ISPENDR, FIRST + (i * 5 + round) % SPIS);
		unmask();
		result(came_downwards(SPIS), "many pending come by priority, each once");
	}
}

/* Now the smaller: each handler makes the next one pending and is interrupted by it. */
static void test_many_active(void)
{
	for (unsigned i = 0; i < SPIS; i++)
		set_priority(FIRST + i, 0x80 + i * 8);
	for (unsigned round = 0; round < 3; round++) {
		forget();
		nested = SPIS;
		set_bit(ISPENDR, FIRST + SPIS - 1);
		unmask();
		nested = 0;
		result(came_downwards(SPIS) && deepest == SPIS, "many are active, and all end");
	}
}

static bool sgi_came(bool expected)
{
	unmask();
	return expected ? count == 1 && (order[0] & 0x3ff) == SGI : count == 0;
}

static void test_sgi3(void)
{
	static const struct {
		uint64_t value;
		const char *what;
		bool comes;
	} sgis[] = {
		{(uint64_t)SGI << 24 | 1, "an SGI to itself", true},
		{(uint64_t)SGI << 24 | 2, "an SGI to a CPU that is not there", false},
		{(uint64_t)SGI << 24 | 1 << 16 | 1, "an SGI to another cluster", false},
		{1ul << 44 | SGI << 24 | 1, "an SGI to CPUs from 16 on", false},
		{1ul << 48 | SGI << 24 | 1, "an SGI to another Aff3", false},
		{1ul << 40 | SGI << 24 | 1, "an SGI to all others", false},
	};

	for (unsigned i = 0; i < sizeof(sgis) / sizeof(sgis[0]); i++) {
		forget();
		WRITE(icc_sgi1r_el1, sgis[i].value);
		result(sgi_came(sgis[i].comes), sgis[i].what);
	}
	forget();
	WRITE(icc_sgi0r_el1, SGI << 24 | 1);
	result(sgi_came(false), "an SGI of the other group");
	forget();
	mask();
	for (unsigned i = 0; i < 3; i++)
		WRITE(icc_sgi1r_el1, SGI << 24 | 1);
	result(sgi_came(true), "an SGI that is pending already");
	forget();
	set_bit(ISPENDR, SGI);
	result(sgi_came(true), "an SGI made pending in the redistributor");
	WRITE(icc_sre_el1, 0);
	result(READ(icc_sre_el1) == 7, "ICC_SRE_EL1 stays");
}

static void test_sgi2(void)
{
	forget();
	store(GICD + SGIR, 1 << 16 | SGI);
	result(sgi_came(true), "an SGI to itself");
	forget();
	store(GICD + SGIR, 2 << 16 | SGI);
	result(sgi_came(false), "an SGI to a CPU that is not there");
	forget();
	store(GICD + SGIR, 1 << 24 | SGI);
	result(sgi_came(false), "an SGI to all others");
}

static void test_timer(void)
{
	bool good = true;

	enable(TIMER, 0x40);
	for (unsigned i = 0; i < 20 && good; i++) {
		forget();
		mask();
		WRITE(cntv_tval_el0, READ(cntfrq_el0) / 1000);
		WRITE(cntv_ctl_el0, 1);
		__asm__ volatile("wfi" : : : "memory");
		unmask();
		good = count == 1 && order[0] == TIMER;
	}
	result(good, "the timer ends waiting");
}

/* Waits until *flag is `value`: it is another CPU's doing. */
static bool comes(const volatile unsigned *flag, unsigned value)
{
	uint64_t end = READ(cntvct_el0) + 10 * READ(cntfrq_el0);

	while (*flag != value)
		if (READ(cntvct_el0) > end)
			return false;
	return true;
}

/* Each round trip is two SGIs and two sleeps; one that is lost ends all. */
static bool play(unsigned rounds, bool suspend)
{
	for (unsigned i = 0; i < rounds; i++) {
		unsigned before = pongs;

		mask();
		send(PING, 1);
		while (pongs == before) {
			if (suspend)
				psci(PSCI_CPU_SUSPEND, 0, 0, 0);
			else
				__asm__ volatile("wfi" : : : "memory");
			unmask();
			mask();
		}
		if (pongs != before + 1)
			return false;
	}
	return true;
}

static bool is_off(void)
{
	uint64_t end = READ(cntvct_el0) + 10 * READ(cntfrq_el0);

	while (psci(PSCI_AFFINITY_INFO, 1, 0, 0) != 1)
		if (READ(cntvct_el0) > end)
			return false;
	return true;
}

static void test_moved(void)
{
	bool good = true;

	mask();
	enable(MOVED, 0x80);
	if (gic3)
		__asm__ volatile("str %0, [%1]" : : "r"(1ul), "r"(GICD + IROUTER + MOVED * 8));
	else
		__asm__ volatile("strb %w0, [%1]" : : "r"(2), "r"(GICD + ITARGETSR + MOVED));
	for (unsigned i = 1; i <= 100 && good; i++) {
		set_bit(ISPENDR, MOVED);
		good = comes(&moved, i);
		while (bit(ISACTIVER, MOVED)) /* asked of the other CPU */
			;
	}
	result(good && !bit(ISPENDR, MOVED), "an interrupt moved to the second CPU");
}

static void test_second_cpu(void)
{
	enable(PONG, 0x60);
	result(psci(PSCI_AFFINITY_INFO, 1, 0, 0) == 1, "the second CPU is off");
	for (unsigned round = 0; round < 3; round++) {
		ready = 0;
		result(psci(PSCI_CPU_ON, 1, (uint64_t)secondary, 0) == 0 && comes(&ready, 1),
		       "the second CPU starts");
		result(psci(PSCI_CPU_ON, 1, (uint64_t)secondary, 0) == -4, "it is on already");
		forget();
		result(play(ROUNDS, false), "SGIs back and forth");
		result(play(ROUNDS, true), "SGIs back and forth, waiting in CPU_SUSPEND");
		if (!round)
			test_moved();
		send(LEAVE, 1);
		result(is_off(), "the second CPU goes off");
	}
	result(psci(PSCI_CPU_ON, 2, (uint64_t)secondary, 0) == -2, "a CPU that is not there");
	result(psci(PSCI_CPU_ON, 1, 0, 0) == -9, "a start outside memory");
	result(psci(PSCI_CPU_SUSPEND, 0x10000, 0, 0) == -2, "suspend does not power down");
}

void guest_main(void)
{
	gic3 = READ(id_aa64pfr0_el1) >> 24 & 0xf;
	print(gic3 ? "# GICv3\n" : "# GICv2\n");
	start_controller();
	enable(SGI, 0x60);
	unmask();
	test_many_pending();
	test_many_active();
	if (gic3)
		test_sgi3();
	else
		test_sgi2();
	test_timer();
	test_second_cpu();
	print("1..");
	print_number(results, 10);
	print("\n");
	off();
}
