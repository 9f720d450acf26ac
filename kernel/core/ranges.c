/* SPDX-License-Identifier: MIT */
#include <core/ranges.h>

static inline u64 end_of(const struct range *r)
{
	return r->base + r->size;
}

static inline int height(const struct range *r)
{
	return r ? r->height : 0;
}

/* r comes behind `other`. */
static inline bool behind(const struct range *other, const struct range *r)
{
	return r->base > other->base || (r->base == other->base && r > other);
}

static ALWAYS_INLINE void update(struct range *r)
{
	const struct range *left = r->child[0], *right = r->child[1];
	u64 reach = end_of(r);
	unsigned below = 0;

	if (left) {
		below = left->height;
		reach = MAX(reach, (u64)left->reach);
	}
	if (right) {
		below = MAX(below, (unsigned)right->height);
		reach = MAX(reach, (u64)right->reach);
	}
	r->height = (u8)(below + 1);
	r->reach = reach;
}

/* The child on that side takes the place of its parent, which comes below it. */
static void rotate(struct range **at, unsigned side)
{
	struct range *r = *at, *up = r->child[side];

	r->child[side] = up->child[!side];
	up->child[!side] = r;
	*at = up;
	update(r);
	update(up);
}

/* One of the trees below has changed, by one level at most. Whether this one has, for what is above. */
static bool rebalance(struct range **at)
{
	struct range *r = *at;
	unsigned was_high = r->height;
	u64 reached = r->reach;
	int lean = height(r->child[1]) - height(r->child[0]);

	if (unlikely(lean > 1 || lean < -1)) {
		unsigned side = lean > 1;
		const struct range *heavy = r->child[side];

		if (height(heavy->child[!side]) > height(heavy->child[side]))
			rotate(&r->child[side], !side);
		rotate(at, side);
	} else {
		update(r);
	}
	return (*at)->height != was_high || (*at)->reach != reached;
}

void ranges_insert(struct range **set, struct range *r)
{
	struct range **path[RANGES_DEPTH], **at = set;
	unsigned depth = 0;

	r->child[0] = r->child[1] = NULL;
	while (*at) {
		path[depth++] = at;
		at = &(*at)->child[behind(*at, r)];
	}
	*at = r;
	update(r);
	while (depth && rebalance(path[depth - 1]))
		depth--;
}

void ranges_remove(struct range **set, struct range *r)
{
	struct range **path[RANGES_DEPTH], **at = set;
	unsigned depth = 0, least = RANGES_DEPTH; /* the depth of the place that another one takes */

	while (*at != r) {
		path[depth++] = at;
		at = &(*at)->child[behind(*at, r)];
	}
	if (r->child[0] && r->child[1]) {
		/* The next one behind it, the first of those on the right, takes its place. */
		struct range **place = at, *next;

		path[depth++] = at;
		least = depth;
		for (at = &r->child[1]; (*at)->child[0]; at = &(*at)->child[0])
			path[depth++] = at;
		next = *at;
		*at = next->child[1];
		next->child[0] = r->child[0];
		next->child[1] = r->child[1];
		next->height = r->height;
		next->reach = r->reach;
		*place = next;
		if (least < depth)
			path[least] = &next->child[1];
	} else {
		*at = r->child[!r->child[0]];
	}
	r->height = 0;
	/* Up to where a tree is as it was; but not before the place whose own range has changed. */
	while (depth && (rebalance(path[depth - 1]) || depth > least))
		depth--;
}

bool ranges_meet(const struct range *set, u64 base, u64 size)
{
	for (const struct range *r = set; r;) {
		if (r->base < base + size && base < end_of(r))
			return true;
		/* If those on the left reach that far and none of them meets it, they begin behind
		 * it, and so do all on the right. */
		r = r->child[!(r->child[0] && r->child[0]->reach > base)];
	}
	return false;
}
