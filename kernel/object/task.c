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
	t->space.root = kmem_alloc_page(f);
	t->leaf = kmem_alloc_page(f);
	vmid = vmid_take();
	if (!t->space.root || !t->leaf || vmid < 0)
		goto fail;
	t->space.vmid = (u16)vmid;
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
	kmem_free(t);
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

static int map_all(struct task *t, struct mapping *m, u64 pa)
{
	u64 done = 0;
	int err = 0;

	while (done < m->size && !err)
		err = stage2_map(&t->space, IPADDR(m->va), PADDR(pa), m->size, m->flags,
				 table_alloc, kmem_owner(t), &done);
	if (err) {
		u64 end = done;

		done = 0;
		while (done < end)
			stage2_unmap(&t->space, IPADDR(m->va), end, &done);
	}
	return err;
}

int task_map_memory(struct task *t, struct memory *mem, u64 va, u64 offset, u64 size, u64 flags)
{
	struct mapping *m = kmem_alloc(kmem_owner(t), sizeof(*m));
	int err;

	if (!m)
		return TAKT_E_NOMEM;
	*m = (struct mapping){.memory = mem, .task = t, .va = va, .offset = offset, .size = size,
			      .flags = flags};
	spin_lock(&mem->lock);
	spin_lock(&t->lock);
	err = TAKT_E_EXISTS;
	if (mem->claimed || carved_out(mem, mem->base + offset, size) || !va_free(t, va, size))
		goto out;
	err = map_all(t, m, mem->base + offset);
	if (err)
		goto out;
	list_add_tail(&t->mappings, &m->in_task);
	list_add_tail(&mem->mappings, &m->in_memory);
out:
	spin_unlock(&t->lock);
	spin_unlock(&mem->lock);
	if (err)
		kmem_free(m);
	return err;
}

/* Kernel frames (UTCB, state pages) are mapped without an extent behind them. */
int task_map_frame(struct task *t, u64 va, void *frame)
{
	struct mapping *m;
	int err = check_range(va, 0, PAGE_SIZE, PAGE_SIZE);

	if (err)
		return err;
	m = kmem_alloc(kmem_owner(t), sizeof(*m));
	if (!m)
		return TAKT_E_NOMEM;
	*m = (struct mapping){.task = t, .va = va, .size = PAGE_SIZE,
			      .flags = TAKT_MAP_READ | TAKT_MAP_WRITE};
	spin_lock(&t->lock);
	err = va_free(t, va, PAGE_SIZE) ? map_all(t, m, kpa(frame).v) : TAKT_E_EXISTS;
	if (!err)
		list_add_tail(&t->mappings, &m->in_task);
	spin_unlock(&t->lock);
	if (err)
		kmem_free(m);
	return err;
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
	return err ? err : task_map_memory(t, m, va, offset, size, flags);
}

static struct mapping *find_mapping(struct task *t, u64 va, u64 size)
{
	list_for_each (l, &t->mappings) {
		struct mapping *m = container_of(l, struct mapping, in_task);

		if (m->va == va && m->size == size && m->memory)
			return m;
	}
	return NULL;
}

int task_op_unmap(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct mapping *m;
	u64 done = 0;

	(void)rights;
	spin_lock(&t->lock);
	m = find_mapping(t, in->w[0], in->w[1]);
	if (m)
		list_del(&m->in_task);
	spin_unlock(&t->lock);
	if (!m)
		return TAKT_E_RANGE;
	/* Off the list, nobody else finds it; its addresses are reused only after the next lock. */
	while (done < m->size)
		stage2_unmap(&t->space, IPADDR(m->va), m->size, &done);
	spin_lock(&m->memory->lock);
	list_del(&m->in_memory);
	spin_unlock(&m->memory->lock);
	kmem_free(m);
	return 0;
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
	if (!cap_object(*c)) {
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

int task_op_cap_delete(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	u64 first = in->w[0], count = in->w[1], end;

	(void)rights;
	if (!add_ok(first, count, &end) || end > t->slots)
		return TAKT_E_RANGE;
	spin_lock(&t->lock);
	for (u64 i = first; i < end; i++)
		__atomic_store_n(&task_slot(t, i)->word, 0, __ATOMIC_RELEASE);
	spin_unlock(&t->lock);
	return 0;
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
	(void)rights;
	return task_grow(container_of(self, struct task, object), in->w[0]);
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
	return t->vgic ? 0 : TAKT_E_NOMEM;
fail:
	kmem_free(page);
	return err;
}
