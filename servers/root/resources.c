/* SPDX-License-Identifier: MIT */
/* What root has been given to read: the boot archive and the two device trees. */
#include <stdlib.h>
#include <string.h>
#include <takt/dt.h>
#include <takt/loader.h>
#include <takt/rt.h>

#include "root.h"

#define DESCRIPTION "system.dtb"

static const char *archive;
const void *system_fdt, *board_fdt;

int device_derive(unsigned owner, takt_slot factory, uint64_t base, uint64_t size,
		  takt_slot *slot)
{
	uint64_t all, all_size;
	int err = takt_memory_info(TAKT_ROOT_DEVICES, &all, &all_size);

	if (err)
		return err;
	if (base < all || base - all > all_size || size > all_size - (base - all))
		return TAKT_E_RANGE;
	*slot = slot_alloc(owner);
	if (!*slot)
		return TAKT_E_QUOTA;
	return takt_memory_derive(TAKT_ROOT_DEVICES, factory, base - all, size,
				  TAKT_R_MEM_READ | TAKT_R_MEM_WRITE | TAKT_R_MEM_DERIVE, *slot);
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

/* The tree if it is one, null with a complaint otherwise. */
static const void *check_fdt(const char *what, const void *fdt, uint64_t size)
{
	const char *wrong = dt_check(fdt, size);

	if (!wrong)
		return fdt;
	complain(NULL, NULL, "%s: %s", what, wrong);
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
	if (!dt_compatible(system_fdt, 0, "takt,system"))
		return complain("/", "compatible", "is not 'takt,system'");
	return 0;
}
