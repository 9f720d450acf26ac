/* SPDX-License-Identifier: MIT */
/*
 * The guest's GICv2. Its CPU interface is the hardware's virtual one, mapped; its distributor is
 * emulated here (gic_dist.c), while the kernel keeps the interrupts' state and injects them.
 */
#include <stdlib.h>

#include "../core/log.h"
#include "gic_link.h"

#define GICC_SIZE 0x2000

struct gicv2 {
	struct gic_link link;
	struct gic_dist dist;
};

static __attribute__((noinline)) bool access_register(struct device *dev, struct mmio *io)
{
	struct gicv2 *gic = dev->state;
	unsigned cpu = io->vcpu->index;
	uint32_t offset = (uint32_t)io->offset;

	if (io->size > 4)
		return false;
	if (!io->write && gic_dist_is_state(offset)) {
		io->value = gic_dist_read(&gic->dist, cpu, offset, io->size);
		return true;
	}
	lock_take(&dev->lock);
	gic->link.vcpu = io->vcpu;
	if (io->write)
		gic_dist_write(&gic->dist, cpu, offset, io->size, (uint32_t)io->value);
	else
		io->value = gic_dist_read(&gic->dist, cpu, offset, io->size);
	lock_give(&dev->lock);
	return true;
}

/* Inter-processor interrupts first: they change no register, and there are many. */
static bool gicv2_access(struct device *dev, struct mmio *io)
{
	struct gicv2 *gic = dev->state;
	struct vcpu *v = io->vcpu;
	uint8_t targets;

	if (!io->write || io->offset != GICD_SGIR || io->size != 4)
		return access_register(dev, io);
	targets = gic_dist_sgi_targets(&gic->dist, v->index, (uint32_t)io->value);
	if (targets)
		vcpu_sgi(v, io->value & 0xf, targets);
	return true;
}

static void gicv2_reset(struct device *dev)
{
	struct gicv2 *gic = dev->state;

	gic->link.vcpu = NULL;
	gic_dist_reset(&gic->dist);
}

static int gicv2_create(struct device *dev)
{
	struct machine *m = dev->machine;
	takt_slot gicv = env_cap("gicv");
	struct gicv2 *gic;

	if (!gicv) {
		vmm_log("no virtual CPU interface is routed to the machine (\"gicv\")");
		return TAKT_E_CAP;
	}
	gic = calloc(1, sizeof(*gic));
	if (!gic)
		return TAKT_E_NOMEM;
	gic->link.machine = m;
	gic->dist.ops = &gic_link_ops;
	gic->dist.self = &gic->link;
	gic->dist.cpus = m->vcpus;
	dev->state = gic;
	return takt_task_map(m->task, gicv, GUEST_GICC, 0, GICC_SIZE,
			     TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE);
}

static void gicv2_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "intc", dev->base);
	tree_string(tree, "compatible", dev->type->compatible);
	tree_list(tree, "#interrupt-cells", 3);
	tree_list(tree, "#address-cells", 0);
	tree_prop(tree, "interrupt-controller", NULL, 0);
	tree_list(tree, "reg", 0, (uint32_t)dev->base, 0, (uint32_t)dev->size, 0, GUEST_GICC, 0,
		  GICC_SIZE);
	tree_list(tree, "phandle", TREE_PHANDLE_GIC);
	tree_end(tree);
}

DEVICE_TYPE(gicv2) = {
	.compatible = "arm,cortex-a15-gic",
	.create = gicv2_create,
	.reset = gicv2_reset,
	.access = gicv2_access,
	.tree = gicv2_tree,
	.locks = true,
};
