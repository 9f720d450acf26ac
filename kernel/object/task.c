/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/invoke.h>
#include <object/mapping.h>
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
	list_init(&t->threads);
	list_init(&t->guests);
	t->records = (1u << TASK_RECORDS) - 1;
	t->space.root = kmem_alloc_page(f);
	t->tables = kmem_alloc_page(f);
	vmid = vmid_take();
	if (!t->space.root || !t->tables || vmid < 0)
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
	if (t->tables)
		kmem_free(t->tables);
	if (t->space.root)
		kmem_free(t->space.root);
	object_discard(&t->object);
	return NULL;
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
		t->tables->leaf[t->slots / CAP_LEAF_SLOTS] = leaf;
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

void task_cap_remove(struct task *t, u64 first, u64 count)
{
	spin_lock(&t->lock);
	for (u64 i = first; i < first + count; i++)
		__atomic_store_n(&task_slot(t, i)->word, 0, __ATOMIC_RELEASE);
	spin_unlock(&t->lock);
}

#define DELETE_STEP 64

int task_op_cap_delete(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	u64 first = in->w[0], count = in->w[1], end;

	(void)rights;
	if (!add_ok(first, count, &end) || end > t->slots)
		return TAKT_E_RANGE;
	task_cap_remove(t, first, count < DELETE_STEP ? count : DELETE_STEP);
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

static void vm_undo(struct task *t, struct task *owner)
{
	task_unmap_frame(owner, t->vm_page_va);
	kmem_free(t->vm_page);
	t->vm_page = NULL;
	t->vm_owner = (struct weak){NULL, 0};
	if (t->vgic_made)
		vgic_destroy(t->vgic_made);
	t->vgic_made = NULL;
}

/* First the page, then the vgic's state, of some interrupts at a time. */
static int vm_step(struct task *t, struct task *owner, u64 va, unsigned shared)
{
	struct factory *f = kmem_owner(t);
	void *page;
	int err;

	if (t->vgic)
		return TAKT_E_STATE;
	if (!t->vm_page) {
		page = kmem_alloc_page(f);
		if (!page)
			return TAKT_E_NOMEM;
		err = task_map_frame(owner, va, page);
		if (err) {
			kmem_free(page);
			return err;
		}
		t->vm_page = page;
		t->vm_page_va = va;
		t->vm_owner = weak_to(&owner->object);
		t->vm_shared = (u8)shared;
		return E_RESTART;
	}
	if (weak_get(t->vm_owner) != &owner->object || t->vm_page_va != va || t->vm_shared != shared)
		return TAKT_E_STATE; /* somebody else is at it */
	err = vgic_create(f, t->vm_page, shared, &t->vgic_made);
	if (err == TAKT_E_NOMEM)
		vm_undo(t, owner);
	if (err)
		return err;
	t->vgic = t->vgic_made;
	return 0;
}

int task_op_vm_config(struct object *self, u64 rights, struct invocation *in)
{
	struct task *t = container_of(self, struct task, object);
	struct task *owner = container_of(in->cap[0], struct task, object);
	int err;

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_TASK_MAP))
		return TAKT_E_RIGHTS;
	if (t->kind != TAKT_TASK_VM || t->vgic)
		return TAKT_E_STATE;
	if (in->w[0] > 224 || in->w[0] % 32)
		return TAKT_E_RANGE;
	if (__atomic_exchange_n(&t->vm_claimed, true, __ATOMIC_ACQUIRE))
		return E_RESTART;
	err = vm_step(t, owner, in->w[1], (unsigned)in->w[0]);
	__atomic_store_n(&t->vm_claimed, false, __ATOMIC_RELEASE);
	return err;
}

/* --- Destroy --------------------------------------------------------------------------------- */

int task_teardown(struct task *t)
{
	struct object *owner = weak_get(t->vm_owner);

	if (owner && !owner->dying && t->vm_page)
		task_unmap_frame(container_of(owner, struct task, object), t->vm_page_va);
	t->vm_owner = (struct weak){NULL, 0};
	return task_unmap_any(t);
}

bool task_reclaim(struct task *t)
{
	if (!stage2_free_tables(&t->space, &t->reclaim_cursor, kmem_free))
		return false;
	for (unsigned n = 0; n < 8 && t->slots; n++) {
		t->slots -= CAP_LEAF_SLOTS;
		kmem_free(t->tables->leaf[t->slots / CAP_LEAF_SLOTS]);
	}
	if (t->slots)
		return false;
	kmem_free(t->tables);
	kmem_free(t->space.root);
	if (t->vgic_made)
		vgic_destroy(t->vgic_made);
	if (t->vm_page)
		kmem_free(t->vm_page);
	vmid_give(t->space.vmid);
	kmem_free(t);
	return true;
}
