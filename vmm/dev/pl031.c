/* SPDX-License-Identifier: MIT */
/*
 * PL031 clock: seconds since 1970. Nobody tells us the date, so it starts at the number of the
 * property `epoch` (0 without) when the board starts. The match interrupt never comes.
 */
#include <stdlib.h>

#include "../core/device.h"

enum pl031_register {
	RTC_DR = 0x00,
	RTC_MR = 0x04,
	RTC_LR = 0x08,
	RTC_CR = 0x0c,
	RTC_IMSC = 0x10,
	RTC_RIS = 0x14,
	RTC_MIS = 0x18,
	RTC_ICR = 0x1c,
	RTC_ID = 0xfe0,
};

#define PERIPHERAL_ID 0x00041031

struct pl031 {
	uint32_t base; /* the clock's value when the counter was zero */
	uint32_t load, match, mask;
};

static uint32_t seconds(void)
{
	return (uint32_t)(takt_now() / takt_hz());
}

static bool pl031_access(struct device *dev, struct mmio *io)
{
	struct pl031 *c = dev->state;
	uint32_t value = (uint32_t)io->value;

	if (io->size > 4)
		return false;
	io->value = 0;
	switch (io->offset & ~3ul) {
	case RTC_DR:
		io->value = c->base + seconds();
		break;
	case RTC_MR:
		if (io->write)
			c->match = value;
		io->value = c->match;
		break;
	case RTC_LR:
		if (io->write) {
			c->load = value;
			c->base = value - seconds();
		}
		io->value = c->load;
		break;
	case RTC_CR:
		io->value = 1;
		break;
	case RTC_IMSC:
		if (io->write)
			c->mask = value & 1;
		io->value = c->mask;
		break;
	default:
		if (io->offset >= RTC_ID)
			io->value = primecell_id(PERIPHERAL_ID, io->offset);
		break;
	}
	return true;
}

/* The time goes on; a reset of the guest's machine is not one of its battery. */
static void pl031_reset(struct device *dev)
{
	struct pl031 *c = dev->state;

	c->match = c->mask = 0;
}

static int pl031_create(struct device *dev)
{
	struct pl031 *c = calloc(1, sizeof(*c));

	if (!c)
		return TAKT_E_NOMEM;
	c->base = c->load = (uint32_t)env_number("epoch", 0);
	dev->state = c;
	return 0;
}

static void pl031_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "pl031", dev->base);
	tree_strings(tree, "compatible", dev->type->compatible, "arm,primecell");
	tree_reg(tree, dev->base, dev->size);
	tree_interrupt(tree, dev->irq);
	tree_list(tree, "clocks", TREE_PHANDLE_CLOCK);
	tree_string(tree, "clock-names", "apb_pclk");
	tree_end(tree);
}

DEVICE_TYPE(pl031) = {
	.compatible = "arm,pl031",
	.create = pl031_create,
	.reset = pl031_reset,
	.access = pl031_access,
	.tree = pl031_tree,
};
