/* SPDX-License-Identifier: MIT */
/* From the architecture's boot code to the first task. */
#include <arch/trap.h>
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/log.h>
#include <core/quiesce.h>
#include <core/root.h>
#include <core/sched.h>

static void init_cpu(struct cpu *c)
{
	sched_init_cpu(c);
	irqc_init_cpu();
	timer_init_cpu();
	context_init_cpu(c);
	machine_init_cpu();
}

void kernel_main(void)
{
	frame_table_init();
	quiesce_init();
	irqc_init();
	init_cpu(this_cpu());
	smp_start();
	klog("takt: %u CPU%s, GICv%u, %lu Hz\n", platform.cpus, platform.cpus == 1 ? "" : "s",
	     platform.gic_version, platform.counter_hz);
	root_start();
	log_booted();
	this_cpu()->resched = true;
	kernel_enter();
}

void secondary_main(unsigned cpu)
{
	struct cpu *c = &cpus[cpu];

	init_cpu(c);
	c->resched = true;
	kernel_enter();
}
