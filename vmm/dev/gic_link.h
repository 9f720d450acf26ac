/* SPDX-License-Identifier: MIT */
/* From a distributor's registers to the kernel, which keeps the interrupts' state. */
#ifndef VMM_GIC_LINK_H
#define VMM_GIC_LINK_H

#include "../core/device.h"
#include "gic_dist.h"

/* What gic_ops get as `self`. */
struct gic_link {
	struct machine *machine;
	struct vcpu *vcpu; /* whose access is dealt with, under the device's lock; null: no vCPU's, the
			      devices are reset */
};

extern const struct gic_ops gic_link_ops;

#endif
