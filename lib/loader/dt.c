/* SPDX-License-Identifier: MIT */
/* Reader of flattened device trees. All numbers in them are big endian. */
#include <stddef.h>
#include <string.h>
#include <takt/dt.h>

#define MAGIC 0xd00dfeed
#define VERSION 17
#define MAX_DEPTH 32

enum token { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };

struct header {
	uint32_t magic, size, structure, strings, reserved;
	uint32_t version, compatible, boot_cpu, strings_size, structure_size;
};
_Static_assert(sizeof(struct header) == 40, "the format's");

/* What a node's number counts from: it is where in this block the node begins. */
static const char *structure(const void *tree)
{
	return (const char *)tree + dt_cell(tree, offsetof(struct header, structure) / 4);
}

static const char *strings(const void *tree)
{
	return (const char *)tree + dt_cell(tree, offsetof(struct header, strings) / 4);
}

static uint32_t word(const char *s, uint32_t at)
{
	return dt_cell(s + at, 0);
}

static uint32_t align4(uint32_t n)
{
	return (n + 3) & ~3u;
}

static uint32_t after_name(const char *s, uint32_t node)
{
	return node + 4 + align4((uint32_t)strlen(s + node + 4) + 1);
}

/* What comes after the token at `at`. */
static uint32_t skip(const char *s, uint32_t at)
{
	switch (word(s, at)) {
	case BEGIN_NODE:
		return after_name(s, at);
	case PROP:
		return at + 12 + align4(word(s, at + 4));
	default:
		return at + 4;
	}
}

/* --- Check ------------------------------------------------------------------------------------ */

static bool inside(uint32_t offset, uint32_t size, uint32_t align, uint32_t total)
{
	return (offset | size) % align == 0 && offset <= total && size <= total - offset;
}

/* The size of the node's begin or the property at `at`; 0 if it is not all there. */
static uint32_t check_begin(const char *s, uint32_t at, uint32_t end)
{
	uint32_t left = end - at - 4, n = (uint32_t)strnlen(s + at + 4, left);

	return n < left ? 4 + align4(n + 1) : 0;
}

static uint32_t check_prop(const char *s, uint32_t at, uint32_t end, uint32_t strings_size)
{
	uint32_t left = end - at;

	if (left < 12 || word(s, at + 4) > left - 12 || word(s, at + 8) >= strings_size)
		return 0;
	return 12 + align4(word(s, at + 4));
}

/* One root, at the start; all nodes end; behind them the end. */
static bool check_structure(const char *s, uint32_t end, uint32_t strings_size)
{
	unsigned depth = 0;
	uint32_t n;

	for (uint32_t at = 0; at < end; at += n) {
		uint32_t token = word(s, at);

		n = 4;
		if (token == END)
			return at && !depth;
		if (!depth && at && token != NOP)
			return false;
		if (!at && token != BEGIN_NODE)
			return false;
		if (token == BEGIN_NODE)
			n = depth++ < MAX_DEPTH ? check_begin(s, at, end) : 0;
		else if (token == PROP)
			n = check_prop(s, at, end, strings_size);
		else if (token == END_NODE)
			depth--;
		else if (token != NOP)
			n = 0;
		if (!n)
			return false;
	}
	return false;
}

const char *dt_check(const void *tree, uint64_t size)
{
	const struct header *h = tree;
	uint32_t total, structure_size, strings_size, strings_at;

	if ((uintptr_t)tree % 8)
		return "it is not aligned to 8 bytes";
	if (size < sizeof(*h) || dt_cell(&h->magic, 0) != MAGIC)
		return "it is no device tree";
	total = dt_cell(&h->size, 0);
	if (total > size || total > INT32_MAX)
		return "it is cut short";
	if (dt_cell(&h->version, 0) < VERSION || dt_cell(&h->compatible, 0) > VERSION)
		return "its version is not 17";
	structure_size = dt_cell(&h->structure_size, 0);
	strings_size = dt_cell(&h->strings_size, 0);
	strings_at = dt_cell(&h->strings, 0);
	if (!inside(dt_cell(&h->structure, 0), structure_size, 4, total) ||
	    !inside(strings_at, strings_size, 1, total))
		return "its header is damaged";
	if (strings_size && ((const char *)tree)[strings_at + strings_size - 1])
		return "its strings do not end";
	if (!check_structure(structure(tree), structure_size, strings_size))
		return "its structure is damaged";
	return NULL;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

const char *dt_name(const void *tree, int node)
{
	return structure(tree) + node + 4;
}

/* The node that begins at `at` or, if properties lie there, behind them; -1: their parent ends. */
static int node_from(const char *s, uint32_t at)
{
	while (word(s, at) == PROP || word(s, at) == NOP)
		at = skip(s, at);
	return word(s, at) == BEGIN_NODE ? (int)at : -1;
}

int dt_first_child(const void *tree, int node)
{
	const char *s = structure(tree);

	return node < 0 ? -1 : node_from(s, after_name(s, (uint32_t)node));
}

int dt_next_child(const void *tree, int child)
{
	const char *s = structure(tree);
	uint32_t at = (uint32_t)child;
	unsigned depth = 0;

	do {
		uint32_t token = word(s, at);

		depth += token == BEGIN_NODE;
		depth -= token == END_NODE;
		at = skip(s, at);
	} while (depth);
	return node_from(s, at);
}

int dt_next(const void *tree, int node)
{
	const char *s = structure(tree);
	uint32_t at = (uint32_t)node;

	do
		at = skip(s, at);
	while (word(s, at) != BEGIN_NODE && word(s, at) != END);
	return word(s, at) == BEGIN_NODE ? (int)at : -1;
}

int dt_parent(const void *tree, int node)
{
	const char *s = structure(tree);
	int path[MAX_DEPTH], depth = 0;

	for (uint32_t at = 0; (int)at < node; at = skip(s, at)) {
		if (word(s, at) == BEGIN_NODE)
			path[depth++] = (int)at;
		else if (word(s, at) == END_NODE)
			depth--;
	}
	return depth ? path[depth - 1] : -1;
}

/* --- Properties ------------------------------------------------------------------------------- */

bool dt_next_prop(const void *tree, int node, struct dt_prop *prop)
{
	const char *s = structure(tree), *value = prop->value;
	uint32_t at;

	if (node < 0)
		return false;
	at = value ? (uint32_t)(value - s) + align4((uint32_t)prop->size) :
		     after_name(s, (uint32_t)node);
	while (word(s, at) == NOP)
		at += 4;
	if (word(s, at) != PROP)
		return false;
	prop->name = strings(tree) + word(s, at + 8);
	prop->value = s + at + 12;
	prop->size = (int)word(s, at + 4);
	return true;
}

/* The name is of n characters. */
static const void *get(const void *tree, int node, const char *name, size_t n, int *size)
{
	struct dt_prop p = {0};

	while (dt_next_prop(tree, node, &p)) {
		if (*p.name == *name && !strncmp(p.name, name, n) && !p.name[n]) {
			*size = p.size;
			return p.value;
		}
	}
	*size = 0;
	return NULL;
}

const void *dt_get(const void *tree, int node, const char *name, int *size)
{
	return get(tree, node, name, strlen(name), size);
}

const char *dt_string(const void *tree, int node, const char *name, unsigned n)
{
	int left;
	const char *s = dt_get(tree, node, name, &left);

	while (s && left > 0) {
		size_t size = strnlen(s, (size_t)left) + 1;

		if (size > (size_t)left)
			return NULL;
		if (!n--)
			return s;
		s += size;
		left -= (int)size;
	}
	return NULL;
}

bool dt_compatible(const void *tree, int node, const char *with)
{
	const char *s;

	for (unsigned n = 0; (s = dt_string(tree, node, "compatible", n)); n++)
		if (!strcmp(s, with))
			return true;
	return false;
}

/* --- Search ----------------------------------------------------------------------------------- */

int dt_by_phandle(const void *tree, uint32_t phandle)
{
	for (int node = 0; node >= 0; node = dt_next(tree, node)) {
		int size;
		const void *value = dt_get(tree, node, "phandle", &size);

		if (size == 4 && dt_cell(value, 0) == phandle)
			return node;
	}
	return -1;
}

/* The child of that name, which is of n characters. */
static int child_named(const void *tree, int node, const char *name, size_t n)
{
	bool unit = memchr(name, '@', n);
	int child;

	dt_for_each_child(child, tree, node) {
		const char *found = dt_name(tree, child);

		if (!strncmp(found, name, n) && (!found[n] || (found[n] == '@' && !unit)))
			return child;
	}
	return -1;
}

int dt_at_path(const void *tree, const char *path)
{
	int node = 0;

	if (*path != '/') {
		size_t n = strcspn(path, "/");
		int size;
		const char *full = get(tree, dt_at_path(tree, "/aliases"), path, n, &size);

		/* An alias is a full path: this leads no deeper. */
		if (!n || size < 2 || full[size - 1] || *full != '/')
			return -1;
		node = dt_at_path(tree, full);
		path += n;
	}
	while (node >= 0 && *(path += strspn(path, "/"))) {
		size_t n = strcspn(path, "/");

		node = child_named(tree, node, path, n);
		path += n;
	}
	return node;
}
