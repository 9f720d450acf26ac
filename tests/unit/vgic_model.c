/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <arch/boot.h>

#include "vgic_model.h"

struct interface model[CPUS];
bool phys_active[1024];
void (*meanwhile)(void);
unsigned wakes, kicks[CPUS];
struct task *vm;
struct thread *vcpu[VCPUS];
struct takt_vm_page *vm_page;
struct sc base[VCPUS];

static struct list inbox[CPUS];

/* --- What the kernel code needs of the rest ---------------------------------------------- */

unsigned fake_cpu;
u64 fake_now;
struct platform platform;
struct cpu cpus[MAX_CPUS];
struct frame *frame_dir[PHYS_GIBS];

struct cpu *fake_this_cpu(void)
{
	return &cpus[fake_cpu];
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	abort();
}

void klog(const char *fmt, ...)
{
	(void)fmt;
}

/* Weak references look objects up in the frame table, so these lie where memory could. */
#define ARENA ((char *)0x40000000)
#define ARENA_SIZE (1ul << 20)
static size_t arena_used;

static void *arena_page(void)
{
	arena_used += PAGE_SIZE;
	if (arena_used > ARENA_SIZE)
		abort();
	return ARENA + arena_used - PAGE_SIZE;
}

void *kmem_alloc_page(struct factory *f)
{
	(void)f;
	return arena_page();
}

void kmem_free(void *p)
{
	(void)p;
}

void vcpu_wake(struct thread *t)
{
	t->state = THREAD_RUN;
	wakes++;
}

unsigned brought, left_sc, leaves, maintained;

void event_arrive(struct thread *t, u32 virq)
{
	vcpu_wake(t);
	if (event_index(t, virq))
		brought++;
}

void event_ended(struct thread *t, unsigned index)
{
	(void)t;
	left_sc = index;
	leaves++;
}

unsigned event_prio(const struct thread *t)
{
	return t->sc[0]->prio;
}

const struct vgic_hw *vgic_v3_init(void)
{
	abort();
}
void vgic_v3_init_cpu(void)
{
	abort();
}

void irqc_deactivate(u32 raw)
{
	phys_active[raw] = false;
}
void irqc_set_active(u32 intid, bool active)
{
	phys_active[intid] = active;
}
void irqc_configure(u32 intid, bool edge, unsigned cpu)
{
	(void)intid;
	(void)edge;
	(void)cpu;
}
void irqc_enable(u32 intid)
{
	(void)intid;
}
void irqc_kick(unsigned cpu)
{
	kicks[cpu]++;
}

void inbox_post(unsigned cpu, struct inbox_node *node, enum inbox_kind kind, unsigned prio)
{
	if (kind != INBOX_MAIL)
		abort();
	if (!node->queued)
		list_add_tail(&inbox[cpu], &node->link);
	if (!node->queued || node->prio < prio)
		node->prio = (u8)prio;
	node->queued = true;
}

/* None waits here. */
void irq_poll(void)
{
	abort();
}

void fake_point(void)
{
	void (*fn)(void) = meanwhile;
	unsigned cpu = fake_cpu;

	meanwhile = NULL;
	if (fn)
		fn();
	fake_cpu = cpu;
}

/* --- GICH and GICV, IHI 0048B 5.3 and 5.5 ------------------------------------------------ */

void *arch_map_device(u64 base, u64 size)
{
	(void)base;
	(void)size;
	for (unsigned i = 0; i < CPUS; i++)
		model[i].reg[1] = LRS - 1;
	return model[0].reg;
}

static bool ended_with_eoi(unsigned i)
{
	return !(LR[i] & (P | A)) && !(LR[i] & HW) && LR[i] & EOI;
}

u32 fake_read32(const volatile void *p)
{
	unsigned at = (unsigned)((const volatile char *)p - (char *)model[0].reg);
	u32 v = 0;

	for (unsigned i = 0; i < LRS; i++) {
		if (at == 0x20 && ended_with_eoi(i))
			v |= 1u << i;
		if (at == 0x30 && !(LR[i] & (P | A)) && !ended_with_eoi(i))
			v |= 1u << i;
	}
	return at == 0x20 || at == 0x30 ? v : GICH[at / 4];
}

void fake_write32(volatile void *p, u32 v)
{
	GICH[((volatile char *)p - (char *)model[0].reg) / 4] = v;
}

static bool maintenance(void)
{
	bool pending = false, eoi = false;

	for (unsigned i = 0; i < LRS; i++) {
		pending |= LR[i] & P;
		eoi |= ended_with_eoi(i);
	}
	return GICH[0] & 1 && (eoi || (GICH[0] & 8 && !pending) || (GICH[0] & 4 && GICH[0] >> 27));
}

/* What happens before the guest executes anything. */
void enter(void)
{
	while (vgic_has_mail(vgic_of(now)))
		(void)!vgic_collect(vgic_of(now));
	if (vgic_of(now)->dirty)
		vgic_flush(vgic_of(now));
	for (unsigned i = 0; maintenance(); i++) {
		if (i > 3)
			abort(); /* the reason is not removed: it would never end */
		maintained++;
		vgic_maintain(vgic_of(now));
	}
}

static unsigned level(unsigned i)
{
	return LR[i] >> 23 & 31;
}

/* The guest reads IAR. */
unsigned ack(void)
{
	int best = -1;

	enter();
	for (int i = 0; i < LRS; i++)
		if ((LR[i] & (P | A)) == P && (best < 0 || level(i) < level(best)))
			best = i;
	if (best < 0 || (nesting && level(best) >= running[nesting - 1])) {
		for (int i = 0; i < LRS; i++)
			if ((LR[i] & (P | A)) == (P | A) && !nesting)
				abort();
		return 1023;
	}
	running[nesting++] = level(best);
	LR[best] = (LR[best] & ~P) | A;
	return LR[best] & 0x3ff;
}

/* And writes EOIR. */
void eoi(unsigned intid)
{
	nesting--;
	for (unsigned i = 0; i < LRS; i++) {
		if (!(LR[i] & A) || (LR[i] & 0x3ff) != intid)
			continue;
		LR[i] &= ~A;
		if (LR[i] & HW)
			phys_active[LR[i] >> 10 & 0x3ff] = false;
		enter();
		return;
	}
	GICH[0] += 1u << 27;
	enter();
}

/* --- A machine ------------------------------------------------------------------------------ */

void load(unsigned n)
{
	if (now)
		vgic_switch(vgic_of(now), vgic_of(vcpu[n]));
	else
		vgic_load(vgic_of(vcpu[n]));
	now = vcpu[n];
	now->in_guest = true;
	cpus[fake_cpu].thread = now;
}

static void make_vcpu(unsigned i, unsigned cpu)
{
	vcpu[i] = arena_page();
	vcpu[i]->object.birth = i + 1;
	vcpu[i]->state = THREAD_RUN;
	vcpu[i]->cpu = (u8)cpu;
	vcpu[i]->sc[0] = &base[i];
	vcpu[i]->guest_task = vm;
	vcpu[i]->page = arena_page();
	vcpu[i]->machine = arena_page();
	list_init(&vcpu[i]->mail_node.link);
	base[i].prio = 10;
	vgic_cpu_create(vgic_of(vcpu[i]), vcpu[i]);
	if (!vgic_attach(vcpu[i]))
		abort();
	vgic_of(vcpu[i])->vmcr = 0xf8000001; /* group 0 on, all priorities */
}

static void make(unsigned vcpus, unsigned cpus_used)
{
	memset(ARENA, 0, ARENA_SIZE);
	memset(model, 0, sizeof(model));
	memset(phys_active, 0, sizeof(phys_active));
	memset(kicks, 0, sizeof(kicks));
	memset(cpus, 0, sizeof(cpus));
	memset(base, 0, sizeof(base));
	arena_used = 0;
	wakes = 0;
	meanwhile = NULL;
	platform.gic_version = 2;
	platform.gich.size = 0x1000;
	platform.virt_timer_intid = 27;
	platform.maintenance_intid = 25;
	vgic_init();
	for (fake_cpu = CPUS; fake_cpu--;) {
		cpus[fake_cpu].id = fake_cpu;
		cpus[fake_cpu].prio = -1;
		list_init(&inbox[fake_cpu]);
		vgic_init_cpu();
	}
	fake_cpu = 0;
	vm = arena_page();
	vm_page = arena_page();
	while (vgic_create(NULL, vm_page, 96, &vm->vgic))
		;
	for (unsigned i = 0; i < vcpus; i++)
		make_vcpu(i, i % cpus_used);
	load(0);
}

void setup(void)
{
	make(2, 1);
}

void setup_across(void)
{
	make(VCPUS, CPUS);
	on_cpu(1);
	load(1);
	on_cpu(0);
}

void reset_vcpu(unsigned n)
{
	u64 at = 0;

	while (!vgic_cpu_reset(vgic_of(vcpu[n]), &at))
		;
}

void on_cpu(unsigned n)
{
	fake_cpu = n;
	while (!list_empty(&inbox[n])) {
		struct inbox_node *node = list_first(&inbox[n], struct inbox_node, link);

		list_del(&node->link);
		node->queued = false;
		machine_mail(container_of(node, struct thread, mail_node));
	}
}

int inbox_prio(unsigned cpu)
{
	int prio = -1;

	list_for_each(it, &inbox[cpu]) {
		const struct inbox_node *node = container_of(it, struct inbox_node, link);

		if (node->prio > prio)
			prio = node->prio;
	}
	return prio;
}

int configure(unsigned n, unsigned intid, unsigned flags, unsigned priority)
{
	u32 word = flags | priority << TAKT_VIRQ_PRIORITY_SHIFT;

	if (intid < 32)
		vcpu[n]->vp->virq[intid] = word;
	else
		vm_page->virq[intid - 32] = word | n << TAKT_VIRQ_TARGET_SHIFT;
	return virq_sync(vcpu[0], intid);
}

bool consistent(struct vgic_cpu *vc)
{
	unsigned in_lr = 0;

	for (unsigned i = 0; i < LRS; i++) {
		struct virq *v = vc->in[i];

		if (!v != !(vc->used >> i & 1) || (v && v->lr != i + 1))
			return false;
		in_lr += !!v;
		for (unsigned j = 0; v && j < i; j++)
			if (vc->in[j] == v)
				return false;
		if (v && vc->loaded && (LR[i] & 0x3ff) != v->intid)
			return false;
		if (v && (v->queued || v->active))
			return false;
	}
	for (unsigned l = 0; l < VGIC_LEVELS; l++) {
		if (list_empty(&vc->level[l]) != !(vc->levels >> l & 1))
			return false;
		list_for_each(it, &vc->level[l]) {
			struct virq *v = container_of(it, struct virq, link);

			if (!v->queued || v->lr || v->active || v->level != l)
				return false;
		}
	}
	return true;
}


int model_main(void)
{
	if (mmap(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != ARENA)
		return 1;
	frame_dir[1] = calloc(1ul << 18, sizeof(struct frame));
	if (!frame_dir[1])
		return 1;
	for (unsigned n = 0; n < ARENA_SIZE >> PAGE_SHIFT; n++)
		frame_of((u64)ARENA + n * PAGE_SIZE)->unborn = ~0ul; /* objects of any birth */
	return 0;
}
