/* SPDX-License-Identifier: MIT */
/*
 * A gang is a hostile task with a factory, memory, a scheduler and objects of its own. Its threads,
 * the seats, sit on all CPUs and do nothing but invoke at random (attack.c). The referee, the test's
 * thread, destroys gangs and builds them again (gang.c); the wrecker, on another CPU, destroys and
 * stops single objects meanwhile. Bystanders look whether they can tell (bystander.c).
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <takt/vcpu.h>

#include "../target/harness.h"

#define GANGS 3
#define SEATS 8 /* in a gang, at most */

/* Addresses in a hostile task. */
#define ARENA_VA 0x1100000000ul /* a page for each seat */
#define ARENA_SIZE (SEATS * 0x1000ul)
#define UTCB_VA 0x1101000000ul
#define PLAY_VA 0x1102000000ul /* where it maps and unmaps */
#define LAND_SIZE 0x80000ul    /* all memory of a gang's life */
#define PREY_SIZE 0x20000ul    /* an extent to play with */
#define PREYS 2

/* Slots of a hostile task. */
enum {
	H_TASK = 1,
	H_FACTORY,
	H_SCHEDULER,
	H_PREY, /* extents */
	H_SERVER = H_PREY + PREYS, /* gate of the bystanders' server */
	H_NEXT_FACTORY,		   /* of another gang: may create */
	H_NEXT_TASK,
	H_INTC,
	H_LOG, /* without any right */
	H_VM,
	H_THREAD,
	H_SC = H_THREAD + SEATS,
	H_GATE = H_SC + SEATS, /* to the seats, in order */
	H_IRQ = H_GATE + 4,
	H_NEXT_THREAD = H_IRQ + 4,
	H_FREE = H_NEXT_THREAD + SEATS,
	H_SLOTS = 128
};

/* What a seat did last. */
struct shot {
	uint64_t slot, tag, flavour, word[TAKT_REG_WORDS], cap[2], window;
};

/* At the bottom of a page, the rest of which is the seat's stack. */
struct seat {
	uint64_t random;
	volatile uint64_t count; /* invocations */
	uint64_t cpus, kind;
	uint64_t utcb, page; /* addresses */
	struct shot last;
	uint8_t type[H_SLOTS]; /* what it believes to have */
};

#define SEAT_STACK_TOP(va) ((va) + TAKT_PAGE_SIZE - 16)

/* Types of what is in the fixed slots. */
enum takt_type h_type(unsigned slot);

static inline uint64_t random_next(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * 0x2545f4914f6cdd1dull;
}

/* A start for random_next that is never 0. */
static inline uint64_t random_seed(uint64_t a, uint64_t b)
{
	uint64_t x = (a * 0x100000001b3ull + b + 1) * 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	x ^= x >> 31;
	return x ? x : 1;
}

/* Where hostile threads begin: the stack pointer says which seat it is. */
void attack(void);

/* --- Gangs, for the referee ------------------------------------------------------------------- */

struct gang {
	unsigned number, seats;
	uint64_t life; /* how many there have been */
	takt_ticks end;
	takt_slot bank, land, master; /* factory, extent, scheduler that outlive it */
	struct account account;	      /* of the bank, before */
	uint64_t share[TAKT_MAX_CPUS];
	takt_slot slots; /* root's slots for it: its own numbering, plus what it does not hold */
	volatile bool alive; /* may be wrecked */
	uint64_t counted[SEATS]; /* invocations seen */
	unsigned stuck[SEATS];
};

/* Root's slot for what the gang has in its slot h. */
#define G(gang, h) ((gang)->slots + (h))
enum { G_LAND = H_SLOTS, G_ARENA, G_SLOTS };

void gang_init(struct gang *g, unsigned number);
/* A new life; faults go to the gate `morgue`. */
void gang_build(struct gang *g, uint64_t seed, takt_slot server, takt_slot morgue);
void gang_meet(struct gang *g, struct gang *next);
void gang_destroy(struct gang *g, unsigned way);
/* After gang_destroy: everything is where it was. */
void gang_check(struct gang *g);
struct seat *gang_seat(struct gang *g, unsigned i);
/* Adds up new invocations; sets going again whoever did none since the last time. */
uint64_t gang_look_after(struct gang *g);
void gang_print(struct gang *g);

/* --- Bystanders ------------------------------------------------------------------------------- */

struct bystander {
	unsigned cpu;
	takt_ticks period;
	struct worker *worker, *server;
	volatile bool stop;
	volatile uint64_t beats, missed, calls;
	volatile takt_ticks latest; /* after its time */
	const char *volatile wrong;
};

/* Gate to the bystanders' passive server. */
extern takt_slot bystander_gate;
void bystanders_start(struct bystander *b, takt_ticks period);
/* Ends them, and checks what they saw. */
void bystanders_end(struct bystander *b);

#endif
