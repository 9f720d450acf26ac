/* SPDX-License-Identifier: MIT */
/*
 * memcpy and its kin without FP/SIMD registers, in place of the C library's: FreeRTOS calls them at
 * interrupt level. All in one file, so that the linker takes none of the library's.
 */
#include <stdint.h>
#include <string.h>

static int words_fit(const void *a, const void *b)
{
	return !(((uintptr_t)a | (uintptr_t)b) & 7);
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (words_fit(t, f))
		for (; len >= 8; len -= 8, t += 8, f += 8)
			*(uint64_t *)t = *(const uint64_t *)f;
	while (len--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if ((uintptr_t)t - (uintptr_t)f >= len)
		return memcpy(to, from, len);
	while (len--)
		t[len] = f[len];
	return to;
}

void *memset(void *to, int value, size_t len)
{
	uint8_t *t = to;
	uint64_t word = (uint8_t)value * 0x0101010101010101u;

	if (words_fit(t, t))
		for (; len >= 8; len -= 8, t += 8)
			*(uint64_t *)t = word;
	while (len--)
		*t++ = (uint8_t)value;
	return to;
}
