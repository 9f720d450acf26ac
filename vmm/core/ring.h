/* SPDX-License-Identifier: MIT */
/* A byte ring between two threads, one that puts and one that gets. Neither ever waits. */
#ifndef VMM_RING_H
#define VMM_RING_H

#include <stdbool.h>
#include <stdint.h>

struct ring {
	uint32_t head; /* written by the one that puts; counts without wrapping to the size */
	uint32_t tail; /* written by the one that gets */
	uint32_t size; /* power of two */
	uint8_t *data;
};

static inline uint32_t ring_used(const struct ring *r)
{
	return __atomic_load_n(&r->head, __ATOMIC_ACQUIRE) -
	       __atomic_load_n(&r->tail, __ATOMIC_ACQUIRE);
}

static inline uint32_t ring_free(const struct ring *r)
{
	return r->size - ring_used(r);
}

static inline bool ring_put(struct ring *r, uint8_t byte)
{
	if (!ring_free(r))
		return false;
	r->data[r->head & (r->size - 1)] = byte;
	__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	return true;
}

static inline bool ring_get(struct ring *r, uint8_t *byte)
{
	if (!ring_used(r))
		return false;
	*byte = r->data[r->tail & (r->size - 1)];
	__atomic_store_n(&r->tail, r->tail + 1, __ATOMIC_RELEASE);
	return true;
}

/* The oldest bytes that lie side by side; ring_skip takes them out. */
static inline uint32_t ring_peek(const struct ring *r, const uint8_t **bytes)
{
	uint32_t used = ring_used(r), at = r->tail & (r->size - 1);

	*bytes = r->data + at;
	return used < r->size - at ? used : r->size - at;
}

static inline void ring_skip(struct ring *r, uint32_t count)
{
	__atomic_store_n(&r->tail, r->tail + count, __ATOMIC_RELEASE);
}

#endif
