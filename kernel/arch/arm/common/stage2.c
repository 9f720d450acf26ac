/* SPDX-License-Identifier: MIT */
/*
 * Stage 2: the address spaces of tasks, native ones and machines. Three levels of 512 entries; a
 * table, once linked, stays until the task ends. The caller keeps two changes of one address space
 * apart; table walks of other CPUs go on meanwhile.
 *
 * An entry only goes from invalid to valid and back, with the TLBs invalidated in between, so that
 * break-before-make (D8.14 of the Arm Architecture Reference Manual) needs no further care.
 */
#include <arch/entry.h>
#include <arch/stage2.h>
#include <core/arch.h>
#include <takt/objects.h>

#define STEP_ENTRIES 64 /* written in one step */

/* MemAttr, S2AP, XN: D8.3, D8.5. */
#define STAGE2_NORMAL (0xful << 2)
#define STAGE2_UNCACHED (0x5ul << 2)
#define STAGE2_DEVICE (0x1ul << 2) /* nGnRE */
#define STAGE2_READ (1ul << 6)
#define STAGE2_WRITE (1ul << 7)
#define STAGE2_XN (2ul << 53)

/* Everything of a page or block entry but address and type. */
static u64 attributes(u64 flags)
{
	u64 a = ENTRY_AF | ENTRY_INNER_SHAREABLE;

	switch (flags & TAKT_MAP_ATTR_MASK) {
	case TAKT_MAP_CACHED:
		a |= STAGE2_NORMAL;
		break;
	case TAKT_MAP_UNCACHED:
		a |= STAGE2_UNCACHED;
		break;
	default:
		a |= STAGE2_DEVICE | STAGE2_XN;
	}
	if (flags & TAKT_MAP_READ)
		a |= STAGE2_READ;
	if (flags & TAKT_MAP_WRITE)
		a |= STAGE2_WRITE;
	if (!(flags & TAKT_MAP_EXEC))
		a |= STAGE2_XN;
	return a;
}

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

/* One run of entries of a single table: as many as the range, the table and the step have. It ends
 * with the table, where a bigger block may fit, and before a table that is linked there already. */
struct run {
	u64 ipa, pa, left;
	u64 attributes;
	unsigned entries; /* left in this step */
};

static u64 fill(struct run *r, u64 *table, unsigned shift, u64 type)
{
	u64 index = r->ipa >> shift & (TABLE_ENTRIES - 1);
	u64 n = MIN(MIN(r->left >> shift, TABLE_ENTRIES - index), (u64)r->entries);
	u64 entry = r->pa | r->attributes | type;

	u64 i;

	for (i = 0; i < n && !(table[index + i] & ENTRY_VALID); i++)
		((volatile u64 *)table)[index + i] = entry + (i << shift);
	ASSERT(i);
	r->entries -= (unsigned)i;
	return i << shift;
}

/* Whether a block can come next: aligned, and no table in its place. */
static bool fits(const struct run *r, const u64 *table, unsigned shift)
{
	u64 size = 1ul << shift;

	return IS_ALIGNED(r->ipa | r->pa, size) && r->left >= size &&
	       !(table[r->ipa >> shift & (TABLE_ENTRIES - 1)] & ENTRY_VALID);
}

int stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
	       stage2_alloc_fn alloc, void *arg, u64 *done)
{
	u64 order = flags >> 16 & 0x3f;
	struct run r = {.attributes = attributes(flags), .entries = STEP_ENTRIES};
	int err = 0;

	if (!order)
		order = L1_SHIFT;
	while (*done < size && r.entries) {
		r.ipa = ipa.v + *done;
		r.pa = pa.v + *done;
		r.left = size - *done;
		if (order >= L1_SHIFT && fits(&r, s2->root, L1_SHIFT)) {
			*done += fill(&r, s2->root, L1_SHIFT, ENTRY_BLOCK);
			continue;
		}

		u64 *l2 = table_below(&s2->root[INDEX_L1(r.ipa)], alloc, arg);

		if (l2 && order >= L2_SHIFT && fits(&r, l2, L2_SHIFT)) {
			*done += fill(&r, l2, L2_SHIFT, ENTRY_BLOCK);
			continue;
		}

		u64 *l3 = l2 ? table_below(&l2[INDEX_L2(r.ipa)], alloc, arg) : NULL;

		if (!l3) {
			err = TAKT_E_NOMEM;
			break;
		}
		*done += fill(&r, l3, L3_SHIFT, ENTRY_PAGE);
	}
	stage2_barrier();
	return err;
}

/* Clears the entry that maps ipa, if any; returns how far the next one is. */
static u64 clear_one(struct stage2 *s2, u64 ipa)
{
	u64 *e = &s2->root[INDEX_L1(ipa)];
	unsigned shift = L1_SHIFT;

	if ((*e & ENTRY_TYPE) == ENTRY_TABLE) {
		e = &entry_table(*e)[INDEX_L2(ipa)];
		shift = L2_SHIFT;
		if ((*e & ENTRY_TYPE) == ENTRY_TABLE) {
			e = &entry_table(*e)[INDEX_L3(ipa)];
			shift = L3_SHIFT;
		}
	}
	*(volatile u64 *)e = 0;
	return (1ul << shift) - (ipa & ((1ul << shift) - 1));
}

void stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done)
{
	for (unsigned n = 0; n < STEP_ENTRIES && *done < size; n++)
		*done += clear_one(s2, ipa.v + *done);
	*done = MIN(*done, size);
	stage2_invalidate(s2);
}

#define FREE_STEP 64 /* entries looked at in one step */

/* The cursor counts the entries of all level-2 tables there could be, in order. */
bool stage2_free_tables(struct stage2 *s2, u64 *cursor, void (*release)(void *table))
{
	for (unsigned n = 0; n < FREE_STEP; n++) {
		u64 i1 = *cursor / TABLE_ENTRIES, i2 = *cursor % TABLE_ENTRIES;

		if (i1 == TABLE_ENTRIES)
			return true;
		if ((s2->root[i1] & ENTRY_TYPE) != ENTRY_TABLE) {
			*cursor = (i1 + 1) * TABLE_ENTRIES;
			continue;
		}

		u64 *l2 = entry_table(s2->root[i1]);

		if ((l2[i2] & ENTRY_TYPE) == ENTRY_TABLE) {
			release(entry_table(l2[i2]));
			n += 7; /* costs as much as looking at so many */
		}
		if (i2 == TABLE_ENTRIES - 1) {
			s2->root[i1] = 0;
			release(l2);
		}
		(*cursor)++;
	}
	return false;
}
