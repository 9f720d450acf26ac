/* SPDX-License-Identifier: MIT */
/*
 * Flash where QEMU's "virt" board has it, for machines that start with firmware: that lies at its
 * start, mapped, and all else reads as erased. The start of the second bank, where firmware keeps
 * its settings and reads them byte by byte, is memory as well. There is no programming and no
 * identification by commands: writes change nothing, and the device tree has no node for it.
 */
#include "../core/device.h"

#define BANK (GUEST_FLASH_SIZE / 2)

static bool flash_access(struct device *dev, struct mmio *io)
{
	(void)dev;
	if (!io->write)
		io->value = UINT64_MAX >> (64 - io->size * 8);
	return true;
}

static int flash_create(struct device *dev)
{
	struct machine *m = dev->machine;
	unsigned flags = TAKT_MAP_READ | TAKT_MAP_EXEC | TAKT_MAP_CACHED;
	uint64_t code = m->rom_size - GUEST_FLASH_ERASED;
	int err = takt_task_map(m->task, m->ram, dev->base, m->ram_size, code, flags);

	if (err)
		return err;
	return takt_task_map(m->task, m->ram, dev->base + BANK, m->ram_size + code,
			     GUEST_FLASH_ERASED, flags);
}

DEVICE_TYPE(flash) = {
	.compatible = "takt,flash",
	.create = flash_create,
	.access = flash_access,
	.locks = true,
};
