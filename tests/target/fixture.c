/* SPDX-License-Identifier: MIT */
/* What a test has, and how it is taken away again: slots, memory, address space, threads. */
#include <stdio.h>
#include <string.h>

#include "../../lib/rt/rt_internal.h"
#include "internal.h"

#define BLOCK 0x200000ull
#define WINDOWS_VA 0x1300000000ul /* window_map, va_new */
#define KERNEL_PAGES_VA 0x1210000000ul
#define STACK_SIZE 0x3000
#define MAX_WINDOWS 128
#define FIRST_WORKER_BIT 32

_Static_assert((int)TAKT_SELF_TASK == (int)TAKT_ROOT_TASK &&
	       (int)TAKT_SELF_THREAD == (int)TAKT_ROOT_THREAD &&
	       (int)TAKT_SELF_LOG == (int)TAKT_ROOT_LOG,
	       "the runtime finds in root what it finds in every program");

extern const char __tls_block[];

takt_slot test_factory;
static takt_slot next_slot, next_ram = SLOT_RAM;
static uint64_t next_window = WINDOWS_VA, next_kernel_page = KERNEL_PAGES_VA;
static uint64_t ram_used[16], ram_kept[16]; /* kept: by what stays from test to test */
static struct account root_account;
static char *pool_base, *pool_next;
static unsigned workers;
static bool exact;
static uint64_t arrived; /* badges that came to the test's thread and that nobody has asked for */
static struct {
	uint64_t va, size;
} window[MAX_WINDOWS];
static unsigned windows;

void rt_heap_init(void)
{
	/* Nothing here uses a heap. */
}

const struct takt_bootinfo *bootinfo(void)
{
	return (const struct takt_bootinfo *)TAKT_ROOT_BOOTINFO_VA;
}

unsigned cpus(void)
{
	return bootinfo()->cpus;
}

unsigned other_cpu(void)
{
	if (cpus() == 1)
		test_skip("there is one CPU only");
	return 1;
}

takt_ticks us(uint64_t n)
{
	return n * takt_hz() / 1000000;
}

takt_ticks ms(uint64_t n)
{
	return n * takt_hz() / 1000;
}

static takt_ticks loop_ticks(uint64_t loops)
{
	takt_ticks from = takt_now();

	__asm__ volatile("1: subs %0, %0, #1\n\tb.ne 1b" : "+r"(loops) : : "cc");
	return takt_now() - from;
}

static bool measure_time(void)
{
	for (unsigned i = 0; i < 8; i++) {
		uint64_t ns = takt_ticks_to_ns(loop_ticks(50000));

		/* Two instructions a turn, and perhaps an interrupt. */
		if (cpus() > 1 || ns < 99000 || ns > 105000)
			return false;
	}
	return true;
}

bool exact_time(void)
{
	return exact;
}

/* --- Slots ------------------------------------------------------------------------------------ */

takt_slot slots_new(unsigned n)
{
	takt_slot first = next_slot;

	CHECK(first + n <= SLOT_TEST_END);
	next_slot += n;
	return first;
}

takt_slot slot_new(void)
{
	return slots_new(1);
}

void slot_clear(takt_slot slot)
{
	(void)!takt_task_cap_delete(TAKT_ROOT_TASK, slot, 1);
}

enum takt_type slot_type(takt_slot slot)
{
	enum takt_type type = TAKT_NONE;
	uint64_t rights;

	(void)!takt_task_cap_inspect(TAKT_ROOT_TASK, slot, &type, &rights);
	return type;
}

takt_slot cap_with(takt_slot cap, uint64_t rights)
{
	takt_slot slot = slot_new();

	CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK, cap, slot, rights));
	return slot;
}

takt_slot cap_without(takt_slot cap, uint64_t rights)
{
	return cap_with(cap, TAKT_R_ALL & ~rights);
}

/* --- Memory ----------------------------------------------------------------------------------- */

/* Offset in the i-th extent of RAM from which `size` bytes are free, or UINT64_MAX. */
static uint64_t find_ram(unsigned i, uint64_t size)
{
	uint64_t base = bootinfo()->memory[i].base, end = base + bootinfo()->memory[i].size;
	uint64_t align = size >= BLOCK ? BLOCK : TAKT_PAGE_SIZE;
	uint64_t at = (base + ram_used[i] + align - 1) & ~(align - 1);

	return at <= end && end - at >= size ? at - base : UINT64_MAX;
}

static int ram_take(uint64_t size, takt_slot slot)
{
	for (unsigned i = 0; i < bootinfo()->memories; i++) {
		uint64_t offset = find_ram(i, size);
		int err;

		if (offset == UINT64_MAX)
			continue;
		err = takt_memory_derive(TAKT_ROOT_MEMORY + i, TAKT_ROOT_FACTORY, offset, size,
					 TAKT_R_ALL, slot);
		if (!err)
			ram_used[i] = offset + size;
		return err;
	}
	return TAKT_E_NOMEM;
}

/* Kept twice: whatever the test does to its own slot, the extent is destroyed after it. */
takt_slot ram_new(uint64_t size)
{
	CHECK(next_ram < SLOT_RAM_END);
	CHECK_OK(ram_take(size, next_ram));
	return cap_with(next_ram++, TAKT_R_ALL);
}

takt_slot factory_new(unsigned pages)
{
	takt_slot extent = ram_new((uint64_t)pages * TAKT_PAGE_SIZE), slot = slot_new();

	CHECK_OK(takt_memory_to_factory(extent, slot));
	return slot;
}

struct account account(takt_slot factory)
{
	uint64_t w[3] = {0};

	CHECK_OK(takt_factory_info(factory, w));
	return (struct account){w[0], w[1], w[2]};
}

void *pool_new(size_t size)
{
	char *p = pool_next;

	size = (size + 63) & ~(size_t)63;
	CHECK(size <= (size_t)((char *)(POOL_VA + POOL_SIZE) - p));
	pool_next += size;
	memset(p, 0, size);
	return p;
}

void pool_keep(void)
{
	pool_base = pool_next;
}

uint64_t va_new(uint64_t size)
{
	uint64_t align = size >= BLOCK ? BLOCK : TAKT_PAGE_SIZE;
	uint64_t va = (next_window + align - 1) & ~(align - 1);

	next_window = va + size + TAKT_PAGE_SIZE;
	return va;
}

void *window_map(takt_slot extent, uint64_t offset, uint64_t size, uint64_t flags)
{
	uint64_t va = va_new(size);

	CHECK(windows < MAX_WINDOWS);
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, extent, va, offset, size, flags));
	window[windows].va = va;
	window[windows++].size = size;
	return (void *)va;
}

uint64_t kernel_pages_va(void)
{
	next_kernel_page += 2 * TAKT_PAGE_SIZE;
	return next_kernel_page - 2 * TAKT_PAGE_SIZE;
}

/* --- Irqs to the test's thread ---------------------------------------------------------------- */

takt_slot irq_new(uint64_t badge)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_thread(irq, SLOT_THREAD, badge));
	return irq;
}

bool irqs_within(uint64_t badges, takt_ticks deadline)
{
	while ((arrived & badges) != badges) {
		struct takt_msg m = {0};
		int err = takt_wait(&m, deadline);

		if (err == TAKT_E_TIMEOUT)
			return false;
		CHECK_OK(err);
		CHECK_EQ(TAKT_TAG_LABEL(m.tag), TAKT_LABEL_IRQ);
		arrived |= m.w[0];
	}
	arrived &= ~badges;
	return true;
}

void irqs_await(uint64_t badges)
{
	CHECK(irqs_within(badges, in_ms(WAIT_MS)));
}

/* A time that has passed is no time that this CPU has had: where the host takes it away, several
 * short ones make sure. */
bool quiet(uint64_t badges, unsigned n)
{
	unsigned rounds = exact ? 1 : 8;

	for (unsigned i = 0; i < rounds; i++)
		if (irqs_within(badges, in_ms(n)))
			return false;
	return true;
}

/* --- Threads ---------------------------------------------------------------------------------- */

uint64_t stack_prepare(char *base, uint64_t size, struct boot boot)
{
	uint64_t tls_size = ((uint64_t)__tls_block + 63) & ~63ul;
	struct boot *b = (struct boot *)(base + size - tls_size) - 1;

	_Static_assert(sizeof(*b) == 64, "keeps the stack aligned");
	*b = boot;
	b->tls = base + size - tls_size;
	return (uint64_t)b;
}

void harness_thread(struct boot *boot)
{
	struct takt_msg m = {0};

	rt_tls_init(boot->tls, boot->utcb, 0, boot->self);
	boot->fn(boot->arg);
	(void)!takt_irq_trigger(boot->done);
	for (;;)
		if (takt_wait(&m, TAKT_NEVER))
			takt_yield(); /* somebody is owed a reply */
}

takt_slot sc_new(unsigned prio, unsigned cpu, takt_ticks budget, takt_ticks period)
{
	takt_slot sc = slot_new();

	CHECK_OK(takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, test_factory, prio, budget, period,
					  cpu, sc));
	return sc;
}

takt_slot gate_new(takt_slot thread, uint64_t badge)
{
	takt_slot gate = slot_new();

	CHECK_OK(takt_create_gate(test_factory, badge, gate));
	CHECK_OK(takt_thread_bind_gate(thread, gate));
	return gate;
}

struct worker *worker_new(void (*fn)(void *arg), void *arg)
{
	struct worker *w = pool_new(sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	w->prio = HELP_PRIO;
	w->budget = w->period = ms(1);
	return w;
}

static void worker_attach(struct worker *w)
{
	CHECK_OK(takt_scheduler_run(TAKT_ROOT_SCHEDULER, w->slot, w->cpu));
	if (w->passive)
		return;
	w->sc = sc_new(w->prio, w->cpu, w->budget, w->period);
	CHECK_OK(takt_thread_attach(w->slot, w->sc));
}

void worker_make(struct worker *w)
{
	takt_slot task = w->task ? w->task : TAKT_ROOT_TASK;

	CHECK(FIRST_WORKER_BIT + workers < 63);
	w->bit = 1ull << (FIRST_WORKER_BIT + workers++);
	w->utcb = kernel_pages_va();
	w->state = w->utcb + TAKT_PAGE_SIZE;
	w->slot = slot_new();
	w->done = irq_new(w->bit);
	CHECK_OK(takt_create_thread(test_factory, "worker", w->slot));
	CHECK_OK(takt_thread_configure(w->slot, task, w->guest ? w->guest : task, w->utcb, w->kind,
				       w->kind == TAKT_THREAD_PLAIN ? 0 : w->state));
	CHECK_OK(takt_thread_fault_gate(w->slot, w->fault_gate ? w->fault_gate : SLOT_WATCH));
	worker_attach(w);
}

void worker_start(struct worker *w)
{
	struct boot boot = {.fn = w->fn, .arg = w->arg, .utcb = 0, .self = 0};
	char *stack;
	uint64_t sp;

	if (!w->slot)
		worker_make(w);
	stack = pool_new(STACK_SIZE + TAKT_PAGE_SIZE);
	w->sp = stack + TAKT_PAGE_SIZE;
	boot.utcb = w->utcb;
	boot.self = w->task ? 0 : w->slot;
	boot.done = w->done;
	if (w->task) { /* its slots are other ones: the worker's bit gives a free one */
		boot.done = SLOT_TEST + (unsigned)__builtin_ctzll(w->bit);
		task_give(w->task, w->done, boot.done);
	}
	sp = stack_prepare(stack + TAKT_PAGE_SIZE, STACK_SIZE, boot);
	CHECK_OK(takt_thread_start(w->slot, (uint64_t)harness_thread, sp, sp));
}

void worker_join(struct worker *w)
{
	irqs_await(w->bit);
	CHECK_OK(takt_thread_stop(w->slot));
}

/* --- From test to test ------------------------------------------------------------------------ */

/* Destroys the extents of the test, the latest first, and all that is in them or came of them. */
static bool destroy_all(void)
{
	bool good = true;

	while (next_ram > SLOT_RAM) {
		int err = takt_factory_destroy(TAKT_ROOT_FACTORY, --next_ram);

		if (err && err != TAKT_E_CAP) { /* which the test itself has destroyed */
			printf("# the test's memory cannot be destroyed: %s\n", rt_error(err));
			good = false;
		}
	}
	return good;
}

static bool nothing_left(void)
{
	struct account now = account(TAKT_ROOT_FACTORY);
	uint64_t w[6] = {0};
	bool good = true;

	if (now.objects != root_account.objects) {
		printf("# objects left in root's factory: %lld\n",
		       (long long)(now.objects - root_account.objects));
		good = false;
	}
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		if (takt_scheduler_info(TAKT_ROOT_SCHEDULER, cpu, w) || w[5] != 1000) {
			printf("# share left of CPU %u: %llu per mille\n", cpu,
			       (unsigned long long)w[5]);
			good = false;
		}
	}
	return good;
}

bool fixture_end(void)
{
	bool good;

	while (windows) {
		windows--;
		(void)!takt_task_unmap(TAKT_ROOT_TASK, window[windows].va, window[windows].size);
	}
	good = destroy_all();
	(void)!takt_task_cap_delete(TAKT_ROOT_TASK, SLOT_TEST, SLOT_TEST_END - SLOT_TEST);
	memcpy(ram_used, ram_kept, sizeof(ram_used));
	return nothing_left() && good;
}

void fixture_begin(void)
{
	root_account = account(TAKT_ROOT_FACTORY);
	next_slot = SLOT_TEST;
	next_window = WINDOWS_VA;
	pool_next = pool_base;
	workers = 0;
	arrived = 0;
	test_factory = factory_new(TEST_FACTORY_PAGES);
}

void fixture_init(void)
{
	int err;

	exact = measure_time();
	next_slot = SLOT_TEST;
	/* A check that fails needs the pool. */
	err = ram_take(POOL_SIZE, SLOT_POOL);
	if (!err)
		err = takt_task_map(TAKT_ROOT_TASK, SLOT_POOL, POOL_VA, 0, POOL_SIZE,
				    TAKT_MAP_READ | TAKT_MAP_WRITE);
	if (err) {
		printf("Bail out! no memory for the tests: %s\n", rt_error(err));
		(void)!takt_log_shutdown(TAKT_ROOT_LOG, 0);
	}
	pool_base = pool_next = (char *)POOL_VA;
	(void)pool_new(sizeof(struct verdict));
	pool_keep();
	program_load();
	memcpy(ram_kept, ram_used, sizeof(ram_kept));
	(void)!takt_task_cap_delete(TAKT_ROOT_TASK, SLOT_RAM, next_ram - SLOT_RAM);
	next_ram = SLOT_RAM;
	root_account = account(TAKT_ROOT_FACTORY);
	(void)fixture_end();
}

/* --- Calls ------------------------------------------------------------------------------------ */

int call_words(takt_slot gate, uint16_t label, uint64_t w0, uint64_t w1, struct takt_msg *answer)
{
	struct takt_msg m = {.tag = TAKT_TAG(label, 2, 0), .w = {w0, w1}};
	int err = takt_call(gate, &m);

	if (answer)
		*answer = m;
	return err;
}

void await_call(struct takt_msg *m)
{
	takt_ticks deadline = in_ms(WAIT_MS);

	for (;;) {
		CHECK_OK(takt_wait(m, deadline));
		if (TAKT_TAG_LABEL(m->tag) != TAKT_LABEL_IRQ)
			return;
		arrived |= m->w[0];
	}
}

void await_fault(struct takt_msg *m)
{
	await_call(m);
	CHECK_EQ(TAKT_TAG_LABEL(m->tag), TAKT_LABEL_FAULT);
}

void answer(uint16_t label)
{
	struct takt_msg m = {.tag = TAKT_TAG(label, 0, 0)};
	int err = takt_reply_wait(&m, 0);

	if (err == TAKT_E_TIMEOUT)
		return;
	CHECK_OK(err);
	CHECK_EQ(TAKT_TAG_LABEL(m.tag), TAKT_LABEL_IRQ);
	arrived |= m.w[0];
}

void server_echo(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	while (!err && TAKT_TAG_LABEL(m.tag) != 99) {
		unsigned words = TAKT_TAG_WORDS(m.tag);

		for (unsigned i = 0; i < words; i++)
			if (i < TAKT_REG_WORDS)
				m.w[i]++;
			else
				takt_utcb()->words[i]++;
		m.tag = TAKT_TAG(0, words, 0);
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
	CHECK_OK(err);
}

void spin_ms(void *n)
{
	takt_ticks end = in_ms((uint64_t)n);

	while (takt_now() < end)
		;
}

void spin_until_set(void *flag)
{
	while (!*(volatile bool *)flag)
		__asm__ volatile("yield");
}
