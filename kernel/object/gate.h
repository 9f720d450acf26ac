/* SPDX-License-Identifier: MIT */
/* Gate: the right to call a server thread; one target per CPU. */
#ifndef OBJECT_GATE_H
#define OBJECT_GATE_H

#include <core/object.h>

struct thread;

struct gate {
	struct object object;
	u64 badge;
	struct weak target[MAX_CPUS]; /* threads, held weakly */
};
_Static_assert(sizeof(struct gate) <= 256, "size class");

struct gate *gate_create(struct factory *f, u64 badge) MUST_CHECK;

/* The thread that serves callers on `cpu`: the one there, else that of the lowest CPU that has one.
 * Null if there is none. */
struct thread *gate_target(const struct gate *g, unsigned cpu);
#endif
