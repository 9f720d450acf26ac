/* SPDX-License-Identifier: MIT */
/*
 * String functions. BARRIER in a loop keeps the compiler from recognising the function that it is
 * just compiling and calling it.
 */
#include <core/string.h>

#define BARRIER() __asm__ volatile("" : : : "memory")
#define WORD sizeof(u64)

void *memset(void *dst, int c, size_t n)
{
	u64 word = (u8)c * 0x0101010101010101ul;
	char *d = dst;

	while (n && (u64)d % WORD) {
		*d++ = (char)c;
		n--;
		BARRIER();
	}
	for (; n >= 8 * WORD; n -= 8 * WORD, d += 8 * WORD) {
		u64 *w = (u64 *)d;

		w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = word;
		BARRIER();
	}
	for (; n; n--) {
		*d++ = (char)c;
		BARRIER();
	}
	return dst;
}

static void copy_up(char *d, const char *s, size_t n)
{
	if (((u64)d | (u64)s) % WORD == 0) {
		for (; n >= 4 * WORD; n -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
			u64 a = ((const u64 *)s)[0], b = ((const u64 *)s)[1];
			u64 e = ((const u64 *)s)[2], f = ((const u64 *)s)[3];

			((u64 *)d)[0] = a;
			((u64 *)d)[1] = b;
			((u64 *)d)[2] = e;
			((u64 *)d)[3] = f;
			BARRIER();
		}
		for (; n >= WORD; n -= WORD, d += WORD, s += WORD) {
			*(u64 *)d = *(const u64 *)s;
			BARRIER();
		}
	}
	for (; n; n--) {
		*d++ = *s++;
		BARRIER();
	}
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	char *d = dst;
	const char *s = src;

	if ((u64)d - (u64)s >= n) {
		copy_up(d, s, n);
		return dst;
	}
	while (n && ((u64)d | (u64)s | n) % WORD == 0) {
		n -= WORD;
		*(u64 *)(d + n) = *(const u64 *)(s + n);
		BARRIER();
	}
	while (n--) {
		d[n] = s[n];
		BARRIER();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
		BARRIER();
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return (u8)*a - (u8)*b;
}
