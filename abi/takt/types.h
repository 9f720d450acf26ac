/* SPDX-License-Identifier: MIT */
/* Basic types of the ABI. Safe for assembly: nothing but macros is visible there. */
#ifndef TAKT_TYPES_H
#define TAKT_TYPES_H

#define TAKT_PAGE_SHIFT 12
#define TAKT_PAGE_SIZE (1 << TAKT_PAGE_SHIFT)
#define TAKT_MAX_CPUS 8
#define TAKT_PRIORITIES 64 /* 0 is the least urgent, 63 the most */

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

typedef uint64_t takt_ticks; /* an instant or a duration in ticks of the system counter */
typedef uint32_t takt_slot;  /* index into the caller's capability table; 0 is never valid */

#define TAKT_NEVER UINT64_MAX /* a deadline that never comes */
#endif
#endif
