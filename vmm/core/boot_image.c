/* SPDX-License-Identifier: MIT */
/*
 * The boot protocol of arm64 Linux: an Image, an initrd and a device tree in the guest's memory,
 * the kernel entered with its MMU off and x0 = address of the tree. Any program with an Image
 * header can be booted like that; one without is entered at its first byte.
 *
 *   GUEST_RAM + text_offset   the kernel, with all the memory that it says it takes
 *   next 2 MiB                the tree: a 2 MiB block of its own, as old kernels want it
 *   next 2 MiB                the initrd
 *
 * Or firmware, as QEMU's "-bios" has it: in flash at address 0, the tree at GUEST_RAM.
 */
#include <string.h>

#include <takt/loader.h>
#include <takt/rt.h>

#include "gzip.h"
#include "log.h"
#include "machine.h"

#define BLOCK 0x200000ul
#define TREE_MAX_SIZE 0x10000u
#define IMAGE_MAGIC 0x644d5241 /* "ARM\x64" */

struct image_header {
	uint32_t code[2];
	uint64_t text_offset, image_size, flags;
	uint64_t reserved[3];
	uint32_t magic, pe_offset;
};
_Static_assert(sizeof(struct image_header) == 64, "as the boot protocol has it");

#define IMAGE_BIG_ENDIAN 0x1 /* in flags */

static uint64_t block_up(uint64_t address)
{
	return (address + BLOCK - 1) & ~(BLOCK - 1);
}

/* The boot archive in our address space, mapped at the first use. */
static const uint8_t *archive(void)
{
	static const uint8_t *mapped;
	uint64_t base, size;

	if (!mapped && !takt_memory_info(env_cap("archive"), &base, &size))
		mapped = rt_map(env_cap("archive"), 0, size, TAKT_MAP_READ | TAKT_MAP_CACHED);
	return mapped ? mapped + env_number("archive-offset", 0) : NULL;
}

static int find(const char *name, struct cpio_file *file)
{
	const uint8_t *start = archive();
	enum cpio_error err;

	if (!start) {
		vmm_log("the boot archive cannot be mapped");
		return TAKT_E_CAP;
	}
	err = cpio_find(start, env_number("archive-size", 0), name, file);
	if (err != CPIO_OK) {
		vmm_log("%s: not in the boot archive (%s)", name, cpio_strerror(err));
		return TAKT_E_RANGE;
	}
	return 0;
}

/* Copies a file to a guest address. */
static int place(struct machine *m, const struct cpio_file *file, uint64_t address)
{
	void *to = memory_at(m, address, file->size);

	if (!to) {
		vmm_log("%s does not fit into the guest's memory", file->name);
		return TAKT_E_RANGE;
	}
	memory_write(to, file->data, file->size);
	return 0;
}

/* The file's first bytes, unpacked if need be; short files are filled up with zeroes. */
static int read_header(const struct cpio_file *file, struct image_header *header)
{
	const char *why;
	uint64_t size = file->size < sizeof(*header) ? file->size : sizeof(*header);

	*header = (struct image_header){0};
	if (!gzip_is(file->data, file->size)) {
		memcpy(header, file->data, size);
		return 0;
	}
	if (gzip_unpack(file->data, file->size, (uint8_t *)header, sizeof(*header), true, &why) >=
	    0)
		return 0;
	vmm_log("%s cannot be unpacked: %s", file->name, why);
	return TAKT_E_INVAL;
}

/* Copies or unpacks the kernel to a guest address. Its size, or an error. */
static int64_t place_kernel(struct machine *m, const struct cpio_file *file, uint64_t address)
{
	uint64_t offset = address - GUEST_RAM;
	const char *why;
	int64_t size;
	int err;

	if (!gzip_is(file->data, file->size)) {
		err = place(m, file, address);
		return err ? err : (int64_t)file->size;
	}
	size = gzip_unpack(file->data, file->size, m->memory + offset, m->ram_size - offset, false,
			   &why);
	if (size < 0) {
		vmm_log("%s cannot be unpacked: %s", file->name, why);
		return TAKT_E_INVAL;
	}
	arch_clean(m->memory + offset, (uint64_t)size);
	return size;
}

/* Where the image wants to be, and how much memory it says it takes; 0: no more than it has. */
static int check_header(const struct cpio_file *file, const struct image_header *header,
			uint64_t *offset, uint64_t *size)
{
	*offset = *size = 0;
	if (header->magic != IMAGE_MAGIC) {
		if (memcmp(header, "\177ELF", 4))
			return 0;
		vmm_log("%s is an ELF file; what boots is the Image made from it", file->name);
		return TAKT_E_INVAL;
	}
	if (header->flags & IMAGE_BIG_ENDIAN) {
		vmm_log("%s is a big-endian kernel", file->name);
		return TAKT_E_INVAL;
	}
	/* Images from before 3.17 have no size, and text_offset is 512 KiB there. */
	*offset = header->image_size ? header->text_offset : 0x80000;
	*size = header->image_size;
	return 0;
}

/* Loads the kernel; *end is where the memory that it needs ends. */
static int load_kernel(struct machine *m, uint64_t *end)
{
	const char *name = env_string("kernel", "");
	struct image_header header;
	struct cpio_file file;
	uint64_t offset, size;
	int64_t placed;
	int err;

	if (!*name) {
		vmm_log("the description names no kernel, nor firmware");
		return TAKT_E_INVAL;
	}
	err = find(name, &file);
	if (!err && !file.size) {
		vmm_log("%s is empty", name);
		err = TAKT_E_INVAL;
	}
	if (!err)
		err = read_header(&file, &header);
	if (!err)
		err = check_header(&file, &header, &offset, &size);
	if (err)
		return err;
	if (offset > m->ram_size || size > m->ram_size - offset) {
		vmm_log("%s needs %lu bytes from offset %lu, the guest has %lu", file.name,
			(unsigned long)size, (unsigned long)offset, (unsigned long)m->ram_size);
		return TAKT_E_RANGE;
	}
	m->boot_pc = GUEST_RAM + offset;
	placed = place_kernel(m, &file, m->boot_pc);
	if (placed < 0)
		return (int)placed;
	*end = m->boot_pc + ((uint64_t)placed > size ? (uint64_t)placed : size);
	return 0;
}

int64_t boot_image_rom(void)
{
	const char *name = env_string("firmware", "");
	struct cpio_file file;
	int err;

	if (!*name)
		return 0;
	if (*env_string("kernel", "")) {
		vmm_log("the description names both a kernel and firmware");
		return TAKT_E_INVAL;
	}
	err = find(name, &file);
	if (err)
		return err;
	if (file.size > GUEST_FLASH_SIZE / 2) {
		vmm_log("%s is larger than a bank of the board's flash", name);
		return TAKT_E_RANGE;
	}
	return (int64_t)(block_up(file.size) + GUEST_FLASH_ERASED);
}

/* Firmware starts at its first byte, in flash, and finds the tree where RAM begins. */
static int load_firmware(struct machine *m)
{
	uint8_t *rom = m->memory + m->ram_size, *erased = rom + m->rom_size - GUEST_FLASH_ERASED;
	struct cpio_file file;
	int err = find(env_string("firmware", ""), &file);

	if (err)
		return err;
	m->boot_pc = GUEST_FLASH;
	memory_write(rom, file.data, file.size);
	memset(erased, 0xff, GUEST_FLASH_ERASED);
	arch_clean(erased, GUEST_FLASH_ERASED);
	return 0;
}

int boot_image_load(struct machine *m)
{
	const char *name = env_string("initrd", "");
	struct tree_boot boot = {0};
	struct cpio_file initrd;
	uint64_t end = GUEST_RAM, tree;
	void *buf;
	int err = m->rom_size ? load_firmware(m) : load_kernel(m, &end);

	if (err)
		return err;
	tree = block_up(end);
	if (*name) {
		err = find(name, &initrd);
		if (err)
			return err;
		boot.initrd = tree + BLOCK;
		boot.initrd_size = initrd.size;
		err = place(m, &initrd, boot.initrd);
		if (err)
			return err;
	}
	buf = memory_at(m, tree, TREE_MAX_SIZE);
	if (!buf) {
		vmm_log("the guest's memory has no room for a device tree");
		return TAKT_E_RANGE;
	}
	err = tree_create(m, &boot, buf, TREE_MAX_SIZE);
	if (err < 0)
		return err;
	m->boot_x0 = tree;
	arch_clean(buf, TREE_MAX_SIZE);
	return 0;
}
