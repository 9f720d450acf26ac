/* SPDX-License-Identifier: MIT */
/*
 * A complete binary heap whose nodes are linked instead of stored in an array. The place of the
 * n-th node is spelled by the bits of n below the top one: 0 left, 1 right, from the root down.
 */
#include <core/timerq.h>

/* The link through which t hangs: its parent's, or the root. */
static inline struct timer **link_of(struct timerq *q, struct timer *t)
{
	if (!t->parent)
		return &q->root;
	return t->parent->left == t ? &t->parent->left : &t->parent->right;
}

/* The link where node number n hangs, or would hang; its parent in *parent. */
static inline struct timer **link_of_number(struct timerq *q, u32 n, struct timer **parent)
{
	struct timer **link = &q->root;

	*parent = NULL;
	for (int bit = 30 - __builtin_clz(n); bit >= 0; bit--) {
		*parent = *link;
		link = n & (1u << bit) ? &(*link)->right : &(*link)->left;
	}
	return link;
}

/* Child c and its parent change places. */
static void swap_up(struct timerq *q, struct timer *c)
{
	struct timer *p = c->parent;
	struct timer **link = link_of(q, p);
	struct timer *left = c->left, *right = c->right;

	c->parent = p->parent;
	*link = c;
	if (p->left == c) {
		c->left = p;
		c->right = p->right;
		if (c->right)
			c->right->parent = c;
	} else {
		c->right = p;
		c->left = p->left;
		if (c->left)
			c->left->parent = c;
	}
	p->parent = c;
	p->left = left;
	p->right = right;
	if (left)
		left->parent = p;
	if (right)
		right->parent = p;
}

static inline void sift(struct timerq *q, struct timer *t)
{
	while (t->parent && t->when < t->parent->when)
		swap_up(q, t);
	for (;;) {
		struct timer *least = t->left;

		if (t->right && t->right->when < least->when)
			least = t->right;
		if (!least || t->when <= least->when)
			return;
		swap_up(q, least);
	}
}

void timerq_insert(struct timerq *q, struct timer *t, u64 when)
{
	t->when = when;
	if (!t->queued) {
		struct timer **link = link_of_number(q, ++q->count, &t->parent);

		*link = t;
		t->left = t->right = NULL;
		t->queued = true;
	}
	sift(q, t);
}

void timerq_remove(struct timerq *q, struct timer *t)
{
	if (!t->queued)
		return;

	struct timer *parent;
	struct timer **link = link_of_number(q, q->count--, &parent);
	struct timer *last = *link;

	*link = NULL;
	t->queued = false;
	if (last == t)
		return;
	/* The last node takes t's place and finds its own from there. */
	last->parent = t->parent;
	last->left = t->left;
	last->right = t->right;
	*link_of(q, t) = last;
	if (last->left)
		last->left->parent = last;
	if (last->right)
		last->right->parent = last;
	sift(q, last);
}
