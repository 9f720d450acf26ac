/* SPDX-License-Identifier: MIT */
#include <arch/inline.h>
#include <object/gate.h>
#include <object/thread.h>

struct gate *gate_create(struct factory *f, u64 badge)
{
	struct gate *g = object_alloc(f, sizeof(*g), TAKT_GATE);

	if (!g)
		return NULL;
	g->badge = badge;
	for (unsigned i = 0; i < MAX_CPUS; i++)
		list_init(&g->bound[i]);
	object_born(&g->object);
	return g;
}

#define UNBIND_AT_ONCE 16

/* The links between gates and threads. */
static struct spinlock bind_lock;

static void forget(struct gate *g, unsigned cpu)
{
	list_del(&g->bound[cpu]);
	__atomic_store_n(&g->target[cpu], NULL, __ATOMIC_RELAXED);
}

int gate_bind(struct gate *g, struct thread *t)
{
	int err = TAKT_E_CAP;

	spin_lock(&bind_lock);
	if (!g->object.dying) { /* else its links are cut already */
		forget(g, t->cpu);
		list_add_tail(&t->gates, &g->bound[t->cpu]);
		__atomic_store_n(&g->target[t->cpu], t, __ATOMIC_RELAXED);
		err = 0;
	}
	spin_unlock(&bind_lock);
	return err;
}

bool gate_unbind_some(struct thread *t)
{
	bool more;

	spin_lock(&bind_lock);
	for (unsigned n = 0; n < UNBIND_AT_ONCE && !list_empty(&t->gates); n++) {
		struct list *l = t->gates.next;

		/* The link's place in its gate is that of the thread's CPU. */
		forget(container_of(l - t->cpu, struct gate, bound), t->cpu);
	}
	more = !list_empty(&t->gates);
	spin_unlock(&bind_lock);
	return more;
}

void gate_teardown(struct gate *g)
{
	spin_lock(&bind_lock);
	for (unsigned i = 0; i < MAX_CPUS; i++)
		forget(g, i);
	spin_unlock(&bind_lock);
}

struct thread *gate_target_elsewhere(const struct gate *g)
{
	struct thread *t = NULL;

	for (unsigned i = 0; !t && i < MAX_CPUS; i++)
		t = __atomic_load_n(&g->target[i], __ATOMIC_RELAXED);
	return t;
}
