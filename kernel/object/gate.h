/* SPDX-License-Identifier: MIT */
/* Gate: the right to call a server thread; one target per CPU. */
#ifndef OBJECT_GATE_H
#define OBJECT_GATE_H

#include <core/list.h>
#include <core/object.h>

struct thread;

struct gate {
	struct object object;
	u64 badge;
	/* Per CPU, a thread of that CPU. It is forgotten on that CPU when the thread goes, so a
	 * caller there may follow the pointer without a further check. */
	struct thread *target[MAX_CPUS];
	struct list bound[MAX_CPUS]; /* in the thread's list of gates */
};
_Static_assert(sizeof(struct gate) <= 256, "size class");

struct gate *gate_create(struct factory *f, u64 badge) MUST_CHECK;

/* Makes t the target for its CPU. On that CPU. E_CAP: the gate is being destroyed. */
int gate_bind(struct gate *g, struct thread *t) MUST_CHECK;
/* A step towards t being no gate's target any more; true: there are more. On its CPU. */
bool gate_unbind_some(struct thread *t);
void gate_teardown(struct gate *g);

/* The thread that serves callers on `cpu`: the one there, else that of the lowest CPU that has one.
 * Null if there is none. */
struct thread *gate_target_elsewhere(const struct gate *g);

static inline struct thread *gate_target(const struct gate *g, unsigned cpu)
{
	struct thread *t = LOAD_ONCE(g->target[cpu]);

	return likely(t) ? t : gate_target_elsewhere(g);
}
#endif
