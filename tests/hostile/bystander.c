/* SPDX-License-Identifier: MIT */
/* Tasks that have nothing to do with the others, and would notice if they had. */
#include <string.h>

#include "../target/internal.h"
#include "hostile.h"

#define PATTERN_VA 0x1108000000ul
#define PATTERN_SIZE 0x10000ul
#define TABLE 160 /* slots that are looked at */
#define LABEL_ADD 7
#define LONG_WORDS 10

enum { B_TASK = 1, B_GATE = SLOT_TEST + 64, B_SPARE };

takt_slot bystander_gate;

static uint64_t pattern(const struct bystander *b, uint64_t i)
{
	return (i + b->cpu * 0x10001) * 0x9e3779b97f4a7c15ull;
}

struct holding {
	enum takt_type type;
	uint64_t rights;
};

static struct holding look(takt_slot slot)
{
	struct holding h = {TAKT_NONE, 0};

	(void)!takt_task_cap_inspect(B_TASK, slot, &h.type, &h.rights);
	return h;
}

static bool memory_whole(const struct bystander *b, uint64_t page)
{
	const uint64_t *p = (const uint64_t *)PATTERN_VA;
	uint64_t words = TAKT_PAGE_SIZE / sizeof(*p), first = page * words;
	uint64_t wrong = 0;

	for (uint64_t i = first; i < first + words; i++)
		wrong |= p[i] ^ pattern(b, i);
	return !wrong;
}

static bool server_answers(struct bystander *b)
{
	struct takt_msg m = {.tag = TAKT_TAG(LABEL_ADD, LONG_WORDS, 0), .w = {b->beats, 2}};
	struct takt_utcb *u = takt_utcb();

	u->words[LONG_WORDS - 1] = b->beats;
	if (takt_call(B_GATE, &m))
		return false;
	b->calls++;
	return m.w[0] == b->beats + 2 && m.w[1] == b->cpu &&
	       u->words[LONG_WORDS - 1] == ~b->beats;
}

/* One check of everything, in small parts. */
static const char *check(struct bystander *b, const struct holding *held)
{
	for (unsigned i = 0; i < 4; i++) {
		takt_slot slot = (takt_slot)(b->beats * 4 + i) % TABLE;
		struct holding h = look(slot);

		if (h.type != held[slot].type || h.rights != held[slot].rights)
			return "a capability is another one";
	}
	if (!memory_whole(b, b->beats % (PATTERN_SIZE / TAKT_PAGE_SIZE)))
		return "the memory is another one";
	if (!server_answers(b))
		return "the server's answer is wrong";
	return NULL;
}

static void watch_over(struct bystander *b, const struct holding *held)
{
	takt_ticks next = takt_now() + b->period;

	while (!b->stop && !b->wrong) {
		takt_ticks late;

		takt_sleep_until(next);
		late = takt_now() - next;
		if (late > b->latest)
			b->latest = late;
		b->wrong = check(b, held);
		b->beats++;
		for (next += b->period; next < takt_now(); next += b->period)
			b->missed++;
	}
}

static void bystander(void *arg)
{
	struct bystander *b = arg;
	struct holding held[TABLE];
	uint64_t *p = (uint64_t *)PATTERN_VA;

	for (uint64_t i = 0; i < PATTERN_SIZE / sizeof(*p); i++)
		p[i] = pattern(b, i);
	for (takt_slot slot = 0; slot < TABLE; slot++)
		held[slot] = look(slot);
	watch_over(b, held);
}

/* Passive. Who it is that calls does not matter. */
static void server(void *arg)
{
	const struct bystander *b = arg;
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	for (;;) {
		if (err || TAKT_TAG_LABEL(m.tag) != LABEL_ADD) {
			m = (struct takt_msg){.tag = TAKT_TAG(1, 0, 0)};
		} else {
			unsigned words = TAKT_TAG_WORDS(m.tag);

			m.w[0] += m.w[1];
			m.w[1] = b->cpu;
			if (words > TAKT_REG_WORDS)
				takt_utcb()->words[words - 1] = ~takt_utcb()->words[words - 1];
			m.tag = TAKT_TAG(0, words, 0);
		}
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void make(struct bystander *b, unsigned cpu, takt_ticks period)
{
	takt_slot task = task_new();

	b->cpu = cpu;
	b->period = period;
	b->worker = worker_new(bystander, b);
	b->worker->task = task;
	b->worker->cpu = cpu;
	b->worker->prio = 50;
	b->worker->budget = period / 4;
	b->worker->period = period;
	b->server = worker_new(server, b);
	b->server->task = task;
	b->server->cpu = cpu;
	b->server->passive = true;
	CHECK_OK(takt_task_map(task, ram_new(PATTERN_SIZE), PATTERN_VA, 0, PATTERN_SIZE,
			       TAKT_MAP_READ | TAKT_MAP_WRITE));
	worker_make(b->server);
	worker_make(b->worker);
	CHECK_OK(takt_thread_bind_gate(b->server->slot, bystander_gate));
	CHECK_OK(takt_task_cap_copy(task, task, B_TASK, TAKT_R_TASK_CAP));
	task_give(task, bystander_gate, B_GATE);
	for (unsigned i = 0; i < 8; i++)
		CHECK_OK(takt_task_cap_copy(task, b->worker->sc, B_SPARE + i, i));
}

/* A passive thread begins when somebody pays for it: it gets an SC until it waits. */
static void start_server(struct bystander *b)
{
	takt_slot sc = sc_new(HELP_PRIO, b->cpu, ms(1), ms(1));
	uint64_t w[6];

	worker_start(b->server);
	CHECK_OK(takt_thread_attach(b->server->slot, sc));
	do {
		(void)irqs_within(1ull << 62, in_ms(1));
		CHECK_OK(takt_sc_info(sc, w));
	} while (w[5] != 1); /* dormant: its thread waits */
	CHECK_OK(takt_thread_detach(b->server->slot, sc));
}

void bystanders_start(struct bystander *b, takt_ticks period)
{
	bystander_gate = slot_new();
	CHECK_OK(takt_create_gate(test_factory, 77, bystander_gate));
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		make(&b[cpu], cpu, period);
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		start_server(&b[cpu]);
		worker_start(b[cpu].worker);
	}
}

void bystanders_end(struct bystander *b)
{
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		b[cpu].stop = true;
		worker_join(b[cpu].worker);
	}
}
