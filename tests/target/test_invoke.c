/* SPDX-License-Identifier: MIT */
/* What holds for every operation in the table of operations, and the system call itself. */
#include <stdio.h>
#include <string.h>

#include "harness.h"

#define ANY 0xff
#define FAR_SLOT 0x7fffffff

/* --- Every operation -------------------------------------------------------------------------- */

struct op {
	const char *name;
	unsigned type, number, rights, words, caps_least, caps_most, cap_type[2];
};

#define C0 0, 0, {0, 0}
#define C1(t) 1, 1, {TYPE_##t, 0}
#define C2(t, u) 2, 2, {TYPE_##t, TYPE_##u}
#define C0_1(t) 0, 1, {TYPE_##t, 0}
#define C1_1(t, u) 1, 2, {TYPE_##t, TYPE_##u}
#define TYPE_ANY ANY
#define TYPE_TASK TAKT_TASK
#define TYPE_THREAD TAKT_THREAD
#define TYPE_GATE TAKT_GATE
#define TYPE_IRQ TAKT_IRQ
#define TYPE_SC TAKT_SC
#define TYPE_SCHEDULER TAKT_SCHEDULER
#define TYPE_MEMORY TAKT_MEMORY
#define TYPE_FACTORY TAKT_FACTORY
static const struct op ops[] = {
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc)                               \
	{#type "." #name, TAKT_##TYPE, number, TAKT_##rights, words, caps},
#include <takt/objects.def>
};
#define OPS (sizeof(ops) / sizeof(ops[0]))

static takt_slot sample[TAKT_TYPES]; /* a capability of each type, with all rights */

static void make_samples(void)
{
	for (unsigned type = 0; type < TAKT_TYPES; type++)
		sample[type] = slot_new();
	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "t", sample[TAKT_TASK]));
	CHECK_OK(takt_create_thread(test_factory, "t", sample[TAKT_THREAD]));
	CHECK_OK(takt_create_gate(test_factory, 0, sample[TAKT_GATE]));
	CHECK_OK(takt_create_irq(test_factory, sample[TAKT_IRQ]));
	sample[TAKT_SC] = sc_new(1, 0, ms(1), ms(1));
	CHECK_OK(takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, test_factory, 1, 0, 10, 0,
				       sample[TAKT_SCHEDULER]));
	sample[TAKT_MEMORY] = ram_new(TAKT_PAGE_SIZE);
	sample[TAKT_FACTORY] = factory_new(8);
	sample[TAKT_INTC] = TAKT_ROOT_INTC;
	sample[TAKT_LOG] = TAKT_ROOT_LOG;
	for (unsigned type = TAKT_NONE + 1; type < TAKT_TYPES; type++)
		CHECK_EQ(slot_type(sample[type]), type);
}

/* A message that would pass the checks of the table; words are zero. */
static struct takt_msg good(const struct op *op)
{
	struct takt_msg m = {.tag = TAKT_TAG(op->number, op->words, op->caps_least)};

	for (unsigned i = 0; i < 2; i++)
		m.cap[i] = sample[op->cap_type[i] == ANY ? TAKT_GATE : op->cap_type[i]];
	return m;
}

static int invoke(const struct op *op, takt_slot slot, struct takt_msg m, unsigned words,
		  unsigned caps)
{
	int err;

	m.tag = TAKT_TAG(op->number, words, caps);
	err = takt_call(slot, &m);
	if (err)
		CHECK_EQ(m.tag, 0);
	return err;
}

static void expect(const struct op *op, const char *what, int is, int wanted)
{
	if (is != wanted)
		printf("# %s, %s\n", op->name, what);
	CHECK_ERR(is, wanted);
}

TEST(rights)
{
	make_samples();
	for (unsigned i = 0; i < OPS; i++) {
		const struct op *op = &ops[i];
		takt_slot weak = slot_new();

		for (unsigned bit = 1; bit < 0x10000; bit <<= 1) {
			if (!(op->rights & bit))
				continue;
			CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK, sample[op->type], weak,
						    TAKT_R_ALL & ~bit));
			expect(op, "without a right",
			       invoke(op, weak, good(op), op->words, op->caps_least),
			       TAKT_E_RIGHTS);
			slot_clear(weak);
		}
	}
}

TEST(too_few_words)
{
	make_samples();
	for (unsigned i = 0; i < OPS; i++)
		for (unsigned words = 0; words < ops[i].words; words++)
			expect(&ops[i], "too few words",
			       invoke(&ops[i], sample[ops[i].type], good(&ops[i]), words,
				      ops[i].caps_least), TAKT_E_MSG);
}

TEST(number_of_capabilities)
{
	make_samples();
	for (unsigned i = 0; i < OPS; i++) {
		const struct op *op = &ops[i];

		for (unsigned caps = 0; caps <= 7; caps++) {
			if (caps >= op->caps_least && caps <= op->caps_most)
				continue;
			expect(op, "wrong number of capabilities",
			       invoke(op, sample[op->type], good(op), op->words, caps),
			       TAKT_E_MSG);
		}
	}
}

TEST(capability_arguments)
{
	takt_slot empty;

	make_samples();
	empty = slot_new();
	for (unsigned i = 0; i < OPS; i++) {
		const struct op *op = &ops[i];

		for (unsigned n = 0; n < op->caps_most; n++) {
			unsigned caps = n < op->caps_least ? op->caps_least : n + 1;
			struct takt_msg m = good(op);
			takt_slot self = sample[op->type];

			m.cap[n] = empty;
			expect(op, "empty argument", invoke(op, self, m, op->words, caps),
			       TAKT_E_CAP);
			m.cap[n] = 0;
			expect(op, "argument 0", invoke(op, self, m, op->words, caps), TAKT_E_CAP);
			m.cap[n] = FAR_SLOT;
			expect(op, "argument outside", invoke(op, self, m, op->words, caps),
			       TAKT_E_CAP);
			for (unsigned type = 1; type < TAKT_TYPES; type++) {
				if (op->cap_type[n] == ANY || op->cap_type[n] == type)
					continue;
				m.cap[n] = sample[type];
				expect(op, "argument of another type",
				       invoke(op, self, m, op->words, caps), TAKT_E_TYPE);
			}
		}
	}
}

static bool exists(unsigned type, unsigned number)
{
	for (unsigned i = 0; i < OPS; i++)
		if (ops[i].type == type && ops[i].number == number)
			return true;
	return false;
}

TEST(unknown_operations)
{
	static const unsigned beyond[] = {0x40, 0x7f, 0x100, 0x7fff, 0x8000, 0xfff0, 0xffff};
	struct op op = {.name = "no operation", .words = 6};

	make_samples();
	for (op.type = 1; op.type < TAKT_TYPES; op.type++) {
		if (op.type == TAKT_GATE)
			continue; /* every label is its server's */
		for (op.number = 0; op.number < 0x40; op.number++)
			if (!exists(op.type, op.number))
				expect(&op, "unknown",
				       invoke(&op, sample[op.type], good(&op), 6, 0), TAKT_E_OP);
		for (unsigned i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
			op.number = beyond[i];
			expect(&op, "beyond", invoke(&op, sample[op.type], good(&op), 6, 0),
			       TAKT_E_OP);
		}
	}
}

TEST(empty_slots)
{
	takt_slot empty;

	make_samples();
	empty = slot_new();
	for (unsigned i = 0; i < OPS; i++) {
		const struct op *op = &ops[i];

		expect(op, "empty", invoke(op, empty, good(op), op->words, op->caps_least),
		       TAKT_E_CAP);
		expect(op, "slot 0", invoke(op, 0, good(op), op->words, op->caps_least),
		       TAKT_E_CAP);
		expect(op, "outside", invoke(op, FAR_SLOT, good(op), op->words, op->caps_least),
		       TAKT_E_CAP);
		expect(op, "right behind", invoke(op, TAKT_ROOT_SLOTS, good(op), op->words,
						  op->caps_least), TAKT_E_CAP);
	}
}

/* --- The system call -------------------------------------------------------------------------- */

/* Where all registers can be seen: in[] and out[] are x0..x30 and the flags. */
struct raw {
	uint64_t in[32], out[32];
};
static struct raw own;

#define OWN 0xabcdul
#define SERVERS 0x5e1ful
#define KERNEL_SHIFT 38 /* where the kernel's addresses begin; user level has none up there */

#define PAIRS(X) X(0, 1) X(2, 3) X(4, 5) X(6, 7) X(8, 9) X(10, 11) X(12, 13) X(14, 15)            \
	X(16, 17) X(18, 19) X(20, 21) X(22, 23) X(24, 25) X(26, 27) X(28, 29)

/* Loads in[], does the call, stores out[]. The stack keeps what the compiler needs. */
void raw_call(struct raw *r);
__asm__(".text\n"
	".global raw_call\n"
	"raw_call:\n"
	"	stp	x29, x30, [sp, #-112]!\n"
	"	stp	x19, x20, [sp, #16]\n"
	"	stp	x21, x22, [sp, #32]\n"
	"	stp	x23, x24, [sp, #48]\n"
	"	stp	x25, x26, [sp, #64]\n"
	"	stp	x27, x28, [sp, #80]\n"
	"	str	x0, [sp, #96]\n"
	"	mov	x30, x0\n"
	"	ldr	x0, [x30, #248]\n"
	"	msr	nzcv, x0\n"
#define LOAD(a, b) "	ldp	x" #a ", x" #b ", [x30, #" #a "*8]\n"
	PAIRS(LOAD)
	"	ldr	x30, [x30, #240]\n"
	"	svc	#0\n"
	"	str	x30, [sp, #104]\n"
	"	ldr	x30, [sp, #96]\n"
	"	add	x30, x30, #256\n"
#define STORE(a, b) "	stp	x" #a ", x" #b ", [x30, #" #a "*8]\n"
	PAIRS(STORE)
	"	ldr	x0, [sp, #104]\n"
	"	str	x0, [x30, #240]\n"
	"	mrs	x0, nzcv\n"
	"	str	x0, [x30, #248]\n"
	"	ldp	x19, x20, [sp, #16]\n"
	"	ldp	x21, x22, [sp, #32]\n"
	"	ldp	x23, x24, [sp, #48]\n"
	"	ldp	x25, x26, [sp, #64]\n"
	"	ldp	x27, x28, [sp, #80]\n"
	"	ldp	x29, x30, [sp], #112\n"
	"	ret\n");

static void raw(uint64_t flavour, takt_slot slot, uint64_t tag)
{
	for (unsigned i = 0; i < 31; i++)
		own.in[i] = OWN << 48 | i;
	own.in[31] = 0x60000000; /* Z, C */
	own.in[0] = slot;
	own.in[1] = tag;
	own.in[8] = flavour;
	raw_call(&own);
}

/* x14 and those from x18 on are kept. The others are free: what is there is not the kernel's, and
 * nobody else's. */
static void check_registers(const struct raw *r, uint64_t others)
{
	for (unsigned i = 9; i < 31; i++) {
		if (i == 14 || i >= 18) {
			CHECK_EQ(r->out[i], r->in[i]);
		} else {
			CHECK(r->out[i] >> 48 != others);
			CHECK(r->out[i] >> 48 == r->in[i] >> 48 || !(r->out[i] >> KERNEL_SHIFT));
		}
	}
}

/* And those from this one on up to x7, where there is no message. */
static void check_kept(unsigned words_from)
{
	for (unsigned i = words_from; i < 8; i++)
		CHECK_EQ(own.out[i], own.in[i]);
	check_registers(&own, SERVERS);
	CHECK_EQ(own.out[31], own.in[31]);
}

TEST(registers_survive_an_operation)
{
	raw(TAKT_CALL, TAKT_ROOT_MEMORY, TAKT_TAG(TAKT_MEMORY_INFO, 0, 0));
	CHECK_EQ(own.out[0], 0);
	CHECK_EQ(own.out[1], 0);
	check_kept(8);
	raw(TAKT_CALL, 0, 0);
	CHECK_EQ(own.out[0], TAKT_E_CAP);
	check_kept(2);
}

/* The same, from the other side. */
static struct raw servers;

static void server_raw(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 31; i++)
		servers.in[i] = SERVERS << 48 | i;
	servers.in[31] = 0x90000000; /* N, V */
	servers.in[1] = 0;
	servers.in[8] = TAKT_REPLY_WAIT;
	for (;;) {
		raw_call(&servers);
		servers.in[1] = servers.out[1];
		memcpy(&servers.in[2], &servers.out[2], 6 * sizeof(uint64_t));
		servers.in[2]++;
	}
}

static void check_call(takt_slot gate, unsigned words)
{
	raw(TAKT_CALL, gate, TAKT_TAG(0, words, 0));
	CHECK_EQ(own.out[0], 0);
	CHECK_EQ(own.out[1], TAKT_TAG(0, words, 0));
	CHECK_EQ(own.out[2], own.in[2] + 1);
	CHECK_EQ(own.out[3], own.in[3]);
	CHECK_EQ(own.out[7], own.in[7]);
	check_registers(&own, SERVERS);
	/* The flags are not kept; but they are nobody else's. */
	CHECK(own.out[31] == 0 || own.out[31] == own.in[31]);

	CHECK_EQ(servers.out[0], 0);
	CHECK_EQ(servers.out[8], 77);
	CHECK_EQ(servers.out[2], own.in[2]);
	check_registers(&servers, OWN);
	CHECK(servers.out[31] == 0 || servers.out[31] == servers.in[31]);
}

TEST(registers_survive_a_call)
{
	struct worker *w = worker_new(server_raw, NULL);
	takt_slot gate;

	worker_make(w);
	gate = gate_new(w->slot, 77);
	worker_start(w);
	for (unsigned i = 0; i < 4; i++) {
		check_call(gate, 2);
		check_call(gate, 9);
	}
}

TEST(registers_survive_yield)
{
	raw(TAKT_YIELD, 0, 0);
	CHECK_EQ(own.out[0], 0);
	check_kept(8);
}

TEST(unknown_flavours)
{
	static const unsigned flavours[] = {8, 9, 0x7f, 0xff};

	for (unsigned i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++) {
		raw(flavours[i], TAKT_ROOT_TASK, 0);
		CHECK_EQ(own.out[0], TAKT_E_OP);
		CHECK_EQ(own.out[8], own.in[8]);
		check_kept(2);
	}
}

TEST(vcpu_flavours_are_not_for_plain_threads)
{
	static const unsigned flavours[] = {TAKT_RESUME, TAKT_PV_SYNC, TAKT_PV_WAIT,
					    TAKT_PV_RETURN};

	for (unsigned i = 0; i < sizeof(flavours) / sizeof(flavours[0]); i++) {
		raw(flavours[i], TAKT_ROOT_TASK, 0);
		CHECK_EQ(own.out[0], TAKT_E_STATE);
		check_kept(8);
	}
}

/* A slot number does not wrap at 32 bits. */
TEST(slots_are_whole_words)
{
	raw(TAKT_CALL, 0, TAKT_TAG(TAKT_MEMORY_INFO, 0, 0));
	own.in[0] = (1ull << 32) + TAKT_ROOT_MEMORY;
	own.in[1] = TAKT_TAG(TAKT_MEMORY_INFO, 0, 0);
	own.in[8] = TAKT_CALL;
	raw_call(&own);
	CHECK_EQ(own.out[0], TAKT_E_CAP);
}

static void spoil_fp(void *unused)
{
	(void)unused;
	for (int i = 0; i < 100; i++) {
		__asm__ volatile("movi v0.2d, #0\n\tmovi v8.2d, #0\n\tmovi v31.2d, #0"
				 : : : "v0", "v8", "v31");
		takt_yield();
	}
}

TEST(fp_registers_are_each_threads_own)
{
	struct worker *w = worker_new(spoil_fp, NULL);
	uint64_t a, b, c, n = 0;

	w->prio = TEST_PRIO;
	worker_start(w);
	do {
		__asm__ volatile("fmov d0, %3\n\tfmov d8, %4\n\tfmov d31, %5\n\t"
				 "mov x8, %6\n\tsvc #0\n\t"
				 "fmov %0, d0\n\tfmov %1, d8\n\tfmov %2, d31"
				 : "=r"(a), "=r"(b), "=r"(c)
				 : "r"(1 + n), "r"(2 + n), "r"(3 + n), "i"(TAKT_YIELD)
				 : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
				   "x11", "x12", "x13", "v0", "v8", "v31", TAKT_SVC_CLOBBERS);
		CHECK_EQ(a, 1 + n);
		CHECK_EQ(b, 2 + n);
		CHECK_EQ(c, 3 + n);
	} while (n++ < 90);
	worker_join(w);
}

static const struct test tests[] = {
	T(rights),
	T(too_few_words),
	T(number_of_capabilities),
	T(capability_arguments),
	T(unknown_operations),
	T(empty_slots),
	T(registers_survive_an_operation),
	T(registers_survive_a_call),
	T(registers_survive_yield),
	T(unknown_flavours),
	T(vcpu_flavours_are_not_for_plain_threads),
	T(slots_are_whole_words),
	T(fp_registers_are_each_threads_own),
};
const struct suite suite_invoke = SUITE("invoke", tests);
