/* SPDX-License-Identifier: MIT */
/*
 * PL061 GPIO controller. Line n is the capability "led-gpios" number n where there is one: what the
 * guest drives goes out there. The other lines are connected to nothing and read what was written.
 *
 * LEDs on the lines are described to the guest by the property `leds`, a string for each line from
 * 0 on: its label, and the trigger that Linux is to use behind '='. Without the property each
 * routed line has one.
 */
#include <stdlib.h>
#include <string.h>

#include <takt/proto/gpio.h>

#include "../core/device.h"
#include "../core/log.h"

enum pl061_register {
	GPIO_DATA_END = 0x400, /* below: data, bits 2..9 of the address are the mask */
	GPIO_DIR = 0x400,
	GPIO_IS = 0x404,
	GPIO_IBE = 0x408,
	GPIO_IEV = 0x40c,
	GPIO_IE = 0x410,
	GPIO_RIS = 0x414,
	GPIO_MIS = 0x418,
	GPIO_IC = 0x41c,
	GPIO_AFSEL = 0x420,
	GPIO_ID = 0xfe0,
};

#define LINES 8
#define PERIPHERAL_ID 0x00041061
#define LABEL_MAX 32

struct pl061 {
	uint8_t data, dir, is, ibe, iev, ie, ris, afsel;
	takt_slot line[LINES]; /* 0: not connected */
};

/* What the pins read as. */
static __attribute__((noinline)) uint8_t levels(struct pl061 *p)
{
	uint8_t value = p->data;

	for (unsigned i = 0; i < LINES; i++) {
		int level;

		if (p->dir & 1u << i || !p->line[i])
			continue;
		level = gpio_get(p->line[i]);
		if (level >= 0)
			value = (uint8_t)((value & ~(1u << i)) | (level ? 1u << i : 0));
	}
	return value;
}

/* Takes the lines to what the registers say; `changed` are those whose output may have. */
static void drive(struct pl061 *p, uint8_t changed)
{
	for (uint32_t bits = changed & p->dir; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctz(bits);
		int err;

		if (!p->line[i])
			continue;
		err = gpio_set(p->line[i], p->data >> i & 1);
		if (err)
			vmm_log("GPIO line %u: error %d", i, err);
	}
}

/* Tells the lines' server how they stand. */
static void set_up(struct pl061 *p, uint8_t changed)
{
	/* The level first, so that a new output starts with the right one. */
	drive(p, changed);
	for (uint32_t bits = changed; bits; bits &= bits - 1) {
		unsigned i = (unsigned)__builtin_ctz(bits);
		int err;

		if (!p->line[i])
			continue;
		err = gpio_direction(p->line[i], p->dir >> i & 1);
		if (err)
			vmm_log("GPIO line %u: direction: error %d", i, err);
	}
}

static void turn(struct pl061 *p, uint8_t dir)
{
	uint8_t changed = p->dir ^ dir;

	p->dir = dir;
	set_up(p, changed);
}

static void pl061_renew(struct device *dev)
{
	struct pl061 *p = dev->state;

	lock_take(&dev->lock);
	set_up(p, p->dir);
	lock_give(&dev->lock);
}

/* Level-sensitive inputs. */
static inline uint8_t watched(const struct pl061 *p)
{
	return p->is & (uint8_t)~p->dir;
}

/* Level-sensitive inputs that are where they interrupt. Edges of routed lines do not reach us. */
static __attribute__((noinline)) void update_line(struct device *dev, struct vcpu *v)
{
	struct pl061 *p = dev->state;
	uint8_t level = watched(p);

	if (level & p->ie)
		p->ris = (uint8_t)((p->ris & ~level) | (~(levels(p) ^ p->iev) & level));
	device_line(dev, v, p->ris & p->ie);
}

static uint8_t read_register(struct pl061 *p, uint64_t offset)
{
	if (offset < GPIO_DATA_END)
		return levels(p) & (uint8_t)(offset >> 2);
	switch (offset) {
	case GPIO_DIR:
		return p->dir;
	case GPIO_IS:
		return p->is;
	case GPIO_IBE:
		return p->ibe;
	case GPIO_IEV:
		return p->iev;
	case GPIO_IE:
		return p->ie;
	case GPIO_RIS:
		return p->ris;
	case GPIO_MIS:
		return p->ris & p->ie;
	case GPIO_AFSEL:
		return p->afsel;
	default:
		return offset >= GPIO_ID ? (uint8_t)primecell_id(PERIPHERAL_ID, offset) : 0;
	}
}

static void write_data(struct pl061 *p, uint8_t mask, uint8_t value)
{
	uint8_t old = p->data;

	mask &= p->dir;
	p->data = (uint8_t)((old & ~mask) | (value & mask));
	drive(p, p->data ^ old);
}

static __attribute__((noinline)) void write_register(struct pl061 *p, uint64_t offset,
						     uint8_t value)
{
	if (offset < GPIO_DATA_END) {
		write_data(p, (uint8_t)(offset >> 2), value);
		return;
	}
	switch (offset) {
	case GPIO_DIR:
		turn(p, value);
		break;
	case GPIO_IS:
		p->is = value;
		break;
	case GPIO_IBE:
		p->ibe = value;
		break;
	case GPIO_IEV:
		p->iev = value;
		break;
	case GPIO_IE:
		p->ie = value;
		break;
	case GPIO_IC:
		p->ris &= (uint8_t)~value;
		break;
	case GPIO_AFSEL:
		p->afsel = value;
		break;
	default:
		break;
	}
}

static bool pl061_access(struct device *dev, struct mmio *io)
{
	struct pl061 *p = dev->state;

	if (io->size > 4)
		return false;
	if (io->write)
		write_register(p, io->offset & ~3ul, (uint8_t)io->value);
	else
		io->value = read_register(p, io->offset & ~3ul);
	/* A read finds no more than that an input has moved. */
	if (io->write || watched(p) & p->ie)
		update_line(dev, io->vcpu);
	return true;
}

/* The registers only: a routed line stays as it is until the guest drives it again. */
static void pl061_reset(struct device *dev)
{
	struct pl061 *p = dev->state;

	p->data = p->dir = p->is = p->ibe = p->iev = p->ie = p->ris = p->afsel = 0;
}

static int pl061_create(struct device *dev)
{
	struct pl061 *p = calloc(1, sizeof(*p));
	char name[] = "led-gpios.0";

	if (!p)
		return TAKT_E_NOMEM;
	p->line[0] = env_cap("led-gpios");
	for (unsigned i = 1; i < LINES; i++) {
		name[sizeof(name) - 2] = (char)('0' + i);
		p->line[i] = env_cap(name);
	}
	dev->state = p;
	return 0;
}

/* One LED; `text` is its label, with a trigger behind '='. */
static void write_led(struct tree *tree, unsigned line, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);
	char label[LABEL_MAX];

	if (len >= sizeof(label))
		len = sizeof(label) - 1;
	memcpy(label, text, len);
	label[len] = 0;
	tree_begin(tree, (const char[]){'l', 'e', 'd', (char)('0' + line), 0}, TREE_NO_UNIT);
	tree_string(tree, "label", label);
	tree_list(tree, "gpios", TREE_PHANDLE_GPIO, line, 0);
	if (equals)
		tree_string(tree, "linux,default-trigger", equals + 1);
	tree_end(tree);
}

static void write_leds(struct pl061 *p, struct tree *tree)
{
	bool listed = env_nth_string("leds", 0);

	tree_begin(tree, "leds", TREE_NO_UNIT);
	tree_string(tree, "compatible", "gpio-leds");
	for (unsigned i = 0; i < LINES; i++) {
		const char text[] = {'t', 'a', 'k', 't', ':', 'l', 'e', 'd', (char)('0' + i),
				     '=', 'h', 'e', 'a', 'r', 't', 'b', 'e', 'a',
				     't', 0};
		const char *led = env_nth_string("leds", i);

		if (led)
			write_led(tree, i, led);
		else if (!listed && p->line[i])
			write_led(tree, i, text);
	}
	tree_end(tree);
}

static void pl061_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "pl061", dev->base);
	tree_strings(tree, "compatible", dev->type->compatible, "arm,primecell");
	tree_reg(tree, dev->base, dev->size);
	tree_interrupt(tree, dev->irq);
	tree_prop(tree, "gpio-controller", NULL, 0);
	tree_list(tree, "#gpio-cells", 2);
	tree_list(tree, "clocks", TREE_PHANDLE_CLOCK);
	tree_string(tree, "clock-names", "apb_pclk");
	tree_list(tree, "phandle", TREE_PHANDLE_GPIO);
	tree_end(tree);
	write_leds(dev->state, tree);
}

DEVICE_TYPE(pl061) = {
	.compatible = "arm,pl061",
	.create = pl061_create,
	.reset = pl061_reset,
	.access = pl061_access,
	.renew = pl061_renew,
	.tree = pl061_tree,
};
