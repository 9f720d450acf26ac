/* SPDX-License-Identifier: MIT */
/* The string functions that libfdt and the compiler expect; as in C. */
#ifndef CORE_STRING_H
#define CORE_STRING_H

#include <core/types.h>

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);
void *memchr(const void *p, int c, size_t n);

#endif
