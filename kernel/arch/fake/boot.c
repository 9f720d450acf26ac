/* SPDX-License-Identifier: MIT */
/* The board, and a boot archive whose only program is a page of nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/fake.h>

#include "internal.h"

#define IMAGE_SIZE (1ul << 20)
#define CPIO_HEADER 110
#define DATA_OFFSET 116 /* header, "root", padded to 4 */
#define ELF_SIZE (64 + 56)

struct platform platform;
bool fake_log;

u32 fake_read32(const volatile void *p)
{
	(void)p;
	return 0;
}

void fake_write32(volatile void *p, u32 v)
{
	(void)p;
	(void)v;
}

/* What was written last, for the case that it was a panic. */
char fake_console[FAKE_CONSOLE];
size_t fake_written;

size_t early_write(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fake_console[fake_written++ % sizeof(fake_console)] = text[i];
	if (fake_log)
		fwrite(text, 1, n, stderr);
	return n;
}

void psci_system_off(void)
{
	size_t n = fake_written < sizeof(fake_console) ? fake_written : sizeof(fake_console);

	fflush(stdout);
	for (size_t i = fake_written - n; !fake_log && i < fake_written; i++)
		fputc(fake_console[i % sizeof(fake_console)], stderr);
	abort();
}

void psci_system_reset(void)
{
	psci_system_off();
}

static void write_elf(u8 *elf)
{
	static const u8 ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	memcpy(elf, ident, sizeof(ident));
	*(u16 *)(elf + 16) = 2;	       /* ET_EXEC */
	*(u16 *)(elf + 18) = 183;      /* AArch64 */
	*(u64 *)(elf + 24) = 0x400000; /* entry */
	*(u64 *)(elf + 32) = 64;       /* program headers */
	*(u16 *)(elf + 54) = 56;
	*(u16 *)(elf + 56) = 1;
	*(u32 *)(elf + 64) = 1; /* PT_LOAD, r-x */
	*(u32 *)(elf + 68) = 5;
	*(u64 *)(elf + 80) = 0x400000;
	*(u64 *)(elf + 96) = ELF_SIZE;
	*(u64 *)(elf + 104) = ELF_SIZE;
}

static void write_archive(void)
{
	u8 elf[ELF_SIZE] __attribute__((aligned(8))) = {0};
	char archive[DATA_OFFSET + ELF_SIZE + 1];

	write_elf(elf);
	memset(archive, 0, sizeof(archive));
	snprintf(archive, sizeof(archive), "070701%048x%08x%032x%08x%08x", 0, ELF_SIZE, 0, 5, 0);
	memcpy(archive + CPIO_HEADER, "root", 5);
	memcpy(archive + DATA_OFFSET, elf, ELF_SIZE);
	for (size_t i = 0; i < sizeof(archive); i++)
		fake_poke(platform.archive.base + i, (u8)archive[i]);
	platform.archive.size = sizeof(archive);
}

void fake_boot(unsigned cpus_wanted)
{
	platform.cpus = cpus_wanted;
	for (unsigned i = 0; i < cpus_wanted; i++)
		platform.mpidr[i] = i;
	platform.memories = 1;
	platform.memory[0] = (struct region){FAKE_RAM, FAKE_RAM_SIZE};
	platform.image = (struct region){FAKE_RAM, IMAGE_SIZE};
	platform.archive = (struct region){FAKE_RAM + IMAGE_SIZE, 0};
	platform.counter_hz = FAKE_HZ;
	platform.gic_version = 2;
	platform.gicd = (struct region){0x08000000, 0x1000};
	platform.hyp_timer_intid = 26;
	platform.virt_timer_intid = 27;
	platform.maintenance_intid = 25;
	fake_memory_init();
	write_archive();
	fake_smp_run();
}
