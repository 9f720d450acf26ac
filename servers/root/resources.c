/* SPDX-License-Identifier: MIT */
/* What root has: memory, capability slots, the boot archive, the two device trees. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <takt/loader.h>
#include <takt/rt.h>

#include "../../lib/rt/rt_internal.h"
#include "root.h"

#define HEAP_SIZE 0x40000
#define BLOCK 0x200000ull
#define DESCRIPTION "system.dtb"

_Static_assert((int)TAKT_SELF_TASK == (int)TAKT_ROOT_TASK &&
	       (int)TAKT_SELF_THREAD == (int)TAKT_ROOT_THREAD &&
	       (int)TAKT_SELF_FACTORY == (int)TAKT_ROOT_FACTORY &&
	       (int)TAKT_SELF_SCHEDULER == (int)TAKT_ROOT_SCHEDULER &&
	       (int)TAKT_SELF_LOG == (int)TAKT_ROOT_LOG,
	       "the runtime finds in root what it finds in every program");

/* Small pieces come from the low end, large aligned ones from the high end. */
static struct {
	uint64_t base, low, high; /* low, high: offsets; free between them */
} ram[sizeof(((struct takt_bootinfo *)0)->memory) /
      sizeof(((struct takt_bootinfo *)0)->memory[0])];

static takt_slot next_slot = TAKT_ROOT_FREE;
static const char *archive;
const void *system_fdt, *board_fdt;

const struct takt_bootinfo *bootinfo(void)
{
	return (const struct takt_bootinfo *)TAKT_ROOT_BOOTINFO_VA;
}

takt_slot slot_alloc(void)
{
	return next_slot < TAKT_ROOT_SLOTS ? next_slot++ : 0;
}

/* Where `size` bytes could be taken from ram[i]: an offset, or UINT64_MAX. */
static uint64_t find_room(unsigned i, uint64_t size)
{
	uint64_t base = ram[i].base, end;

	if (ram[i].high - ram[i].low < size)
		return UINT64_MAX;
	if (size < BLOCK)
		return ram[i].low;
	end = (base + ram[i].high - size) & ~(BLOCK - 1);
	return end >= base + ram[i].low ? end - base : UINT64_MAX;
}

int ram_alloc(uint64_t size, uint64_t rights, takt_slot *slot)
{
	size = (size + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	*slot = slot_alloc();
	if (!*slot)
		return TAKT_E_QUOTA;
	for (unsigned i = 0; i < bootinfo()->memories; i++) {
		uint64_t offset = find_room(i, size);
		int err;

		if (offset == UINT64_MAX)
			continue;
		err = takt_memory_derive(TAKT_ROOT_MEMORY + i, TAKT_ROOT_FACTORY, offset, size,
					 rights, *slot);
		if (err)
			return err;
		if (size < BLOCK)
			ram[i].low += size;
		else
			ram[i].high = offset;
		return 0;
	}
	return TAKT_E_NOMEM;
}

int device_derive(uint64_t base, uint64_t size, takt_slot *slot)
{
	uint64_t all, all_size;
	int err = takt_memory_info(TAKT_ROOT_DEVICES, &all, &all_size);

	if (err)
		return err;
	if (base < all || base - all > all_size || size > all_size - (base - all))
		return TAKT_E_RANGE;
	*slot = slot_alloc();
	if (!*slot)
		return TAKT_E_QUOTA;
	return takt_memory_derive(TAKT_ROOT_DEVICES, TAKT_ROOT_FACTORY, base - all, size,
				  TAKT_R_MEM_READ | TAKT_R_MEM_WRITE | TAKT_R_MEM_DERIVE, *slot);
}

/* Root's own instead of the runtime's: there is no TAKT_SELF_MEMORY. Where it fails, malloc does,
 * and who called that complains. */
void rt_heap_init(void)
{
	takt_slot slot;

	for (unsigned i = 0; i < bootinfo()->memories; i++) {
		ram[i].base = bootinfo()->memory[i].base;
		ram[i].high = bootinfo()->memory[i].size;
	}
	if (ram_alloc(HEAP_SIZE, TAKT_R_MEM_READ | TAKT_R_MEM_WRITE, &slot) ||
	    takt_task_map(TAKT_ROOT_TASK, slot, TAKT_VA_HEAP, 0, HEAP_SIZE,
			  TAKT_MAP_READ | TAKT_MAP_WRITE))
		return;
	rt_heap_set(TAKT_VA_HEAP, HEAP_SIZE);
}

/* Maps an extent read-only, from its first page to the end of [offset, offset + size). */
static const void *map_boot_file(takt_slot extent, uint64_t offset, uint64_t size)
{
	const char *p = rt_map(extent, 0,
			       (offset + size + TAKT_PAGE_SIZE - 1) &
				       ~(uint64_t)(TAKT_PAGE_SIZE - 1),
			       TAKT_MAP_READ);

	return p ? p + offset : NULL;
}

int archive_find(const char *node, const char *name, const void **data, uint64_t *size)
{
	struct cpio_file file;
	enum cpio_error err = cpio_find(archive, bootinfo()->archive_size, name, &file);

	if (err)
		return complain(node, NULL, "file '%s' in the boot archive: %s", name,
				cpio_strerror(err));
	*data = file.data;
	*size = file.size;
	return 0;
}

/* The tree if it is one, null with a complaint otherwise. libfdt wants it 8 bytes aligned, which
 * neither an archive nor firmware promises. */
static const void *check_fdt(const char *what, const void *fdt, uint64_t size)
{
	int err = (uint64_t)fdt % 8 ? -FDT_ERR_ALIGNMENT : fdt_check_full(fdt, size);

	if (!err)
		return fdt;
	complain(NULL, NULL, "%s: %s", what, fdt_strerror(err));
	return NULL;
}

/* A copy where the file is not aligned; the heap's pieces are. */
static const void *load_description(void)
{
	const void *file;
	uint64_t size;

	if (archive_find(NULL, DESCRIPTION, &file, &size))
		return NULL;
	if ((uint64_t)file % 8) {
		void *copy = malloc(size);

		if (!copy) {
			complain(NULL, NULL, "no memory for a copy of %s", DESCRIPTION);
			return NULL;
		}
		file = memcpy(copy, file, size);
	}
	return check_fdt(DESCRIPTION, file, size);
}

int resources_init(void)
{
	const struct takt_bootinfo *info = bootinfo();

	archive = map_boot_file(TAKT_ROOT_ARCHIVE, info->archive_offset, info->archive_size);
	board_fdt = map_boot_file(TAKT_ROOT_DTB, info->dtb_offset, info->dtb_size);
	if (!archive || !board_fdt)
		return complain(NULL, NULL, "cannot map the boot archive or the board's tree");
	board_fdt = check_fdt("the board's device tree", board_fdt, info->dtb_size);
	system_fdt = load_description();
	if (!board_fdt || !system_fdt)
		return TAKT_E_INVAL;
	if (fdt_node_check_compatible(system_fdt, 0, "takt,system"))
		return complain("/", "compatible", "is not 'takt,system'");
	return 0;
}
