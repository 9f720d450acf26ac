/* SPDX-License-Identifier: MIT */
/*
 * Devices of the board that belong to the guest: it has their registers mapped, and their
 * interrupts come from the kernel and end without an exit. What is routed as "device", "device.1",
 * ... lies where `device-addresses` says, one after the other, and "irq", "irq.1", ... have the
 * numbers of `device-irqs`. Both are clear of what the board has of its own (machine.h).
 *
 * With `device-compatible`, a string for each device, these have nodes in the guest's tree, each
 * with one block of registers and, while there are any left, one interrupt.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/device.h"
#include "../core/log.h"

#define MAX_PASSED 8
#define AMBA "arm,pl" /* devices of that name have a PrimeCell's identification and clock */

struct pass_through {
	unsigned blocks, irqs, nodes;
	uint64_t size[MAX_PASSED];
	takt_slot irq[MAX_PASSED];
};

static takt_slot routed(const char *name, unsigned n)
{
	char full[16];

	if (!n)
		return env_cap(name);
	(void)snprintf(full, sizeof(full), "%s.%u", name, n);
	return env_cap(full);
}

/* As many as are routed must be placed. */
static int count(const char *name, const char *property, unsigned *counted)
{
	unsigned placed = env_count(property), n = 0;

	while (n <= MAX_PASSED && routed(name, n))
		n++;
	*counted = n;
	if (n == placed && n <= MAX_PASSED)
		return 0;
	vmm_log("%s: %u are said where %u are routed, %u at most", property, placed, n, MAX_PASSED);
	return TAKT_E_INVAL;
}

static int map_block(struct machine *m, struct pass_through *p, unsigned n)
{
	takt_slot block = routed("device", n);
	uint64_t at = env_cell("device-addresses", n), base;
	int err = takt_memory_info(block, &base, &p->size[n]);

	if (err)
		return err;
	if (at % TAKT_PAGE_SIZE || at < GUEST_PASSED || at > GUEST_RAM - p->size[n]) {
		vmm_log("device-addresses: %lx and %lx bytes on: not whole pages in %lx..%lx", at,
			p->size[n], GUEST_PASSED, GUEST_RAM - 1);
		return TAKT_E_RANGE;
	}
	err = takt_task_map(m->task, block, at, 0, p->size[n],
			    TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE);
	if (err)
		vmm_log("device-addresses: mapping registers at %lx: %s", at, rt_error(err));
	return err;
}

/* A line whose handler was under way in the last guest is free again; one that is high interrupts
 * the next one as soon as that enables it. */
static int bind(struct machine *m, struct pass_through *p, unsigned n)
{
	uint32_t intid = env_cell("device-irqs", n);
	int err = takt_irq_unbind(p->irq[n]);

	if (!err)
		err = takt_irq_bind_vcpu(p->irq[n], m->vcpu[0].self, intid, 0);
	if (err)
		vmm_log("device-irqs: interrupt %u: %s", intid, rt_error(err));
	return err;
}

static int find_irq(struct pass_through *p, unsigned n)
{
	uint32_t intid = env_cell("device-irqs", n);

	p->irq[n] = routed("irq", n);
	if (intid < GUEST_PASSED_IRQ || intid >= GUEST_SPI(GUEST_SHARED_IRQS)) {
		vmm_log("device-irqs: %u is not in %u..%u", intid, GUEST_PASSED_IRQ,
			GUEST_SPI(GUEST_SHARED_IRQS) - 1);
		return TAKT_E_RANGE;
	}
	return 0;
}

static int pass_through_create(struct device *dev)
{
	struct machine *m = dev->machine;
	struct pass_through *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return TAKT_E_NOMEM;
	dev->state = p;
	err = count("device", "device-addresses", &p->blocks);
	if (!err)
		err = count("irq", "device-irqs", &p->irqs);
	for (unsigned i = 0; i < p->blocks && !err; i++)
		err = map_block(m, p, i);
	for (unsigned i = 0; i < p->irqs && !err; i++) {
		err = find_irq(p, i);
		if (!err)
			err = bind(m, p, i);
	}
	while (p->nodes <= p->blocks && env_nth_string("device-compatible", p->nodes))
		p->nodes++;
	if (!err && p->nodes > p->blocks) {
		vmm_log("device-compatible: more than the %u blocks of registers", p->blocks);
		err = TAKT_E_INVAL;
	}
	if (err)
		free(p);
	return err;
}

static void pass_through_reset(struct device *dev)
{
	struct pass_through *p = dev->state;

	for (unsigned i = 0; i < p->irqs; i++)
		if (bind(dev->machine, p, i))
			machine_ask(dev->machine, MACHINE_FAILED);
}

static void pass_through_tree(struct device *dev, struct tree *tree)
{
	struct pass_through *p = dev->state;

	for (unsigned i = 0; i < p->nodes; i++) {
		uint64_t at = env_cell("device-addresses", i);
		const char *compatible = env_nth_string("device-compatible", i);

		tree_begin(tree, "device", at);
		if (!strncmp(compatible, AMBA, strlen(AMBA))) {
			tree_strings(tree, "compatible", compatible, "arm,primecell");
			tree_list(tree, "clocks", TREE_PHANDLE_CLOCK);
			tree_string(tree, "clock-names", "apb_pclk");
		} else {
			tree_string(tree, "compatible", compatible);
		}
		tree_reg(tree, at, p->size[i]);
		if (i < p->irqs)
			tree_interrupt(tree, env_cell("device-irqs", i));
		tree_end(tree);
	}
}

DEVICE_TYPE(pass_through) = {
	.compatible = "takt,pass-through",
	.create = pass_through_create,
	.reset = pass_through_reset,
	.tree = pass_through_tree,
};
