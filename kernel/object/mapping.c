/* SPDX-License-Identifier: MIT */
#include <arch/stage2_page.h>
#include <core/arch.h>
#include <core/invoke.h>
#include <object/mapping.h>
#include <object/memory.h>
#include <object/task.h>

/* --- State ----------------------------------------------------------------------------------- */

static inline u64 end_of(const struct mapping *m)
{
	return m->va + m->range.size;
}

static inline u64 in_bytes(u32 pages)
{
	return (u64)pages << PAGE_SHIFT;
}

static inline u32 in_pages(u64 bytes)
{
	return (u32)(bytes >> PAGE_SHIFT);
}

static NOINLINE unsigned search_above(struct task *t, u64 va)
{
	struct mapping *const *table = t->tables->mapping;
	unsigned from, to = t->mappings;

	for (from = 0; from < to;) {
		unsigned middle = (from + to) / 2;

		if (end_of(table[middle]) <= va)
			from = middle + 1;
		else
			to = middle;
	}
	t->recent = (u8)from;
	return from;
}

/* Where in t's table the first mapping stands that ends above va: most likely where somebody looked
 * the last time. With t's lock. */
static inline unsigned first_above(struct task *t, u64 va)
{
	struct mapping *const *table = t->tables->mapping;
	unsigned i = t->recent, n = t->mappings;

	if (likely(i <= n && (!i || end_of(table[i - 1]) <= va) &&
		   (i == n || end_of(table[i]) > va)))
		return i;
	return search_above(t, va);
}

static inline struct mapping *mapping_at(const struct task *t, unsigned i)
{
	return i < t->mappings ? t->tables->mapping[i] : NULL;
}

/* A record, not filled in: one of the task's own, if one is free, or null. With its lock, without
 * which they come back. */
static inline struct mapping *record_take(struct task *t)
{
	u32 free = LOAD_ONCE(t->records);
	struct mapping *m;

	if (unlikely(!free))
		return kmem_alloc_raw(kmem_owner(t), sizeof(*m));
	m = &t->tables->record[__builtin_ctz(free)];
	__asm__("" : "+r"(m)); /* GCC would reckon it out for each field */
	if (!m)
		__builtin_unreachable();
	__atomic_fetch_and(&t->records, ~(free & -free), __ATOMIC_ACQUIRE);
	return m;
}

/* Of a task that may end as soon as the kernel is left: it knows m no more. */
static void record_free(struct task *t, struct mapping *m)
{
	u64 at = (u64)m - (u64)t->tables->record;

	if (at < sizeof(t->tables->record))
		__atomic_fetch_or(&t->records, 1u << at / sizeof(*m), __ATOMIC_RELEASE);
	else
		kmem_free(m);
}

/* A record, with its fields set, at place i of its task's table. With the task's lock. */
static inline void put_into_task(struct task *t, unsigned i, struct mapping *m)
{
	struct mapping **table = t->tables->mapping;
	unsigned n = t->mappings;

	t->mappings = (u8)(n + 1);
	for (; unlikely(n > i); n--)
		table[n] = table[n - 1];
	table[i] = m;
}

/* And on the list of the extent's new ones. With that one's lock. */
static inline void put_into_memory(struct memory *mem, struct mapping *m, u64 flags)
{
	mem->uses++;
	mem->writable |= (flags & TAKT_MAP_WRITE) != 0;
	list_add_tail(&mem->mappings, &m->range.link);
}

/* The task knows it no more. With its lock. */
static void mapping_forget(struct mapping *m)
{
	struct task *t = m->task;
	unsigned i = first_above(t, m->va);
	struct mapping **table = t->tables->mapping;

	ASSERT(mapping_at(t, i) == m);
	for (t->mappings--; i < t->mappings; i++)
		table[i] = table[i + 1];
}

bool mapping_claim(struct mapping *m)
{
	/* Two may ask under different locks. */
	return !__atomic_exchange_n(&m->claimed, true, __ATOMIC_ACQUIRE);
}

/* --- Checks ---------------------------------------------------------------------------------- */

/* Access wanted must be within the capability's rights, and devices are never executed. */
static int check_map_flags(const struct memory *m, u64 rights, u64 flags)
{
	u64 access = flags & MAP_ACCESS;
	u64 order = flags >> 16 & 0x3f;

	if (flags & ~(MAP_ACCESS | TAKT_MAP_ATTR_MASK | TAKT_MAP_ORDER(0x3f)) || !access)
		return TAKT_E_INVAL;
	if (order && order < PAGE_SHIFT)
		return TAKT_E_INVAL;
	if (access & ~rights)
		return TAKT_E_RIGHTS;
	switch (flags & TAKT_MAP_ATTR_MASK) {
	case TAKT_MAP_CACHED:
		return m->kind == TAKT_MEMORY_RAM ? 0 : TAKT_E_INVAL;
	case TAKT_MAP_UNCACHED:
		return 0;
	case TAKT_MAP_DEVICE:
		return access & TAKT_MAP_EXEC ? TAKT_E_INVAL : 0;
	default:
		return TAKT_E_INVAL;
	}
}

static int check_range(u64 va, u64 offset, u64 size, u64 limit)
{
	u64 end;

	if (!IS_ALIGNED(va | offset | size, PAGE_SIZE))
		return TAKT_E_ALIGN;
	if (!size || !add_ok(va, size, &end) || end > 1ul << STAGE2_BITS)
		return TAKT_E_RANGE;
	if (!add_ok(offset, size, &end) || end > limit)
		return TAKT_E_RANGE;
	return 0;
}

int task_check_va(u64 va, u64 size)
{
	return check_range(va, 0, size, size);
}

/* With t's lock. Whether another mapping can be made at [va, va + size), place i of the table. */
static inline int check_place(const struct task *t, unsigned i, u64 va, u64 size)
{
	const struct mapping *m = mapping_at(t, i);

	if (t->object.dying)
		return TAKT_E_STATE;
	if (m && m->va < va + size)
		return TAKT_E_EXISTS;
	return t->mappings == TASK_MAPPINGS ? TAKT_E_QUOTA : 0;
}

/* With m's lock. */
static inline int check_part(struct memory *m, u64 offset, u64 size)
{
	if (m->claimed || m->object.dying)
		return TAKT_E_STATE;
	if (m->uses == MEMORY_USES)
		return TAKT_E_QUOTA;
	return m->children && ranges_meet(m->children, m->base + offset, size) ? TAKT_E_EXISTS : 0;
}

/* --- Steps ----------------------------------------------------------------------------------- */

static void *table_alloc(void *task)
{
	return kmem_alloc_page(kmem_owner(task));
}

/* With the task's lock, of a claimed mapping. True when it has no entry any more. */
static bool shrink(struct mapping *m)
{
	if (m->state != MAPPING_SHRINKS) {
		/* What has no entries yet needs none removed. */
		m->end = m->state == MAPPING_GROWS ? m->done : in_pages(m->range.size);
		m->done = 0;
		m->state = MAPPING_SHRINKS;
	}
	if (m->done < m->end) {
		u64 done = in_bytes(m->done);

		stage2_unmap(&m->task->space, IPADDR(m->va), in_bytes(m->end), &done);
		m->done = in_pages(done);
	}
	return m->done >= m->end;
}

/* Its entries are gone and its task knows it no more. With no lock. */
static void mapping_free(struct mapping *m)
{
	if (m->memory) {
		spin_lock(&m->memory->lock);
		if (m->range.height)
			ranges_remove(&m->memory->mapped, &m->range);
		else
			list_del(&m->range.link);
		m->memory->uses--;
		spin_unlock(&m->memory->lock);
	}
	record_free(m->task, m);
}

/* With the lock of the task, whose claimed mapping m is; releases both. 0 when it is gone. */
static int shrink_and_unlock(struct mapping *m)
{
	struct task *t = m->task;
	bool gone = shrink(m);

	if (gone)
		mapping_forget(m);
	else
		m->claimed = false;
	spin_unlock(&t->lock);
	if (!gone)
		return E_RESTART;
	mapping_free(m);
	return 0;
}

int mapping_shrink(struct mapping *m)
{
	spin_lock(&m->task->lock);
	return shrink_and_unlock(m);
}

/* As shrink_and_unlock, after a step that made entries or failed. */
static int grown_and_unlock(struct mapping *m, int err)
{
	if (err) { /* what was mapped goes again; its caller learns why when it is gone */
		m->failed = true;
		int undone = shrink_and_unlock(m);

		return undone ? undone : err;
	}
	if (in_bytes(m->done) == m->range.size)
		m->state = MAPPING_WHOLE;
	else
		err = E_RESTART;
	m->claimed = false;
	spin_unlock(&m->task->lock);
	return err;
}

/* --- Making ---------------------------------------------------------------------------------- */

/* With t's lock. One at the wanted place is not whole: whether it is the caller's, to go on with. */
static int mapping_join(struct mapping *m, const struct memory *mem, u64 offset, u64 flags)
{
	bool same = m->memory == mem && m->range.base == offset && m->flags == flags;

	if (m->state == MAPPING_GROWS && !same)
		return TAKT_E_EXISTS;
	if (m->state == MAPPING_SHRINKS && !(same && m->failed))
		return E_RESTART; /* there is room soon */
	return mapping_claim(m) ? 0 : E_RESTART;
}

/*
 * The mapping at [va, va + size) that the caller has begun, or a new one: a record of the whole range
 * stands from the first step on, so that nothing else gets in between. Claimed; null: *err. With t's
 * lock, and mem's if there is an extent.
 */
static struct mapping *mapping_begin(struct task *t, struct memory *mem, u64 va, u64 offset,
				     u64 size, u64 flags, int *err)
{
	unsigned i = first_above(t, va);
	struct mapping *m = mapping_at(t, i);

	if (m && m->va == va && m->range.size == size && m->state != MAPPING_WHOLE) {
		*err = mapping_join(m, mem, offset, flags);
		return *err ? NULL : m;
	}
	*err = mem ? check_part(mem, offset, size) : 0;
	if (!*err)
		*err = check_place(t, i, va, size);
	if (*err)
		return NULL;
	m = record_take(t);
	if (!m) {
		*err = TAKT_E_NOMEM;
		return NULL;
	}
	*m = (struct mapping){
		.type = OBJECT_INTERNAL,
		.claimed = true,
		.flags = (u32)flags,
		.memory = mem,
		.task = t,
		.va = va,
		.range = {.base = offset, .size = size},
	};
	put_into_task(t, i, m);
	if (mem)
		put_into_memory(mem, m, flags);
	return m;
}

static int map_part(struct mapping *m, u64 pa)
{
	u64 done = in_bytes(m->done);
	int err = stage2_map(&m->task->space, IPADDR(m->va), PADDR(pa), m->range.size, m->flags,
			     table_alloc, m->task, &done);

	m->done = in_pages(done);
	return err;
}

static int map_next_frame(struct mapping *m, void *const *frame)
{
	u64 done = 0;
	int err = stage2_map(&m->task->space, IPADDR(m->va + in_bytes(m->done)),
			     PADDR(kpa(frame[m->done]).v), PAGE_SIZE, m->flags, table_alloc,
			     m->task, &done);

	m->done += in_pages(done);
	return err;
}

/* One step of a mapping of an extent, or of frames, which `offset` is the table of: whose frames they
 * are tells a mapping that is being made from another's. */
static int map_step(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size, u64 flags)
{
	struct mapping *m;
	int err;

	if (mem)
		spin_lock(&mem->lock);
	spin_lock(&t->lock);
	m = mapping_begin(t, mem, va, offset, size, flags, &err);
	if (mem)
		spin_unlock(&mem->lock);
	if (unlikely(!m)) {
		spin_unlock(&t->lock);
		return err;
	}
	if (unlikely(m->failed))
		err = TAKT_E_NOMEM;
	else if (mem)
		err = map_part(m, mem->base + offset);
	else
		err = map_next_frame(m, (void *const *)offset);
	return grown_and_unlock(m, err);
}

int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size, u64 flags)
{
	return map_step(t, mem, va, offset, size, flags);
}

int task_map_frames(struct task *t, u64 va, void *const *frame, unsigned n, u64 access)
{
	int err = task_check_va(va, n * PAGE_SIZE);

	return err ? err : map_step(t, NULL, va, (u64)frame, n * PAGE_SIZE, access);
}

int task_map_frame(struct task *t, u64 va, void *frame)
{
	return task_map_frames(t, va, &frame, 1, TAKT_MAP_READ | TAKT_MAP_WRITE);
}

/*
 * What is done most often, and therefore in a way of its own that is half as long: one page of RAM,
 * cached, where the task has the tables for it. It makes all checks of the general way
 * and changes nothing before they are done. False: it is not that case, or an error, which the general
 * way tells.
 */
static inline bool map_page(struct task *t, struct memory *mem, u64 rights, const u64 *w)
{
	u64 va = w[0], offset = w[1], flags = w[3];
	struct mapping *m = NULL;
	u64 *entry;
	unsigned i;

	if (unlikely(w[2] != PAGE_SIZE) || unlikely(!IS_ALIGNED(va | offset, PAGE_SIZE)) ||
	    unlikely(va >> STAGE2_BITS) || unlikely(offset >= mem->size) ||
	    unlikely(flags & ~(rights & MAP_ACCESS)) || unlikely(!flags))
		return false;
	if (unlikely(!stage2_page(&t->space, va, &entry)))
		return false;
	spin_lock(&mem->lock);
	spin_lock(&t->lock);
	i = first_above(t, va);
	if (likely(mem->kind == TAKT_MEMORY_RAM) && likely(!check_part(mem, offset, PAGE_SIZE)) &&
	    likely(!check_place(t, i, va, PAGE_SIZE)))
		m = record_take(t);
	if (likely(m)) {
		m->birth = 0;
		m->head = MAPPING_HEAD(MAPPING_WHOLE, flags);
		m->memory = mem;
		m->task = t;
		m->va = va;
		m->range.size = PAGE_SIZE;
		m->range.base = offset;
		m->range.height = m->range.reach = 0;
		put_into_task(t, i, m);
		put_into_memory(mem, m, flags);
		stage2_set_page(entry, mem->base + offset, flags);
	}
	spin_unlock(&t->lock);
	spin_unlock(&mem->lock);
	return m;
}

static NOINLINE int map_otherwise(struct task *t, struct memory *m, u64 rights, const u64 *w)
{
	u64 va = w[0], offset = w[1], size = w[2], flags = w[3];
	int err = check_range(va, offset, size, m->size);

	if (!err)
		err = check_map_flags(m, rights, flags);
	if (!err)
		err = memory_settle(m);
	return err ? err : task_map_memory(t, m, va, offset, size, flags);
}

int task_op_map(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct memory *m = container_of(in->cap[0], struct memory, object);

	(void)rights;
	return map_page(t, m, in->cap_right[0], in->w) ? 0
						       : map_otherwise(t, m, in->cap_right[0], in->w);
}

/* --- Removing -------------------------------------------------------------------------------- */

/* The mapping that starts at va, if any. With t's lock. */
static struct mapping *starts_at(struct task *t, u64 va)
{
	struct mapping *m = mapping_at(t, first_above(t, va));

	return m && m->va == va ? m : NULL;
}

/* With the lock of the task, whose mapping m is; releases it. */
static int remove_and_unlock(struct mapping *m)
{
	if (mapping_claim(m))
		return shrink_and_unlock(m);
	spin_unlock(&m->task->lock);
	return E_RESTART;
}

int task_op_unmap(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct mapping *m;

	(void)rights;
	spin_lock(&t->lock);
	m = starts_at(t, in->w[0]);
	if (m && m->range.size == in->w[1] && m->memory && m->state != MAPPING_GROWS)
		return remove_and_unlock(m);
	spin_unlock(&t->lock);
	return TAKT_E_RANGE;
}

int task_unmap_frames(struct task *t, u64 va)
{
	struct mapping *m;

	spin_lock(&t->lock);
	m = starts_at(t, va);
	if (m && !m->memory)
		return remove_and_unlock(m);
	spin_unlock(&t->lock);
	return 0;
}

void task_unmap_frame(struct task *t, u64 va)
{
	(void)!task_unmap_frames(t, va); /* one page: one step */
}

int task_unmap_any(struct task *t)
{
	int err;

	spin_lock(&t->lock);
	if (!t->mappings) {
		spin_unlock(&t->lock);
		return 0;
	}
	/* The last one leaves the table as it is. */
	err = remove_and_unlock(t->tables->mapping[t->mappings - 1]);
	return err ? err : E_RESTART;
}
