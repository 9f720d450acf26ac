/* SPDX-License-Identifier: MIT */
/* The guest's memory: one extent, at GUEST_RAM for the guest and somewhere for us. Firmware takes
 * the last of it. */
#include <takt/rt.h>

#include "log.h"
#include "machine.h"

int memory_create(struct machine *m)
{
	uint64_t base;
	int64_t rom;
	int err;

	m->ram = env_cap("ram");
	if (!m->ram) {
		vmm_log("no memory is routed to the machine (\"ram\")");
		return TAKT_E_CAP;
	}
	err = takt_memory_info(m->ram, &base, &m->ram_size);
	if (err)
		goto fail;
	rom = boot_image_rom();
	if (rom < 0)
		return (int)rom;
	if ((uint64_t)rom >= m->ram_size) {
		vmm_log("the machine's memory has no room for its firmware");
		return TAKT_E_RANGE;
	}
	m->rom_size = (uint64_t)rom;
	m->ram_size -= m->rom_size;
	err = takt_task_map(m->task, m->ram, GUEST_RAM, 0, m->ram_size,
			    TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_EXEC | TAKT_MAP_CACHED);
	if (err)
		goto fail;
	m->memory = rt_map(m->ram, 0, m->ram_size + m->rom_size,
			   TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_CACHED);
	if (!m->memory) {
		err = TAKT_E_RANGE;
		goto fail;
	}
	return 0;
fail:
	vmm_log("mapping the guest's memory: %s", rt_error(err));
	return err;
}

void *memory_at(struct machine *m, uint64_t address, uint64_t size)
{
	uint64_t offset = address - GUEST_RAM;

	if (address < GUEST_RAM || offset > m->ram_size || size > m->ram_size - offset)
		return NULL;
	return m->memory + offset;
}

/* A part that fits into the CPU's nearest cache at a time, so that it is cleaned from there. */
#define PART 0x4000ul

void memory_write(void *to, const void *from, uint64_t size)
{
	for (uint64_t at = 0, n; at < size; at += n) {
		n = size - at < PART ? size - at : PART;
		arch_copy((char *)to + at, (const char *)from + at, n);
		arch_clean((char *)to + at, n);
	}
}

void memory_clear(void *to, uint64_t size)
{
	for (uint64_t at = 0, n; at < size; at += n) {
		n = size - at < PART ? size - at : PART;
		arch_clear((char *)to + at, n);
		arch_clean((char *)to + at, n);
	}
}
