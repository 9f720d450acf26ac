/* SPDX-License-Identifier: MIT */
/*
 * Random system calls from several threads on several CPUs, which are stopped and let go anywhere.
 * The input's bytes choose everything. Whatever happens, the invariants hold whenever all CPUs are
 * outside of the kernel, and at the end everything can be destroyed and nothing is missing.
 *
 *   fuzz SEED ITERATIONS [FIRST]   random inputs; FIRST: of which iteration to begin with
 *   fuzz FILE                      one input
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

#define CPUS 2
#define INPUT 16384
#define HOSTILE_SLOTS 64 /* what calls name */

#define GUEST (SLOT_FREE + 22)	/* a paravirtual vCPU, and its base SC */
#define EVENT_SC (SLOT_FREE + 50) /* two that interrupts bring it */
#define LINE 40			/* a hardware line bound to it */

static u64 calls, steps;
/* Of the vCPU's event SCs: wanted, left, used up; and interrupts that were delivered. */
static u64 wanted, left, used_up, delivered;

/* --- The input ------------------------------------------------------------------------------- */

static const u8 *input;
static size_t input_size, input_at;

static u8 byte(void)
{
	return input_at < input_size ? input[input_at++] : 0;
}

static unsigned pick(unsigned n)
{
	return byte() % n;
}

static bool chance(unsigned of_256)
{
	return byte() < of_256;
}

/* Points in the kernel are many: a generator seeded by the input decides there. */
static unsigned preempt_rate;
static bool preempt(void)
{
	return preempt_rate && random_below(preempt_rate) == 0;
}

/* --- What the calls are about ----------------------------------------------------------------- */

#define NONE 0
#define TAKT_ANY 0xff
#define C0 {0, 0}, 0
#define C1(t) {TAKT_##t, NONE}, 1
#define C2(t, u) {TAKT_##t, TAKT_##u}, 2
#define C0_1(t) {TAKT_##t, NONE}, 1
#define C1_1(t, u) {TAKT_##t, TAKT_##u}, 2
static const struct op {
	u8 type, number, words;
	u8 cap[2];
	u8 caps;
} ops[] = {
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc)                               \
	{TAKT_##TYPE, number, words, caps},
#include <takt/objects.def>
};
#undef C0
#undef C1
#undef C2
#undef C0_1
#undef C1_1

static const struct op *some_op(unsigned type)
{
	unsigned n = pick(ARRAY_SIZE(ops));

	for (unsigned i = 0; i < ARRAY_SIZE(ops); i++, n = (n + 1) % ARRAY_SIZE(ops))
		if (ops[n].type == type)
			return &ops[n];
	return &ops[n];
}

/* A slot of the thread's table, if possible with an object of that type. */
static u64 some_slot(const struct thread *t, unsigned type)
{
	unsigned n = pick(HOSTILE_SLOTS);

	if (chance(16))
		return byte() * 257ul * byte();
	if (!type || type == TAKT_ANY || chance(16))
		return n;
	for (unsigned i = 0; i < HOSTILE_SLOTS; i++, n = (n + 1) % HOSTILE_SLOTS) {
		struct object *o = object_in(t->task, n);

		if (o && o->type == type)
			return n;
	}
	return n;
}

static u64 some_word(void)
{
	static const u64 pages[] = {0, 1, 2, 3, 4, 8, 15, 16, 17, 64, 512, 1 << 18, (1 << 27) - 1};

	switch (pick(8)) {
	case 0:
		return pick(4);
	case 1:
		return pick(70);
	case 2:
		return pages[pick(ARRAY_SIZE(pages))] * PAGE_SIZE;
	case 3:
		return 0x20000000 + pages[pick(8)] * PAGE_SIZE;
	case 4:
		return fake_now + (u64)byte() * 100 * pick(100) - 5000;
	case 5:
		return FAKE_HZ / 500000 * (1ul << pick(16)) / 2;
	case 6:
		return 1ul << pick(64);
	default:
		return ~(u64)pick(4);
	}
}

static u64 some_label(const struct op *op)
{
	return chance(8) ? (u64)byte() << 8 | byte() : op->number;
}

/* Words that make sense for the more intricate operations, so that they get somewhere. */
static void likely_words(const struct op *op, u64 *w)
{
	u64 slice = FAKE_HZ / 100000 * (1 + pick(50));

	if (op->type == TAKT_FACTORY && op->number == TAKT_FACTORY_CREATE) {
		w[0] = 1 + pick(TAKT_IRQ);
		w[1] = pick(2);
	} else if (op->type == TAKT_FACTORY && op->number == TAKT_FACTORY_SUB) {
		w[0] = 1 + pick(16);
	} else if (op->type == TAKT_SCHEDULER && op->number == TAKT_SCHEDULER_CREATE_SC) {
		w[0] = pick(61);
		w[1] = slice;
		w[2] = slice * pick(8);
		w[3] = pick(CPUS);
	} else if (op->type == TAKT_SCHEDULER && op->number == TAKT_SCHEDULER_RUN) {
		w[0] = pick(CPUS);
	} else if (op->type == TAKT_SCHEDULER && op->number == TAKT_SCHEDULER_NARROW) {
		w[0] = 1 + pick(3);
		w[1] = pick(30);
		w[2] = 30 + pick(30);
		w[3] = byte();
	} else if (op->type == TAKT_TASK && op->number <= TAKT_TASK_UNMAP) {
		w[0] = 0x20000000 + (u64)pick(40) * PAGE_SIZE * (chance(64) ? 512 : 1);
		w[1] = (u64)pick(op->number ? 8 : 40) * PAGE_SIZE;
		w[2] = (u64)(1 + pick(8)) * PAGE_SIZE;
		w[3] = pick(8);
	} else if (op->type == TAKT_TASK && op->number <= TAKT_TASK_CAP_INSPECT) {
		w[0] = pick(HOSTILE_SLOTS);
		w[1] = op->number == TAKT_TASK_CAP_COPY ? (chance(128) ? TAKT_R_ALL : byte())
							: pick(3);
	} else if (op->type == TAKT_TASK && op->number == TAKT_TASK_VM_CONFIG) {
		w[0] = 32ul * pick(8);
		w[1] = 0x30000000 + (u64)pick(8) * PAGE_SIZE;
	} else if (op->type == TAKT_THREAD && op->number == TAKT_THREAD_CONFIGURE) {
		w[0] = 0x40000000 + (u64)pick(32) * PAGE_SIZE;
		w[1] = pick(3);
		w[2] = 0x40000000 + (u64)pick(32) * PAGE_SIZE;
	} else if (op->type == TAKT_THREAD && op->number == TAKT_THREAD_VIRQ_SC) {
		w[0] = pick(34);
		w[1] = pick(3);
	} else if (op->type == TAKT_IRQ && op->number == TAKT_IRQ_BIND_VCPU) {
		w[0] = pick(34);
	} else if (op->type == TAKT_MEMORY && op->number == TAKT_MEMORY_DERIVE) {
		w[0] = (u64)pick(40) * PAGE_SIZE;
		w[1] = (u64)(1 + pick(16)) * PAGE_SIZE;
		w[2] = TAKT_R_ALL;
	} else if (op->type == TAKT_IRQ && op->number == TAKT_IRQ_TIMER) {
		w[0] = fake_now + (u64)byte() * 1000;
		w[1] = chance(128) ? 0 : (u64)byte() * 100;
	} else if (op->type == TAKT_INTC) {
		w[0] = 32 + pick(16);
		w[1] = pick(2);
	}
}

static void prepare_call(struct thread *t)
{
	u64 slot = some_slot(t, 1 + pick(TAKT_TYPES - 1));
	struct object *o = object_in(t->task, slot);
	const struct op *op = some_op(o ? o->type : 1 + pick(TAKT_TYPES - 1));
	u64 w[TAKT_REG_WORDS], c[TAKT_MAX_CAPS];
	unsigned words = op->words, caps = op->caps;

	for (unsigned i = 0; i < ARRAY_SIZE(w); i++)
		w[i] = some_word();
	if (!chance(48))
		likely_words(op, w);
	if (chance(16))
		words = byte();
	else if (chance(64))
		words = TAKT_REG_WORDS;
	if (o && o->type == TAKT_GATE)
		caps = chance(64) ? pick(TAKT_MAX_CAPS + 1) : 0;
	else if (chance(16))
		caps = pick(8);
	for (unsigned i = 0; i < ARRAY_SIZE(c); i++)
		c[i] = some_slot(t, o && o->type == TAKT_GATE ? TAKT_ANY : op->cap[i % 2]);
	user_call(t, slot, some_label(op), words, w, caps, c, pick(HOSTILE_SLOTS));
}

/* What gets a paravirtual guest somewhere: it runs, takes interrupts and ends them, and sleeps. */
static bool prepare_guest(struct thread *t)
{
	static const u8 ways[] = {TAKT_PV_SYNC, TAKT_PV_RETURN, TAKT_PV_RETURN, TAKT_PV_WAIT};

	if (t->kind != TAKT_THREAD_PV || chance(96))
		return false;
	if (!t->in_guest) {
		user_flavour(t, TAKT_RESUME);
		return true;
	}
	t->pv->open = ~0u;
	if (chance(128))
		t->pv->sel = pick(4);
	user_flavour(t, ways[pick(ARRAY_SIZE(ways))]);
	t->regs->x[0] = ~0u;
	return true;
}

static void prepare(struct thread *t)
{
	static const u8 other[] = {TAKT_YIELD,	 TAKT_RESUME,	 TAKT_PV_SYNC, TAKT_PV_WAIT,
				   TAKT_PV_RETURN, TAKT_FLAVOUR_MASK};
	unsigned what = byte();

	calls++;
	if (prepare_guest(t)) {
		if (chance(64))
			user_deadline(t, fake_now + (u64)byte() * byte());
		return;
	}
	if (what < 176) {
		prepare_call(t);
	} else if (what < 232) {
		user_flavour(t, what & 1 ? TAKT_WAIT : TAKT_REPLY_WAIT);
		t->regs->x[1] = TAKT_TAG(pick(2), pick(8), chance(32) ? pick(3) : 0);
		t->regs->x[14] = pick(HOSTILE_SLOTS);
	} else {
		user_flavour(t, other[pick(ARRAY_SIZE(other))]);
		t->regs->x[0] = byte();
	}
	if (chance(80))
		user_deadline(t, fake_now + (u64)byte() * byte() - 500);
}

/* Of an SC of a vCPU, or nothing like it. */
static u32 some_index(void)
{
	return chance(192) ? pick(THREAD_SCS + 2) : (u32)some_word();
}

/* The state page is shared: anything may stand in it. */
static void scribble(struct thread *t)
{
	if (!t->page)
		return;
	if (t->kind == TAKT_THREAD_PV) {
		t->pv->open = chance(128) ? ~0u : byte();
		t->pv->depth = pick(10);
		t->pv->sel = some_index();
		t->pv->hint = (u32)some_word();
		t->pv->guest.irq_sc = some_index();
		t->pv->frame[pick(TAKT_PV_FRAMES)].irq_sc = some_index();
		if (chance(64))
			t->pv->pending = (u32)some_word();
	} else {
		t->vp->sel = some_index();
		t->vp->hint = (u32)some_word();
		t->vp->riders = pick(10);
		t->vp->rider[0].intid = byte();
		t->vp->rider[0].action = pick(9);
	}
}

/* --- One run --------------------------------------------------------------------------------- */

static void user_acts(unsigned cpu)
{
	struct thread *t = cpus[cpu].thread;

	if (chance(12)) {
		fake_fault(cpu, byte(), byte());
		return;
	}
	if (t->in_guest && t->machine) {
		if (chance(128))
			fake_guest_wfi(cpu);
		else
			fake_fault(cpu, byte(), 0);
		return;
	}
	if (chance(32))
		scribble(t);
	prepare(t);
	(void)step(cpu);
}

/* Timers may be set to the last instants there are; nobody lives to see them. */
#define LAST_INSTANT (1ul << 62)

static void time_passes(void)
{
	u64 next = fake_next_timer();

	if (chance(128) && next < LAST_INSTANT && next > fake_now)
		fake_now = next;
	else
		fake_now += (u64)byte() * (chance(16) ? 10000 : 10);
}

/* The same for the vCPU: its SCs, and its interrupts with what they bring. */
static void revive_guest(void)
{
	static const u8 virqs[] = {3, 5, 7};

	if (!object_in(root->task, GUEST))
		return;
	for (unsigned i = 0; i < 2; i++)
		if (!object_in(root->task, EVENT_SC + i))
			(void)root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_CREATE_SC,
					W(i ? 25 : 40, FAKE_HZ / 100000, FAKE_HZ / 10000, 0),
					C(SLOT_FACTORY), EVENT_SC + i);
	(void)root_call(GUEST, TAKT_THREAD_ATTACH, W(), C(GUEST + 1), 0);
	for (unsigned i = 0; i < 2; i++)
		(void)root_call(GUEST, TAKT_THREAD_ATTACH, W(), C(EVENT_SC + i), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(virqs); i++) {
		u64 irq = SLOT_FREE + 41 + i;

		(void)root_call(irq, TAKT_IRQ_UNBIND, W(), C(), 0);
		(void)root_call(irq, TAKT_IRQ_BIND_VCPU, W(virqs[i]), C(GUEST), 0);
		(void)root_call(GUEST, TAKT_THREAD_VIRQ_SC, W(virqs[i], pick(2)),
				C(EVENT_SC + i % 2), 0);
	}
	(void)root_call(SLOT_FREE + 41, TAKT_IRQ_TIMER, W(fake_now, FAKE_HZ / 20000), C(), 0);
	(void)root_call(SLOT_FREE + 42, TAKT_IRQ_TRIGGER, W(), C(), 0);
	(void)root_call(GUEST, TAKT_THREAD_CANCEL, W(), C(), 0);
	(void)root_call(GUEST, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0);
}

/* Root starts again what has stopped, and wakes what waits; what is gone is made anew. */
static void revive(void)
{
	for (u64 slot = SLOT_FREE + 10; slot <= SLOT_FREE + 20; slot += 2) {
		u64 cpu = slot < SLOT_FREE + 16 ? 0 : 1, task = SLOT_FREE + (slot / 2 & 1);
		u64 utcb = 0x50000000 + slot * PAGE_SIZE;

		if (!object_in(root->task, slot)) {
			(void)root_call(SLOT_FACTORY, TAKT_FACTORY_CREATE, W(TAKT_THREAD), C(), slot);
			(void)root_call(slot, TAKT_THREAD_CONFIGURE, W(utcb, 0, 0), C(task, task), 0);
			(void)root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_RUN, W(cpu), C(slot), 0);
			(void)root_call(task, TAKT_TASK_CAP_COPY, W(pick(HOSTILE_SLOTS), TAKT_R_ALL),
					C(slot), 0);
		}
		if (!object_in(root->task, slot + 1))
			(void)root_call(SLOT_SCHEDULER, TAKT_SCHEDULER_CREATE_SC,
					W(10 + pick(4), FAKE_HZ / 1000, FAKE_HZ / 100, cpu),
					C(SLOT_FACTORY), slot + 1);
		(void)root_call(slot, TAKT_THREAD_ATTACH, W(), C(slot + 1), 0);
		(void)root_call(slot, TAKT_THREAD_CANCEL, W(), C(), 0);
		(void)root_call(slot, TAKT_THREAD_START, W(0x8000, 0, 0), C(), 0);
	}
	revive_guest();
	root_sleep();
}

/* What became of the vCPU's event SCs in the last step. */
static void watch_guest(void)
{
	static unsigned active, out;
	static u32 depth;
	struct object *o = object_in(root->task, GUEST);
	struct thread *t = o ? container_of(o, struct thread, object) : NULL;
	unsigned now = 0, empty = 0;

	if (!t || t->kind != TAKT_THREAD_PV || !t->page) {
		active = out = depth = 0;
		return;
	}
	for (unsigned i = 1; i < THREAD_SCS; i++) {
		if (t->sc[i] && t->sc[i]->state != SC_DORMANT)
			now |= 1u << i;
		if (t->sc[i] && t->sc[i]->state == SC_DEPLETED)
			empty |= 1u << i;
	}
	wanted += (now & ~active) != 0;
	left += (active & ~now) != 0;
	used_up += (empty & ~out) != 0;
	delivered += t->pv->depth == depth + 1;
	active = now;
	out = empty;
	depth = t->pv->depth;
}

static bool all_sleep(void)
{
	for (unsigned i = 0; i < CPUS; i++)
		if (fake_mode(i) != FAKE_IDLE || fake_can_go(i))
			return false;
	return true;
}

static void event(void)
{
	unsigned cpu = pick(CPUS), what = byte();

	if (what < 24) {
		time_passes();
	} else if (what < 32) {
		fake_line(chance(64) ? LINE : 32 + pick(16), chance(128));
	} else if (!step(cpu)) {
		if (fake_mode(cpu) == FAKE_USER)
			user_acts(cpu);
		else if (all_sleep() && chance(200))
			time_passes();
		else if (all_sleep())
			revive();
	}
	watch_guest();
	steps++;
}

/* What the hostile tasks get: slots 1.. of both. */
static const struct {
	u64 slot, rights;
} gifts[] = {
	{SLOT_FREE, TAKT_R_ALL},	  {SLOT_FREE + 1, TAKT_R_ALL},
	{SLOT_FACTORY, TAKT_R_ALL},	  {SLOT_SCHEDULER, TAKT_R_ALL},
	{SLOT_MEMORY, TAKT_R_ALL},	  {TAKT_ROOT_INTC, TAKT_R_ALL},
	{TAKT_ROOT_LOG, TAKT_R_LOG_WRITE},
	{SLOT_FREE + 10, TAKT_R_ALL},	  {SLOT_FREE + 12, TAKT_R_ALL},
	{SLOT_FREE + 14, TAKT_R_ALL},	  {SLOT_FREE + 16, TAKT_R_ALL},
	{SLOT_FREE + 18, TAKT_R_ALL},	  {SLOT_FREE + 20, TAKT_R_ALL},
	{SLOT_FREE + 22, TAKT_R_ALL},	  {SLOT_FREE + 11, TAKT_R_ALL},
	{SLOT_FREE + 13, TAKT_R_ALL},	  {SLOT_FREE + 30, TAKT_R_ALL},
	{SLOT_FREE + 31, TAKT_R_ALL},	  {SLOT_FREE + 32, TAKT_R_ALL},
	{SLOT_FREE + 33, TAKT_R_ALL},	  {SLOT_FREE + 34, TAKT_R_ALL},
	{SLOT_FREE + 30, TAKT_R_GATE_CALL}, {SLOT_FREE + 40, TAKT_R_ALL},
	{SLOT_FREE + 41, TAKT_R_ALL},	  {SLOT_FREE + 42, TAKT_R_ALL},
	{SLOT_FREE + 50, TAKT_R_ALL},
};

static void set_up(void)
{
	compartment(160);
	make_task(SLOT_FREE);
	make_task(SLOT_FREE + 1);
	make_runner(SLOT_FREE + 10, SLOT_FREE, 0, 10);
	make_runner(SLOT_FREE + 12, SLOT_FREE, 0, 20);
	make_runner(SLOT_FREE + 14, SLOT_FREE + 1, 0, 20);
	make_runner(SLOT_FREE + 16, SLOT_FREE + 1, 1, 10);
	make_runner(SLOT_FREE + 18, SLOT_FREE, 1, 30);
	make_runner(SLOT_FREE + 20, SLOT_FREE + 1, 1, 10);
	make_thread(GUEST, SLOT_FREE, 0, TAKT_THREAD_PV);
	make_sc(GUEST + 1, 15, 0, FAKE_HZ / 100, FAKE_HZ / 100);
	make_sc(EVENT_SC, 40, 0, FAKE_HZ / 100000, FAKE_HZ / 10000);
	make_sc(EVENT_SC + 1, 25, 0, FAKE_HZ / 100000, FAKE_HZ / 10000);
	for (unsigned i = 0; i < 5; i++)
		make_gate(SLOT_FREE + 30 + i, i + 1, SLOT_FREE + 10 + 2 * i);
	for (unsigned i = 0; i < 3; i++)
		make_irq(SLOT_FREE + 40 + i);
	(void)root_call(TAKT_ROOT_INTC, TAKT_INTC_GET, W(LINE, 0), C(SLOT_FACTORY), SLOT_FREE + 43);
	revive_guest();
	for (unsigned i = 0; i < ARRAY_SIZE(gifts); i++) {
		give_cap(SLOT_FREE, i + 1, gifts[i].slot, gifts[i].rights);
		give_cap(SLOT_FREE + 1, i + 1, gifts[i].slot, gifts[i].rights);
	}
	root_sleep();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	world_boot(CPUS);
	input = data;
	input_size = size;
	input_at = 0;
	step_checks = false;
	set_up();
	step_checks = true;
	random_state = byte() * 0x9e3779b97f4a7c15ul | 1;
	preempt_rate = chance(128) ? 1 + byte() : 0;
	fake_preempt = preempt;
	while (input_at < input_size)
		event();
	input_size = 0;
	fake_preempt = NULL;
	for (unsigned i = 32; i < 48; i++)
		fake_line(i, false);
	while (!cpus_outside())
		for (unsigned i = 0; i < CPUS; i++)
			if (fake_mode(i) == FAKE_KERNEL)
				fake_go(i);
	check_invariants();
	step_checks = false;
	if (!compartment_end())
		abort();
	return 0;
}

/* --- Without libFuzzer ------------------------------------------------------------------------ */

#ifndef LIBFUZZER
static int one_file(const char *name)
{
	static u8 data[1 << 20];
	FILE *f = fopen(name, "rb");

	if (!f) {
		perror(name);
		return 2;
	}
	return LLVMFuzzerTestOneInput(data, fread(data, 1, sizeof(data), f));
}

int main(int argc, char **argv)
{
	static u8 data[INPUT];
	u64 seed, iterations, first;

	if (argc == 2)
		return one_file(argv[1]);
	seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1;
	iterations = argc > 2 ? strtoul(argv[2], NULL, 0) : 100;
	first = argc > 3 ? strtoul(argv[3], NULL, 0) : 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (u64 i = first; i < first + iterations; i++) {
		random_state = (seed * 1000003 + i) * 0x9e3779b97f4a7c15ul | 1;
		for (size_t n = 0; n < sizeof(data); n++)
			data[n] = (u8)(random_u64() >> 16);
		if (getenv("FUZZ_VERBOSE"))
			printf("# iteration %lu\n", i);
		LLVMFuzzerTestOneInput(data, sizeof(data));
	}
	printf("# %lu inputs, %lu steps, %lu system calls; event SCs: %lu times wanted, %lu left, "
	       "%lu used up; %lu interrupts of the guest\n",
	       iterations, steps, calls, wanted, left, used_up, delivered);
	if (iterations >= 30 && (!wanted || !left || !used_up || !delivered)) {
		printf("not ok 1 - event SCs are not reached\n1..1\n");
		return 1;
	}
	printf("ok 1 - %lu random inputs\n1..1\n", iterations);
	return 0;
}
#endif
