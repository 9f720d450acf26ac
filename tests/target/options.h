/* SPDX-License-Identifier: MIT */
/* Numbers from the kernel's command line, "seed=7 seconds=60". */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

uint64_t option(const char *name, uint64_t otherwise);

#endif
