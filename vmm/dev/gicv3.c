/* SPDX-License-Identifier: MIT */
/*
 * The guest's GICv3. Its CPU interface is the hardware's virtual one, in system registers, and the
 * kernel's business; so are SGIs. Distributor and redistributors are emulated here (gic3_regs.c).
 */
#include <stdlib.h>

#include "../core/log.h"
#include "gic3_regs.h"
#include "gic_link.h"

#define REDISTS (GUEST_GICR - GUEST_GICD) /* offset of the first redistributor */

struct gicv3 {
	struct gic_link link;
	struct gic3 regs;
};

static bool redist_access(struct gicv3 *gic, struct mmio *io)
{
	uint64_t offset = io->offset - REDISTS;
	unsigned cpu = (unsigned)(offset / GIC3_REDIST_SIZE);

	offset %= GIC3_REDIST_SIZE;
	if (cpu >= gic->regs.dist.cpus)
		return false;
	if (io->write)
		gic3_redist_write(&gic->regs, cpu, (uint32_t)offset, io->size, io->value);
	else
		io->value = gic3_redist_read(&gic->regs, cpu, (uint32_t)offset, io->size);
	return true;
}

static bool access_registers(struct gicv3 *gic, struct mmio *io)
{
	if (io->offset >= REDISTS)
		return redist_access(gic, io);
	if (io->offset >= GIC3_DIST_SIZE)
		return false;
	if (io->write)
		gic3_dist_write(&gic->regs, (uint32_t)io->offset, io->size, io->value);
	else
		io->value = gic3_dist_read(&gic->regs, (uint32_t)io->offset, io->size);
	return true;
}

/* Of distributor and redistributors alike; a redistributor's frame of identification has none there. */
static bool is_state(const struct mmio *io)
{
	return !io->write && gic_dist_is_state((uint32_t)io->offset & 0xffff);
}

static bool gicv3_access(struct device *dev, struct mmio *io)
{
	struct gicv3 *gic = dev->state;
	bool good;

	if (is_state(io))
		return access_registers(gic, io);
	lock_take(&dev->lock);
	gic->link.vcpu = io->vcpu;
	good = access_registers(gic, io);
	lock_give(&dev->lock);
	return good;
}

static void gicv3_reset(struct device *dev)
{
	struct gicv3 *gic = dev->state;

	gic->link.vcpu = NULL;
	gic3_reset(&gic->regs);
}

static int gicv3_create(struct device *dev)
{
	struct machine *m = dev->machine;
	struct gicv3 *gic = calloc(1, sizeof(*gic));

	if (!gic)
		return TAKT_E_NOMEM;
	gic->link.machine = m;
	gic->regs.dist.ops = &gic_link_ops;
	gic->regs.dist.self = &gic->link;
	gic->regs.dist.cpus = m->vcpus;
	for (unsigned i = 0; i < m->vcpus; i++)
		gic->regs.affinity[i] = (uint32_t)arch_vcpu_affinity(i);
	dev->state = gic;
	return 0;
}

static void gicv3_tree(struct device *dev, struct tree *tree)
{
	uint32_t redists = dev->machine->vcpus * GIC3_REDIST_SIZE;

	tree_begin(tree, "intc", dev->base);
	tree_string(tree, "compatible", dev->type->compatible);
	tree_list(tree, "#interrupt-cells", 3);
	tree_list(tree, "#address-cells", 0);
	tree_prop(tree, "interrupt-controller", NULL, 0);
	tree_list(tree, "#redistributor-regions", 1);
	tree_list(tree, "reg", 0, (uint32_t)dev->base, 0, GIC3_DIST_SIZE, 0, GUEST_GICR, 0,
		  redists);
	tree_list(tree, "phandle", TREE_PHANDLE_GIC);
	tree_end(tree);
}

DEVICE_TYPE(gicv3) = {
	.compatible = "arm,gic-v3",
	.create = gicv3_create,
	.reset = gicv3_reset,
	.access = gicv3_access,
	.tree = gicv3_tree,
	.locks = true,
};
