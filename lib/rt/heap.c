/* SPDX-License-Identifier: MIT */
/*
 * Memory for malloc: TAKT_SELF_MEMORY, mapped once. A program that wants some of the extent for
 * itself limits the heap by the property "heap" (bytes) of its node; what follows is unmapped.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/lock.h>
#include <unistd.h>

#include "rt_internal.h"

static char *heap_next, *heap_end;

void rt_heap_set(uint64_t va, uint64_t size)
{
	heap_next = (char *)va;
	heap_end = heap_next + size;
}

__attribute__((weak)) void rt_heap_init(void)
{
	uint64_t base, size, limit = env_number("heap", TAKT_HEAP_MAX_SIZE);

	if (takt_memory_info(TAKT_SELF_MEMORY, &base, &size))
		return;
	if (size > limit)
		size = limit & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	if (size > TAKT_HEAP_MAX_SIZE)
		size = TAKT_HEAP_MAX_SIZE;
	if (!size || takt_task_map(TAKT_SELF_TASK, TAKT_SELF_MEMORY, TAKT_VA_HEAP, 0, size,
				   TAKT_MAP_READ | TAKT_MAP_WRITE))
		return;
	rt_heap_set(TAKT_VA_HEAP, size);
}

/* Called by malloc, which holds the C library's lock. */
void *sbrk(ptrdiff_t bytes)
{
	char *old = heap_next;

	if (bytes > heap_end - heap_next || bytes < -(heap_next - (char *)TAKT_VA_HEAP)) {
		errno = ENOMEM;
		return (void *)-1;
	}
	heap_next += bytes;
	return old;
}

/*
 * The C library's locks, all recursive. A thread that finds one taken yields until it is free: as
 * a more urgent thread on the same CPU would do that for as long as its budget lasts, real-time
 * threads should allocate only before they begin.
 */
struct __lock {
	struct rt_tcb *_Atomic owner;
	unsigned depth;
};

struct __lock __lock___libc_recursive_mutex;

static bool try_acquire(struct __lock *lock)
{
	struct rt_tcb *self = rt_tcb(), *free = NULL;

	if (atomic_load(&lock->owner) != self &&
	    !atomic_compare_exchange_strong(&lock->owner, &free, self))
		return false;
	lock->depth++;
	return true;
}

void __retarget_lock_acquire_recursive(struct __lock *lock)
{
	while (!try_acquire(lock))
		takt_yield();
}

void __retarget_lock_release_recursive(struct __lock *lock)
{
	if (!--lock->depth)
		atomic_store(&lock->owner, NULL);
}

int __retarget_lock_try_acquire_recursive(struct __lock *lock)
{
	return try_acquire(lock);
}

void __retarget_lock_acquire(struct __lock *lock)
{
	__retarget_lock_acquire_recursive(lock);
}

void __retarget_lock_release(struct __lock *lock)
{
	__retarget_lock_release_recursive(lock);
}

int __retarget_lock_try_acquire(struct __lock *lock)
{
	return try_acquire(lock);
}

/* Locks of files that a program opens itself; it has none to open, so they share one. */
void __retarget_lock_init(struct __lock **lock)
{
	*lock = &__lock___libc_recursive_mutex;
}

void __retarget_lock_init_recursive(struct __lock **lock)
{
	*lock = &__lock___libc_recursive_mutex;
}

void __retarget_lock_close(struct __lock *lock)
{
	(void)lock;
}

void __retarget_lock_close_recursive(struct __lock *lock)
{
	(void)lock;
}
