/* SPDX-License-Identifier: MIT */
/* User level's reader of device trees: on trees that libfdt writes, and on damaged ones. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <takt/dt.h>

#include "tap.h"

static char tree[4096] __attribute__((aligned(8)));
static int tree_size;

static void node(const char *name, uint32_t phandle)
{
	fdt_begin_node(tree, name);
	if (phandle)
		fdt_property_u32(tree, "phandle", phandle);
}

static void make(void)
{
	static const char list[] = "first\0second\0";

	fdt_create(tree, sizeof(tree));
	fdt_finish_reservemap(tree);
	node("", 0);
	fdt_property(tree, "empty", NULL, 0);
	node("aliases", 0);
	fdt_property_string(tree, "uart", "/bus@0/uart@1000");
	fdt_property_string(tree, "loop", "loop");
	fdt_end_node(tree);
	node("bus@0", 1);
	fdt_property_u64(tree, "number", 0x123456789abcdef0);
	node("uart@1000", 2);
	fdt_property(tree, "compatible", list, sizeof(list) - 1);
	node("port", 0);
	fdt_end_node(tree);
	fdt_end_node(tree);
	node("uart@2000", 3);
	fdt_property(tree, "compatible", "cut", 3);
	fdt_end_node(tree);
	fdt_end_node(tree);
	node("last", 4);
	fdt_end_node(tree);
	fdt_end_node(tree);
	if (fdt_finish(tree))
		abort();
	tree_size = (int)fdt_totalsize(tree);
}

static int at(const char *path)
{
	return dt_at_path(tree, path);
}

static bool is_at(const char *path, const char *name)
{
	int found = at(path);

	return found >= 0 && !strcmp(dt_name(tree, found), name);
}

TEST(paths)
{
	make();
	CHECK(!dt_check(tree, (uint64_t)tree_size));
	CHECK(at("/") == 0 && is_at("/", ""));
	CHECK(is_at("/bus@0", "bus@0") && is_at("/bus", "bus@0"));
	CHECK(is_at("/bus@0/uart@2000", "uart@2000") && is_at("/bus/uart@2000/", "uart@2000"));
	CHECK(is_at("/bus/uart", "uart@1000") && is_at("/bus/uart/port", "port"));
	CHECK(is_at("uart", "uart@1000") && is_at("uart/port", "port"));
	CHECK(at("/bu") < 0 && at("/bus@1") < 0 && at("/bus@0/port") < 0 && at("/last/x") < 0);
	CHECK(at("") < 0 && at("uar") < 0 && at("loop") < 0 && at("nothing/port") < 0);
}

TEST(nodes_and_parents)
{
	static const char *const order[] = {"", "aliases", "bus@0", "uart@1000", "port",
					    "uart@2000", "last"};
	int n = 0, child, found = 0;

	make();
	for (unsigned i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		CHECK(n >= 0 && !strcmp(dt_name(tree, n), order[i]));
		n = dt_next(tree, n);
	}
	CHECK(n == -1);
	dt_for_each_child(child, tree, at("/bus")) {
		CHECK(dt_parent(tree, child) == at("/bus"));
		found++;
	}
	CHECK(found == 2);
	CHECK(dt_parent(tree, at("/bus/uart/port")) == at("uart"));
	CHECK(dt_parent(tree, at("/last")) == 0 && dt_parent(tree, 0) == -1);
	CHECK(dt_first_child(tree, at("/last")) == -1 && dt_first_child(tree, -1) == -1);
	CHECK(dt_by_phandle(tree, 3) == at("/bus/uart@2000") && dt_by_phandle(tree, 9) == -1);
}

TEST(properties)
{
	struct dt_prop p = {0};
	const void *value;
	int size;

	make();
	value = dt_get(tree, at("/bus"), "number", &size);
	CHECK(value && size == 8 && dt_cells(value, 0, 2) == 0x123456789abcdef0);
	CHECK(value && dt_cell(value, 0) == 0x12345678 && dt_cells(value, 1, 1) == 0x9abcdef0);
	CHECK(dt_get(tree, 0, "empty", &size) && size == 0);
	CHECK(!dt_get(tree, 0, "empt", &size) && !dt_get(tree, 0, "emptyy", &size) && !size);
	CHECK(!dt_get(tree, -1, "empty", &size));
	CHECK(!strcmp(dt_string(tree, at("uart"), "compatible", 1), "second"));
	CHECK(!dt_string(tree, at("uart"), "compatible", 2));
	CHECK(!dt_string(tree, at("/bus/uart@2000"), "compatible", 0));
	CHECK(dt_compatible(tree, at("uart"), "second") && !dt_compatible(tree, 0, "second"));
	CHECK(!dt_compatible(tree, at("uart"), "sec"));
	CHECK(dt_next_prop(tree, at("/bus"), &p) && !strcmp(p.name, "phandle") && p.size == 4);
	CHECK(dt_next_prop(tree, at("/bus"), &p) && !strcmp(p.name, "number") && p.size == 8);
	CHECK(!dt_next_prop(tree, at("/bus"), &p));
}

/* Reads all that a tree holds that passes for one. Whether children and parents agree. */
static bool read_all(const void *t)
{
	volatile unsigned sum = 0;
	bool good = true;

	for (int n = 0; n >= 0; n = dt_next(t, n)) {
		struct dt_prop p = {0};
		int child;

		sum += (unsigned)strlen(dt_name(t, n));
		while (dt_next_prop(t, n, &p)) {
			sum += (unsigned)strlen(p.name);
			for (int i = 0; i < p.size; i++)
				sum += ((const uint8_t *)p.value)[i];
		}
		dt_for_each_child(child, t, n)
			good &= child > n && dt_parent(t, child) == n;
	}
	(void)dt_at_path(t, "uart/port");
	(void)dt_by_phandle(t, 4);
	return good;
}

enum result { REFUSED, READ, WRONG };

/* Copies on the heap, where the sanitizer sees every byte read beyond. */
static enum result try(const void *from, size_t size)
{
	char *copy = aligned_alloc(8, (size + 7) & ~(size_t)7);
	enum result result;

	memcpy(copy, from, size);
	result = dt_check(copy, size) ? REFUSED : read_all(copy) ? READ : WRONG;
	free(copy);
	return result;
}

TEST(cut_anywhere)
{
	make();
	CHECK(try(tree, (size_t)tree_size) == READ);
	for (int size = 0; size < tree_size; size++)
		CHECK(try(tree, (size_t)size) == REFUSED);
	CHECK(dt_check(tree + 4, (uint64_t)tree_size - 4));
}

TEST(nodes_without_end)
{
	make();
	for (int i = 0; i < tree_size; i += 4) {
		uint32_t *word = (uint32_t *)(tree + i), was = *word;

		for (uint32_t token = 0; token < 10; token++) {
			*word = cpu_to_fdt32(token);
			CHECK(try(tree, (size_t)tree_size) != WRONG);
		}
		*word = was;
	}
	/* nested too deeply */
	fdt_create(tree, sizeof(tree));
	fdt_finish_reservemap(tree);
	for (unsigned i = 0; i < 40; i++)
		node("x", 0);
	for (unsigned i = 0; i < 40; i++)
		fdt_end_node(tree);
	CHECK(!fdt_finish(tree) && dt_check(tree, fdt_totalsize(tree)));
}

TEST(damaged_anyhow)
{
	unsigned count[3] = {0};

	srand(1);
	for (unsigned i = 0; i < 20000; i++) {
		make();
		for (int n = rand() % 3; n >= 0; n--)
			tree[rand() % tree_size] = (char)rand();
		count[try(tree, (size_t)tree_size)]++;
	}
	CHECK(count[READ] > 100 && count[REFUSED] > 100 && !count[WRONG]);
}

int main(void)
{
	RUN(paths);
	RUN(nodes_and_parents);
	RUN(properties);
	RUN(cut_anywhere);
	RUN(nodes_without_end);
	RUN(damaged_anyhow);
	return tap_done();
}
