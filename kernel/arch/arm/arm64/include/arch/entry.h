/* SPDX-License-Identifier: MIT */
/*
 * Translation table entries of the VMSAv8-64 long descriptor format, 4 KiB granule (D8.3 of the Arm
 * Architecture Reference Manual): what all stages and levels have in common, and stage 1 of EL2.
 */
#ifndef ARCH_ENTRY_H
#define ARCH_ENTRY_H

#include <arch/layout.h>
#include <core/types.h>

#define TABLE_ENTRIES 512
#define LEVEL_BITS 9
#define L1_SHIFT 30
#define L2_SHIFT 21
#define L3_SHIFT 12
#define L1_SIZE (1ul << L1_SHIFT)
#define L2_SIZE (1ul << L2_SHIFT)
#define INDEX_L1(a) ((a) >> L1_SHIFT & (TABLE_ENTRIES - 1))
#define INDEX_L2(a) ((a) >> L2_SHIFT & (TABLE_ENTRIES - 1))
#define INDEX_L3(a) ((a) >> L3_SHIFT & (TABLE_ENTRIES - 1))

#define ENTRY_VALID 1ul
#define ENTRY_BLOCK 1ul /* at levels 1 and 2 */
#define ENTRY_TABLE 3ul /* at levels 1 and 2 */
#define ENTRY_PAGE 3ul	/* at level 3 */
#define ENTRY_TYPE 3ul
#define ENTRY_ADDRESS 0xfffffffff000ul
#define ENTRY_INNER_SHAREABLE (3ul << 8)
#define ENTRY_AF (1ul << 10)

/* Stage 1 of EL2. AP[1] is one at EL2; at EL1, where the same tables are used to report the wrong
 * exception level, it does no harm. */
#define STAGE1_ATTR(index) ((u64)(index) << 2)
#define STAGE1_AP1 (1ul << 6)
#define STAGE1_READ_ONLY (1ul << 7)
#define STAGE1_XN (1ul << 54)

#define STAGE1_PAGE (ENTRY_PAGE | ENTRY_AF | ENTRY_INNER_SHAREABLE | STAGE1_AP1)
#define PAGE_CODE (STAGE1_PAGE | STAGE1_ATTR(ATTR_NORMAL) | STAGE1_READ_ONLY)
#define PAGE_CONST (PAGE_CODE | STAGE1_XN)
#define PAGE_DATA (STAGE1_PAGE | STAGE1_ATTR(ATTR_NORMAL) | STAGE1_XN)
#define PAGE_DEVICE (STAGE1_PAGE | STAGE1_ATTR(ATTR_DEVICE) | STAGE1_XN)

static inline u64 *entry_table(u64 entry)
{
	return (u64 *)(entry & ENTRY_ADDRESS);
}
#endif
