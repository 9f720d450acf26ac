/* SPDX-License-Identifier: MIT */
/*
 * Sets of ranges, which may overlap: whether one meets a given range takes O(log n), and so do
 * changes. A balanced tree (AVL), by where they begin; each node knows how far those below it
 * reach. The user keeps changes apart.
 */
#ifndef CORE_RANGES_H
#define CORE_RANGES_H

#include <core/list.h>
#include <core/types.h>

struct range {
	union {
		struct range *child[2];
		struct list link; /* the user's, while it is in no set */
	};
	u64 base, size;	 /* not empty; ends below 2^56 */
	u64 height : 8;	 /* of the tree that it is the root of; 0: it is in no set */
	u64 reach : 56;	 /* the greatest end in that tree */
};

#define RANGES_DEPTH 24 /* for 2^16 of them: more than any limit there is */

void ranges_insert(struct range **set, struct range *r);
void ranges_remove(struct range **set, struct range *r);

/* One of them has something in common with [base, base + size). */
bool ranges_meet(const struct range *set, u64 base, u64 size) MUST_CHECK;
#endif
