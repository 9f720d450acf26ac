/* SPDX-License-Identifier: MIT */
/* Booting in C: the first mapping, with the MMU still off, and then the order of things. */
#include <arch/boot.h>
#include <arch/entry.h>
#include <arch/layout.h>
#include <core/arch.h>
#include <core/cpu.h>

#define TABLE ALIGNED(4096) __attribute__((section(".bss.tables")))

/* Written with the MMU off and hence invalidated by boot.S. idmap_l1 is the root until a CPU
 * switches to the kernel's (mmu.c), which shares the image's tables. */
u64 idmap_l1[TABLE_ENTRIES] TABLE;
u64 image_l2[TABLE_ENTRIES] TABLE;
static u64 idmap_l2[TABLE_ENTRIES] TABLE;
static u64 idmap_l3[TABLE_ENTRIES] TABLE;
static u64 image_l3[TABLE_ENTRIES] TABLE;

static u64 image_base;

/* The rights of a page of the image; 0: not mapped. */
static u64 image_entry(u64 pa)
{
	if (pa < (u64)_text_end)
		return pa | PAGE_CODE;
	if (pa < (u64)_rodata_end)
		return pa | PAGE_CONST;
	if (pa >= (u64)_stacks_start && pa < (u64)_stacks_end &&
	    (pa - (u64)_stacks_start) % STACK_STRIDE < STACK_STRIDE - STACK_SIZE)
		return 0;
	return pa | PAGE_DATA;
}

/* MMU off: the addresses of symbols are physical ones. */
void boot_map(void)
{
	u64 start = (u64)_image_start;
	unsigned page = 0;

	for (u64 pa = start; pa < (u64)_image_end; pa += PAGE_SIZE)
		image_l3[page++] = image_entry(pa);
	image_l2[0] = (u64)image_l3 | ENTRY_TABLE;
	idmap_l1[INDEX_L1(IMAGE_VA)] = (u64)image_l2 | ENTRY_TABLE;

	idmap_l3[INDEX_L3(start)] = start | PAGE_CODE;
	idmap_l2[INDEX_L2(start)] = (u64)idmap_l3 | ENTRY_TABLE;
	idmap_l1[INDEX_L1(start)] = (u64)idmap_l2 | ENTRY_TABLE;
}

paddr_t image_pa(const void *va)
{
	return PADDR((u64)va - IMAGE_VA + image_base);
}

static void NORETURN stop(void)
{
	psci_system_off();
}

static void this_is_cpu(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];

	c->stack_top = _stacks_start + (cpu + 1) * STACK_STRIDE;
	c->id = cpu;
	set_this_cpu(c);
}

void boot_main(u64 dtb, u64 image, unsigned el)
{
	const char *error;

	image_base = image;
	platform.image.base = image;
	platform.image.size = (u64)(_image_end - _image_start);
	mmu_early_init();
	error = platform_discover(dtb);
	psci_init();
	early_console_init();
	if (error && !platform.uart.size)
		early_console_guess();
	if (el != ENTRY_EL2) {
		klog("takt: entered at EL%u, but a hypervisor needs EL2: stopped\n", el);
		stop();
	}
	if (error) {
		klog("takt: the device tree is of no use: %s: stopped\n", error);
		stop();
	}
	this_is_cpu(0);
	mmu_use_kernel_root();
	memory_init();
	mmu_init_linear();
	kernel_main();
}

void boot_secondary(unsigned cpu)
{
	if (!smp_arrive(cpu)) {
		for (;;)
			cpu_wfi();
	}
	this_is_cpu(cpu);
	mmu_use_kernel_root();
	secondary_main(cpu);
}
