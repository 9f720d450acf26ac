/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/invoke.h>
#include <object/memory.h>
#include <object/task.h>

/* --- State ----------------------------------------------------------------------------------- */

/* VMID 0 is the kernel's own and means "no guest". */
#define VMIDS 256
static struct spinlock vmid_lock;
static u64 vmid_used[VMIDS / 64] = {1};

static int vmid_take(void)
{
	int vmid = -1;

	spin_lock(&vmid_lock);
	for (unsigned i = 0; i < ARRAY_SIZE(vmid_used) && vmid < 0; i++) {
		if (~vmid_used[i]) {
			unsigned bit = (unsigned)__builtin_ctzll(~vmid_used[i]);

			vmid_used[i] |= 1ul << bit;
			vmid = (int)(i * 64 + bit);
		}
	}
	spin_unlock(&vmid_lock);
	return vmid;
}

static void vmid_give(int vmid)
{
	spin_lock(&vmid_lock);
	vmid_used[vmid / 64] &= ~(1ul << (vmid % 64));
	spin_unlock(&vmid_lock);
}

struct task *task_create(struct factory *f, unsigned kind, const u64 name[2])
{
	struct task *t = object_alloc(f, sizeof(*t), TAKT_TASK);
	int vmid;

	if (!t)
		return NULL;
	t->kind = (u8)kind;
	memcpy(t->name, name, sizeof(t->name));
	list_init(&t->mappings);
	list_init(&t->threads);
	list_init(&t->guests);
	t->space.root = kmem_alloc_page(f);
	t->leaf = kmem_alloc_page(f);
	vmid = vmid_take();
	if (!t->space.root || !t->leaf || vmid < 0)
		goto fail;
	t->space.vmid = (u16)vmid;
	t->space.vttbr = kpa(t->space.root).v | (u64)vmid << 48;
	if (task_grow(t, CAP_LEAF_SLOTS))
		goto fail;
	object_born(&t->object);
	return t;
fail:
	if (vmid >= 0)
		vmid_give(vmid);
	if (t->leaf)
		kmem_free(t->leaf);
	if (t->space.root)
		kmem_free(t->space.root);
	object_discard(&t->object);
	return NULL;
}

/* --- Checks ---------------------------------------------------------------------------------- */

/* Access wanted must be within the capability's rights, and devices are never executed. */
static int check_map_flags(const struct memory *m, u64 rights, u64 flags)
{
	u64 access = flags & (TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_EXEC);
	u64 order = flags >> 16 & 0x3f;

	if (flags & ~(7ul | TAKT_MAP_ATTR_MASK | TAKT_MAP_ORDER(0x3f)) || !access)
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

/* With t's lock. */
static bool va_free(struct task *t, u64 va, u64 size)
{
	list_for_each (l, &t->mappings) {
		struct mapping *m = container_of(l, struct mapping, in_task);

		if (va < m->va + m->size && m->va < va + size)
			return false;
	}
	return true;
}

/* With m's lock. */
static bool carved_out(struct memory *m, u64 base, u64 size)
{
	list_for_each (l, &m->children) {
		struct memory *child = container_of(l, struct memory, sibling);

		if (base < child->base + child->size && child->base < base + size)
			return true;
	}
	return false;
}

/* --- Address space --------------------------------------------------------------------------- */

static void *table_alloc(void *factory)
{
	return kmem_alloc_page(factory);
}

/* The record leaves the task's list and the extent's, and is freed. With neither lock. */
static void mapping_drop(struct mapping *m)
{
	spin_lock(&m->task->lock);
	list_del(&m->in_task);
	m->task->mapping_count--;
	spin_unlock(&m->task->lock);
	if (m->memory) {
		spin_lock(&m->memory->lock);
		list_del(&m->in_memory);
		m->memory->uses--;
		spin_unlock(&m->memory->lock);
	}
	kmem_free(m);
}

bool mapping_claim(struct mapping *m)
{
	/* Two may ask under different locks. */
	return !__atomic_exchange_n(&m->claimed, true, __ATOMIC_ACQUIRE);
}

int mapping_shrink(struct mapping *m)
{
	struct task *t = m->task;

	spin_lock(&t->lock);
	if (m->state != MAPPING_SHRINKS) {
		/* What has no entries yet needs none removed. */
		m->end = m->state == MAPPING_GROWS ? m->done : m->size;
		m->done = 0;
		m->state = MAPPING_SHRINKS;
	}
	if (m->done < m->end)
		stage2_unmap(&t->space, IPADDR(m->va), m->end, &m->done);
	bool gone = m->done >= m->end;

	m->claimed = gone;
	spin_unlock(&t->lock);
	if (!gone)
		return E_RESTART;
	mapping_drop(m);
	return 0;
}

static int mapping_grow(struct mapping *m, u64 pa)
{
	struct task *t = m->task;
	int err;

	spin_lock(&t->lock);
	err = stage2_map(&t->space, IPADDR(m->va), PADDR(pa), m->size, m->flags, table_alloc,
			 kmem_owner(t), &m->done);
	if (!err && m->done == m->size)
		m->state = MAPPING_WHOLE;
	m->claimed = err; /* who failed takes it away again */
	spin_unlock(&t->lock);
	return !err && m->done < m->size ? E_RESTART : err;
}

static struct mapping *mapping_new(struct task *t, u64 va, u64 size, u64 flags)
{
	struct mapping *m = kmem_alloc(kmem_owner(t), sizeof(*m));

	if (!m)
		return NULL;
	m->object.type = OBJECT_INTERNAL;
	m->claimed = true; /* by who makes it */
	m->task = t;
	m->va = va;
	m->size = size;
	m->flags = flags;
	return m;
}

/* With t's lock. */
static int mapping_enlist(struct task *t, struct mapping *m)
{
	if (t->object.dying)
		return TAKT_E_STATE;
	if (t->mapping_count == TASK_MAPPINGS)
		return TAKT_E_QUOTA;
	if (!va_free(t, m->va, m->size))
		return TAKT_E_EXISTS;
	t->mapping_count++;
	list_add_tail(&t->mappings, &m->in_task);
	return 0;
}

/* The mapping in that state, claimed. Null if there is none; *busy: there is, and somebody is at it. */
static struct mapping *find_mapping(struct task *t, u64 va, u64 size, enum mapping_state state,
				    bool *busy)
{
	struct mapping *found = NULL;

	*busy = false;
	spin_lock(&t->lock);
	list_for_each (l, &t->mappings) {
		struct mapping *m = container_of(l, struct mapping, in_task);

		if (m->va == va && m->size == size && m->memory && m->state == state) {
			if (mapping_claim(m))
				found = m;
			else
				*busy = true;
			break;
		}
	}
	spin_unlock(&t->lock);
	return found;
}

/* A record of the whole range stands from the first step on, so that nothing else gets in between. */
static int mapping_begin(struct task *t, struct memory *mem, struct mapping *m)
{
	int err;

	spin_lock(&mem->lock);
	spin_lock(&t->lock);
	if (mem->claimed || mem->object.dying)
		err = TAKT_E_STATE;
	else if (mem->uses == MEMORY_USES)
		err = TAKT_E_QUOTA;
	else if (carved_out(mem, mem->base + m->offset, m->size))
		err = TAKT_E_EXISTS;
	else
		err = mapping_enlist(t, m);
	if (!err) {
		mem->uses++;
		if (m->flags & TAKT_MAP_WRITE)
			mem->writable = true;
		list_add_tail(&mem->mappings, &m->in_memory);
	}
	spin_unlock(&t->lock);
	spin_unlock(&mem->lock);
	return err;
}

/* There was no memory for the tables: what was mapped goes again, step by step. */
static int map_undo(struct mapping *m)
{
	int err = mapping_shrink(m);

	return err ? err : TAKT_E_NOMEM;
}

int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size, u64 flags)
{
	bool busy;
	struct mapping *m = find_mapping(t, va, size, MAPPING_GROWS, &busy);
	int err;

	if (!m && !busy) {
		m = find_mapping(t, va, size, MAPPING_SHRINKS, &busy);
		if (m && m->failed && m->memory == mem)
			return map_undo(m);
		if (m) {
			m->claimed = false; /* somebody unmaps it */
			return E_RESTART;
		}
	}
	if (m && (m->memory != mem || m->offset != offset || m->flags != flags)) {
		m->claimed = false; /* somebody else's */
		return TAKT_E_EXISTS;
	}
	if (busy)
		return E_RESTART;
	if (!m) {
		m = mapping_new(t, va, size, flags);
		if (!m)
			return TAKT_E_NOMEM;
		m->memory = mem;
		m->offset = offset;
		err = mapping_begin(t, mem, m);
		if (err) {
			kmem_free(m);
			return err;
		}
	}
	err = mapping_grow(m, mem->base + offset);
	if (!err || err == E_RESTART)
		return err;
	m->failed = true;
	return map_undo(m);
}

int task_check_va(u64 va, u64 size)
{
	return check_range(va, 0, size, size);
}

/* With t's lock, so that nobody finds the record before it is whole. */
static int map_each(struct task *t, struct mapping *m, void *const *frame)
{
	int err = mapping_enlist(t, m);

	if (err)
		return err;
	while (m->done < m->size && !err) {
		u64 done = 0;

		err = stage2_map(&t->space, IPADDR(m->va + m->done),
				 PADDR(kpa(frame[m->done / PAGE_SIZE]).v), PAGE_SIZE, m->flags,
				 table_alloc, kmem_owner(t), &done);
		m->done += done;
	}
	if (!err) {
		m->state = MAPPING_WHOLE;
		m->claimed = false;
		return 0;
	}
	for (u64 undone = 0; undone < m->done;)
		stage2_unmap(&t->space, IPADDR(m->va), m->done, &undone);
	list_del(&m->in_task);
	t->mapping_count--;
	return err;
}

/* Kernel frames (UTCB, state pages, traces) are mapped without an extent behind them. */
int task_map_frames(struct task *t, u64 va, void *const *frame, unsigned n, u64 access)
{
	struct mapping *m;
	int err = task_check_va(va, n * PAGE_SIZE);

	if (err)
		return err;
	m = mapping_new(t, va, n * PAGE_SIZE, access);
	if (!m)
		return TAKT_E_NOMEM;
	spin_lock(&t->lock);
	err = map_each(t, m, frame);
	spin_unlock(&t->lock);
	if (err)
		kmem_free(m);
	return err;
}

int task_map_frame(struct task *t, u64 va, void *frame)
{
	return task_map_frames(t, va, &frame, 1, TAKT_MAP_READ | TAKT_MAP_WRITE);
}

int task_unmap_frames(struct task *t, u64 va)
{
	struct mapping *found = NULL;
	bool claimed = false;

	spin_lock(&t->lock);
	list_for_each (l, &t->mappings) {
		struct mapping *m = container_of(l, struct mapping, in_task);

		if (m->va == va && !m->memory) {
			found = m;
			claimed = mapping_claim(m);
			break;
		}
	}
	spin_unlock(&t->lock);
	if (!found)
		return 0;
	return claimed ? mapping_shrink(found) : E_RESTART;
}

void task_unmap_frame(struct task *t, u64 va)
{
	(void)!task_unmap_frames(t, va); /* one page: one step */
}

int task_op_map(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct memory *m = container_of(in->cap[0], struct memory, object);
	u64 va = in->w[0], offset = in->w[1], size = in->w[2], flags = in->w[3];
	int err = check_range(va, offset, size, m->size);

	(void)rights;
	if (!err)
		err = check_map_flags(m, in->cap_right[0], flags);
	if (!err)
		err = memory_settle(m);
	return err ? err : task_map_memory(t, m, va, offset, size, flags);
}

int task_op_unmap(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	bool busy;
	struct mapping *m = find_mapping(t, in->w[0], in->w[1], MAPPING_SHRINKS, &busy);

	(void)rights;
	if (!m && !busy)
		m = find_mapping(t, in->w[0], in->w[1], MAPPING_WHOLE, &busy);
	if (busy)
		return E_RESTART;
	return m ? mapping_shrink(m) : TAKT_E_RANGE;
}

/* --- Capability table ------------------------------------------------------------------------ */

int task_grow(struct task *t, u64 slots)
{
	int err = 0;

	if (slots > CAP_LEAVES * CAP_LEAF_SLOTS)
		return TAKT_E_RANGE;
	spin_lock(&t->lock);
	while (t->slots < slots) {
		struct cap *leaf = kmem_alloc_page(kmem_owner(t));

		if (!leaf) {
			err = TAKT_E_NOMEM;
			break;
		}
		t->leaf[t->slots / CAP_LEAF_SLOTS] = leaf;
		/* Lookups take no lock: the leaf is there before its slots count. */
		__atomic_store_n(&t->slots, t->slots + CAP_LEAF_SLOTS, __ATOMIC_RELEASE);
	}
	spin_unlock(&t->lock);
	return err;
}

int task_cap_insert(struct task *t, u64 slot, struct object *o, u64 rights)
{
	struct cap *c = task_slot(t, slot);
	int err = TAKT_E_EXISTS;

	if (!c || !slot)
		return TAKT_E_RANGE;
	spin_lock(&t->lock);
	if (t->object.dying || o->dying) {
		err = TAKT_E_STATE;
	} else if (!cap_object(*c)) {
		struct cap new = cap_make(o, rights);

		/* A reader between the stores sees a birth that fits no object. */
		__atomic_store_n(&c->word, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&c->birth, new.birth, __ATOMIC_RELEASE);
		__atomic_store_n(&c->word, new.word, __ATOMIC_RELEASE);
		err = 0;
	}
	spin_unlock(&t->lock);
	return err;
}

int task_op_cap_copy(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);

	(void)rights;
	return task_cap_insert(t, in->w[0], in->cap[0], in->w[1] & in->cap_right[0]);
}

#define DELETE_STEP 64

int task_op_cap_delete(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	u64 first = in->w[0], count = in->w[1], end;

	(void)rights;
	if (!add_ok(first, count, &end) || end > t->slots)
		return TAKT_E_RANGE;
	spin_lock(&t->lock);
	for (u64 i = first; i < end && i < first + DELETE_STEP; i++)
		__atomic_store_n(&task_slot(t, i)->word, 0, __ATOMIC_RELEASE);
	spin_unlock(&t->lock);
	if (count <= DELETE_STEP)
		return 0;
	in->w[0] = first + DELETE_STEP;
	in->w[1] = count - DELETE_STEP;
	return E_RESTART;
}

int task_op_cap_inspect(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct cap *slot = task_slot(t, in->w[0]);
	struct cap c;
	struct object *o;

	(void)rights;
	if (!slot)
		return TAKT_E_RANGE;
	c = *slot;
	o = cap_object(c);
	in->w[0] = o ? o->type : TAKT_NONE;
	in->w[1] = o ? cap_rights(c) : 0;
	in->w[2] = o ? c.birth : 0;
	return 0;
}

int task_op_cap_grow(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	int err;

	(void)rights;
	if (in->w[0] > CAP_LEAVES * CAP_LEAF_SLOTS)
		return TAKT_E_RANGE;
	if (t->slots >= in->w[0])
		return 0;
	err = task_grow(t, t->slots + 1); /* a page at a time */
	return err ? err : t->slots < in->w[0] ? E_RESTART : 0;
}

/* --- Virtual machine ------------------------------------------------------------------------- */

int task_op_vm_config(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct task *owner = container_of(in->cap[0], struct task, object);
	struct factory *f = kmem_owner(t);
	void *page;
	int err;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_TASK_MAP))
		return TAKT_E_RIGHTS;
	if (t->kind != TAKT_TASK_VM || t->vgic)
		return TAKT_E_STATE;
	if (in->w[0] > 224 || in->w[0] % 32)
		return TAKT_E_RANGE;
	page = kmem_alloc_page(f);
	if (!page)
		return TAKT_E_NOMEM;
	err = task_map_frame(owner, in->w[1], page);
	if (err)
		goto fail;
	t->vgic = vgic_create(f, page, (unsigned)in->w[0]);
	if (t->vgic) {
		t->vm_page = page;
		t->vm_owner = weak_to(&owner->object);
		t->vm_page_va = in->w[1];
		return 0;
	}
	task_unmap_frame(owner, in->w[1]);
	err = TAKT_E_NOMEM;
fail:
	kmem_free(page);
	return err;
}

/* --- Destroy --------------------------------------------------------------------------------- */

int task_teardown(struct task *t)
{
	struct object *owner = weak_get(t->vm_owner);
	struct mapping *m = NULL;
	bool claimed = false;
	int err;

	if (owner && !owner->dying && t->vm_page)
		task_unmap_frame(container_of(owner, struct task, object), t->vm_page_va);
	t->vm_owner = (struct weak){NULL, 0};
	spin_lock(&t->lock);
	if (!list_empty(&t->mappings)) {
		m = list_first(&t->mappings, struct mapping, in_task);
		claimed = mapping_claim(m);
	}
	spin_unlock(&t->lock);
	if (!m)
		return 0;
	err = claimed ? mapping_shrink(m) : E_RESTART;
	return err ? err : E_RESTART;
}

bool task_reclaim(struct task *t)
{
	if (!stage2_free_tables(&t->space, &t->reclaim_cursor, kmem_free))
		return false;
	for (unsigned n = 0; n < 8 && t->slots; n++) {
		t->slots -= CAP_LEAF_SLOTS;
		kmem_free(t->leaf[t->slots / CAP_LEAF_SLOTS]);
	}
	if (t->slots)
		return false;
	kmem_free(t->leaf);
	kmem_free(t->space.root);
	if (t->vgic)
		vgic_destroy(t->vgic);
	if (t->vm_page)
		kmem_free(t->vm_page);
	vmid_give(t->space.vmid);
	kmem_free(t);
	return true;
}
