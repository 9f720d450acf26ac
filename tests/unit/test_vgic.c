/* SPDX-License-Identifier: MIT */
/*
 * The kernel's virtual GIC (vgic.c, virq.c, vgic_v2.c) against a model of GICv2's virtual CPU
 * interface and of a guest that takes and ends interrupts.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <arch/boot.h>
#include <arch/vgic.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <object/irq.h>
#include <object/task.h>

#include "tap.h"

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

static unsigned wakes;
void vcpu_wake(struct thread *t)
{
	t->state = THREAD_RUN;
	wakes++;
}

const struct vgic_hw *vgic_v3_init(void)
{
	abort();
}
void vgic_v3_init_cpu(void)
{
	abort();
}

static bool phys_active[1024];
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

/* --- GICH and GICV, IHI 0048B 5.3 and 5.5 ------------------------------------------------ */

#define LRS 4
#define P (1u << 28)
#define A (1u << 29)
#define HW (1u << 31)
#define EOI (1u << 19)

static u32 gich[0x80];
static u32 *const lr = gich + 0x40;
static unsigned running[300], nesting; /* levels of what the guest has taken */

void *arch_map_device(u64 base, u64 size)
{
	(void)base;
	(void)size;
	gich[1] = LRS - 1;
	return gich;
}

static bool ended_with_eoi(unsigned i)
{
	return !(lr[i] & (P | A)) && !(lr[i] & HW) && lr[i] & EOI;
}

u32 fake_read32(const volatile void *p)
{
	unsigned at = (unsigned)((const volatile char *)p - (char *)gich);
	u32 v = 0;

	for (unsigned i = 0; i < LRS; i++) {
		if (at == 0x20 && ended_with_eoi(i))
			v |= 1u << i;
		if (at == 0x30 && !(lr[i] & (P | A)) && !ended_with_eoi(i))
			v |= 1u << i;
	}
	return at == 0x20 || at == 0x30 ? v : gich[at / 4];
}

void fake_write32(volatile void *p, u32 v)
{
	gich[((volatile char *)p - (char *)gich) / 4] = v;
}

static struct thread *now; /* whose list registers are loaded */

static bool maintenance(void)
{
	bool pending = false, eoi = false;

	for (unsigned i = 0; i < LRS; i++) {
		pending |= lr[i] & P;
		eoi |= ended_with_eoi(i);
	}
	return gich[0] & 1 && (eoi || (gich[0] & 8 && !pending) || (gich[0] & 4 && gich[0] >> 27));
}

/* What happens before the guest executes anything. */
static void enter(void)
{
	if (vgic_of(now)->dirty)
		vgic_flush(vgic_of(now));
	for (unsigned i = 0; maintenance(); i++) {
		if (i > 3)
			abort(); /* the reason is not removed: it would never end */
		vgic_maintain(vgic_of(now));
	}
}

static unsigned level(unsigned i)
{
	return lr[i] >> 23 & 31;
}

/* The guest reads IAR. */
static unsigned ack(void)
{
	int best = -1;

	enter();
	for (int i = 0; i < LRS; i++)
		if ((lr[i] & (P | A)) == P && (best < 0 || level(i) < level(best)))
			best = i;
	if (best < 0 || (nesting && level(best) >= running[nesting - 1])) {
		for (int i = 0; i < LRS; i++)
			if ((lr[i] & (P | A)) == (P | A) && !nesting)
				abort();
		return 1023;
	}
	running[nesting++] = level(best);
	lr[best] = (lr[best] & ~P) | A;
	return lr[best] & 0x3ff;
}

/* And writes EOIR. */
static void eoi(unsigned intid)
{
	nesting--;
	for (unsigned i = 0; i < LRS; i++) {
		if (!(lr[i] & A) || (lr[i] & 0x3ff) != intid)
			continue;
		lr[i] &= ~A;
		if (lr[i] & HW)
			phys_active[lr[i] >> 10 & 0x3ff] = false;
		enter();
		return;
	}
	gich[0] += 1u << 27;
	enter();
}

/* --- A machine with two vCPUs ------------------------------------------------------------ */

static struct task *vm;
static struct thread *vcpu[2];
static struct takt_vm_page *vm_page;

static void load(unsigned n)
{
	if (now)
		vgic_save(vgic_of(now));
	now = vcpu[n];
	vgic_load(vgic_of(now));
}

static void setup(void)
{
	memset(ARENA, 0, ARENA_SIZE);
	memset(gich, 0, sizeof(gich));
	memset(phys_active, 0, sizeof(phys_active));
	arena_used = 0;
	wakes = 0;
	nesting = 0;
	now = NULL;
	platform.gic_version = 2;
	platform.gich.size = 0x1000;
	platform.virt_timer_intid = 27;
	platform.maintenance_intid = 25;
	vgic_init();
	vgic_init_cpu();
	vm = arena_page();
	vm_page = arena_page();
	vm->vgic = vgic_create(NULL, vm_page, 96);
	for (unsigned i = 0; i < 2; i++) {
		vcpu[i] = arena_page();
		vcpu[i]->object.birth = i + 1;
		vcpu[i]->state = THREAD_RUN;
		vcpu[i]->guest_task = vm;
		vcpu[i]->page = arena_page();
		vcpu[i]->machine = arena_page();
		vgic_cpu_create(vgic_of(vcpu[i]), vcpu[i]);
		if (!vgic_attach(vcpu[i]))
			abort();
		vgic_of(vcpu[i])->vmcr = 0xf8000001; /* group 0 on, all priorities */
	}
	load(0);
}

static int configure(unsigned n, unsigned intid, unsigned flags, unsigned priority)
{
	u32 word = flags | priority << TAKT_VIRQ_PRIORITY_SHIFT;

	if (intid < 32)
		vcpu[n]->vp->virq[intid] = word;
	else
		vm_page->virq[intid - 32] = word | n << TAKT_VIRQ_TARGET_SHIFT;
	return virq_sync(vcpu[0], intid);
}

#define LEVEL TAKT_VIRQ_ENABLED
#define EDGE (TAKT_VIRQ_ENABLED | TAKT_VIRQ_EDGE)
#define SET(intid, action) CHECK(virq_set(vcpu[0], intid, TAKT_VIRQ_##action) == 0)

/* --- Tests ------------------------------------------------------------------------------- */

TEST(nothing_pending)
{
	setup();
	CHECK(ack() == 1023);
	CHECK(!vgic_pending(vgic_of(now)));
}

TEST(level_lowered_by_its_handler)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	CHECK(vgic_pending(vgic_of(now)));
	CHECK(ack() == 40);
	CHECK(virq_query(vcpu[0], 40) == (2 | 4 | 1));
	SET(40, LOW);
	CHECK(virq_query(vcpu[0], 40) == 2);
	CHECK(!(lr[0] & EOI)); /* its end needs no exit */
	eoi(40);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 40) == 0);
}

TEST(level_still_high_comes_again)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	for (unsigned i = 0; i < 3; i++) {
		CHECK(ack() == 40);
		eoi(40);
	}
	SET(40, LOW); /* withdrawn before it is taken */
	CHECK(ack() == 1023);
}

TEST(level_raised_while_active)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	CHECK(ack() == 40);
	SET(40, LOW);
	SET(40, HIGH);
	eoi(40);
	CHECK(ack() == 40);
	SET(40, LOW);
	eoi(40);
	CHECK(ack() == 1023);
}

TEST(edge_while_active_is_kept)
{
	setup();
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	SET(41, LATCH);
	CHECK(ack() == 41);
	SET(41, LATCH);
	SET(41, LATCH);
	eoi(41);
	CHECK(ack() == 41);
	eoi(41);
	CHECK(ack() == 1023);
}

TEST(disabling_takes_it_back)
{
	setup();
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	SET(41, LATCH);
	enter();
	CHECK(lr[0] & P);
	CHECK(configure(0, 41, TAKT_VIRQ_EDGE, 0xa0) == 0);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 41) == 1);
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	CHECK(ack() == 41);
	eoi(41);
	SET(41, LATCH);
	enter();
	SET(41, UNLATCH);
	CHECK(ack() == 1023);
}

TEST(disabled_edge_is_latched_by_its_unsynced_configuration)
{
	setup();
	vm_page->virq[41 - 32] = TAKT_VIRQ_EDGE;
	SET(41, HIGH);
	SET(41, LOW);
	CHECK(configure(0, 41, EDGE, 0xa0) == 0);
	CHECK(ack() == 41);
}

TEST(most_urgent_first_beyond_the_list_registers)
{
	setup();
	for (unsigned i = 0; i < 12; i++) {
		CHECK(configure(0, 40 + i, EDGE, 0xf0 - i * 8) == 0);
		SET(40 + i, LATCH);
		enter(); /* each finds the list registers full of less urgent ones */
	}
	for (unsigned i = 12; i-- > 0;) {
		CHECK(ack() == 40 + i);
		eoi(40 + i);
	}
	CHECK(ack() == 1023);
}

TEST(nested_beyond_the_list_registers)
{
	setup();
	for (unsigned i = 0; i < 10; i++) {
		CHECK(configure(0, 40 + i, i == 1 ? LEVEL : EDGE, 0xf0 - i * 8) == 0);
		if (i == 1)
			CHECK(virq_bind(vcpu[0], 41, 99) == 0);
	}
	for (unsigned i = 0; i < 10; i++) {
		if (i == 1) {
			phys_active[99] = true;
			virq_arrive(vcpu[0], 41, 99, 99);
		} else {
			SET(40 + i, LATCH);
		}
		CHECK(ack() == 40 + i);
	}
	SET(40, LATCH); /* spilled by now */
	CHECK(virq_query(vcpu[0], 40) == 3);
	CHECK(phys_active[99]);
	for (unsigned i = 10; i-- > 0;) {
		CHECK(virq_query(vcpu[0], 40 + i) & 2);
		eoi(40 + i);
	}
	CHECK(!phys_active[99]);
	CHECK(ack() == 40);
	eoi(40);
	CHECK(ack() == 1023);
	CHECK(list_empty(&vgic_of(now)->spilled));
}

TEST(hardware_link)
{
	setup();
	CHECK(configure(0, 50, LEVEL, 0xa0) == 0);
	CHECK(virq_bind(vcpu[0], 50, 77) == 0);
	CHECK(virq_bind(vcpu[0], 50, 78) == TAKT_E_EXISTS);
	CHECK(virq_bind(vcpu[0], 51, 30) == TAKT_E_RANGE);
	for (unsigned i = 0; i < 3; i++) {
		phys_active[77] = true;
		virq_arrive(vcpu[0], 50, 77, 77);
		CHECK(ack() == 50);
		CHECK(phys_active[77]);
		eoi(50);
		CHECK(!phys_active[77]);
	}
	CHECK(ack() == 1023);
	phys_active[77] = true; /* unbinding lets the line go */
	virq_arrive(vcpu[0], 50, 77, 77);
	CHECK(ack() == 50);
	CHECK(virq_bind(vcpu[0], 50, IRQ_SOFT) == 0);
	CHECK(!phys_active[77]);
}

TEST(timer_follows_its_machine)
{
	setup();
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	phys_active[27] = true;
	vgic_timer(vgic_of(now));
	enter();
	CHECK(lr[0] & HW);
	load(1);
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
	load(0);
	CHECK(phys_active[27]);
	CHECK(ack() == 27);
	eoi(27);
	CHECK(!phys_active[27]);
	load(1);
	load(0);
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
}

TEST(sgi_of_several_sources_one_by_one)
{
	setup();
	CHECK(configure(0, 3, EDGE, 0x80) == 0);
	CHECK(virq_sgi(vcpu[0], 1, 3, 0) == 0);
	CHECK(virq_sgi(vcpu[0], 1, 3, 1) == 0);
	for (unsigned source = 0; source < 2; source++) {
		CHECK(ack() == 3);
		for (unsigned i = 0; i < LRS; i++)
			CHECK(!(lr[i] & A) || (lr[i] >> 10 & 7) == source);
		if (!source) /* again, while it is active */
			CHECK(virq_sgi(vcpu[0], 1, 3, 0) == 0);
		eoi(3);
		if (!source) {
			CHECK(ack() == 3);
			CHECK((lr[0] >> 10 & 7) == 0);
			eoi(3);
		}
	}
	CHECK(ack() == 1023);
	CHECK(virq_sgi(vcpu[0], 1, 16, 0) == TAKT_E_RANGE);
	CHECK(virq_sgi(vcpu[0], 0x100, 3, 0) == TAKT_E_RANGE);
}

TEST(sleeper_wakes)
{
	setup();
	vcpu[1]->vp->virq[3] = EDGE;
	CHECK(virq_sync(vcpu[1], 3) == 0);
	vcpu[1]->state = THREAD_IDLE;
	CHECK(virq_sgi(vcpu[0], 2, 4, 0) == 0); /* not enabled */
	CHECK(wakes == 0);
	CHECK(virq_sgi(vcpu[0], 2, 3, 0) == 0);
	CHECK(wakes == 1);
	load(1);
	CHECK(ack() == 3);
	eoi(3);
}

TEST(retarget)
{
	setup();
	CHECK(configure(0, 60, EDGE, 0xa0) == 0);
	SET(60, LATCH);
	enter();
	CHECK(configure(1, 60, EDGE, 0xa0) == 0); /* pending: at once */
	CHECK(ack() == 1023);
	load(1);
	CHECK(ack() == 60);
	CHECK(configure(0, 60, EDGE, 0xa0) == 0); /* active: when it ends */
	SET(60, LATCH);
	CHECK(virq_query(vcpu[1], 60) & 2);
	eoi(60);
	CHECK(virq_set(vcpu[1], 60, TAKT_VIRQ_LATCH) == 0);
	while (ack() == 60)
		eoi(60);
	load(0);
	SET(60, LATCH);
	CHECK(ack() == 60);
	eoi(60);
	vcpu[1]->cpu = 1;
	CHECK(configure(1, 60, EDGE, 0xa0) == TAKT_E_CPU);
}

TEST(masked_does_not_end_wfi)
{
	setup();
	CHECK(configure(0, 40, LEVEL, 0xa0) == 0);
	SET(40, HIGH);
	gich[2] = 0x80000001; /* priority mask 0x80 */
	CHECK(!vgic_pending(vgic_of(now)));
	enter();
	CHECK(!vgic_pending(vgic_of(now)));
	gich[2] = 0xf8000000; /* group off */
	CHECK(!vgic_pending(vgic_of(now)));
	gich[2] = 0xf8000001;
	CHECK(vgic_pending(vgic_of(now)));
}

TEST(reset_leaves_nothing)
{
	setup();
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	CHECK(configure(0, 5, EDGE, 0xa0) == 0);
	CHECK(configure(0, 40, EDGE, 0x20) == 0);
	phys_active[27] = true;
	vgic_timer(vgic_of(now));
	CHECK(virq_sgi(vcpu[0], 1, 5, 0) == 0);
	SET(40, LATCH);
	CHECK(ack() == 40);
	vgic_save(vgic_of(now));
	vgic_cpu_reset(vgic_of(vcpu[0]));
	vgic_load(vgic_of(vcpu[0]));
	nesting = 0;
	gich[2] = 0xf8000001;
	CHECK(!phys_active[27]);
	CHECK(ack() == 1023);
	CHECK(configure(0, 5, EDGE, 0xa0) == 0);
	CHECK(configure(0, 27, LEVEL, 0xa0) == 0);
	CHECK(ack() == 1023);
	CHECK(virq_query(vcpu[0], 40) == 0);
}

/* --- Random operations ------------------------------------------------------------------- */

static bool consistent(struct vgic_cpu *vc)
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
		if (v && vc->loaded && (lr[i] & 0x3ff) != v->intid)
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

#define FUZZ_IRQS 24

TEST(random_operations)
{
	unsigned taken[64], depth = 0, got = 0;

	setup();
	srand(1);
	for (unsigned i = 0; i < FUZZ_IRQS; i++)
		CHECK(configure(0, 40 + i, i & 1 ? EDGE : LEVEL, (unsigned)rand() & 0xf8) == 0);
	for (unsigned step = 0; step < 300000; step++) {
		unsigned intid = 40 + (unsigned)rand() % FUZZ_IRQS, n;

		switch (rand() % 8) {
		case 0:
		case 1:
			SET(intid, HIGH);
			break;
		case 2:
			SET(intid, LOW);
			break;
		case 3:
			SET(intid, LATCH);
			break;
		case 4:
			n = (unsigned)rand();
			CHECK(configure(0, intid, (intid & 1 ? EDGE : LEVEL) & ~(n & 1),
					n >> 8 & 0xf8) == 0);
			break;
		case 5:
			n = nesting < 60 ? ack() : 1023;
			if (n != 1023) {
				taken[depth++] = n;
				got++;
				if (!(n & 1) && rand() % 4)
					SET(n, LOW);
			}
			break;
		case 6:
			if (depth)
				eoi(taken[--depth]);
			break;
		case 7:
			if (rand() % 16 == 0)
				load(1);
			load(0);
			break;
		}
		CHECK(consistent(vgic_of(vcpu[0])));
	}
	CHECK(got > 1000);
	/* All that is left is delivered. */
	while (depth)
		eoi(taken[--depth]);
	for (unsigned i = 0; i < FUZZ_IRQS; i++) {
		SET(40 + i, LOW);
		CHECK(configure(0, 40 + i, i & 1 ? EDGE : LEVEL, 0x80) == 0);
		if (i & 1)
			SET(40 + i, LATCH);
	}
	for (unsigned n, seen = 0; (n = ack()) != 1023; seen++) {
		CHECK(seen < 2 * FUZZ_IRQS);
		eoi(n);
	}
	for (unsigned i = 0; i < FUZZ_IRQS; i++)
		CHECK(virq_query(vcpu[0], 40 + i) == 0);
}

int main(void)
{
	if (mmap(ARENA, ARENA_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != ARENA)
		return 1;
	frame_dir[1] = calloc(1ul << 18, sizeof(struct frame));
	if (!frame_dir[1])
		return 1;
	for (unsigned n = 0; n < ARENA_SIZE >> PAGE_SHIFT; n++)
		frame_of((u64)ARENA + n * PAGE_SIZE)->unborn = ~0ul; /* objects of any birth */
	RUN(nothing_pending);
	RUN(level_lowered_by_its_handler);
	RUN(level_still_high_comes_again);
	RUN(level_raised_while_active);
	RUN(edge_while_active_is_kept);
	RUN(disabling_takes_it_back);
	RUN(disabled_edge_is_latched_by_its_unsynced_configuration);
	RUN(most_urgent_first_beyond_the_list_registers);
	RUN(nested_beyond_the_list_registers);
	RUN(hardware_link);
	RUN(timer_follows_its_machine);
	RUN(sgi_of_several_sources_one_by_one);
	RUN(sleeper_wakes);
	RUN(retarget);
	RUN(masked_does_not_end_wfi);
	RUN(reset_leaves_nothing);
	RUN(random_operations);
	free(frame_dir[1]);
	return tap_done();
}
