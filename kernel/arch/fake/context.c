/* SPDX-License-Identifier: MIT */
/* Contexts without registers, and machines without a world to switch. */
#include <arch/fake.h>
#include <arch/irqc.h>
#include <arch/trap.h>
#include <core/context.h>
#include <core/event.h>
#include <core/invoke.h>
#include <core/frame.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/sched.h>
#include <object/irq.h>
#include <object/task.h>

#include "internal.h"

#define KICK 0
#define VIRQS 256

struct machine {
	u64 reg[16];
	u64 pending[VIRQS / 64];
};

struct vgic {
	unsigned shared;
};

u64 fake_dumps;

void context_init_cpu(struct cpu *c)
{
	ASSERT(c == this_cpu());
}

void context_start(struct thread *t, u64 pc, u64 sp, u64 arg)
{
	fake_memset(&t->frame, 0, sizeof(t->frame));
	t->frame.pc = pc;
	t->frame.sp = sp;
	t->frame.x[0] = arg;
}

void context_load(struct cpu *c, struct thread *t)
{
	struct task *task = t->in_guest ? t->guest_task : t->task;

	ASSERT(t->object.birth && t->cpu == c->id && t->state == THREAD_RUN);
	ASSERT(task->object.birth && task->object.type == TAKT_TASK);
	c->frame = t->regs;
	c->loaded = t;
	c->loaded_task = task;
	c->world = t->in_guest && t->machine ? WORLD_GUEST : WORLD_NATIVE;
	c->loaded_machine = c->world == WORLD_GUEST ? t->machine : c->loaded_machine;
}

bool context_cross(struct cpu *c, struct thread *t)
{
	if (c->loaded != t)
		return false;
	context_load(c, t);
	return true;
}

static void forget(struct cpu *c)
{
	c->loaded = NULL;
	c->loaded_task = NULL;
	c->world = WORLD_NONE;
}

void context_forget_dying(struct cpu *c)
{
	if (c->loaded_task && c->loaded_task->object.dying)
		forget(c);
}

void context_evict(struct thread *t)
{
	struct cpu *c = this_cpu();

	if (c->loaded == t)
		forget(c);
	if (t->machine && c->loaded_machine == t->machine)
		c->loaded_machine = NULL;
}

bool fault_dump_waiting(void)
{
	return false;
}

u64 fault_dump_place(void)
{
	return 0;
}

size_t fault_dump_piece(char *buf, size_t size)
{
	(void)buf;
	(void)size;
	return 0;
}

void fault_dump_next(void)
{
}

void fault_dump(const struct thread *t, u64 syndrome, u64 address)
{
	fake_dumps++;
	klog("unhandled fault of %.16s: %lx at %lx\n", t->name, syndrome, address);
}

static void act_on(u32 raw)
{
	u32 intid = irqc_intid(raw);

	if (intid == IRQ_NONE)
		return;
	if (intid != platform.hyp_timer_intid && intid != KICK) {
		irqc_drop(raw);
		irq_hardware(intid, raw);
		return;
	}
	irqc_drop(raw);
	irqc_deactivate(raw);
	if (intid == KICK)
		this_cpu()->resched = true;
	else
		sched_timer();
}

void irq_poll(void)
{
	act_on(irqc_ack_raw());
}

struct takt_frame *trap_irq(struct cpu *c)
{
	u32 raw = irqc_ack_raw();
	u32 intid = irqc_intid(raw);

	if (intid < FAKE_LINES && intid != platform.hyp_timer_intid && intid != KICK) {
		if (!c->not_fast) {
			irqc_drop(raw);
			return irq_trap(c, intid, raw);
		}
		if (c->not_fast == NOT_FAST_GUEST) {
			irqc_drop(raw);
			return irq_trap_guest(c, intid, raw);
		}
	}
	if (intid == platform.hyp_timer_intid) {
		irqc_drop(raw);
		irqc_deactivate(raw);
		return sched_timer_trap(c);
	}
	act_on(raw);
	return LEAVE_DECIDE;
}

/* --- Machines -------------------------------------------------------------------------------- */

void machine_init_cpu(void)
{
}

unsigned machine_list_registers(void)
{
	return 4;
}

struct machine *machine_create(struct factory *f, struct thread *t)
{
	(void)t;
	return kmem_alloc_page(f);
}

bool machine_destroy(struct thread *t)
{
	(void)t;
	return true;
}

bool machine_reset(struct thread *t, u64 *at)
{
	(void)at;
	fake_memset(t->machine, 0, sizeof(*t->machine));
	return true;
}

int vgic_create(struct factory *f, struct takt_vm_page *cfg, unsigned shared, struct vgic **g)
{
	(void)cfg;
	if (!*g) {
		*g = kmem_alloc_page(f);
		return *g ? E_RESTART : TAKT_E_NOMEM;
	}
	(*g)->shared = shared;
	return 0;
}

void vgic_destroy(struct vgic *g)
{
	kmem_free(g);
}

int machine_reg(struct thread *t, unsigned reg, u64 *value, bool write)
{
	u64 *p = &t->machine->reg[reg - TAKT_REG_MPIDR];

	if (reg > TAKT_REG_SP_EL1)
		return TAKT_E_RANGE;
	if (write)
		*p = *value;
	else
		*value = *p;
	return 0;
}

unsigned fake_switches;

struct takt_frame *machine_switch(struct cpu *c, struct thread *t)
{
	fake_switches++;
	ASSERT(c->world == WORLD_GUEST && c->loaded != t && t->in_guest && t->machine);
	context_load(c, t);
	return LEAVE_LOADED;
}

void machine_before_guest(struct thread *t)
{
	ASSERT(t->machine && t->in_guest);
}

bool machine_pending(struct thread *t)
{
	u64 any = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(t->machine->pending); i++)
		any |= t->machine->pending[i];
	return any;
}

/* The one trap there is: WFI. The guest takes everything that is pending before it. */
bool machine_trap(struct thread *t, u64 esr)
{
	(void)esr;
	if (machine_pending(t)) {
		fake_memset(t->machine->pending, 0, sizeof(t->machine->pending));
		for (unsigned i = 1; i < THREAD_SCS; i++)
			event_ended(t, i);
	} else {
		vcpu_idle(t, TAKT_NEVER);
	}
	return true;
}

void machine_wait(struct thread *t)
{
	if (!machine_pending(t))
		vcpu_idle(t, TAKT_NEVER);
}

bool machine_same(const struct cpu *c)
{
	return !c->thread->pending;
}

void machine_left(struct thread *t)
{
	(void)t;
}

void machine_mail(struct thread *t)
{
	vcpu_wake(t);
}

bool machine_collect(struct thread *t)
{
	(void)t;
	return true;
}

void machine_timer_due(struct thread *t)
{
	(void)t;
}

/* 0, an error, or where it has to be done: here everything belongs to t's CPU. */
static int virq_check(struct thread *t, u32 intid)
{
	if (intid >= 32 + t->guest_task->vgic->shared)
		return TAKT_E_RANGE;
	return t->cpu == this_cpu()->id ? 0 : E_REMOTE(t->cpu);
}

static void make_pending(struct thread *t, u32 intid)
{
	t->machine->pending[intid / 64] |= 1ul << intid % 64;
	if (t->events)
		event_arrive(t, intid);
	else
		vcpu_wake(t);
}

unsigned machine_untaken(struct thread *t)
{
	unsigned set = 0;

	for (u32 i = 0; i < VIRQS; i++)
		if (t->machine->pending[i / 64] >> i % 64 & 1)
			set |= 1u << event_index(t, i);
	return set;
}

int virq_sync(struct thread *t, u32 intid)
{
	return virq_check(t, intid);
}

int virq_set(struct thread *t, u32 intid, unsigned action)
{
	int err = virq_check(t, intid);

	if (!err && (action == TAKT_VIRQ_HIGH || action == TAKT_VIRQ_LATCH))
		make_pending(t, intid);
	return err;
}

int virq_query(struct thread *t, u32 intid)
{
	int err = virq_check(t, intid);

	return err ? err : (int)(t->machine->pending[intid / 64] >> intid % 64 & 1);
}

int virq_sgi(struct thread *t, u64 mask, u32 intid, u32 source)
{
	int err = virq_check(t, intid);

	(void)source;
	if (!err && mask & 1)
		make_pending(t, intid);
	return err;
}

int virq_sgi_from(struct thread *t, u64 mask, u32 intid)
{
	return virq_sgi(t, mask, intid, 0);
}

int virq_bind(struct thread *t, u32 intid, u32 hw)
{
	(void)hw;
	return virq_check(t, intid);
}

void virq_arrive(struct thread *t, u32 intid, u32 hw, u32 raw)
{
	(void)raw;
	if (hw != IRQ_SOFT)
		irqc_deactivate(hw);
	make_pending(t, intid);
}

bool virq_arrive_simply(struct thread *t, u32 intid, u32 hw)
{
	ASSERT(t == this_cpu()->thread && t->in_guest && t->machine && !t->events);
	irqc_deactivate(hw);
	make_pending(t, intid);
	return true;
}
