/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own address space: 39 bits, one root table with an entry for each GiB.
 *
 *   0 .. 256 GiB     kernel frames, one to one: virtual = physical. A frame that is not the
 *                    kernel's is not mapped.
 *   256 GiB          the kernel image (kernel.ld), wherever it was loaded: code read-execute,
 *                    constants read-only, data read-write. A page below each stack is missing.
 *   384 GiB          device registers, in the order in which they were mapped
 *   385 GiB - 2 MiB  one window page for each CPU
 *
 * Safe for assembly.
 */
#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#define IMAGE_VA 0x4000000000 /* also in kernel.ld */
#define AREA_VA 0x6000000000
#define AREA_TABLES 8 /* of 2 MiB each */
#define WINDOW_VA 0x603fe00000

/* A stack and the missing page below it. */
#define STACK_SIZE 0x2000
#define STACK_STRIDE 0x3000

#define ENTRY_EL1 1
#define ENTRY_EL2 2

/*
 * Attributes of memory types (MAIR) and how table walks are done (TCR): D13.2 of the Arm
 * Architecture Reference Manual. All tables are inner shareable, write-back, for 39-bit addresses.
 */
#define MAIR_VALUE 0x4404ff /* 0: normal write-back, 1: Device-nGnRE, 2: normal non-cacheable */
#define ATTR_NORMAL 0
#define ATTR_DEVICE 1

#define TCR_WALK 0x3519		/* T0SZ 25, IRGN0 = ORGN0 = write-back, SH0 inner */
#define TCR_EL2_RES1 0x80800000
#define TCR_EL1_EPD1 0x800000	/* no walks for the upper half */
#define PARANGE_MAX 5		/* 48 bits */

/* M, C, SA, I, WXN and the bits that are one. WXN: what can be written cannot be executed. */
#define SCTLR_EL2_ON 0x30cd183d
#define SCTLR_EL2_OFF 0x30c50830
#define SCTLR_EL1_ON 0x30d0181d
#define SCTLR_EL1_OFF 0x30d00800

#define HCR_BOOT 0x88000000 /* RW, TGE: all exceptions come here until the kernel knows better */
#define CPTR_BOOT 0x37ff    /* RES1, and no FP/SIMD: the kernel uses none */

#endif
