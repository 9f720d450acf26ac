/* SPDX-License-Identifier: MIT */
/* Writing a device tree front to back, with libfdt underneath. Errors stick: the first one is kept,
 * later calls do nothing, and the one who began the tree asks at the end. */
#ifndef VMM_TREE_H
#define VMM_TREE_H

#include <stdint.h>

struct tree {
	void *buf;
	int err; /* libfdt's, 0: none */
};

/* Handles of the nodes that others refer to. */
#define TREE_PHANDLE_GIC 1
#define TREE_PHANDLE_CLOCK 2
#define TREE_PHANDLE_GPIO 3

void tree_open(struct tree *f, void *buf, unsigned size);
/* Size of the finished tree, or libfdt's negative error. */
int tree_close(struct tree *f);

/* `name`, or "name@unit" where unit is not TREE_NO_UNIT. */
#define TREE_NO_UNIT UINT64_MAX
void tree_begin(struct tree *f, const char *name, uint64_t unit);
void tree_end(struct tree *f);

void tree_prop(struct tree *f, const char *name, const void *data, unsigned size);
void tree_string(struct tree *f, const char *name, const char *value);
void tree_cells(struct tree *f, const char *name, const uint32_t *cells, unsigned count);

/* Several strings: tree_strings(f, "compatible", "arm,pl011", "arm,primecell"). */
void tree_string_list(struct tree *f, const char *name, const char *const *list, unsigned count);
#define tree_strings(f, name, ...)                                                                 \
	tree_string_list(f, name, (const char *const[]){__VA_ARGS__},                              \
			 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

#define tree_list(f, name, ...)                                                                    \
	tree_cells(f, name, (const uint32_t[]){__VA_ARGS__},                                       \
		   sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

/* "reg" with two cells each for address and size. */
void tree_reg(struct tree *f, uint64_t base, uint64_t size);
/* A level-sensitive "interrupts" property: the GIC's three cells. */
void tree_interrupt(struct tree *f, uint32_t intid);

#endif
