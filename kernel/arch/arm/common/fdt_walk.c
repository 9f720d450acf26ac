/* SPDX-License-Identifier: MIT */
/* Flattened device trees: their format, and a pass over one. All numbers in them are big endian. */
#include <arch/fdt_walk.h>
#include <core/string.h>

#define FDT_MAGIC 0xd00dfeed
#define FDT_VERSION 17

enum { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };

struct header {
	u32 magic, totalsize, off_structure, off_strings, off_reserved;
	u32 version, compatible_version, boot_cpu, strings_size, structure_size;
};
_Static_assert(sizeof(struct header) == FDT_HEADER_SIZE, "the format's");

static const char *const names[P_COUNT] = {
#define X(id, name) name,
	WALK_PROPS(X)
#undef X
};

static u32 be32(const void *p)
{
	return __builtin_bswap32(*(const u32 *)p);
}

/* --- The format ------------------------------------------------------------------------------- */

u64 fdt_size(const void *p)
{
	const struct header *h = p;

	return be32(&h->magic) == FDT_MAGIC ? be32(&h->totalsize) : 0;
}

static bool inside(u64 offset, u64 length, u64 align, u64 size)
{
	return IS_ALIGNED(offset | length, align) && offset <= size && length <= size - offset;
}

const char *fdt_open(struct fdt *f, const void *p, u64 size)
{
	const struct header *h = p;
	u32 structure = be32(&h->off_structure), strings = be32(&h->off_strings);
	u32 reserved = be32(&h->off_reserved);

	f->structure_size = be32(&h->structure_size);
	f->strings_size = be32(&h->strings_size);
	if (be32(&h->version) < FDT_VERSION || be32(&h->compatible_version) > FDT_VERSION)
		return "its version is not 17";
	if (!inside(structure, f->structure_size, 4, size) ||
	    !inside(strings, f->strings_size, 1, size) || !inside(reserved, 0, 8, size))
		return "its header is damaged";
	f->structure = (const char *)p + structure;
	f->strings = (const char *)p + strings;
	f->reserved = (const char *)p + reserved;
	f->reserved_size = (u32)(size - reserved);
	if (f->strings_size && f->strings[f->strings_size - 1])
		return "its strings do not end";
	return NULL;
}

bool fdt_reserved(const struct fdt *f, unsigned i, struct region *r)
{
	const u32 *cells = (const u32 *)f->reserved + i * 4ul;

	if (f->reserved_size / 16 <= i)
		return false;
	r->base = walk_cells(cells, 2);
	r->size = walk_cells(cells + 2, 2);
	return r->base || r->size;
}

static u64 bytes_left(const struct fdt *f, const char *p)
{
	return (u64)(f->structure + f->structure_size - p);
}

/* p is behind a node's tag. Null if its name does not end. */
static const char *after_name(const struct fdt *f, const char *p)
{
	size_t left = bytes_left(f, p), n = strnlen(p, left);

	return n < left ? p + ALIGN_UP(n + 1, 4ul) : NULL;
}

/* p is behind a property's tag. Null if it is not inside the tree. */
static const char *read_property(const struct fdt *f, const char *p, const char **name,
				 struct prop *prop)
{
	u64 left = bytes_left(f, p);
	u32 size, offset;

	if (left < 8)
		return NULL;
	size = be32(p);
	offset = be32(p + 4);
	if (size > left - 8 || offset >= f->strings_size)
		return NULL;
	*name = f->strings + offset;
	*prop = (struct prop){p + 8, (int)size};
	return p + 8 + ALIGN_UP((u64)size, 4ul);
}

struct prop fdt_lookup(const struct fdt *f, const char *node, const char *name, size_t n)
{
	const char *p = after_name(f, node), *found;
	struct prop prop;

	while (p && bytes_left(f, p) >= 4) {
		u32 tag = be32(p);

		p += 4;
		if (tag == PROP) {
			p = read_property(f, p, &found, &prop);
			if (p && strnlen(found, n + 1) == n && memcmp(found, name, n) == 0)
				return prop;
		} else if (tag != NOP) {
			break;
		}
	}
	return (struct prop){NULL, 0};
}

/* --- Nodes ------------------------------------------------------------------------------------ */

u64 walk_cells(const u32 *p, unsigned cells)
{
	u64 v = 0;

	while (cells--)
		v = v << 32 | be32(p++);
	return v;
}

/* Also where text is the first of a list. */
bool prop_is(const struct prop *p, const char *text)
{
	size_t n = strlen(text) + 1;

	return p->value && (size_t)p->size >= n && memcmp(p->value, text, n) == 0;
}

u32 prop_u32(const struct prop *p, u32 otherwise)
{
	return p->value && p->size == 4 ? be32(p->value) : otherwise;
}

bool walk_is(const struct walk *w, const char *name)
{
	return w->depth == 1 && strcmp(w->path[1].name, name) == 0;
}

bool walk_is_in(const struct walk *w, const char *parent)
{
	return w->depth == 2 && strcmp(w->path[1].name, parent) == 0;
}

bool walk_is_at(const struct walk *w, const char *path, size_t n)
{
	const char *end = path + n;

	for (int d = 1; d <= w->depth; d++) {
		const char *name = w->path[d].name, *from;
		size_t length;

		if (path == end || *path++ != '/')
			return false;
		for (from = path; path < end && *path != '/'; path++)
			;
		length = (size_t)(path - from);
		if (strnlen(name, length) < length || memcmp(name, from, length) ||
		    (name[length] && name[length] != '@'))
			return false;
	}
	return path == end;
}

/* Translates base, an address on the bus of path[bus], to its parent bus. */
static bool translate(const struct walk *w, int bus, u64 *base, u64 span)
{
	unsigned child = w->path[bus].address, parent = w->path[bus - 1].address;
	unsigned cells = child + parent + w->path[bus].size;
	const u32 *p = w->path[bus].ranges.value;
	int n = w->path[bus].ranges.size / 4;

	if (!p)
		return false;
	if (!n) /* one to one */
		return true;
	for (; cells && n >= (int)cells; n -= (int)cells, p += cells) {
		u64 from = walk_cells(p, child);
		u64 to = walk_cells(p + child, parent);
		u64 length = walk_cells(p + child + parent, w->path[bus].size);

		if (*base >= from && *base - from < length && span <= length - (*base - from)) {
			*base = *base - from + to;
			return true;
		}
	}
	return false;
}

bool walk_reg(const struct walk *w, unsigned i, struct region *r)
{
	unsigned address = w->path[w->depth - 1].address, size = w->path[w->depth - 1].size;
	unsigned cells = address + size;
	const u32 *p = w->prop[P_REG].value;

	if (!p || !cells || (int)((i + 1) * cells * 4) > w->prop[P_REG].size)
		return false;
	p += i * cells;
	r->base = walk_cells(p, address);
	r->size = walk_cells(p + address, size);
	for (int bus = w->depth - 1; bus > 0; bus--) {
		if (!translate(w, bus, &r->base, r->size))
			return false;
	}
	return true;
}

bool walk_cpu_reg(const struct walk *w, u64 *mpidr)
{
	unsigned address = w->path[w->depth - 1].address;
	const struct prop *reg = &w->prop[P_REG];

	if (!reg->value || !address || reg->size < (int)(address * 4))
		return false;
	*mpidr = walk_cells(reg->value, address);
	return true;
}

/* --- The pass --------------------------------------------------------------------------------- */

static void begin_node(struct walk *w, const char *node)
{
	w->node = node;
	w->depth++;
	for (unsigned i = 0; i < P_COUNT; i++)
		w->prop[i].value = NULL;
}

static void keep_property(struct walk *w, const char *name, struct prop prop)
{
	for (unsigned i = 0; i < P_COUNT; i++) {
		if (*names[i] == *name && strcmp(names[i], name) == 0) {
			w->prop[i] = prop;
			return;
		}
	}
}

/* All properties are there: the node is what its children will be on. The specification's limits
 * for cells are smaller; a wilder number would only overflow. */
static void show_node(struct walk *w, void (*fn)(const struct walk *w))
{
	int d = w->depth;

	if (d >= WALK_DEPTH)
		return;
	w->path[d].name = w->node;
	w->path[d].address = MIN(prop_u32(&w->prop[P_ADDRESS_CELLS], 2), 4u);
	w->path[d].size = MIN(prop_u32(&w->prop[P_SIZE_CELLS], 1), 4u);
	w->path[d].ranges = w->prop[P_RANGES];
	if (d)
		fn(w);
}

bool walk_tree(const struct fdt *f, void (*fn)(const struct walk *w))
{
	struct walk w = {.fdt = f, .depth = -1};
	const char *p = f->structure, *name;
	bool complete = true; /* the node has been shown */
	struct prop prop;

	while (p && bytes_left(f, p) >= 4) {
		u32 tag = be32(p);

		p += 4;
		if (!complete && (tag == BEGIN_NODE || tag == END_NODE)) {
			show_node(&w, fn);
			complete = true;
		}
		switch (tag) {
		case BEGIN_NODE:
			begin_node(&w, p);
			p = after_name(f, p);
			complete = false;
			break;
		case PROP:
			p = read_property(f, p, &name, &prop);
			if (p && !complete)
				keep_property(&w, name, prop);
			break;
		case END_NODE:
			if (w.depth-- < 0)
				return false;
			break;
		case NOP:
			break;
		default:
			return tag == END && w.depth == -1;
		}
	}
	return false;
}
