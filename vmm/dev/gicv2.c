/* SPDX-License-Identifier: MIT */
/*
 * The guest's GICv2. Its CPU interface is the hardware's virtual one, mapped; its distributor is
 * emulated here (gic_dist.c), while the kernel keeps the interrupts' state and injects them.
 */
#include <stdlib.h>

#include "../core/device.h"
#include "../core/log.h"
#include "gic_dist.h"

#define GICC_SIZE 0x2000

struct gicv2 {
	struct machine *machine;
	bool running; /* false while no vCPU's thread is there to let riders ride */
	struct gic_dist dist;
};

static volatile uint32_t *config_word(struct gicv2 *gic, unsigned cpu, uint32_t intid)
{
	struct machine *m = gic->machine;

	return intid < 32 ? &m->vcpu[cpu].page->virq[intid] : &m->virq->virq[intid - 32];
}

/* On the vCPU's own thread what the kernel has to do waits for its next resume. */
static void act(struct gicv2 *gic, unsigned cpu, uint32_t intid, enum takt_virq_action action)
{
	struct vcpu *v = &gic->machine->vcpu[cpu];
	int err;

	/* Not something that a kernel may refuse: a rider that fails stops the guest. */
	if (gic->running && action != TAKT_VIRQ_ACTIVATE) {
		vcpu_irq(v, intid, action);
		return;
	}
	err = action == TAKT_VIRQ_SYNC ? takt_virq_sync(v->self, intid)
				       : takt_virq_set(v->self, intid, action);
	if (err)
		vmm_log("interrupt %u, action %u: %s", intid, action, rt_error(err));
}

static void gic_config(void *self, unsigned cpu, uint32_t intid, uint32_t word)
{
	struct gicv2 *gic = self;
	volatile uint32_t *at = config_word(gic, cpu, intid);
	uint32_t old = __atomic_load_n(at, __ATOMIC_RELAXED);

	if (old == word)
		return;
	while (!__atomic_compare_exchange_n(at, &old, word, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	/* Of an interrupt that was and stays disabled nobody needs to hear. */
	if ((old | word) & TAKT_VIRQ_ENABLED)
		act(gic, cpu, intid, TAKT_VIRQ_SYNC);
}

static void gic_action(void *self, unsigned cpu, uint32_t intid, enum takt_virq_action action)
{
	act(self, cpu, intid, action);
}

static unsigned gic_query(void *self, unsigned cpu, uint32_t intid)
{
	struct gicv2 *gic = self;
	int state = takt_virq_query(gic->machine->vcpu[cpu].self, intid);

	return state < 0 ? 0 : (unsigned)state;
}

static void gic_sgi(void *self, unsigned cpu, uint8_t targets, uint32_t intid)
{
	struct gicv2 *gic = self;
	int err = takt_virq_sgi(gic->machine->vcpu[cpu].self, targets, intid, cpu);

	if (err)
		vmm_log("SGI %u to %x: error %d", intid, targets, err);
}

static const struct gic_ops gic_ops = {
	.config = gic_config,
	.action = gic_action,
	.query = gic_query,
	.sgi = gic_sgi,
};

static bool gicv2_access(struct device *dev, struct mmio *io)
{
	struct gicv2 *gic = dev->state;
	unsigned cpu = io->vcpu->index;

	if (io->size > 4)
		return false;
	if (io->write)
		gic_dist_write(&gic->dist, cpu, (uint32_t)io->offset, io->size,
			       (uint32_t)io->value);
	else
		io->value = gic_dist_read(&gic->dist, cpu, (uint32_t)io->offset, io->size);
	return true;
}

static void gicv2_reset(struct device *dev)
{
	struct gicv2 *gic = dev->state;

	gic->running = false;
	gic_dist_reset(&gic->dist);
	gic->running = true;
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
	gic->machine = m;
	gic->dist.ops = &gic_ops;
	gic->dist.self = gic;
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
};
