/* SPDX-License-Identifier: MIT */
/* Doubly linked circular lists with the links inside the elements. */
#ifndef CORE_LIST_H
#define CORE_LIST_H

#include <core/types.h>

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_insert(struct list *at, struct list *n) /* behind `at` */
{
	n->prev = at;
	n->next = at->next;
	at->next->prev = n;
	at->next = n;
}
static inline void list_add_head(struct list *l, struct list *n)
{
	list_insert(l, n);
}
static inline void list_add_tail(struct list *l, struct list *n)
{
	list_insert(l->prev, n);
}
static inline void list_del(struct list *n) /* leaves n as an empty list */
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
static inline void list_splice_tail(struct list *l, struct list *from) /* which is empty then */
{
	if (list_empty(from))
		return;
	from->next->prev = l->prev;
	l->prev->next = from->next;
	from->prev->next = l;
	l->prev = from->prev;
	list_init(from);
}
#define list_first(l, type, member) container_of((l)->next, type, member)
#define list_for_each(it, l) for (struct list *it = (l)->next; it != (l); it = it->next)
#endif
