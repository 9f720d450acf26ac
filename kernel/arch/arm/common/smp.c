/* SPDX-License-Identifier: MIT */
/* Brings up the other CPUs, one after the other. */
#include <arch/boot.h>
#include <arch/inline.h>
#include <core/arch.h>
#include <core/cpu.h>

#define START_TIMEOUT_MS 1000

/* The number of the CPU that is asked to start, and then of the one that did. A CPU that comes
 * too late finds that nobody waits for it any more. */
#define NOBODY UINT32_MAX
static u32 expected = NOBODY;

/* On the new CPU: may it go on? */
bool smp_arrive(unsigned cpu)
{
	u32 me = cpu;

	return __atomic_compare_exchange_n(&expected, &me, NOBODY, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

enum outcome { STARTED, REFUSED, SILENT };

static enum outcome start_one(unsigned cpu, u64 mpidr)
{
	u64 deadline = now_ticks() + platform.counter_hz / 1000 * START_TIMEOUT_MS;
	u32 me = cpu;

	__atomic_store_n(&expected, cpu, __ATOMIC_RELEASE);
	dsb_ish();
	if (psci_cpu_on(mpidr, image_pa(secondary_entry), cpu) != 0) {
		klog("takt: CPU %lx does not start\n", mpidr);
		return REFUSED;
	}
	while (__atomic_load_n(&expected, __ATOMIC_ACQUIRE) != NOBODY) {
		cpu_relax();
		if (now_ticks() < deadline)
			continue;
		if (!__atomic_compare_exchange_n(&expected, &me, NOBODY, false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			break; /* it came in the last moment */
		klog("takt: CPU %lx does not answer, no more are started\n", mpidr);
		return SILENT;
	}
	return STARTED;
}

/* A CPU that is silent may still come, with the stack of its number; so that number is not given
 * to another one. */
void smp_start(void)
{
	enum outcome result = STARTED;
	u32 wanted = platform.cpus, running = 1;

	for (u32 i = 1; i < wanted && result != SILENT; i++) {
		platform.mpidr[running] = platform.mpidr[i];
		result = start_one(running, platform.mpidr[i]);
		if (result == STARTED)
			running++;
	}
	platform.cpus = running;
}
