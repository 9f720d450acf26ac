/* SPDX-License-Identifier: MIT */
#include "machine.h"
#include "../target/internal.h"

#define GICC_VA 0x08010000ul /* machine_guest.c */
#define GICC_SIZE 0x2000
#define EC_HVC 0x16
#define PSTATE_START 0x3c5 /* EL1h, all masked */
#define PRIORITY 0xa0

static struct vm_guest *guest;
static struct takt_vcpu_page *page;
static struct takt_vm_page *config;
static takt_slot vm;

static void resume(void)
{
	struct takt_msg m = {0};

	CHECK_OK(takt_invoke(TAKT_RESUME, 0, &m, TAKT_NEVER));
}

static void exited(uint64_t reason)
{
	struct takt_msg m = {0};

	CHECK_EQ(reason, TAKT_EXIT_TRAP);
	CHECK_EQ(page->esr >> 26, EC_HVC);
	if ((page->esr & 0xffff) == VM_VISIT) {
		if (on_exit_guest)
			on_exit_guest();
		resume();
	}
	CHECK_EQ(page->esr & 0xffff, VM_FINISH);
	CHECK_EQ(guest->error, 0);
	(void)!takt_irq_trigger(vcpu->done);
	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

static void monitor(void *unused)
{
	(void)unused;
	page->entry = (uint64_t)exited;
	page->entry_sp = (uint64_t)vcpu->sp;
	page->guest.x[0] = (uint64_t)guest;
	page->guest.pc = (uint64_t)vm_main;
	page->guest.pstate = PSTATE_START;
	CHECK_OK(takt_thread_reg_write(vcpu->slot, TAKT_REG_SP_EL1, (uint64_t)(guest + 1)));
	CHECK_OK(takt_thread_reg_write(vcpu->slot, TAKT_REG_VBAR_EL1, (uint64_t)vm_vectors));
	resume();
}

static void map_memory(void)
{
	const struct elf_image *image = program_image();
	uint64_t gicv = bootinfo()->gicv_base;

	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segment[i];

		if (!(s->access & ELF_WRITE))
			CHECK_OK(takt_task_map(vm, SLOT_TEXT + i, s->va, 0, s->size, s->access));
	}
	CHECK_OK(takt_task_map(vm, SLOT_POOL, POOL_VA, 0, POOL_SIZE,
			       TAKT_MAP_READ | TAKT_MAP_WRITE));
	if (gicv)
		CHECK_OK(takt_task_map(vm, TAKT_ROOT_DEVICES, GICC_VA, gicv, GICC_SIZE,
				       TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE));
}

struct vm_guest *vm_new(unsigned base_prio, takt_ticks budget, takt_ticks period)
{
	vm = slot_new();
	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_VM, "machine", vm));
	config = (struct takt_vm_page *)kernel_pages_va();
	CHECK_OK(takt_task_vm_config(vm, TAKT_ROOT_TASK, 64, (uint64_t)config));
	map_memory();

	vcpu = worker_new(monitor, NULL);
	vcpu->kind = TAKT_THREAD_MACHINE;
	vcpu->guest = vm;
	vcpu->cpu = guest_cpu();
	vcpu->prio = base_prio;
	vcpu->budget = vcpu->period = ms(500);
	worker_make(vcpu);
	event_sc = sc_new(EVENT_PRIO, guest_cpu(), budget, period);
	CHECK_OK(takt_thread_attach_as(vcpu->slot, event_sc, &event_index));
	CHECK_EQ(event_index, 1);
	page = (struct takt_vcpu_page *)vcpu->state;
	on_exit_guest = NULL;

	guest = pool_new(sizeof(*guest));
	guest->gic3 = bootinfo()->gic_version == 3;
	guest->index = event_index;
	guest->gap = us(exact_time() ? 1 : 50);
	return guest;
}

void vm_enable(uint32_t intid, bool edge)
{
	uint32_t word = TAKT_VIRQ_ENABLED | (guest->gic3 ? TAKT_VIRQ_GROUP1 : 0) |
			(edge ? TAKT_VIRQ_EDGE : 0) | PRIORITY << TAKT_VIRQ_PRIORITY_SHIFT;

	if (intid < 32)
		page->virq[intid] = word;
	else
		config->virq[intid - 32] = word;
	CHECK_OK(takt_virq_sync(vcpu->slot, intid));
}

void vm_device(uint64_t base)
{
	CHECK_OK(takt_task_map(vm, TAKT_ROOT_DEVICES, base, base, TAKT_PAGE_SIZE,
			       TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE));
}
