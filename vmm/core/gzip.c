/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#define Z_SOLO /* no file functions, no allocator of its own */
#define ZLIB_CONST
#include <zlib.h>

#include "gzip.h"

#define GZIP_ONLY (16 + MAX_WBITS)

static voidpf allocate(voidpf self, uInt items, uInt size)
{
	(void)self;
	return calloc(items, size);
}

static void release(voidpf self, voidpf memory)
{
	(void)self;
	free(memory);
}

bool gzip_is(const uint8_t *data, uint64_t size)
{
	return size > 2 && data[0] == 0x1f && data[1] == 0x8b;
}

static uInt bounded(uint64_t size)
{
	return size > UINT32_MAX ? UINT32_MAX : (uInt)size;
}

int64_t gzip_unpack(const uint8_t *from, uint64_t size, uint8_t *to, uint64_t room, bool part,
		    const char **why)
{
	z_stream z = {
		.next_in = from,
		.avail_in = bounded(size),
		.next_out = to,
		.avail_out = bounded(room),
		.zalloc = allocate,
		.zfree = release,
	};
	int err = inflateInit2(&z, GZIP_ONLY);
	int64_t unpacked;

	if (err != Z_OK) {
		*why = "no memory to unpack it";
		return -1;
	}
	err = inflate(&z, part ? Z_SYNC_FLUSH : Z_FINISH);
	unpacked = (int64_t)z.total_out;
	if (err == Z_STREAM_END || (part && err == Z_OK))
		*why = NULL;
	else if (err == Z_MEM_ERROR)
		*why = "no memory to unpack it";
	else if (z.avail_out)
		*why = err == Z_BUF_ERROR ? "it is cut short" : "it is damaged";
	else
		*why = "it does not fit into the guest's memory";
	(void)inflateEnd(&z);
	return *why ? -1 : unpacked;
}
