/* SPDX-License-Identifier: MIT */
/* Unpacking gzip files, by zlib. On the first thread only. */
#ifndef VMM_GZIP_H
#define VMM_GZIP_H

#include <stdbool.h>
#include <stdint.h>

bool gzip_is(const uint8_t *data, uint64_t size);

/* Unpacks to `to`: all of it, checked, or with `part` as much as there is room for. Number of
 * bytes, or -1 and *why says why not. */
int64_t gzip_unpack(const uint8_t *from, uint64_t size, uint8_t *to, uint64_t room, bool part,
		    const char **why);

#endif
