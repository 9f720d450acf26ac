/* SPDX-License-Identifier: MIT */
#include <arch/fdt_walk.h>
#include <core/string.h>

static const char *const names[P_COUNT] = {
#define X(id, name) name,
	WALK_PROPS(X)
#undef X
};

u64 walk_cells(const fdt32_t *p, unsigned cells)
{
	u64 v = 0;

	while (cells--)
		v = v << 32 | fdt32_to_cpu(*p++);
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
	return p->value && p->size == 4 ? fdt32_to_cpu(*(const fdt32_t *)p->value) : otherwise;
}

bool walk_is(const struct walk *w, const char *name)
{
	return w->depth == 1 && strcmp(w->path[1].name, name) == 0;
}

bool walk_is_in(const struct walk *w, const char *parent)
{
	return w->depth == 2 && strcmp(w->path[1].name, parent) == 0;
}

/* Translates base, an address on the bus of path[bus], to its parent bus. */
static bool translate(const struct walk *w, int bus, u64 *base, u64 span)
{
	unsigned child = w->path[bus].address, parent = w->path[bus - 1].address;
	unsigned cells = child + parent + w->path[bus].size;
	const fdt32_t *p = w->path[bus].ranges.value;
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
	const fdt32_t *p = w->prop[P_REG].value;

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

static void begin_node(struct walk *w, int node)
{
	w->node = node;
	w->depth++;
	for (unsigned i = 0; i < P_COUNT; i++)
		w->prop[i].value = NULL;
}

static void keep_property(struct walk *w, int offset)
{
	const char *name;
	int size;
	const void *value = fdt_getprop_by_offset(w->fdt, offset, &name, &size);

	for (unsigned i = 0; value && i < P_COUNT; i++) {
		if (*names[i] == *name && strcmp(names[i], name) == 0) {
			w->prop[i] = (struct prop){value, size};
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
	/* The name follows the tag; the walk has seen its end. */
	w->path[d].name = (const char *)w->fdt + fdt_off_dt_struct(w->fdt) + w->node + FDT_TAGSIZE;
	w->path[d].address = MIN(prop_u32(&w->prop[P_ADDRESS_CELLS], 2), 4u);
	w->path[d].size = MIN(prop_u32(&w->prop[P_SIZE_CELLS], 1), 4u);
	w->path[d].ranges = w->prop[P_RANGES];
	if (d)
		fn(w);
}

bool walk_tree(const void *fdt, void (*fn)(const struct walk *w))
{
	struct walk w = {.fdt = fdt, .depth = -1};
	bool complete = true; /* the node has been shown */
	int offset = 0, next;
	u32 tag;

	for (;; offset = next) {
		tag = fdt_next_tag(fdt, offset, &next);
		if (!complete && (tag == FDT_BEGIN_NODE || tag == FDT_END_NODE)) {
			show_node(&w, fn);
			complete = true;
		}
		switch (tag) {
		case FDT_BEGIN_NODE:
			begin_node(&w, offset);
			complete = false;
			break;
		case FDT_PROP:
			if (!complete)
				keep_property(&w, offset);
			break;
		case FDT_END_NODE:
			if (w.depth-- < 0)
				return false;
			break;
		case FDT_NOP:
			break;
		default: /* the end, or an error */
			return next >= 0 && w.depth == -1;
		}
	}
}
