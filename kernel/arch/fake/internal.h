/* SPDX-License-Identifier: MIT */
/* Between the parts of the fake architecture. */
#ifndef FAKE_INTERNAL_H
#define FAKE_INTERNAL_H

#include <core/frame.h>
#include <core/types.h>

#if defined(__SANITIZE_ADDRESS__)
#define FAKE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_ASAN 1
#endif
#endif

void fake_memory_init(void);
void *fake_memset(void *p, int c, size_t n);
void fake_smp_run(void);

#endif
