/* SPDX-License-Identifier: MIT */
/*
 * One pass over a flattened device tree, read in place. A node is shown once its properties are
 * known and before its children, together with the buses above it; nothing is looked up again,
 * which makes it fast. Whatever the tree holds, nothing outside it is read.
 */
#ifndef ARCH_FDT_WALK_H
#define ARCH_FDT_WALK_H

#include <core/arch.h>

#define WALK_DEPTH 8 /* deeper nodes are skipped */

/* The properties that are kept. */
#define WALK_PROPS(X)                                                                              \
	X(ADDRESS_CELLS, "#address-cells")                                                         \
	X(SIZE_CELLS, "#size-cells")                                                               \
	X(INTERRUPT_CELLS, "#interrupt-cells")                                                     \
	X(REDIST_REGIONS, "#redistributor-regions")                                                \
	X(COMPATIBLE, "compatible")                                                                \
	X(DEVICE_TYPE, "device_type")                                                              \
	X(STATUS, "status")                                                                        \
	X(REG, "reg")                                                                              \
	X(RANGES, "ranges")                                                                        \
	X(INTERRUPTS, "interrupts")                                                                \
	X(ENABLE_METHOD, "enable-method")                                                          \
	X(METHOD, "method")                                                                        \
	X(CLOCK_FREQUENCY, "clock-frequency")                                                      \
	X(STDOUT_PATH, "stdout-path")                                                              \
	X(INITRD_START, "linux,initrd-start")                                                      \
	X(INITRD_END, "linux,initrd-end")

enum walk_prop {
#define X(id, name) P_##id,
	WALK_PROPS(X)
#undef X
		P_COUNT
};

struct prop {
	const void *value; /* null: there is none */
	int size;
};

#define FDT_HEADER_SIZE 40

/* A tree whose blocks lie inside it and are terminated. */
struct fdt {
	const char *structure, *strings, *reserved;
	u32 structure_size, strings_size, reserved_size;
};

struct walk {
	const struct fdt *fdt;
	const char *node; /* its name in the tree: nodes differ in where that lies */
	int depth;	  /* 0: the root */
	struct prop prop[P_COUNT];
	struct {
		const char *name;
		unsigned address, size; /* #address-cells and #size-cells for children */
		struct prop ranges;
	} path[WALK_DEPTH];
};

/* The size that the header at p claims for the tree; 0 if it is none. */
u64 fdt_size(const void *p);

/* `size` bytes of tree at p, which is aligned to 8. Null, or what is wrong with it. */
const char *fdt_open(struct fdt *f, const void *p, u64 size) MUST_CHECK;

/* The i-th entry of the memory reservation block. */
bool fdt_reserved(const struct fdt *f, unsigned i, struct region *r);

/* A property that is not among those kept, of a node that was shown. */
struct prop fdt_lookup(const struct fdt *f, const char *node, const char *name, size_t n);

/* Calls fn for every node below the root. False if the tree is damaged. */
bool walk_tree(const struct fdt *f, void (*fn)(const struct walk *w)) MUST_CHECK;

/* Whether the node is a child of /parent; whether it is /name. */
bool walk_is_in(const struct walk *w, const char *parent);
bool walk_is(const struct walk *w, const char *name);

/* Whether `path`, n characters with or without unit addresses, leads to the node. */
bool walk_is_at(const struct walk *w, const char *path, size_t n);

bool prop_is(const struct prop *p, const char *text);
u32 prop_u32(const struct prop *p, u32 otherwise);

/* The i-th range in reg as a physical one. False if there is none, or it is not reachable. */
bool walk_reg(const struct walk *w, unsigned i, struct region *r);

/* reg of a CPU: the affinity bits of its MPIDR. */
bool walk_cpu_reg(const struct walk *w, u64 *mpidr);

/* A number of so many cells. More than two: the low 64 bits. */
u64 walk_cells(const u32 *p, unsigned cells);

#endif
