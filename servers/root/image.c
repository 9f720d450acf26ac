/* SPDX-License-Identifier: MIT */
/*
 * A program's memory. One extent holds, in this order: the pages of the ELF segments, the
 * environment, the stacks of the threads that root makes. Root writes it through a window of its
 * own; the program then gets each part with the access it needs, none both writable and executable.
 */
#include <libfdt.h>
#include <string.h>
#include <takt/dt.h>
#include <takt/layout.h>
#include <takt/loader.h>
#include <takt/rt.h>

#include "root.h"

#define ENV_SIZE 0x4000
#define PROGRAM_END TAKT_VA_ENV
#define MAX_DEPTH 8
#define WINDOW 0x200000

_Static_assert(ENV_SIZE <= TAKT_ENV_MAX_SIZE, "as the layout has it");

struct image {
	struct compartment *c;
	const char *file; /* in the archive */
	uint64_t file_size;
	struct elf_image elf;
	uint64_t env, stacks, size; /* offsets in the extent, and its size */
	char *window;		    /* the extent in root */
};

/* Copies a node's properties and subnodes into the tree that is being written. */
static int copy_node(void *to, int node, int depth)
{
	struct dt_prop p = {0};
	int child, err;

	if (depth == MAX_DEPTH)
		return -FDT_ERR_BADSTRUCTURE;
	while (dt_next_prop(system_fdt, node, &p)) {
		err = fdt_property(to, p.name, p.value, p.size);
		if (err)
			return err;
	}
	dt_for_each_child(child, system_fdt, node) {
		err = fdt_begin_node(to, dt_name(system_fdt, child));
		if (!err)
			err = copy_node(to, child, depth + 1);
		if (!err)
			err = fdt_end_node(to);
		if (err)
			return err;
	}
	return 0;
}

/* All compartments by number: that is how a server of schedulers is told of its clients. */
static int write_clients(void *fdt)
{
	char names[MAX_COMPARTMENTS * 32];
	int len = 0;

	for (unsigned i = 0; i < compartment_count; i++) {
		int n = (int)strlen(compartments[i].desc.name) + 1;

		if (len + n > (int)sizeof(names))
			return -FDT_ERR_NOSPACE;
		memcpy(names + len, compartments[i].desc.name, (size_t)n);
		len += n;
	}
	return fdt_property(fdt, "takt,clients", names, len);
}

/* What the program cannot know from its node: its name, and where the archive's files begin. The
 * first property of a name counts, so these stand before the node's own. */
static int write_additions(struct compartment *c, void *fdt)
{
	int len, err = fdt_property_string(fdt, "takt,name", c->desc.name);

	if (!err)
		err = fdt_property_u64(fdt, "archive-offset", bootinfo()->archive_offset);
	if (!err)
		err = fdt_property_u64(fdt, "archive-size", bootinfo()->archive_size);
	if (!err && dt_get(system_fdt, c->desc.node, "#scheduler-cells", &len))
		err = write_clients(fdt);
	return err;
}

static int write_tree(struct compartment *c, void *fdt, int size)
{
	int err = fdt_create(fdt, size);

	if (!err)
		err = fdt_finish_reservemap(fdt);
	if (!err)
		err = fdt_begin_node(fdt, "");
	if (!err)
		err = write_additions(c, fdt);
	if (!err)
		err = copy_node(fdt, c->desc.node, 0);
	if (!err)
		err = fdt_end_node(fdt);
	if (!err)
		err = fdt_finish(fdt);
	if (err)
		return complain(c->desc.name, NULL, "writing its device tree: %s",
				fdt_strerror(err));
	return 0;
}

static int write_env(struct image *image)
{
	struct compartment *c = image->c;
	struct takt_env *env = (struct takt_env *)(image->window + image->env);
	uint64_t tree = (sizeof(*env) + c->caps * sizeof(env->cap[0]) + 7) & ~7ull;

	_Static_assert(sizeof(*env) + MAX_CAPS * sizeof(env->cap[0]) < ENV_SIZE / 2,
		       "leaves room for the tree");
	_Static_assert(sizeof(env->cap[0].name) == NAME_SIZE, "one size for names");
	*env = (struct takt_env){.magic = TAKT_ENV_MAGIC, .caps = c->caps,
				 .fdt_offset = (uint32_t)tree, .utcb = TAKT_VA_UTCB(0)};
	for (unsigned i = 0; i < c->caps; i++) {
		memcpy(env->cap[i].name, c->cap[i].name, NAME_SIZE);
		env->cap[i].slot = c->cap[i].slot;
	}
	return write_tree(c, (char *)env + tree, (int)(ENV_SIZE - tree));
}

static int parse(struct image *image)
{
	const struct desc *d = &image->c->desc;
	const void *file;
	enum elf_error err;

	if (archive_find(d->name, d->program, &file, &image->file_size))
		return TAKT_E_INVAL;
	image->file = file;
	err = elf_parse(file, image->file_size, TAKT_VA_PROGRAM, PROGRAM_END, &image->elf);
	if (err)
		return complain(d->name, "program", "'%s': %s", d->program, elf_strerror(err));
	for (unsigned i = 0; i < image->elf.count; i++)
		image->env += image->elf.segment[i].size;
	image->stacks = image->env + ENV_SIZE;
	image->size = image->stacks + image->c->threads * d->stack;
	image->c->entry = image->elf.entry;
	return 0;
}

/* Writes everything; what no file fills is zero. */
static int fill(struct image *image)
{
	char *to = image->window;

	memset(to, 0, image->size);
	for (unsigned i = 0; i < image->elf.count; i++) {
		const struct elf_segment *s = &image->elf.segment[i];

		memcpy(to + s->lead, image->file + s->file_offset, s->file_size);
		to += s->size;
	}
	return write_env(image);
}

static int write_image(struct image *image)
{
	/* The window stays where it is: pages are mapped there for one image after the other. Its
	 * page tables stay, too, one for each WINDOW bytes. */
	static uint64_t window, window_size;
	struct compartment *c = image->c;
	int err;

	if (image->size > window_size) {
		window_size = (image->size + WINDOW - 1) & ~(uint64_t)(WINDOW - 1);
		window = rt_va_alloc(window_size, WINDOW);
		if (!window)
			window_size = 0;
	}
	err = !window ? TAKT_E_RANGE :
			takt_task_map(TAKT_ROOT_TASK, c->image, window, 0, image->size,
				      TAKT_MAP_READ | TAKT_MAP_WRITE);
	if (err)
		return checked(c->desc.name, "writing its memory", err);
	image->window = (char *)window;
	err = fill(image);
	return checked(c->desc.name, "unmapping its memory from root",
		       takt_task_unmap(TAKT_ROOT_TASK, window, image->size)) ?: err;
}

static int map_part(struct image *image, uint64_t va, uint64_t offset, uint64_t size,
		    unsigned access)
{
	struct compartment *c = image->c;
	int err = 0;

	if (access & TAKT_MAP_EXEC)
		err = takt_memory_sync(c->image, offset, size, TAKT_SYNC_CODE);
	if (!err)
		err = takt_task_map(c->task, c->image, va, offset, size, access);
	return checked(c->desc.name, "mapping its memory", err);
}

static int map_image(struct image *image)
{
	uint64_t offset = 0, stack = image->c->desc.stack;
	int err = 0;

	for (unsigned i = 0; !err && i < image->elf.count; i++) {
		const struct elf_segment *s = &image->elf.segment[i];

		err = map_part(image, s->va, offset, s->size, s->access);
		offset += s->size;
	}
	if (!err)
		err = map_part(image, TAKT_VA_ENV, image->env, ENV_SIZE, TAKT_MAP_READ);
	for (unsigned i = 0; !err && i < image->c->threads; i++)
		err = map_part(image, TAKT_VA_STACK_TOP((uint64_t)i) - stack,
			       image->stacks + i * stack, stack, TAKT_MAP_READ | TAKT_MAP_WRITE);
	return err;
}

/* Loads the program into the compartment's task and sets its entry point. Needs c->threads, and the
 * list of capabilities complete. */
int image_load(struct compartment *c)
{
	struct image image = {.c = c};
	int err = parse(&image);

	_Static_assert(ELF_READ == TAKT_MAP_READ && ELF_WRITE == TAKT_MAP_WRITE &&
		       ELF_EXEC == TAKT_MAP_EXEC, "segments say how they are mapped");
	if (err)
		return err;
	err = checked(c->desc.name, "memory for the program",
		      ram_alloc(index_of(c), c->factory, image.size,
				TAKT_R_MEM_READ | TAKT_R_MEM_WRITE | TAKT_R_MEM_EXEC, &c->image));
	if (!err)
		err = write_image(&image);
	if (!err)
		err = map_image(&image);
	return err;
}
