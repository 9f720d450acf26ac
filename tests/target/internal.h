/* SPDX-License-Identifier: MIT */
/* What harness.c (running tests) and fixture.c (what tests use) share. */
#ifndef INTERNAL_H
#define INTERNAL_H

#include <takt/loader.h>

#include "harness.h"

/* At the start of the pool, so that code in other tasks reaches it. */
struct verdict {
	uint64_t checks; /* counted by atomic operations */
	volatile bool failed, skipped;
};

#define POOL_VA 0x1200000000ul
#define POOL_SIZE 0x400000ul
#define VERDICT ((struct verdict *)POOL_VA)

/* How the thread of the test that runs, and workers, begin; at the top of their stacks. */
struct boot {
	void (*fn)(void *arg);
	void *arg;
	void *tls;
	uint64_t utcb;
	takt_slot self, done; /* slots in its own task, or 0 */
	uint64_t pad[3];
};

/* Lays out a stack in [base, base + size) and returns the sp to start harness_thread with; the
 * argument is the same address. */
uint64_t stack_prepare(char *base, uint64_t size, struct boot boot);
void harness_thread(struct boot *boot);

/* Addresses of a UTCB and a state page, never used again: such pages cannot be unmapped. */
uint64_t kernel_pages_va(void);

/* Once, on the watcher's thread. */
void fixture_init(void);
void program_load(void);

/* Before and after each test, on the watcher's thread. fixture_end says whether nothing is left. */
void fixture_begin(void);
bool fixture_end(void);
/* What this program consists of. What of it is not writable is in SLOT_TEXT + i. */
const struct elf_image *program_image(void);
/* What has been taken from the pool so far stays in use. */
void pool_keep(void);

/* Ends the calling thread's part in the test. */
void test_over(void) __attribute__((noreturn));
#endif
