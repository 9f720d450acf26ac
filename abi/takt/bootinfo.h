/* SPDX-License-Identifier: MIT */
/*
 * What the kernel tells the first task. The kernel loads the ELF file `root`, the first entry of
 * the boot archive (cpio newc, handed over as the initrd), gives it a stack and starts it with
 * x0 = address of struct takt_bootinfo (read-only, one page).
 */
#ifndef TAKT_BOOTINFO_H
#define TAKT_BOOTINFO_H

#include <takt/types.h>

#define TAKT_BOOTINFO_MAGIC 0x74616b74 /* "takt" */
#define TAKT_BOOTINFO_VERSION 1

/* Initial capability slots of root; it has TAKT_ROOT_SLOTS usable slots. */
enum takt_root_slot {
	TAKT_ROOT_TASK = 1, /* root's own task */
	TAKT_ROOT_THREAD,
	TAKT_ROOT_FACTORY,
	TAKT_ROOT_SCHEDULER,
	TAKT_ROOT_INTC,
	TAKT_ROOT_LOG,
	TAKT_ROOT_SC,	   /* root's own scheduling context: highest priority, CPU 0 */
	TAKT_ROOT_ARCHIVE, /* extent: the boot archive; read and map only */
	TAKT_ROOT_DTB,	   /* extent: the board's device tree; read and map only */
	TAKT_ROOT_DEVICES, /* extent: every physical address that is not RAM; the interrupt
			      controller's registers are carved out */
	TAKT_ROOT_MEMORY = 16, /* extents of free RAM, `memories` of them */
	TAKT_ROOT_FREE = 32,   /* first slot that root may use as it likes */
	TAKT_ROOT_SLOTS = 4096
};

/* Where the kernel puts things in root's address space. Root's ELF is linked elsewhere. */
#define TAKT_ROOT_BOOTINFO_VA 0x1000000000ul
#define TAKT_ROOT_UTCB_VA 0x1000001000ul
#define TAKT_ROOT_STACK_TOP 0x1000040000ul /* grows down, TAKT_ROOT_STACK_SIZE, guard below */
#define TAKT_ROOT_STACK_SIZE 0x10000ul

#ifndef __ASSEMBLER__
struct takt_bootinfo {
	uint32_t magic, version;
	uint32_t cpus;		 /* CPUs running, numbered 0..cpus - 1 */
	uint32_t memories;	 /* extents of RAM from slot TAKT_ROOT_MEMORY on */
	uint64_t counter_hz;	 /* ticks a second of the system counter */
	uint64_t archive_offset; /* of the cpio within TAKT_ROOT_ARCHIVE's first page, and its size */
	uint64_t archive_size;
	uint64_t dtb_offset, dtb_size;
	uint32_t gic_version; /* 2 or 3 */
	uint32_t list_registers;
	uint64_t gicv_base; /* physical base of GICv2's virtual CPU interface (GICV), 0 for GICv3 */
	struct {
		uint64_t base, size;
	} memory[16];
};
#endif
#endif
