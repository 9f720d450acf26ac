/* SPDX-License-Identifier: MIT */
/* Faults: as messages, answered, unanswered; and nobody but the thread itself stops for one. */
#include <stdio.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)
#define RW (TAKT_MAP_READ | TAKT_MAP_WRITE)
#define HOLE 0x6000000000ull
#define EC(syndrome) ((syndrome) >> 26)
#define EC_UNDEFINED 0x00
#define EC_SYSREG 0x18
#define EC_BREAKPOINT 0x3c
#define EC_PC_ALIGN 0x22
#define EC_DATA 0x24
#define EC_INSTRUCTION 0x20

static uint64_t birth(takt_slot slot)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_TASK_CAP_INSPECT, 1, 0), .w = {slot}};

	CHECK_OK(takt_call(TAKT_ROOT_TASK, &m));
	return m.w[2];
}

static void load_word(void *arg)
{
	uint64_t *a = arg; /* address, then value */
	register uint64_t word __asm__("x1"); /* handlers know it */

	__asm__ volatile("ldr %0, [%1]" : "=r"(word) : "r"(a[0]) : "memory");
	a[1] = word;
}

static void store_word(void *arg)
{
	uint64_t *a = arg;

	*(volatile uint64_t *)a[0] = a[1];
}

static struct worker *faulting(void (*fn)(void *arg), uint64_t address, uint64_t value)
{
	uint64_t *a = pool_new(2 * sizeof(*a));
	struct worker *w = worker_new(fn, a);

	a[0] = address;
	a[1] = value;
	w->fault_gate = gate_new(SLOT_THREAD, 77);
	return w;
}

TEST(the_message_tells_all)
{
	struct worker *w = faulting(load_word, HOLE + 8, 0);
	struct takt_msg m;
	uint64_t r[6];

	worker_start(w);
	await_fault(&m);
	CHECK_EQ(m.badge, 77);
	CHECK_EQ(m.tag, TAKT_TAG_FAULT);
	CHECK_EQ(m.w[TAKT_FAULT_ADDRESS], HOLE + 8);
	CHECK_EQ(EC(m.w[TAKT_FAULT_SYNDROME]), EC_DATA);
	CHECK_EQ(m.w[TAKT_FAULT_THREAD], birth(w->slot));
	CHECK_EQ(m.w[TAKT_FAULT_PSTATE] & 0x1f, 0); /* EL0 */
	/* The registers can be looked at, and agree. */
	CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_SP, 3, r));
	CHECK_EQ(r[0], m.w[TAKT_FAULT_SP]);
	CHECK_EQ(r[1], m.w[TAKT_FAULT_PC]);
	CHECK(r[1] >= (uint64_t)load_word && r[1] < (uint64_t)load_word + 64);
	answer(1);
	CHECK(quiet(w->bit, 2)); /* it does not go on */
	CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_PC, 1, r));
	CHECK_EQ(r[0], m.w[TAKT_FAULT_PC]);
}

static void check_repair(unsigned cpu, takt_slot task)
{
	struct worker *w = faulting(load_word, HOLE, 0);
	uint64_t *a = w->arg;
	takt_slot ram = ram_new(PAGE);
	struct takt_msg m;

	*(uint64_t *)window_map(ram, 0, PAGE, RW) = 0x1234567;
	w->cpu = cpu;
	w->task = task;
	worker_start(w);
	await_fault(&m);
	CHECK_EQ(m.w[TAKT_FAULT_ADDRESS], HOLE);
	CHECK_OK(takt_task_map(task, ram, HOLE, 0, PAGE, TAKT_MAP_READ));
	answer(0);
	worker_join(w);
	CHECK_EQ(a[1], 0x1234567);
}

TEST(a_mapping_repairs_it)
{
	check_repair(0, task_new());
}

TEST(a_mapping_repairs_it_on_another_cpu)
{
	check_repair(other_cpu(), task_new());
}

static void check_skip(unsigned cpu)
{
	struct worker *w = faulting(load_word, HOLE, 0);
	uint64_t *a = w->arg;
	struct takt_msg m;

	w->cpu = cpu;
	worker_start(w);
	await_fault(&m);
	CHECK_OK(takt_thread_reg_write(w->slot, TAKT_REG_X0 + 1, 0x999));
	CHECK_OK(takt_thread_reg_write(w->slot, TAKT_REG_PC, m.w[TAKT_FAULT_PC] + 4));
	answer(0);
	worker_join(w);
	CHECK_EQ(a[1], 0x999);
}

TEST(the_handler_emulates_it)
{
	check_skip(0);
}

TEST(the_handler_emulates_it_on_another_cpu)
{
	check_skip(other_cpu());
}

TEST(a_store_is_told_from_a_load)
{
	struct worker *w = faulting(store_word, HOLE, 5);
	struct takt_msg m;

	worker_start(w);
	await_fault(&m);
	CHECK(m.w[TAKT_FAULT_SYNDROME] & 1 << 6); /* WnR */
	answer(1);
}

/* --- Kinds of faults -------------------------------------------------------------------------- */

static void undefined(void *unused)
{
	(void)unused;
	__asm__ volatile(".inst 0x00000000");
}

static void breakpoint(void *unused)
{
	(void)unused;
	__asm__ volatile("brk #7");
}

static void odd_pc(void *unused)
{
	(void)unused;
	__asm__ volatile("adr x9, .\n\tadd x9, x9, #1\n\tbr x9" : : : "x9");
}

static void jump_nowhere(void *unused)
{
	(void)unused;
	((void (*)(void))HOLE)();
}

static void system_register(void *unused)
{
	(void)unused;
	__asm__ volatile("msr ttbr0_el1, xzr");
}

static void hypercall(void *unused)
{
	(void)unused;
	__asm__ volatile("hvc #0");
}

static void secure_call(void *unused)
{
	(void)unused;
	__asm__ volatile("smc #0");
}

static void hyp_register(void *unused)
{
	(void)unused;
	__asm__ volatile("mrs x9, hcr_el2" : : : "x9");
}

static void mask_interrupts(void *unused)
{
	(void)unused;
	__asm__ volatile("msr daifset, #2");
}

static void virtual_timer(void *unused)
{
	(void)unused;
	__asm__ volatile("mrs x9, cntv_ctl_el0" : : : "x9");
}

static void cycle_counter(void *unused)
{
	(void)unused;
	__asm__ volatile("mrs x9, pmccntr_el0" : : : "x9");
}

#define ANY_CLASS 0xff

/* (QEMU does not check the alignment of sp.) */

TEST(kinds_of_faults)
{
	static const struct {
		const char *name;
		void (*fn)(void *arg);
		unsigned class;
	} kind[] = {
		{"undefined", undefined, EC_UNDEFINED},
		{"breakpoint", breakpoint, EC_BREAKPOINT},
		{"misaligned pc", odd_pc, EC_PC_ALIGN},
		{"jump", jump_nowhere, EC_INSTRUCTION},
		{"system register", system_register, ANY_CLASS},
		{"hvc", hypercall, ANY_CLASS},
		{"smc", secure_call, ANY_CLASS},
		{"el2 register", hyp_register, ANY_CLASS},
		{"interrupt mask", mask_interrupts, ANY_CLASS},
		{"virtual timer", virtual_timer, ANY_CLASS},
		{"cycle counter", cycle_counter, ANY_CLASS},
	};

	for (unsigned i = 0; i < sizeof(kind) / sizeof(kind[0]); i++) {
		struct worker *w = faulting(kind[i].fn, 0, 0);
		struct takt_msg m;

		printf("# %s\n", kind[i].name);
		worker_start(w);
		await_fault(&m);
		if (kind[i].class != ANY_CLASS)
			CHECK_EQ(EC(m.w[TAKT_FAULT_SYNDROME]), kind[i].class);
		answer(1);
		CHECK_OK(takt_thread_stop(w->slot));
	}
}

/* Whatever is written to a thread's pstate, it stays at EL0 with interrupts on. */
TEST(pstate_gives_no_privilege)
{
	static const uint64_t modes[] = {0x4, 0x5, 0x8, 0x9, 0xc, 0xd, 0x3c9, 0x3c5, 0x10, 0x1da,
					 1ull << 20, 1ull << 21, UINT64_MAX};

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct worker *w = faulting(load_word, HOLE, 0);
		struct takt_msg m;

		worker_start(w);
		await_fault(&m);
		CHECK_OK(takt_thread_reg_write(w->slot, TAKT_REG_PSTATE, modes[i]));
		CHECK_OK(takt_thread_reg_write(w->slot, TAKT_REG_PC, (uint64_t)hyp_register));
		answer(0);
		await_fault(&m);
		CHECK_EQ(m.w[TAKT_FAULT_PC], (uint64_t)hyp_register);
		CHECK_EQ(m.w[TAKT_FAULT_PSTATE] & 0x3df, 0); /* EL0t, nothing masked */
		answer(1);
		CHECK_OK(takt_thread_stop(w->slot));
	}
}

/* --- Nobody there ----------------------------------------------------------------------------- */

/* Its dump on the log is wanted: the lines below are no failure. */
static void check_unhandled(takt_slot gate, unsigned cpu)
{
	uint64_t *a = pool_new(2 * sizeof(*a)), n = 0, pc, x0;
	struct worker *w = worker_new(load_word, a), *bystander = worker_new(spin_ms, (void *)3);

	(void)n;
	printf("# a dump follows\n");
	a[0] = HOLE;
	w->fault_gate = gate;
	w->cpu = bystander->cpu = cpu;
	worker_start(w);
	worker_start(bystander);
	worker_join(bystander); /* goes on beside it */
	CHECK(quiet(w->bit, 2));
	CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_PC, 1, &pc)); /* it is stopped */
	CHECK(pc >= (uint64_t)load_word && pc < (uint64_t)load_word + 64);
	CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_X0, 1, &x0));
	CHECK_EQ(x0, (uint64_t)a); /* and its registers are as they were */
}

TEST(unhandled_faults_stop_their_thread_only)
{
	takt_slot gate = slot_new();

	CHECK_OK(takt_create_gate(test_factory, 0, gate)); /* leads nowhere */
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		check_unhandled(gate, cpu);
}

TEST(a_stopped_handler)
{
	struct worker *handler = worker_new(server_echo, NULL);

	worker_start(handler);
	CHECK_OK(takt_thread_stop(handler->slot));
	check_unhandled(gate_new(handler->slot, 0), 0);
	if (cpus() > 1)
		check_unhandled(gate_new(handler->slot, 0), 1);
}

static void handle_never(void *unused)
{
	struct takt_msg m = {0};
	volatile bool never = false;

	(void)unused;
	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	spin_until_set((void *)&never);
}

/* The handler stops with the fault in its hands: the thread does not go on by itself. */
TEST(a_handler_that_stops)
{
	for (unsigned cpu = 0; cpu < cpus() && cpu < 2; cpu++) {
		struct worker *handler = worker_new(handle_never, NULL);
		struct worker *w = faulting(load_word, HOLE, 0);
		uint64_t pc;

		printf("# a dump follows\n");
		worker_start(handler);
		w->fault_gate = gate_new(handler->slot, 0);
		w->cpu = cpu;
		worker_start(w);
		CHECK(quiet(w->bit, 3));
		CHECK_OK(takt_thread_stop(handler->slot));
		CHECK(quiet(w->bit, 3));
		CHECK_OK(takt_thread_regs_read(w->slot, TAKT_REG_PC, 1, &pc));
		CHECK(pc >= (uint64_t)load_word && pc < (uint64_t)load_word + 64);
	}
}

/* --- Servers that fault ----------------------------------------------------------------------- */

static void serve_faulting(void *arg)
{
	struct takt_msg m = {0};
	uint64_t *a = arg;

	CHECK_OK(takt_wait(&m, TAKT_NEVER));
	a[1] = *(volatile uint64_t *)a[0];
	m.tag = TAKT_TAG(0, 0, 0);
	CHECK_OK(takt_reply_wait(&m, TAKT_NEVER));
}

static void call_gate(void *arg)
{
	int64_t *a = arg; /* gate, then result */

	a[1] = call_words((takt_slot)a[0], 0, 0, 0, NULL);
}

static void check_faulting_server(unsigned cpu, uint16_t verdict, int result)
{
	struct worker *s = faulting(serve_faulting, HOLE, 0);
	int64_t *a = pool_new(2 * sizeof(*a));
	struct worker *client = worker_new(call_gate, a);
	struct takt_msg m;

	worker_make(s);
	a[0] = gate_new(s->slot, 0);
	a[1] = 1;
	worker_start(s);
	CHECK(quiet(s->bit, 1));
	client->cpu = cpu;
	worker_start(client);
	await_fault(&m);
	CHECK_EQ(a[1], 1);
	CHECK_OK(takt_thread_reg_write(s->slot, TAKT_REG_PC, m.w[TAKT_FAULT_PC] + 4));
	answer(verdict);
	worker_join(client);
	CHECK_ERR((int)a[1], result);
	CHECK_OK(takt_thread_stop(s->slot));
}

TEST(a_server_faults_and_goes_on)
{
	for (unsigned cpu = 0; cpu < cpus() && cpu < 2; cpu++)
		check_faulting_server(cpu, 0, 0);
}

TEST(a_server_faults_and_stops)
{
	for (unsigned cpu = 0; cpu < cpus() && cpu < 2; cpu++)
		check_faulting_server(cpu, 1, TAKT_E_GONE);
}

/* A thread stopped in its fault, and started anew, sends ordinary messages. */
TEST(a_fault_is_forgotten_with_the_stop)
{
	struct worker *w = faulting(load_word, HOLE, 0);
	struct takt_msg m;
	int64_t *a = pool_new(2 * sizeof(*a));

	worker_start(w);
	await_fault(&m);
	CHECK_OK(takt_thread_stop(w->slot));
	answer(0); /* nobody is owed it any more */
	w->fn = call_gate;
	w->arg = a;
	a[0] = gate_new(SLOT_THREAD, 5);
	a[1] = 1;
	worker_start(w);
	await_call(&m);
	CHECK_EQ(m.badge, 5);
	CHECK_EQ(m.tag, TAKT_TAG(0, 2, 0));
	answer(7);
	worker_join(w);
	CHECK_EQ(a[1], 7);
}

TEST(fault_gate_errors)
{
	struct worker *w = worker_new(server_echo, NULL);
	takt_slot gate = gate_new(SLOT_THREAD, 0);

	worker_make(w);
	CHECK_ERR(takt_thread_fault_gate(w->slot, cap_without(gate, TAKT_R_GATE_CALL)),
		  TAKT_E_RIGHTS);
	CHECK_OK(takt_thread_fault_gate(w->slot, cap_with(gate, TAKT_R_GATE_CALL)));
}

static const struct test tests[] = {
	T(the_message_tells_all),
	T(a_mapping_repairs_it),
	T(a_mapping_repairs_it_on_another_cpu),
	T(the_handler_emulates_it),
	T(the_handler_emulates_it_on_another_cpu),
	T(a_store_is_told_from_a_load),
	T(kinds_of_faults),
	T(pstate_gives_no_privilege),
	T(unhandled_faults_stop_their_thread_only),
	T(a_stopped_handler),
	T(a_handler_that_stops),
	T(a_server_faults_and_goes_on),
	T(a_server_faults_and_stops),
	T(a_fault_is_forgotten_with_the_stop),
	T(fault_gate_errors),
};
const struct suite suite_fault = SUITE("fault", tests);
