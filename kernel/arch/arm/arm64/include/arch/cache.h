/* SPDX-License-Identifier: MIT */
/* Cache maintenance by virtual address, of whole pages. */
#ifndef ARCH_CACHE_H
#define ARCH_CACHE_H

#include <core/types.h>

/* To the point of coherency: what does not look into the caches sees it. */
void cache_clean_invalidate(const void *p, u64 size);

/* To the point of unification, and the instruction caches of all CPUs forget what they have. */
void cache_sync_code(const void *p, u64 size);

/* Zeroes whole pages of normal memory. */
void zero_pages(void *p, u64 size);

#endif
