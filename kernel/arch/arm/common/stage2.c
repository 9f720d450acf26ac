/* SPDX-License-Identifier: MIT */
/*
 * Stage 2: the address spaces of tasks, native ones and machines. Three levels of 512 entries; a
 * table, once linked, stays until the task ends. The caller keeps two changes of one address space
 * apart; table walks of other CPUs go on meanwhile.
 *
 * An entry only goes from invalid to valid and back, with the TLBs invalidated in between, so that
 * break-before-make (D8.14 of the Arm Architecture Reference Manual) needs no further care.
 */
#include <arch/stage2_page.h>

#define STEP_ENTRIES 64 /* written in one step */
#define TABLE_COST 24	/* making a table takes as long as writing so many */

/* The table below *entry, made if there is none. What is in it must be seen before the link. */
static u64 *table_below(u64 *entry, stage2_alloc_fn alloc, void *arg)
{
	void *table;

	if (*entry & ENTRY_VALID)
		return entry_table(*entry);
	table = alloc(arg);
	if (!table)
		return NULL;
	stage2_barrier();
	*(volatile u64 *)entry = kpa(table).v | ENTRY_TABLE;
	return table;
}

/* A run of entries of one table: as many as the range, the table and the step have. It ends where
 * another table begins or hangs. */
struct run {
	u64 *entry;
	unsigned shift, count; /* of one entry's size, 1 << shift; how many at most */
	unsigned made;	       /* tables on the way there */
};

static bool is_table(const struct run *r)
{
	return r->shift > L3_SHIFT && (*r->entry & ENTRY_TYPE) == ENTRY_TABLE;
}

static void run_at(struct run *r, u64 *table, unsigned shift, u64 ipa)
{
	r->entry = &table[ipa >> shift & (TABLE_ENTRIES - 1)];
	r->shift = shift;
}

static void run_ends(struct run *r, u64 ipa, u64 size, unsigned most)
{
	u64 index = ipa >> r->shift & (TABLE_ENTRIES - 1);

	r->count = (unsigned)MIN(MIN(size >> r->shift, TABLE_ENTRIES - index), (u64)most);
}

/* log2 of the biggest block that can come first, as far as addresses and size tell. */
static unsigned block_shift(u64 ipa, u64 pa, u64 size)
{
	return (unsigned)MIN(__builtin_ctzl(ipa | pa | L1_SIZE), 63 - __builtin_clzl(size));
}

/* Where [ipa, ipa + size) is to be mapped, with blocks of 1 << most_shift bytes at most. */
static bool run_to_fill(struct run *r, struct stage2 *s2, u64 ipa, unsigned most_shift,
			stage2_alloc_fn alloc, void *arg)
{
	run_at(r, s2->root, L1_SHIFT, ipa);
	r->made = 0;
	while (r->shift > L3_SHIFT && (r->shift > most_shift || is_table(r))) {
		bool new = !(*r->entry & ENTRY_VALID);
		u64 *table = table_below(r->entry, alloc, arg);

		if (!table)
			return false;
		r->made += new;
		run_at(r, table, r->shift - LEVEL_BITS, ipa);
	}
	return true;
}

/* How much it wrote. */
static u64 fill(struct run *r, u64 entry)
{
	unsigned left = r->count;

	do {
		*(volatile u64 *)r->entry++ = entry;
		entry += 1ul << r->shift;
	} while (--left && !is_table(r));
	return (u64)(r->count - left) << r->shift;
}

static NOINLINE int map_step(struct stage2 *s2, u64 ipa, u64 pa, u64 size, u64 flags,
			     stage2_alloc_fn alloc, void *arg, u64 *done)
{
	unsigned order = flags >> 16 & 0x3f, left = STEP_ENTRIES;
	u64 attr = stage2_attributes(flags), at = *done, filled;
	struct run r;

	if (!order)
		order = L1_SHIFT;
	for (; at < size && left; at += filled) {
		u64 to = pa + at, from = ipa + at;

		if (!run_to_fill(&r, s2, from, MIN(order, block_shift(from, to, size - at)), alloc,
				 arg))
			break;
		left -= MIN(left - 1, r.made * TABLE_COST);
		run_ends(&r, from, size - at, left);
		filled = fill(&r, to | attr | (r.shift == L3_SHIFT ? ENTRY_PAGE : ENTRY_BLOCK));
		left -= (unsigned)(filled >> r.shift);
	}
	*done = at;
	stage2_barrier();
	return at < size && left ? TAKT_E_NOMEM : 0;
}

int stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
	       stage2_alloc_fn alloc, void *arg, u64 *done)
{
	return map_step(s2, ipa.v, pa.v, size, flags, alloc, arg, done);
}

/* Where ipa, which is mapped, is so. */
static void run_to_clear(struct run *r, struct stage2 *s2, u64 ipa)
{
	run_at(r, s2->root, L1_SHIFT, ipa);
	while (is_table(r))
		run_at(r, entry_table(*r->entry), r->shift - LEVEL_BITS, ipa);
}

static u64 clear(struct run *r)
{
	unsigned left = r->count;

	ASSERT(left);
	do {
		*(volatile u64 *)r->entry++ = 0;
	} while (--left && !is_table(r));
	return (u64)(r->count - left) << r->shift;
}

static bool unmap_page(const struct stage2 *s2, u64 ipa)
{
	u64 *entry;

	if (!stage2_page(s2, ipa, &entry))
		return false;
	*(volatile u64 *)entry = 0;
	stage2_invalidate(s2);
	return true;
}

/* The range is mapped as a whole: no block reaches out of it. */
void stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done)
{
	unsigned left = STEP_ENTRIES;
	u64 at = *done, cleared;
	struct run r;

	if (size == PAGE_SIZE && unmap_page(s2, ipa.v)) {
		*done = size;
		return;
	}
	for (; at < size && left; at += cleared) {
		run_to_clear(&r, s2, ipa.v + at);
		run_ends(&r, ipa.v + at, size - at, left);
		cleared = clear(&r);
		left -= (unsigned)(cleared >> r.shift);
	}
	*done = at;
	stage2_invalidate(s2);
}

#define FREE_STEP 48 /* entries looked at in one step */
#define FREE_COST 10 /* freeing a table takes as long as looking at so many */

/* The tables below table[from] to table[end], from which some are subtracted for each. Returns the
 * first that was not looked at. */
static u64 free_below(u64 *table, u64 from, u64 end, void (*release)(void *table))
{
	for (; from < end; from++) {
		if ((table[from] & ENTRY_TYPE) != ENTRY_TABLE)
			continue;
		release(entry_table(table[from]));
		end = MAX(from + 1, end - MIN(end, (u64)FREE_COST));
	}
	return from;
}

/* The cursor counts the entries of all level-2 tables there could be, in order. Of the root's entries
 * without a table, a step looks at as many as of others. */
bool stage2_free_tables(struct stage2 *s2, u64 *cursor, void (*release)(void *table))
{
	u64 i1 = *cursor / TABLE_ENTRIES, i2 = *cursor % TABLE_ENTRIES;
	u64 last = MIN(i1 + FREE_STEP, (u64)TABLE_ENTRIES);

	while (i1 < last && (s2->root[i1] & ENTRY_TYPE) != ENTRY_TABLE)
		i1++;
	if (i1 < last) {
		u64 *l2 = entry_table(s2->root[i1]);

		i2 = free_below(l2, i2, MIN(i2 + FREE_STEP, (u64)TABLE_ENTRIES), release);
		if (i2 == TABLE_ENTRIES) {
			s2->root[i1++] = 0;
			release(l2);
			i2 = 0;
		}
	}
	*cursor = i1 * TABLE_ENTRIES + i2;
	return i1 == TABLE_ENTRIES;
}
