/* SPDX-License-Identifier: MIT */
/* Building and destroying gangs. All of a life comes out of the gang's bank (a factory), its land (an
 * extent) and its master (a scheduler): after the life they are as they were before. */
#include <stdio.h>
#include <string.h>

#include "../target/internal.h"
#include "../target/options.h"
#include "hostile.h"

#define BANK_PAGES 320
#define LIFE_PAGES 256
#define SHARE 200     /* per mille, of each CPU */
#define HIGHEST 20    /* priority */
#define ROOT_VA(g) (0x1400000000ul + (g)->number * 0x10000000ul)
#define RW (TAKT_MAP_READ | TAKT_MAP_WRITE)

static uint64_t arena_va(struct gang *g)
{
	return ROOT_VA(g);
}

struct seat *gang_seat(struct gang *g, unsigned i)
{
	return (struct seat *)(arena_va(g) + i * TAKT_PAGE_SIZE);
}

void gang_init(struct gang *g, unsigned number)
{
	memset(g, 0, sizeof(*g));
	g->number = number;
	g->seats = cpus() == 1 ? 4 : SEATS;
	g->bank = factory_new(BANK_PAGES);
	g->land = ram_new(LAND_SIZE);
	g->master = slot_new();
	CHECK_OK(takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, test_factory, (1ull << cpus()) - 1, 0,
				       HIGHEST, SHARE, g->master));
	g->slots = slots_new(G_SLOTS);
	g->account = account(g->bank);
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		g->share[cpu] = SHARE;
}

/* --- A life ----------------------------------------------------------------------------------- */

static void check_zero(struct gang *g, takt_slot extent, uint64_t size)
{
	uint64_t va = ROOT_VA(g) + 0x1000000;
	const uint64_t *p = (const uint64_t *)va;
	uint64_t seen = 0;

	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, extent, va, 0, size, TAKT_MAP_READ));
	for (uint64_t i = 0; i < size / sizeof(*p); i++)
		seen |= p[i];
	CHECK_EQ(seen, 0);
	CHECK_OK(takt_task_unmap(TAKT_ROOT_TASK, va, size));
}

static void make_memory(struct gang *g)
{
	takt_slot factory = G(g, H_FACTORY);

	CHECK_OK(takt_memory_derive(g->land, factory, 0, LAND_SIZE, TAKT_R_ALL, G(g, G_LAND)));
	CHECK_OK(takt_memory_derive(G(g, G_LAND), factory, 0, ARENA_SIZE, TAKT_R_ALL,
				    G(g, G_ARENA)));
	for (unsigned i = 0; i < PREYS; i++) {
		CHECK_OK(takt_memory_derive(G(g, G_LAND), factory, ARENA_SIZE + i * PREY_SIZE,
					    PREY_SIZE, TAKT_R_ALL, G(g, H_PREY + i)));
		check_zero(g, G(g, H_PREY + i), PREY_SIZE);
	}
	check_zero(g, G(g, G_ARENA), ARENA_SIZE);
	CHECK_OK(takt_task_map(TAKT_ROOT_TASK, G(g, G_ARENA), arena_va(g), 0, ARENA_SIZE, RW));
}

static void make_tasks(struct gang *g)
{
	const struct elf_image *image = program_image();
	takt_slot task = G(g, H_TASK);

	CHECK_OK(takt_create_task(G(g, H_FACTORY), TAKT_TASK_NATIVE, "hostile", task));
	CHECK_OK(takt_create_task(G(g, H_FACTORY), TAKT_TASK_VM, "hostile vm", G(g, H_VM)));
	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segment[i];

		if (!(s->access & ELF_WRITE))
			CHECK_OK(takt_task_map(task, SLOT_TEXT + i, s->va, 0, s->size, s->access));
	}
	CHECK_OK(takt_task_map(task, G(g, G_ARENA), ARENA_VA, 0, ARENA_SIZE, RW));
	CHECK_OK(takt_task_vm_config(G(g, H_VM), task, 64, UTCB_VA + 0x100000));
}

static unsigned seat_cpu(unsigned i)
{
	return i % cpus();
}

static unsigned seat_kind(struct gang *g, unsigned i)
{
	static const uint8_t kinds[] = {TAKT_THREAD_PLAIN, TAKT_THREAD_PLAIN, TAKT_THREAD_PV,
					TAKT_THREAD_MACHINE};

	unsigned kind = kinds[(i + i / 4 + g->life) % 4];

	/* A guest whose exception vector faults when it is fetched executes nothing for ever; where
	 * QEMU counts instructions for time, time stands still then. */
	return kind == TAKT_THREAD_MACHINE && option("exact", 0) ? TAKT_THREAD_PV : kind;
}

static void prepare_seat(struct gang *g, unsigned i, uint64_t seed)
{
	struct seat *s = gang_seat(g, i);

	s->random = random_seed(seed, g->number * 1000003ull + g->life * 101 + i);
	s->cpus = cpus();
	s->kind = seat_kind(g, i);
	s->utcb = UTCB_VA + i * 2 * TAKT_PAGE_SIZE;
	s->page = s->utcb + TAKT_PAGE_SIZE;
	for (unsigned n = 0; n < H_FREE; n++)
		s->type[n] = (uint8_t)h_type(n);
	g->counted[i] = 0;
	g->stuck[i] = 0;
}

static void make_seat(struct gang *g, unsigned i, uint64_t seed, takt_slot morgue)
{
	takt_slot thread = G(g, H_THREAD + i), sc = G(g, H_SC + i);
	unsigned kind = seat_kind(g, i), cpu = seat_cpu(i);
	uint64_t random = random_seed(seed, g->life * 31 + i);
	takt_ticks period = us(500 + random % 4000), budget = random >> 32 & 1 ? period : period / 20;

	prepare_seat(g, i, seed);
	CHECK_OK(takt_create_thread(G(g, H_FACTORY), "seat", thread));
	CHECK_OK(takt_thread_configure(thread, G(g, H_TASK),
				       kind == TAKT_THREAD_MACHINE ? G(g, H_VM) : G(g, H_TASK),
				       UTCB_VA + i * 2 * TAKT_PAGE_SIZE, kind,
				       UTCB_VA + (i * 2 + 1) * TAKT_PAGE_SIZE));
	CHECK_OK(takt_thread_fault_gate(thread, morgue));
	CHECK_OK(takt_scheduler_run(G(g, H_SCHEDULER), thread, cpu));
	CHECK_OK(takt_scheduler_create_sc(G(g, H_SCHEDULER), G(g, H_FACTORY),
					  (unsigned)(random >> 40) % HIGHEST, budget, period, cpu, sc));
	CHECK_OK(takt_thread_attach(thread, sc));
	if (i >= 4)
		return;
	CHECK_OK(takt_create_gate(G(g, H_FACTORY), i, G(g, H_GATE + i)));
	CHECK_OK(takt_thread_bind_gate(thread, G(g, H_GATE + i)));
	CHECK_OK(takt_create_irq(G(g, H_FACTORY), G(g, H_IRQ + i)));
	CHECK_OK(takt_irq_bind_thread(G(g, H_IRQ + i), thread, 1u << i));
}

static void give(struct gang *g, takt_slot cap, unsigned h, uint64_t rights)
{
	CHECK_OK(takt_task_cap_copy(G(g, H_TASK), cap, h, rights));
}

static void make_capabilities(struct gang *g, takt_slot server)
{
	for (unsigned h = H_TASK; h < H_NEXT_THREAD; h++) {
		uint64_t rights = TAKT_R_ALL;

		if (h >= H_SERVER && h <= H_LOG)
			continue;
		if (h >= H_THREAD && h < H_GATE && (h - H_THREAD) % SEATS >= g->seats)
			continue;
		if (h == H_TASK) /* most of what it needs stays mapped */
			rights = TAKT_R_TASK_MAP | TAKT_R_TASK_CAP;
		give(g, G(g, h), h, rights);
	}
	give(g, server, H_SERVER, TAKT_R_GATE_CALL);
	give(g, TAKT_ROOT_INTC, H_INTC, TAKT_R_ALL);
	give(g, TAKT_ROOT_LOG, H_LOG, 0);
}

/* The first ones may have started the others, or worse, when those are due. */
static void start_seats(struct gang *g)
{
	for (unsigned i = 0; i < g->seats; i++)
		(void)!takt_thread_start(G(g, H_THREAD + i), (uint64_t)attack,
					 SEAT_STACK_TOP(ARENA_VA + i * TAKT_PAGE_SIZE), 0);
}

void gang_build(struct gang *g, uint64_t seed, takt_slot server, takt_slot morgue)
{
	CHECK_OK(takt_task_cap_delete(TAKT_ROOT_TASK, g->slots, G_SLOTS));
	CHECK_OK(takt_factory_sub(g->bank, LIFE_PAGES, G(g, H_FACTORY)));
	CHECK_OK(takt_scheduler_narrow(g->master, G(g, H_FACTORY), (1ull << cpus()) - 1, 0, HIGHEST,
				       SHARE, G(g, H_SCHEDULER)));
	make_memory(g);
	make_tasks(g);
	for (unsigned i = 0; i < g->seats; i++)
		make_seat(g, i, seed, morgue);
	make_capabilities(g, server);
	g->life++;
	start_seats(g);
	__atomic_store_n(&g->alive, true, __ATOMIC_RELEASE);
}

/* g gets hold of parts of another gang, if those still exist. */
void gang_meet(struct gang *g, struct gang *next)
{
	(void)!takt_task_cap_copy(G(g, H_TASK), G(next, H_FACTORY), H_NEXT_FACTORY,
				  TAKT_R_FACTORY_CREATE);
	(void)!takt_task_cap_copy(G(g, H_TASK), G(next, H_TASK), H_NEXT_TASK, TAKT_R_ALL);
	for (unsigned i = 0; i < next->seats; i++)
		(void)!takt_task_cap_copy(G(g, H_TASK), G(next, H_THREAD + i), H_NEXT_THREAD + i,
					  TAKT_R_ALL);
}

/* --- Its end ---------------------------------------------------------------------------------- */

/* Whoever wrecks it at the same time may be first. */
static void destroy(struct gang *g, takt_slot object)
{
	int err = takt_factory_destroy(g->bank, object);

	if (err != TAKT_E_CAP)
		CHECK_OK(err);
}

void gang_destroy(struct gang *g, unsigned way)
{
	switch (way % 4) {
	case 0:
		break;
	case 1:
		destroy(g, G(g, G_LAND));
		break;
	case 2:
		destroy(g, G(g, H_TASK));
		break;
	case 3:
		destroy(g, G(g, H_SCHEDULER));
		break;
	}
	destroy(g, G(g, H_FACTORY));
}

void gang_check(struct gang *g)
{
	struct account now = account(g->bank);
	uint64_t w[6] = {0};

	CHECK_EQ(now.pages, g->account.pages);
	CHECK_EQ(now.objects, g->account.objects);
	CHECK_EQ(now.free, g->account.free);
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		CHECK_OK(takt_scheduler_info(g->master, cpu, w));
		CHECK_EQ(w[5], g->share[cpu]);
	}
	for (unsigned h = 0; h < G_SLOTS; h++)
		CHECK_EQ(slot_type(g->slots + h), TAKT_NONE);
}

/* --- Meanwhile -------------------------------------------------------------------------------- */

static void rouse(struct gang *g, unsigned i)
{
	takt_slot thread = G(g, H_THREAD + i);
	unsigned times = ++g->stuck[i];

	if (times < 4) {
		(void)!takt_thread_cancel(thread);
		return;
	}
	/* Something of it is missing for good, or it has stopped; what is there already is an error. */
	if (takt_thread_stop(thread))
		return;
	(void)!takt_thread_attach(thread, G(g, H_SC + i));
	(void)!takt_thread_start(thread, (uint64_t)attack,
				 SEAT_STACK_TOP(ARENA_VA + i * TAKT_PAGE_SIZE), 0);
}

uint64_t gang_look_after(struct gang *g)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < g->seats; i++) {
		uint64_t count = gang_seat(g, i)->count, more = count - g->counted[i];

		g->counted[i] = count;
		if (more < 1u << 18) /* else somebody wrote over it */
			sum += more;
		if (more)
			g->stuck[i] = 0;
		else
			rouse(g, i);
	}
	return sum;
}

void gang_print(struct gang *g)
{
	printf("# gang %u, life %llu\n", g->number, (unsigned long long)g->life);
	for (unsigned i = 0; g->alive && i < g->seats; i++) {
		const struct seat *s = gang_seat(g, i);
		const struct shot *h = &s->last;

		printf("#  seat %u, CPU %u, kind %u, %llu: %llx <- %llx flavour %llx words %llx %llx "
		       "%llx %llx caps %llx %llx window %llx\n", i, seat_cpu(i),
		       (unsigned)s->kind, (unsigned long long)s->count,
		       (unsigned long long)h->slot, (unsigned long long)h->tag,
		       (unsigned long long)h->flavour, (unsigned long long)h->word[0],
		       (unsigned long long)h->word[1], (unsigned long long)h->word[2],
		       (unsigned long long)h->word[3], (unsigned long long)h->cap[0],
		       (unsigned long long)h->cap[1], (unsigned long long)h->window);
	}
}
