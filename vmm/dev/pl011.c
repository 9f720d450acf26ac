/* SPDX-License-Identifier: MIT */
/* PL011 UART on a console session. */
#include <stdlib.h>

#include "../core/log.h"
#include "../core/session.h"

enum pl011_register {
	UART_DR = 0x00,
	UART_RSR = 0x04,
	UART_FR = 0x18,
	UART_ILPR = 0x20,
	UART_IBRD = 0x24,
	UART_FBRD = 0x28,
	UART_LCR_H = 0x2c,
	UART_CR = 0x30,
	UART_IFLS = 0x34,
	UART_IMSC = 0x38,
	UART_RIS = 0x3c,
	UART_MIS = 0x40,
	UART_ICR = 0x44,
	UART_DMACR = 0x48,
	UART_ID = 0xfe0,
};

#define FR_RXFE 0x10
#define FR_TXFF 0x20
#define FR_RXFF 0x40
#define FR_TXFE 0x80

#define INT_RX 0x010
#define INT_TX 0x020
#define INT_MASK 0x7ff

#define CR_RESET 0x300
#define IFLS_RESET 0x12
#define PERIPHERAL_ID 0x00141011

#define FIFO_SIZE 32 /* what a driver may write after an interrupt without looking */

struct pl011 {
	uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
	bool blocked; /* no INT_TX until the session has room again */
	struct session session;
};

static void update_line(struct device *dev, struct vcpu *v)
{
	struct pl011 *u = dev->state;

	device_line(dev, v, u->ris & u->imsc);
}

/* The guest's side. */

/* Room for what a driver writes without asking. */
static bool has_room(const struct pl011 *u)
{
	return ring_free(&u->session.tx) > FIFO_SIZE;
}

static void transmit(struct pl011 *u, const struct vcpu *v, uint8_t byte)
{
	if (!session_put(&u->session, v, &byte, 1))
		session_lose(&u->session, 1);
	u->blocked = !has_room(u) && session_stall(&u->session, FIFO_SIZE);
	if (u->blocked)
		u->ris &= ~(uint32_t)INT_TX;
	else
		u->ris |= INT_TX;
}

static uint8_t receive(struct pl011 *u)
{
	uint8_t byte = 0;

	(void)session_get(&u->session, &byte);
	if (!ring_used(&u->session.rx))
		u->ris &= ~(uint32_t)INT_RX;
	return byte;
}

static uint32_t flags(const struct pl011 *u)
{
	uint32_t fr = 0;

	if (!ring_used(&u->session.rx))
		fr |= FR_RXFE;
	if (!ring_free(&u->session.rx))
		fr |= FR_RXFF;
	/* A byte in the ring is out, as far as the guest is concerned. */
	fr |= has_room(u) ? FR_TXFE : FR_TXFF;
	return fr;
}

static uint32_t read_register(struct pl011 *u, uint64_t offset)
{
	switch (offset) {
	case UART_DR:
		return receive(u);
	case UART_FR:
		return flags(u);
	case UART_ILPR:
		return u->ilpr;
	case UART_IBRD:
		return u->ibrd;
	case UART_FBRD:
		return u->fbrd;
	case UART_LCR_H:
		return u->lcr_h;
	case UART_CR:
		return u->cr;
	case UART_IFLS:
		return u->ifls;
	case UART_IMSC:
		return u->imsc;
	case UART_RIS:
		return u->ris;
	case UART_MIS:
		return u->ris & u->imsc;
	case UART_DMACR:
		return u->dmacr;
	default:
		return offset >= UART_ID ? primecell_id(PERIPHERAL_ID, offset) : 0;
	}
}

static void write_register(struct pl011 *u, const struct vcpu *v, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case UART_DR:
		transmit(u, v, (uint8_t)value);
		break;
	case UART_ILPR:
		u->ilpr = value & 0xff;
		break;
	case UART_IBRD:
		u->ibrd = value & 0xffff;
		break;
	case UART_FBRD:
		u->fbrd = value & 0x3f;
		break;
	case UART_LCR_H:
		u->lcr_h = value & 0xff;
		break;
	case UART_CR:
		u->cr = value & 0xff87;
		break;
	case UART_IFLS:
		u->ifls = value & 0x3f;
		break;
	case UART_IMSC:
		u->imsc = value & INT_MASK;
		break;
	case UART_ICR:
		u->ris &= ~value;
		/* What is left raises it again, as the receive time-out does in hardware. */
		if (ring_used(&u->session.rx))
			u->ris |= INT_RX;
		break;
	case UART_DMACR:
		u->dmacr = value & 0x7;
		break;
	default:
		break;
	}
}

static bool pl011_access(struct device *dev, struct mmio *io)
{
	struct pl011 *u = dev->state;

	if (io->size > 4)
		return false;
	/* The bus has no lanes narrower than a word: a byte access is to the lowest one. */
	if (io->write)
		write_register(u, io->vcpu, io->offset & ~3ul, (uint32_t)io->value);
	else
		io->value = read_register(u, io->offset & ~3ul);
	update_line(dev, io->vcpu);
	return true;
}

/* The session's side. */

/* Input arrived, or there is room for output again: tells the guest. */
static void tell(struct device *dev)
{
	struct pl011 *u = dev->state;

	lock_take(&dev->lock);
	if (ring_used(&u->session.rx))
		u->ris |= INT_RX;
	if (u->blocked && has_room(u)) {
		u->blocked = false;
		u->ris |= INT_TX;
	}
	update_line(dev, NULL);
	lock_give(&dev->lock);
}

static void pl011_work(struct device *dev)
{
	struct pl011 *u = dev->state;

	if (session_work(&u->session, FIFO_SIZE))
		tell(dev);
}

static void pl011_renew(struct device *dev)
{
	struct pl011 *u = dev->state;

	session_renew(&u->session);
}

static void pl011_reset(struct device *dev)
{
	struct pl011 *u = dev->state;

	u->ilpr = u->ibrd = u->fbrd = u->lcr_h = u->imsc = u->ris = u->dmacr = 0;
	u->blocked = false;
	u->cr = CR_RESET;
	u->ifls = IFLS_RESET;
}

/* Without a session the UART is there, but not connected. */
static int pl011_create(struct device *dev)
{
	struct pl011 *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return TAKT_E_NOMEM;
	dev->state = u;
	err = session_open(&u->session, dev, env_cap("console"));
	if (err)
		free(u);
	else if (u->session.work)
		vmm_log_to(session_log, &u->session);
	return err;
}

static void pl011_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "pl011", dev->base);
	tree_strings(tree, "compatible", dev->type->compatible, "arm,primecell");
	tree_reg(tree, dev->base, dev->size);
	tree_interrupt(tree, dev->irq);
	tree_list(tree, "clocks", TREE_PHANDLE_CLOCK, TREE_PHANDLE_CLOCK);
	tree_strings(tree, "clock-names", "uartclk", "apb_pclk");
	tree_end(tree);
}

DEVICE_TYPE(pl011) = {
	.compatible = "arm,pl011",
	.create = pl011_create,
	.reset = pl011_reset,
	.access = pl011_access,
	.work = pl011_work,
	.renew = pl011_renew,
	.tree = pl011_tree,
};
