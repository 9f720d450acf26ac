/* SPDX-License-Identifier: MIT */
/* The string functions that the kernel and the compiler use; as in C. */
#ifndef CORE_STRING_H
#define CORE_STRING_H

#include <core/types.h>

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);

#endif
