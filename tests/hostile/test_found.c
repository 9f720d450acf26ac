/* SPDX-License-Identifier: MIT */
/* What random invocations have found, by itself. */
#include "../target/internal.h"
#include "hostile.h"

/* Frames of a destroyed factory leave the kernel's mapping; slots that led there stay behind. */
TEST(a_stale_gate_whose_memory_is_gone)
{
	takt_slot extent = ram_new(16 * TAKT_PAGE_SIZE), factory = slot_new(), gate = slot_new();
	struct takt_msg m = {.tag = TAKT_TAG(0, 0, 0)};

	CHECK_OK(takt_memory_to_factory(extent, factory));
	CHECK_OK(takt_create_gate(factory, 1, gate));
	CHECK_OK(takt_factory_destroy(TAKT_ROOT_FACTORY, factory));
	CHECK_ERR(takt_call(gate, &m), TAKT_E_CAP);
	CHECK_ERR(takt_call(factory, &m), TAKT_E_CAP);
}

static volatile bool looking;

static void look_at_it(void *arg)
{
	takt_slot gate = (takt_slot)(uint64_t)arg;

	while (looking) {
		struct takt_msg m = {.tag = TAKT_TAG(0, 0, 0)};

		(void)!takt_call_until(gate, &m, 0);
	}
}

TEST(a_gate_is_looked_at_while_its_memory_goes)
{
	takt_slot extent = ram_new(64 * TAKT_PAGE_SIZE), factory = slot_new(), gate = slot_new();
	struct worker *w = worker_new(look_at_it, (void *)(uint64_t)gate);

	w->cpu = other_cpu();
	looking = true;
	worker_start(w);
	for (unsigned i = 0; i < 30; i++) {
		CHECK_OK(takt_memory_to_factory(extent, factory));
		slot_clear(gate);
		CHECK_OK(takt_create_gate(factory, 1, gate));
		CHECK_OK(takt_factory_destroy(TAKT_ROOT_FACTORY, factory));
		slot_clear(factory);
	}
	looking = false;
	worker_join(w);
}

static const struct test tests[] = {
	T(a_stale_gate_whose_memory_is_gone),
	T(a_gate_is_looked_at_while_its_memory_goes),
};
const struct suite suite_found = SUITE("found", tests);
