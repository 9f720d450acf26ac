/* SPDX-License-Identifier: MIT */
/*
 * The kernel's reader of device trees, against trees that libfdt writes: what it finds in good
 * ones, and that it reads nothing outside damaged ones (the sanitizers tell).
 */
#include <arch/fdt_walk.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define SIZE 4096

static char tree[SIZE];
static unsigned tree_size;
static char seen[SIZE]; /* what the walk showed, as text */
static char stdout_path[64];
static char stdout_name[32];
static const char *aliases;

#define MUST(call)                                                                                 \
	do {                                                                                       \
		if (call) {                                                                        \
			printf("# " #call "\n");                                                   \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void build(void)
{
	const uint32_t ranges[] = {cpu_to_fdt32(0), cpu_to_fdt32(1), cpu_to_fdt32(0x1000),
				   cpu_to_fdt32(0x10000)}; /* bus address 0 is 0x100001000 */
	const uint32_t reg[] = {cpu_to_fdt32(0x200), cpu_to_fdt32(0x80)};

	MUST(fdt_create(tree, SIZE));
	MUST(fdt_add_reservemap_entry(tree, 0x40000000, 0x2000));
	MUST(fdt_finish_reservemap(tree));
	MUST(fdt_begin_node(tree, ""));
	MUST(fdt_property_u32(tree, "#address-cells", 2));
	MUST(fdt_property_u32(tree, "#size-cells", 1));
	MUST(fdt_begin_node(tree, "aliases"));
	MUST(fdt_property_string(tree, "serial", "/no"));
	MUST(fdt_property_string(tree, "serial0", "/bus@1/uart@200"));
	MUST(fdt_end_node(tree));
	MUST(fdt_begin_node(tree, "bus@1"));
	MUST(fdt_property_u32(tree, "#address-cells", 1));
	MUST(fdt_property_u32(tree, "#size-cells", 1));
	MUST(fdt_property(tree, "ranges", ranges, sizeof(ranges)));
	MUST(fdt_begin_node(tree, "uart@200"));
	MUST(fdt_property(tree, "reg", reg, sizeof(reg)));
	MUST(fdt_property_string(tree, "xcompatible", "no"));
	MUST(fdt_property_string(tree, "compatible", "arm,pl011"));
	MUST(fdt_end_node(tree));
	MUST(fdt_begin_node(tree, "uart@300"));
	MUST(fdt_property_string(tree, "status", "disabled"));
	MUST(fdt_end_node(tree));
	MUST(fdt_end_node(tree));
	MUST(fdt_end_node(tree));
	MUST(fdt_finish(tree));
	tree_size = (unsigned)fdt_totalsize(tree);
}

static void note(const struct walk *w)
{
	size_t n = strlen(seen);
	struct region r = {0, 0};
	bool reg = walk_reg(w, 0, &r);

	if (n < SIZE / 2)
		snprintf(seen + n, SIZE - n, "%d %.20s %d %lx %lx%s\n", w->depth, w->node, reg,
			 reg ? r.base : 0, reg ? r.size : 0,
			 prop_is(&w->prop[P_COMPATIBLE], "arm,pl011") ? " pl011" : "");
	if (walk_is(w, "aliases"))
		aliases = w->node;
	if (walk_is_at(w, stdout_path, strlen(stdout_path)))
		snprintf(stdout_name, sizeof(stdout_name), "%s", w->node);
}

/* The kernel's way through a tree of just `size` bytes, where the sanitizer sees what is beyond. */
static const char *read_tree(const char *bytes, unsigned size)
{
	char *copy = aligned_alloc(8, ALIGN_UP(size, 8u));
	const char *error;
	struct region r;
	struct fdt f;

	memcpy(copy, bytes, size);
	seen[0] = 0;
	stdout_name[0] = 0;
	aliases = NULL;
	if (fdt_size(copy) != size) {
		free(copy);
		return "size";
	}
	error = fdt_open(&f, copy, size);
	if (!error) {
		for (unsigned i = 0; fdt_reserved(&f, i, &r); i++)
			;
		if (!walk_tree(&f, note))
			error = "structure";
		if (aliases)
			(void)fdt_lookup(&f, aliases, "serial0", 7);
	}
	free(copy);
	return error;
}

TEST(shows_nodes)
{
	CHECK(!read_tree(tree, tree_size));
	CHECK(strcmp(seen, "1 aliases 0 0 0\n"
			   "1 bus@1 0 0 0\n"
			   "2 uart@200 1 100001200 80 pl011\n"
			   "2 uart@300 0 0 0\n") == 0);
}

/* Whether `path` leads to a node of this name. Null: to none. */
static bool leads(const char *path, const char *name)
{
	strcpy(stdout_path, path);
	if (read_tree(tree, tree_size))
		return false;
	return name ? strcmp(stdout_name, name) == 0 : !stdout_name[0];
}

TEST(follows_paths)
{
	CHECK(leads("/bus@1/uart@200", "uart@200"));
	CHECK(leads("/bus/uart@300", "uart@300"));
	CHECK(leads("/bus", "bus@1"));
	CHECK(leads("/bus@1/uart@20", NULL));
	CHECK(leads("/bus@1/uart@200/x", NULL));
	CHECK(leads("/bus@1/", NULL));
	CHECK(leads("/b", NULL));
	CHECK(leads("bus@1", NULL));
}

TEST(finds_properties_and_reservations)
{
	_Alignas(8) static char copy[SIZE];
	struct region r;
	struct prop p;
	struct fdt f;

	memcpy(copy, tree, tree_size);
	CHECK(!fdt_open(&f, copy, tree_size));
	CHECK(fdt_reserved(&f, 0, &r) && r.base == 0x40000000 && r.size == 0x2000);
	CHECK(!fdt_reserved(&f, 1, &r));
	CHECK(walk_tree(&f, note) && aliases);
	p = fdt_lookup(&f, aliases, "serial0:115200", 7);
	CHECK(p.size == 16 && strcmp(p.value, "/bus@1/uart@200") == 0);
	p = fdt_lookup(&f, aliases, "serial0", 6);
	CHECK(p.size == 4);
	CHECK(!fdt_lookup(&f, aliases, "seria", 5).value);
	CHECK(!fdt_lookup(&f, aliases, "serial00", 8).value);
}

/* The word of the header with this number. */
static const char *with_header(unsigned word, uint32_t value)
{
	uint32_t old;
	const char *error;

	memcpy(&old, tree + word * 4, 4);
	value = cpu_to_fdt32(value);
	memcpy(tree + word * 4, &value, 4);
	error = read_tree(tree, tree_size);
	memcpy(tree + word * 4, &old, 4);
	return error;
}

TEST(refuses_damaged_headers)
{
	CHECK(strcmp(with_header(0, 0xd00dfeee), "size") == 0);
	CHECK(strcmp(with_header(5, 16), "its version is not 17") == 0);
	CHECK(strcmp(with_header(6, 18), "its version is not 17") == 0);
	CHECK(strcmp(with_header(2, tree_size + 4), "its header is damaged") == 0);
	CHECK(strcmp(with_header(2, 57), "its header is damaged") == 0);
	CHECK(strcmp(with_header(3, UINT32_MAX), "its header is damaged") == 0);
	CHECK(strcmp(with_header(4, tree_size + 8), "its header is damaged") == 0);
	CHECK(strcmp(with_header(8, tree_size), "its header is damaged") == 0);
	CHECK(strcmp(with_header(9, UINT32_MAX & ~3u), "its header is damaged") == 0);
	CHECK(strcmp(with_header(8, fdt_size_dt_strings(tree) - 1), "its strings do not end") == 0);
	CHECK(strcmp(with_header(9, 8), "structure") == 0);
	CHECK(strcmp(with_header(9, 0), "structure") == 0);
	CHECK(with_header(8, 0) != NULL);
	CHECK(!read_tree(tree, tree_size));
}

/* Any byte or word of the structure wrong: an error or another tree, and nothing read outside. */
TEST(survives_damage)
{
	unsigned seed = 1;

	strcpy(stdout_path, "/bus@1/uart@200");
	for (unsigned i = 0; i < 20000; i++) {
		_Alignas(8) static char bad[SIZE];

		memcpy(bad, tree, tree_size);
		for (unsigned n = 0; n <= i % 3; n++) {
			seed = seed * 1103515245 + 12345;
			bad[40 + (seed >> 8) % (tree_size - 40)] = (char)(seed >> 24);
		}
		(void)!read_tree(bad, tree_size);
	}
	CHECK(!read_tree(tree, tree_size));
}

int main(void)
{
	build();
	RUN(shows_nodes);
	RUN(follows_paths);
	RUN(finds_properties_and_reservations);
	RUN(refuses_damaged_headers);
	RUN(survives_damage);
	return tap_done();
}
