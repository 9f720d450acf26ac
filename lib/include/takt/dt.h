/* SPDX-License-Identifier: MIT */
/*
 * Reader of flattened device trees, in place. dt_check goes over a tree once; the other functions
 * rely on it and check nothing anew, which makes them fast. A node is a number, 0 the root; -1 is
 * none, which has no properties and no children.
 */
#ifndef TAKT_DT_H
#define TAKT_DT_H

#include <stdbool.h>
#include <stdint.h>

/* Null, or what is wrong with the tree. */
const char *dt_check(const void *tree, uint64_t size);

/* Its name with the unit address. */
const char *dt_name(const void *tree, int node);
int dt_first_child(const void *tree, int node);
int dt_next_child(const void *tree, int child); /* the next one of the same parent */
int dt_next(const void *tree, int node);	/* of all nodes, in the tree's order */
int dt_parent(const void *tree, int node);

#define dt_for_each_child(child, tree, node)                                                       \
	for ((child) = dt_first_child(tree, node); (child) >= 0;                                   \
	     (child) = dt_next_child(tree, child))

/* "/bus/uart@1000" or "alias/...". A part of it without a unit address is the first node of that
 * name. */
int dt_at_path(const void *tree, const char *path);
int dt_by_phandle(const void *tree, uint32_t phandle);

struct dt_prop {
	const char *name;
	const void *value;
	int size;
};

/* Start with one of zeroes. False: there is no other. */
bool dt_next_prop(const void *tree, int node, struct dt_prop *prop);

/* Value and size of the first property of that name; null: there is none, and *size is 0. */
const void *dt_get(const void *tree, int node, const char *name, int *size);

/* The n-th of a property's list of strings; null: there is none. */
const char *dt_string(const void *tree, int node, const char *name, unsigned n);
bool dt_compatible(const void *tree, int node, const char *with);

/* A number in a value: the n-th cell, or so many cells from that one on (the low 64 bits). */
static inline uint32_t dt_cell(const void *value, unsigned n)
{
	return __builtin_bswap32(((const uint32_t *)value)[n]);
}

static inline uint64_t dt_cells(const void *value, unsigned n, unsigned count)
{
	uint64_t number = 0;

	while (count--)
		number = number << 32 | dt_cell(value, n++);
	return number;
}

#endif
