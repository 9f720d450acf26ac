/* SPDX-License-Identifier: MIT */
/* The environment that root wrote, and the program's own capability slots. */
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <takt/dt.h>
#include <takt/proto/root.h>

#include "rt_internal.h"

#define SLOT_WORDS (TAKT_SELF_SLOTS / 64)

_Static_assert(TAKT_SELF_SLOTS % 64 == 0, "the bitmap has whole words");

static _Atomic uint64_t slots_used[SLOT_WORDS]; /* those below TAKT_SELF_FREE are never given */

const struct takt_env *env_get(void)
{
	const struct takt_env *env = rt_start_page;

	return env && env->magic == TAKT_ENV_MAGIC ? env : NULL;
}

takt_slot env_cap(const char *name)
{
	const struct takt_env *env = env_get();

	for (uint32_t i = 0; env && i < env->caps; i++)
		if (!strncmp(env->cap[i].name, name, sizeof(env->cap[i].name)))
			return env->cap[i].slot;
	return 0;
}

/* The program's own node, as a tree that root wrote; null: there is none. */
static const void *tree(void)
{
	const struct takt_env *env = env_get();

	return env && env->fdt_offset ? (const char *)env + env->fdt_offset : NULL;
}

static const void *property(const char *name, int *len)
{
	const void *node = tree();

	*len = 0;
	return node ? dt_get(node, 0, name, len) : NULL;
}

const char *env_string(const char *name, const char *otherwise)
{
	int len;
	const char *s = property(name, &len);

	return s && len > 0 && memchr(s, 0, (size_t)len) ? s : otherwise;
}

const char *env_nth_string(const char *name, unsigned n)
{
	const void *node = tree();

	return node ? dt_string(node, 0, name, n) : NULL;
}

uint64_t env_number(const char *name, uint64_t otherwise)
{
	int len;
	const void *value = property(name, &len);

	return len == 4 || len == 8 ? dt_cells(value, 0, (unsigned)len / 4) : otherwise;
}

unsigned env_count(const char *name)
{
	int len;

	return property(name, &len) ? (unsigned)len / 4 : 0;
}

uint32_t env_cell(const char *name, unsigned n)
{
	int len;
	const void *value = property(name, &len);

	return n < (unsigned)len / 4 ? dt_cell(value, n) : 0;
}

/* Claims one slot; several threads may try. */
static bool claim(takt_slot slot)
{
	uint64_t bit = 1ull << slot % 64;

	return !(atomic_fetch_or(&slots_used[slot / 64], bit) & bit);
}

takt_slot env_slots_alloc(unsigned count)
{
	unsigned got = 0;

	for (takt_slot slot = TAKT_SELF_FREE; slot < TAKT_SELF_SLOTS; slot++) {
		if (claim(slot)) {
			if (++got == count)
				return slot - count + 1;
			continue;
		}
		for (; got; got--)
			env_slot_free(slot - got);
	}
	for (; got; got--)
		env_slot_free(TAKT_SELF_SLOTS - got);
	return 0;
}

takt_slot env_slot_alloc(void)
{
	return env_slots_alloc(1);
}

void env_slot_free(takt_slot slot)
{
	if (slot >= TAKT_SELF_FREE && slot < TAKT_SELF_SLOTS)
		atomic_fetch_and(&slots_used[slot / 64], ~(1ull << slot % 64));
}

int rt_notify_servers(takt_slot thread, uint64_t badge)
{
	takt_slot root = env_cap("root"), irq = root ? env_slot_alloc() : 0;
	int err = irq || !root ? 0 : TAKT_E_QUOTA;

	if (!root || err)
		return err;
	err = takt_create_irq(TAKT_SELF_FACTORY, irq);
	if (!err)
		err = takt_irq_bind_thread(irq, thread, badge);
	return err ? err : root_notify(root, irq);
}

void rt_ready(void)
{
	static atomic_flag told = ATOMIC_FLAG_INIT;
	takt_slot root = env_cap("root");

	if (root && !atomic_flag_test_and_set(&told))
		(void)!root_ready(root);
}
