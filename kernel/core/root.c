/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/elf.h>
#include <core/invoke.h>
#include <core/root.h>
#include <core/budget.h>
#include <core/sched.h>
#include <object/factory.h>
#include <object/mapping.h>
#include <object/memory.h>
#include <object/scheduler.h>
#include <object/task.h>
#include <takt/bootinfo.h>

#define ROOT_FACTORY_SIZE (4ul << 20)
#define ROOT_PRIORITY (PRIORITIES - 1)
#define ROOT_SLICE_HZ 100 /* round robin: ticks a second / this */
#define MEMORY_RIGHTS                                                                              \
	(TAKT_R_MEM_READ | TAKT_R_MEM_WRITE | TAKT_R_MEM_EXEC | TAKT_R_MEM_DERIVE |                \
	 TAKT_R_MEM_CLAIM)

struct builder {
	struct factory *f;
	struct task *task;
	struct takt_bootinfo *info; /* kernel address; mapped for root to read */
	unsigned regions;
	struct region region[PLATFORM_REGIONS]; /* free RAM; root's own is cut off the front */
};

static void must(int err, const char *what)
{
	if (err)
		panic("cannot make the first task: %s: error %d", what, err);
}

static void give(struct builder *b, unsigned slot, struct object *o, u64 rights)
{
	if (!o)
		panic("cannot make the first task: out of memory for slot %u", slot);
	must(task_cap_insert(b->task, slot, o, rights), "capability");
}

/* Free RAM, aligned, off the first region that has it. */
static u64 take_ram(struct builder *b, u64 size, u64 align)
{
	for (unsigned i = 0; i < b->regions; i++) {
		struct region *r = &b->region[i];
		u64 base = ALIGN_UP(r->base, align);
		u64 skip = base - r->base;

		if (skip + size > r->size)
			continue;
		r->base += skip + size;
		r->size -= skip + size;
		return base;
	}
	panic("not enough RAM for the first task: %lu KiB are missing", size >> 10);
}

static struct memory *extent(struct builder *b, u64 base, u64 size, unsigned kind)
{
	struct memory *m = memory_create(b->f, base, size, kind);

	if (!m)
		panic("cannot make the first task: out of memory for an extent");
	object_born(&m->object);
	return m;
}

/* Fresh zeroed RAM with optional content, mapped into root. */
static void map_ram(struct builder *b, u64 va, u64 size, const void *data, u64 data_size, u64 flags)
{
	u64 base = take_ram(b, size, PAGE_SIZE);
	struct memory *m = extent(b, base, size, TAKT_MEMORY_RAM);
	int err;

	arch_kernel_map(PADDR(base), size);
	memset(kva(PADDR(base)), 0, size);
	if (data_size)
		memcpy(kva(PADDR(base)), data, data_size);
	arch_kernel_unmap(PADDR(base), size);
	for (u64 at = 0; flags & TAKT_MAP_EXEC && at < size; at += PAGE_SIZE)
		arch_sync_frame(PADDR(base + at), PAGE_SIZE, TAKT_SYNC_CODE);
	do
		err = task_map_memory(b->task, m, va, 0, size, flags);
	while (err == E_RESTART);
	must(err, "mapping");
}

static u64 load_elf(struct builder *b)
{
	u64 base = ALIGN_DOWN(platform.archive.base, PAGE_SIZE);
	u64 size = ALIGN_UP(platform.archive.base + platform.archive.size, PAGE_SIZE) - base;
	struct elf_image image;
	const char *why;
	const char *file;
	u64 file_size;

	if (!platform.archive.size)
		panic("no boot archive: give one as the initrd");
	arch_kernel_map(PADDR(base), size);
	file = cpio_first(kva(PADDR(platform.archive.base)), platform.archive.size, "root",
			  &file_size, &why);
	if (!file)
		panic("boot archive: %s", why);
	if (!elf_parse(file, file_size, &image, &why))
		panic("boot archive: file 'root': %s", why);
	for (unsigned i = 0; i < image.segments; i++) {
		const struct elf_segment *s = &image.segment[i];
		u64 flags = TAKT_MAP_READ | (s->write ? TAKT_MAP_WRITE : 0) |
			    (s->exec ? TAKT_MAP_EXEC : 0);

		map_ram(b, s->va, s->size, file + s->offset, s->file_size, flags);
	}
	arch_kernel_unmap(PADDR(base), size);
	return image.entry;
}

/* --- Capabilities ---------------------------------------------------------------------------- */

/* One extent for all that is not RAM; what the kernel drives itself is carved out of it. */
static void give_devices(struct builder *b)
{
	const struct region kernel_own[] = {platform.gicd, platform.gicc, platform.gich,
					    platform.gicr[0], platform.gicr[1], platform.gicr[2],
					    platform.gicr[3]};
	struct memory *all = extent(b, 0, 1ul << 40, TAKT_MEMORY_DEVICE);

	for (unsigned i = 0; i < platform.memories; i++) {
		struct region r = platform.memory[i];

		must(memory_carve(all, extent(b, r.base, r.size, TAKT_MEMORY_RAM)), "RAM");
	}
	for (unsigned i = 0; i < ARRAY_SIZE(kernel_own); i++) {
		u64 base = ALIGN_DOWN(kernel_own[i].base, PAGE_SIZE);
		u64 end = ALIGN_UP(kernel_own[i].base + kernel_own[i].size, PAGE_SIZE);

		if (kernel_own[i].size)
			must(memory_carve(all, extent(b, base, end - base, TAKT_MEMORY_DEVICE)),
			     "interrupt controller");
	}
	give(b, TAKT_ROOT_DEVICES, &all->object, MEMORY_RIGHTS & ~(u64)TAKT_R_MEM_EXEC);
}

/* RAM that holds something root may read: the archive, the device tree. */
static void give_image(struct builder *b, unsigned slot, struct region r)
{
	u64 base = ALIGN_DOWN(r.base, PAGE_SIZE);
	u64 end = ALIGN_UP(r.base + r.size, PAGE_SIZE);

	if (r.size)
		give(b, slot, &extent(b, base, end - base, TAKT_MEMORY_RAM)->object,
		     TAKT_R_MEM_READ | TAKT_R_MEM_DERIVE);
}

static void give_ram(struct builder *b)
{
	struct takt_bootinfo *info = b->info;

	for (unsigned i = 0; i < b->regions; i++) {
		struct region r = b->region[i];

		if (!r.size || info->memories == ARRAY_SIZE(info->memory))
			continue;
		info->memory[info->memories].base = r.base;
		info->memory[info->memories].size = r.size;
		give(b, TAKT_ROOT_MEMORY + info->memories++,
		     &extent(b, r.base, r.size, TAKT_MEMORY_RAM)->object, MEMORY_RIGHTS);
	}
}

/* Objects with no state of their own: there is one each. */
static struct object *singleton(struct builder *b, enum takt_type type)
{
	struct object *o = object_alloc(b->f, sizeof(*o), type);

	if (o)
		object_born(o);
	return o;
}

static void fill_bootinfo(struct takt_bootinfo *info)
{
	info->magic = TAKT_BOOTINFO_MAGIC;
	info->version = TAKT_BOOTINFO_VERSION;
	info->cpus = platform.cpus;
	info->counter_hz = platform.counter_hz;
	info->archive_offset = platform.archive.base & (PAGE_SIZE - 1);
	info->archive_size = platform.archive.size;
	info->dtb_offset = platform.dtb.base & (PAGE_SIZE - 1);
	info->dtb_size = platform.dtb.size;
	info->gic_version = platform.gic_version;
	info->list_registers = machine_list_registers();
	info->gicv_base = platform.gic_version == 2 ? platform.gicv.base : 0;
}

/* --- The thread ------------------------------------------------------------------------------ */

static struct sc *make_sc(struct builder *b, struct scheduler *s)
{
	struct sc *sc = object_alloc(b->f, sizeof(*sc), TAKT_SC);

	if (!sc)
		panic("cannot make the first task: out of memory");
	sc->prio = ROOT_PRIORITY;
	sc->cpu = 0;
	sc_set_budget(sc, platform.counter_hz / ROOT_SLICE_HZ, platform.counter_hz / ROOT_SLICE_HZ);
	sc->scheduler = s;
	list_init(&sc->sched_link);
	list_add_tail(&s->scs, &sc->sched_link);
	sc->timer.kind = TIMER_SC;
	list_init(&sc->link);
	sc_refill_reset(sc, now_ticks());
	object_born(&sc->object);
	return sc;
}

static void make_thread(struct builder *b, u64 entry)
{
	static const u64 name[2] = {0x746f6f72 /* "root" */, 0};
	u64 all = (1ul << platform.cpus) - 1;
	struct scheduler *s = scheduler_create(b->f, 0, PRIORITIES - 1, all, 1000);
	struct thread *t = thread_create(b->f, name);
	void *utcb = kmem_alloc_page(b->f);
	struct sc *sc;

	if (!s || !t || !utcb)
		panic("cannot make the first task: out of memory");
	must(task_map_frame(b->task, TAKT_ROOT_UTCB_VA, utcb), "UTCB");
	object_born(&s->object);
	sc = make_sc(b, s);
	t->utcb = utcb;
	t->mapped = UTCB_MAPPED;
	t->task = b->task;
	t->guest_task = b->task;
	list_add_tail(&b->task->threads, &t->task_link);
	list_add_tail(&b->task->guests, &t->guest_link);
	t->cpu = 0;
	context_start(t, entry, TAKT_ROOT_STACK_TOP, TAKT_ROOT_BOOTINFO_VA);
	t->state = THREAD_RUN;
	sc_bind(sc, t, 0);
	sc_activate(sc);
	give(b, TAKT_ROOT_THREAD, &t->object, TAKT_R_ALL);
	give(b, TAKT_ROOT_SCHEDULER, &s->object, TAKT_R_ALL);
	give(b, TAKT_ROOT_SC, &sc->object, TAKT_R_ALL);
}

void root_start(void)
{
	static const u64 name[2] = {0x746f6f72, 0};
	struct builder b = {0};
	u64 entry, factory_base;

	b.regions = arch_free_memory(b.region, ARRAY_SIZE(b.region));
	factory_base = take_ram(&b, ROOT_FACTORY_SIZE, PAGE_SIZE);
	b.f = factory_in(factory_base, ROOT_FACTORY_SIZE, NULL);
	b.task = task_create(b.f, TAKT_TASK_NATIVE, name);
	b.info = kmem_alloc_page(b.f);
	if (!b.task || !b.info)
		panic("cannot make the first task: out of memory");
	must(task_grow(b.task, TAKT_ROOT_SLOTS), "capability table");
	must(task_map_frame(b.task, TAKT_ROOT_BOOTINFO_VA, b.info), "boot information");
	entry = load_elf(&b);
	map_ram(&b, TAKT_ROOT_STACK_TOP - TAKT_ROOT_STACK_SIZE, TAKT_ROOT_STACK_SIZE, NULL, 0,
		TAKT_MAP_READ | TAKT_MAP_WRITE);
	fill_bootinfo(b.info);
	give(&b, TAKT_ROOT_TASK, &b.task->object, TAKT_R_ALL);
	give(&b, TAKT_ROOT_FACTORY, &b.f->object, TAKT_R_ALL);
	give(&b, TAKT_ROOT_INTC, singleton(&b, TAKT_INTC), TAKT_R_ALL);
	give(&b, TAKT_ROOT_LOG, singleton(&b, TAKT_LOG), TAKT_R_ALL);
	give_image(&b, TAKT_ROOT_ARCHIVE, platform.archive);
	give_image(&b, TAKT_ROOT_DTB, platform.dtb);
	give_devices(&b);
	give_ram(&b);
	make_thread(&b, entry);
}
