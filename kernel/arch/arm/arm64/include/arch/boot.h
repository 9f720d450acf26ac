/* SPDX-License-Identifier: MIT */
/* Between the parts of the boot code and the drivers that it starts. */
#ifndef ARCH_BOOT_H
#define ARCH_BOOT_H

#include <core/types.h>

/* From kernel.ld. Everything between is the image; sections begin and end on pages. */
extern char _image_start[], _text_end[], _rodata_end[], _image_end[];
extern char _stacks_start[], _stacks_end[];

/* boot.S */
void secondary_entry(void); /* physical entry of the other CPUs; x0 = number */
u32 boot_probe(const void *p, u32 otherwise); /* reads what may not be there */

/* boot.c */
void boot_map(void);
void boot_main(u64 dtb, u64 image, unsigned el) NORETURN;
void boot_secondary(unsigned cpu) NORETURN;
paddr_t image_pa(const void *va); /* of something within the image */

/* mmu.c */
void mmu_early_init(void);    /* map_area and device mappings work */
void mmu_use_kernel_root(void);
void mmu_init_linear(void);   /* tables for all RAM */
void *map_area(paddr_t pa, u64 size, bool device); /* null when the area is full */
void *arch_map_device(u64 base, u64 size);	   /* panics when the area is full */

/* fdt.c: fills `platform`. Returns null, or what is wrong with the device tree. */
const char *platform_discover(u64 dtb) MUST_CHECK;

/* memory.c */
void memory_init(void);
u64 boot_take(u64 size, u64 align); /* physical memory, neither mapped nor zeroed; panics */

/* smp.c */
bool smp_arrive(unsigned cpu) MUST_CHECK; /* on a new CPU: whether it is still wanted */

/* pl011.c */
void early_console_init(void);
void early_console_guess(void); /* where there is no device tree that could tell */

#endif
