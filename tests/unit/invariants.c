/* SPDX-License-Identifier: MIT */
/* What holds whenever every CPU is outside of the kernel. Everything in the kernel's memory is
 * found from the frame table, so that nothing that is alive is left out. */
#include <stdio.h>
#include <stdlib.h>

#include <core/list.h>

#include "world.h"

#define HOLDS(condition, ...)                                                                      \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("# %s:%d: %s\n#", __FILE__, __LINE__, #condition);                  \
			printf(" " __VA_ARGS__);                                                   \
			printf("\n");                                                              \
			fflush(stdout);                                                            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

#define FRAMES (FAKE_RAM_SIZE / PAGE_SIZE)

/* --- Lists and queues ------------------------------------------------------------------------ */

static unsigned list_length(const struct list *l)
{
	unsigned n = 0;

	list_for_each (it, l) {
		HOLDS(it->next->prev == it && it->prev->next == it);
		HOLDS(n++ < 4096, "endless list");
	}
	return n;
}

static bool list_has(const struct list *l, const struct list *node)
{
	list_for_each (it, l)
		if (it == node)
			return true;
	return false;
}

static unsigned check_heap(const struct timer *t, const struct timer *parent, unsigned depth)
{
	if (!t)
		return 0;
	HOLDS(depth < 40 && t->queued && t->parent == parent);
	HOLDS(!parent || parent->when <= t->when, "timer queue out of order");
	return 1 + check_heap(t->left, t, depth + 1) + check_heap(t->right, t, depth + 1);
}

static const struct timer *heap_root(const struct timer *t)
{
	while (t->parent)
		t = t->parent;
	return t;
}

static void check_queues(const struct cpu *c)
{
	for (unsigned p = 0; p < PRIORITIES; p++) {
		HOLDS(list_empty(&c->ready[p]) == !(c->ready_levels >> p & 1), "ready level %u", p);
		list_for_each (it, &c->ready[p]) {
			struct sc *sc = container_of(it, struct sc, link);

			HOLDS(sc->state == SC_READY && sc->prio == p && sc->cpu == c->id);
		}
		HOLDS(list_empty(&c->inbox.level[p]) == !(c->inbox.levels >> p & 1));
		list_for_each (it, &c->inbox.level[p]) {
			struct inbox_node *n = container_of(it, struct inbox_node, link);

			HOLDS(n->queued && n->prio == p && n->cpu == c->id);
			HOLDS(n->kind != INBOX_IRQ || container_of(n, struct irq, node)->object.birth,
			      "a message of an irq that is gone");
		}
	}
	HOLDS(check_heap(c->timers.root, NULL, 0) == c->timers.count, "timers of CPU %u", c->id);
	HOLDS(c->timer_at <= timerq_next(&c->timers), "CPU %u comes too late for a timer", c->id);
	HOLDS(c->inbox.lock.next == c->inbox.lock.serving);
}

/* --- What runs ------------------------------------------------------------------------------- */

static int top(u64 levels)
{
	return levels ? 63 - __builtin_clzll(levels) : -1;
}

static int ready_top(const struct cpu *c)
{
	return c->next ? c->next->prio : top(c->ready_levels);
}

static void check_running(const struct cpu *c)
{
	const struct thread *t;

	if (c->next)
		HOLDS(c->next->state == SC_READY && c->next->prio >= top(c->ready_levels));
	if (fake_mode(c->id) == FAKE_IDLE) {
		HOLDS(!c->sc && c->prio == -1);
		HOLDS(fake_interrupted(c->id) || (ready_top(c) < 0 && !c->inbox.levels),
		      "CPU %u is idle with something to do", c->id);
		return;
	}
	if (fake_mode(c->id) != FAKE_USER)
		return;
	HOLDS(c->sc && c->thread && c->sc->state == SC_RUNNING, "CPU %u", c->id);
	HOLDS(c->thread->deadline == TAKT_NEVER, "a deadline of a thread that waits for nothing");
	HOLDS(c->prio == c->sc->prio);
	HOLDS(c->timer_at <= c->slice_end && c->timer_at <= c->chain_deadline,
	      "CPU %u comes too late for its slice or its call", c->id);
	HOLDS(ready_top(c) <= c->prio, "CPU %u runs %d while %d is ready", c->id, c->prio,
	      ready_top(c));
	HOLDS(fake_interrupted(c->id) || top(c->inbox.levels) <= c->prio,
	      "urgent work for CPU %u, and nobody said so", c->id);
	t = c->sc->home;
	for (unsigned hops = 0; t != c->thread; hops++) {
		HOLDS(hops < 20 && (t->state == THREAD_OPEN || t->state == THREAD_WANT),
		      "CPU %u does not run the tip of its chain", c->id);
		t = t->peer;
	}
	HOLDS(t->state == THREAD_RUN && t->cpu == c->id && t->object.birth);
}

/* --- Objects --------------------------------------------------------------------------------- */

static void check_sc(const struct sc *sc)
{
	const struct cpu *c = &cpus[sc->cpu];
	u64 sum = 0;

	HOLDS((sc->home == NULL) == (sc->state == SC_UNBOUND));
	HOLDS(!sc->home || (sc->home->sc[sc->index] == sc && sc->home->cpu == sc->cpu));
	HOLDS((c->sc == sc) == (sc->state == SC_RUNNING));
	/* A parked one may wait for a deadline in its chain. */
	if (sc->state != SC_PARKED)
		HOLDS(sc->timer.queued == (sc->state == SC_DEPLETED), "state %u", sc->state);
	if (sc->timer.queued)
		HOLDS(heap_root(&sc->timer) == c->timers.root);
	HOLDS((c->next == sc || list_has(&c->ready[sc->prio], &sc->link)) ==
	      (sc->state == SC_READY));
	if (c->next == sc || (sc->state != SC_READY && sc->state != SC_PARKED))
		HOLDS(list_empty(&sc->link));
	HOLDS(sc->count >= 1 && sc->count <= SC_REFILLS && sc->first < SC_REFILLS);
	for (unsigned i = 0; i < sc->count; i++) {
		const struct sc_refill *r =
			i ? &sc->later[(sc->first + i - 1) % SC_REFILLS] : &sc->refill;
		const struct sc_refill *n = &sc->later[(sc->first + i) % SC_REFILLS];

		sum += r->amount;
		HOLDS(r->amount || sc->count == 1, "a refill of nothing");
		/* The first one may have been put off, for a debt. */
		HOLDS(!i || i + 1u == sc->count || r->time <= n->time, "refills out of order");
	}
	if (sc->state == SC_RUNNING)
		HOLDS(c->slice_end == sc->started + sc->refill.amount, "the slice ends elsewhere");
	HOLDS(sc->budget == sc->period ? sum <= sc->budget : sum == sc->budget,
	      "refills hold %lu of %lu", sum, sc->budget);
	if (sc->scheduler)
		HOLDS(sc->scheduler->object.birth &&
		      list_has(&sc->scheduler->scs, &sc->sched_link));
}

static void check_edges(const struct thread *t)
{
	const struct thread *p = t;

	if (t->state == THREAD_OPEN) {
		HOLDS(t->peer && t->peer->object.birth == t->peer_birth);
		HOLDS(t->peer->caller == t && !t->peer->remote_caller && t->peer->cpu == t->cpu);
		HOLDS(t->peer->depth == t->depth + 1, "depth %u below %u", t->peer->depth, t->depth);
	}
	for (unsigned hops = 0; p->state == THREAD_OPEN; hops++) {
		HOLDS(hops <= CALL_DEPTH, "open calls in a circle, or too many");
		p = p->peer;
	}
	if (t->caller) {
		HOLDS(t->state != THREAD_WAIT && t->state != THREAD_STOPPED);
		HOLDS(t->caller->object.birth && t->caller->peer == t);
		HOLDS(t->caller->state == (t->remote_caller ? THREAD_BLOCKED : THREAD_OPEN));
		HOLDS(t->remote_caller ==
		      (t->caller->cpu != t->cpu || (t->caller->faulted && t->caller->timed_out)));
	} else {
		HOLDS(!t->remote_caller && t->depth == 0, "depth %u without a caller", t->depth);
	}
	if (t->state == THREAD_WANT)
		HOLDS(t->peer);
	list_for_each (it, &t->wanters) {
		const struct thread *w = container_of(it, struct thread, want_link);

		HOLDS(w->state == THREAD_BLOCKED && w->object.birth);
		HOLDS(w->cpu != t->cpu || (w->faulted && w->timed_out && w->peer == t));
		HOLDS(t->state != THREAD_WAIT && t->state != THREAD_STOPPED);
	}
}

/* A vCPU with event SCs wants at least one SC, and who is wanted is in some queue. */
static void check_event_scs(const struct thread *t)
{
	HOLDS(t->kind != TAKT_THREAD_PLAIN && t->active, "no SC of thread %lu is wanted",
	      t->object.birth);
	for (unsigned i = 0; i < THREAD_SCS; i++) {
		HOLDS(!i || !t->sc[i] == !(t->events >> i & 1), "event SC %u", i);
		if (t->sc[i] && t->active >> i & 1)
			HOLDS(t->sc[i]->state != SC_DORMANT, "SC %u of thread %lu is forgotten", i,
			      t->object.birth);
	}
}

static void check_thread(const struct thread *t)
{
	unsigned armed = 0;
	bool active = t->state == THREAD_RUN || t->state == THREAD_OPEN || t->state == THREAD_WANT;

	check_edges(t);
	if (t->state != THREAD_BLOCKED && t->state != THREAD_IDLE)
		HOLDS(list_empty(&t->parked), "SCs parked on a thread in state %u", t->state);
	list_for_each (it, &t->parked)
		HOLDS(container_of(it, struct sc, link)->state == SC_PARKED);
	/* Nobody is forgotten: who wants to run and has an SC is in some queue. */
	if (active && t->events && !(t->caller && !t->remote_caller))
		check_event_scs(t);
	else if (active && t->sc[0] && !(t->caller && !t->remote_caller))
		HOLDS(t->sc[0]->state != SC_DORMANT, "thread %lu, state %u, is forgotten",
		      t->object.birth, t->state);
	if (t->timer.queued)
		HOLDS(t->cpu < platform.cpus && heap_root(&t->timer) == cpus[t->cpu].timers.root);
	HOLDS(t->timed == (t->deadline != TAKT_NEVER));
	HOLDS(!t->timer.queued || t->timed || t->kind == TAKT_THREAD_MACHINE,
	      "the timer of a deadline that is over");
	HOLDS(t->signalled == (t->pending != 0));
	HOLDS(t->wanted || list_empty(&t->wanters));
	HOLDS(t->state != THREAD_WAIT || !t->pending || !t->sc[0],
	      "pending signals while it waits");
	HOLDS(!t->node.queued || t->state == THREAD_BLOCKED);
	if (t->waits_stop)
		HOLDS(t->waits_stop->stopper == t && t->state == THREAD_BLOCKED);
	if (t->stopper)
		HOLDS(t->stopper->waits_stop == t && t->stopper->object.birth);
	HOLDS(t->in_guest || t->regs == &t->frame);
	list_for_each (it, &t->gates) {
		const struct gate *g = container_of(it - t->cpu, struct gate, bound);

		HOLDS(g->object.birth && g->target[t->cpu] == t, "bound to what is no gate");
	}
	list_for_each (it, &t->irqs) {
		const struct irq *irq = container_of(it, struct irq, bound);

		HOLDS(irq->object.birth && irq->thread == t, "bound to what is no irq");
		armed += irq->timer.queued || !list_empty(&irq->late);
		if (!list_empty(&irq->late) && irq->target == IRQ_THREAD &&
		    t->kind == TAKT_THREAD_PLAIN)
			HOLDS(t->pending & irq->badge, "a timer halted for a signal that was taken");
	}
	HOLDS(armed == t->timers && armed <= TAKT_THREAD_TIMERS, "%u timers, not %u", armed,
	      t->timers);
	HOLDS(t->kind == TAKT_THREAD_PLAIN || list_empty(&t->late) || t->has_late);
	for (unsigned i = 0; i < THREAD_SCS; i++)
		HOLDS(!t->sc[i] || t->sc[i]->cpu == t->cpu, "an SC of another CPU");
	if (t->task)
		HOLDS(!list_empty(&t->task_link) && t->task->object.birth);
}

static void check_irq(const struct irq *irq)
{
	if (irq->node.queued)
		HOLDS(irq->target != IRQ_UNBOUND && irq->node.cpu == irq->cpu, "a stray message");
	if (irq->timer.queued)
		HOLDS(irq->target != IRQ_UNBOUND &&
		      heap_root(&irq->timer) == cpus[irq->cpu].timers.root);
}

/* In order, each child behind the others; returns how many there are. */
static u64 check_children(const struct memory *m, const struct range *r, u64 *at)
{
	const struct memory *c;
	u64 n;

	if (!r)
		return 0;
	c = container_of(r, struct memory, in_parent);
	n = check_children(m, r->child[0], at);
	HOLDS(c->parent == m && c->base >= *at);
	HOLDS(r->base == c->base && r->size == c->size);
	*at = c->base + c->size;
	return n + 1 + check_children(m, r->child[1], at);
}

static u64 check_mapped(const struct memory *m, const struct range *r)
{
	if (!r)
		return 0;
	HOLDS(container_of(r, struct mapping, range)->memory == m && r->height);
	HOLDS(r->base + r->size <= m->size);
	HOLDS(!ranges_meet(m->children, m->base + r->base, r->size));
	return 1 + check_mapped(m, r->child[0]) + check_mapped(m, r->child[1]);
}

static void check_memory(const struct memory *m)
{
	u64 at = m->base;

	HOLDS(m->uses == check_children(m, m->children, &at) + check_mapped(m, m->mapped) +
				 list_length(&m->mappings) + list_length(&m->leaving));
	HOLDS(at <= m->base + m->size);
	list_for_each (it, &m->mappings) {
		const struct mapping *p = container_of(it, struct mapping, range.link);

		HOLDS(p->memory == m && !p->range.height);
		HOLDS(p->range.base + p->range.size <= m->size);
		HOLDS(!ranges_meet(m->children, m->base + p->range.base, p->range.size));
	}
	HOLDS(!m->claimed || !m->uses || !m->factory);
}

static void check_mapping(const struct mapping *m)
{
	u64 from = m->va + (m->state == MAPPING_SHRINKS ? m->done * PAGE_SIZE : 0);
	u64 end = m->va + (m->state == MAPPING_GROWS ? m->done * PAGE_SIZE : m->range.size);
	u64 pa, left;

	for (u64 va = m->va; va < m->va + m->range.size; va += MIN(left, m->va + m->range.size - va)) {
		bool valid = fake_translate(&m->task->space, va, &pa, &left);

		HOLDS(valid == (va >= from && va < end), "%lx is mapped wrongly", va);
		if (!valid)
			continue;
		if (m->memory)
			HOLDS(pa == m->memory->base + m->range.base + (va - m->va));
		if (pa >= FAKE_RAM && pa < FAKE_RAM + FAKE_RAM_SIZE)
			HOLDS(fake_mapped(pa) == !m->memory, "kernel memory in a user's hands");
	}
}

/* Every entry belongs to a mapping: the mapped bytes are as many as the records say. */
static void check_task(const struct task *t)
{
	u64 mapped = 0, recorded = 0, above = 0, pa, left;

	for (unsigned i = 0; i < t->mappings; i++) {
		const struct mapping *m = t->tables->mapping[i];

		HOLDS(m->task == t && m->va >= above, "mappings overlap or are not in order");
		above = m->va + m->range.size;
		check_mapping(m);
		if (m >= t->tables->record && m < t->tables->record + TASK_RECORDS)
			HOLDS(!(t->records & 1u << (m - t->tables->record)), "a record is free");
		recorded += m->state == MAPPING_GROWS	  ? m->done * PAGE_SIZE
			    : m->state == MAPPING_SHRINKS ? m->range.size - m->done * PAGE_SIZE
							  : m->range.size;
	}
	for (u64 va = 0; va < 1ul << STAGE2_BITS; va += left)
		if (fake_translate(&t->space, va, &pa, &left))
			mapped += left;
	HOLDS(mapped == recorded, "%lu bytes mapped, %lu recorded", mapped, recorded);
	list_for_each (it, &t->threads)
		HOLDS(container_of(it, struct thread, task_link)->task == t);
}

static void check_scheduler(const struct scheduler *s)
{
	unsigned sum[MAX_CPUS];

	for (unsigned i = 0; i < MAX_CPUS; i++)
		sum[i] = s->share_left[i];
	list_for_each (it, &s->children) {
		const struct scheduler *c = container_of(it, struct scheduler, sibling);

		HOLDS(c->parent == s);
		for (unsigned i = 0; i < MAX_CPUS; i++)
			sum[i] += c->share[i];
	}
	list_for_each (it, &s->scs) {
		const struct sc *sc = container_of(it, struct sc, sched_link);

		HOLDS(sc->scheduler == s);
		sum[sc->cpu] += sc->share;
	}
	for (unsigned i = 0; i < MAX_CPUS; i++)
		HOLDS(sum[i] == s->share[i], "share of CPU %u: %u of %u", i, sum[i], s->share[i]);
}

/* --- Memory ---------------------------------------------------------------------------------- */

#define FACTORIES 512
static struct count {
	const struct factory *f;
	u32 frames, free, objects;
} counts[FACTORIES];
static unsigned factories;

static struct count *count_of(const struct factory *f)
{
	for (unsigned i = 0; i < factories; i++)
		if (counts[i].f == f)
			return &counts[i];
	HOLDS(factories < FACTORIES);
	counts[factories] = (struct count){.f = f};
	return &counts[factories++];
}

static void check_object(struct object *o)
{
	if (!o->birth)
		return;
	switch (o->type) {
	case TAKT_TASK:
		check_task(container_of(o, struct task, object));
		break;
	case TAKT_THREAD:
		check_thread(container_of(o, struct thread, object));
		break;
	case TAKT_IRQ:
		check_irq(container_of(o, struct irq, object));
		break;
	case TAKT_SC:
		check_sc(container_of(o, struct sc, object));
		break;
	case TAKT_SCHEDULER:
		check_scheduler(container_of(o, struct scheduler, object));
		break;
	case TAKT_MEMORY:
		check_memory(container_of(o, struct memory, object));
		break;
	case TAKT_FACTORY:
		(void)count_of(container_of(o, struct factory, object));
		break;
	case TAKT_GATE:
	case TAKT_INTC:
	case TAKT_LOG:
	case OBJECT_TRACE:
		break;
	default:
		HOLDS(false, "an object of type %u", o->type);
	}
}

static void check_frame(u64 pa)
{
	const struct frame *fr = frame_of(pa);
	const struct factory *f = frame_owner(fr);
	struct count *n = count_of(f);
	unsigned class = frame_class(fr);
	u64 size = 64ul << class;

	HOLDS(fake_mapped(pa), "a factory's frame that is not mapped");
	n->frames++;
	if (class == FRAME_WHOLE) {
		HOLDS(fr->used <= 1 && !fr->unborn);
		n->free += !fr->used;
		return;
	}
	HOLDS(class < SIZE_CLASSES && fr->used && (fr->unborn || f->object.dying));
	for (u64 used = fr->used; used; used &= used - 1) {
		struct object *o = (struct object *)(pa + (u64)__builtin_ctzll(used) * size);

		HOLDS(!o->birth || frame_holds(fr, o->birth));
		if (o->type == OBJECT_INTERNAL)
			HOLDS(!o->birth);
		else if (o != &f->object)
			n->objects++;
		check_object(o);
	}
}

static void check_frame_lists(const struct count *n)
{
	const struct factory *f = n->f;
	u32 listed = 0;

	for (u32 i = f->free; i != FRAME_NONE; i = frame_by_number(i)->next) {
		HOLDS(frame_owner(frame_by_number(i)) == f && !frame_by_number(i)->used);
		HOLDS(listed++ < FRAMES, "endless list");
	}
	HOLDS(listed == n->free, "%u frames in the free list, %u free", listed, n->free);
	for (unsigned c = 0; c < SIZE_CLASSES; c++) {
		u32 prev = FRAME_NONE;

		for (u32 i = f->partial[c]; i != FRAME_NONE; i = frame_by_number(i)->next) {
			const struct frame *fr = frame_by_number(i);
			unsigned used = (unsigned)__builtin_popcountll(fr->used);

			HOLDS(frame_owner(fr) == f && fr->prev == prev && frame_class(fr) == c);
			HOLDS(used && used < PAGE_SIZE >> (6 + c));
			prev = i;
		}
	}
}

static void check_factory(const struct count *n)
{
	const struct factory *f = n->f;

	if (f->object.dying)
		return;
	check_frame_lists(n);
	HOLDS(f->objects == n->objects, "a factory with %u objects counts %u", n->objects,
	      f->objects);
	HOLDS(f->pages - f->free_pages == n->frames - n->free,
	      "%u pages, %u free, but %u frames and %u free", f->pages, f->free_pages, n->frames,
	      n->free);
}

static const struct factory *tree_of(const struct factory *f)
{
	while (f->parent)
		f = f->parent;
	return f;
}

/* Free pages may be set aside for a sub-factory: they add up in the tree of factories. */
static void check_tree(const struct factory *top)
{
	u64 end = top->fresh_end, free = 0, pages = 0;
	u64 frames = (end - top->fresh) / PAGE_SIZE;

	if (top->object.dying)
		return;
	for (unsigned i = 0; i < factories; i++) {
		if (tree_of(counts[i].f) != top)
			continue;
		pages += counts[i].f->pages;
		free += counts[i].f->free_pages;
		frames += counts[i].free;
	}
	HOLDS(pages == (end - ALIGN_DOWN((u64)top, PAGE_SIZE)) / PAGE_SIZE, "%lu pages", pages);
	HOLDS(free == frames, "%lu pages free, and %lu frames", free, frames);
}

void check_invariants(void)
{
	HOLDS(cpus_outside());
	factories = 0;
	for (unsigned i = 0; i < platform.cpus; i++) {
		check_queues(&cpus[i]);
		check_running(&cpus[i]);
	}
	for (u64 pa = FAKE_RAM; pa < FAKE_RAM + FAKE_RAM_SIZE; pa += PAGE_SIZE)
		if (frame_of(pa)->owner)
			check_frame(pa);
	for (unsigned i = 0; i < factories; i++) {
		check_factory(&counts[i]);
		if (!counts[i].f->parent)
			check_tree(counts[i].f);
	}
}
