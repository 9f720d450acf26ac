/* SPDX-License-Identifier: MIT */
/* Power State Coordination Interface (Arm DEN 0022), towards the firmware. */
#include <arch/inline.h>
#include <arch/psci.h>
#include <arch/smccc.h>
#include <core/arch.h>

static bool present;

void psci_init(void)
{
	present = platform_has_psci;
}

int psci_cpu_on(u64 mpidr, paddr_t entry, u64 context)
{
	s64 r;

	if (!present)
		return TAKT_E_STATE;
	r = (int)smccc(platform.psci_smc, PSCI_CPU_ON, mpidr, entry.v, context);
	return r == PSCI_SUCCESS ? 0 : TAKT_E_CPU;
}

/* What to do where the firmware does not. */
static void NORETURN halt(void)
{
	for (;;)
		cpu_wfi();
}

void psci_system_off(void)
{
	if (present)
		smccc(platform.psci_smc, PSCI_SYSTEM_OFF, 0, 0, 0);
	halt();
}

void psci_system_reset(void)
{
	if (present)
		smccc(platform.psci_smc, PSCI_SYSTEM_RESET, 0, 0, 0);
	halt();
}
