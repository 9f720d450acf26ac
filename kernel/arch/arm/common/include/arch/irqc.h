/* SPDX-License-Identifier: MIT */
/* What every interrupt passes through: its acknowledgement and its priority drop. */
#ifndef ARCH_IRQC_H
#define ARCH_IRQC_H

#include <arch/inline.h>
#include <core/arch.h>

#define GIC_SGI_KICK 0 /* from another CPU: look into the inbox */
#define GIC_FIRST_SPI 32

#define GICC_IAR 0x000c
#define GICC_EOIR 0x0010
#define GICC_DIR 0x1000

extern char *gicc; /* GICv2's CPU interface; null: a GICv3, whose is system registers */

/* System registers are not ordered with memory: DSB, so that the device sees what its handler does
 * only after the interrupt is active (IHI 0069, ICC_IAR1_EL1). */
static inline u32 irqc_ack_raw(void)
{
	u32 raw;

	if (gicc)
		return io_read32(gicc + GICC_IAR);
	raw = (u32)READ_SYSREG(icc_iar1_el1);
	dsb_sy();
	return raw;
}

static inline void irqc_drop(u32 raw)
{
	if (gicc) {
		io_write32(gicc + GICC_EOIR, raw);
		return;
	}
	WRITE_SYSREG(icc_eoir1_el1, raw);
	isb(); /* before ISR_EL1 is asked for the next one */
}

/* irqc_drop and irqc_deactivate, of one that was acknowledged. */
static inline void irqc_end(u32 raw)
{
	irqc_drop(raw);
	if (gicc)
		io_write32(gicc + GICC_DIR, raw);
	else
		irqc_deactivate(raw);
}
#endif
