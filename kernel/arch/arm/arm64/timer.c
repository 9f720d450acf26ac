/* SPDX-License-Identifier: MIT */
/* The EL2 physical timer: always enabled; a compare value that never comes means off. */
#include <arch/inline.h>
#include <core/arch.h>

#define CTL_ENABLE 1

void timer_init_cpu(void)
{
	WRITE_SYSREG(cntp_ctl_el0, 0); /* what the boot loader may have left */
	WRITE_SYSREG(cntv_ctl_el0, 0);
	WRITE_SYSREG(cnthp_cval_el2, TAKT_NEVER);
	WRITE_SYSREG(cnthp_ctl_el2, CTL_ENABLE);
	isb();
	irqc_configure(platform.hyp_timer_intid, false, 0);
	irqc_enable(platform.hyp_timer_intid);
}
