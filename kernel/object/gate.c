/* SPDX-License-Identifier: MIT */
#include <core/cpu.h>
#include <object/gate.h>
#include <object/thread.h>

struct gate *gate_create(struct factory *f, u64 badge)
{
	struct gate *g = object_alloc(f, sizeof(*g), TAKT_GATE);

	if (!g)
		return NULL;
	g->badge = badge;
	object_born(&g->object);
	return g;
}

struct thread *gate_target(const struct gate *g, unsigned cpu)
{
	struct object *o = weak_get(g->target[cpu]);

	for (unsigned i = 0; !o && i < MAX_CPUS; i++)
		o = weak_get(g->target[i]);
	return o ? container_of(o, struct thread, object) : NULL;
}
