/* SPDX-License-Identifier: MIT */
/* Stage-2 entries, and where that of a page is: inline, because mapping one is what is done most.
 */
#ifndef ARCH_STAGE2_PAGE_H
#define ARCH_STAGE2_PAGE_H

#include <arch/entry.h>
#include <arch/stage2.h>
#include <core/arch.h>
#include <takt/objects.h>

/* MemAttr, S2AP, XN: D8.3, D8.5. */
#define STAGE2_NORMAL (0xful << 2)
#define STAGE2_UNCACHED (0x5ul << 2)
#define STAGE2_DEVICE (0x1ul << 2) /* nGnRE */
#define STAGE2_READ (1ul << 6)
#define STAGE2_WRITE (1ul << 7)
#define STAGE2_XN (2ul << 53)

/* Everything of a page or block entry but address and type. */
static inline u64 stage2_attributes(u64 flags)
{
	u64 a = ENTRY_AF | ENTRY_INNER_SHAREABLE;

	_Static_assert(TAKT_MAP_READ << 6 == STAGE2_READ && TAKT_MAP_WRITE << 6 == STAGE2_WRITE &&
			       (u64)TAKT_MAP_EXEC << 52 == STAGE2_XN,
		       "the access bits are moved, not looked at");
	a |= (flags & (TAKT_MAP_READ | TAKT_MAP_WRITE)) << 6;
	a |= (~flags & TAKT_MAP_EXEC) << 52;
	if (likely(!(flags & TAKT_MAP_ATTR_MASK)))
		a |= STAGE2_NORMAL;
	else if ((flags & TAKT_MAP_ATTR_MASK) == TAKT_MAP_UNCACHED)
		a |= STAGE2_UNCACHED;
	else
		a |= STAGE2_DEVICE | STAGE2_XN;
	return a;
}

/* Finds the entry of the page at ipa; false where a table on the way is missing. Tables stay, so what
 * is found without a lock is right. */
static inline bool stage2_page(const struct stage2 *s2, u64 ipa, u64 **entry)
{
	u64 l1 = *(volatile u64 *)&s2->root[INDEX_L1(ipa)], l2;

	if (unlikely((l1 & ENTRY_TYPE) != ENTRY_TABLE))
		return false;
	l2 = *(volatile u64 *)&entry_table(l1)[INDEX_L2(ipa)];
	if (unlikely((l2 & ENTRY_TYPE) != ENTRY_TABLE))
		return false;
	*entry = &entry_table(l2)[INDEX_L3(ipa)];
	return true;
}

/* Of a page that is not mapped yet. */
static inline void stage2_set_page(u64 *entry, u64 pa, u64 flags)
{
	*(volatile u64 *)entry = pa | stage2_attributes(flags) | ENTRY_PAGE;
	stage2_barrier();
}
#endif
