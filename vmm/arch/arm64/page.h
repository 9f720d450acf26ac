/* SPDX-License-Identifier: MIT */
/* Offset that run.S needs of struct takt_vcpu_page: entry, with entry_sp behind it. Checked in
 * vcpu.c. */
#ifndef VMM_ARCH_PAGE_H
#define VMM_ARCH_PAGE_H

#define PAGE_ENTRY 328

#endif
