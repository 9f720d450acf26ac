/* SPDX-License-Identifier: MIT */
/*
 * PL011 UART on a console session.
 *
 * Drivers that print look at the flags before each character. So while no input waits, the guest has
 * a page in the place of the registers that it reads without an exit; its writes are exits as ever.
 * With input there are registers whose reading changes something: the page is taken away before the
 * guest can know of it, and comes back when it looks at the flags and there is none.
 */
#include <stdlib.h>
#include <string.h>
#include <takt/layout.h>

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
	bool blocked; /* full, and no INT_TX, until the session has room again */
	volatile uint32_t *page; /* what the guest reads while that is `shown`; null: there is none */
	uint64_t page_offset;	 /* in the extent of the heap */
	uint32_t page_fr, page_ris;
	bool shown;
	struct session session;
};

/* The guest's side. */

/* Room for what a driver writes without asking. */
static bool has_room(const struct pl011 *u)
{
	return ring_free(&u->session.tx) > FIFO_SIZE;
}

/* Whether the guest has to wait; then `tell` will look again. */
static void look_for_room(struct pl011 *u)
{
	u->blocked = !has_room(u) && session_stall(&u->session, FIFO_SIZE);
}

static void transmit(struct pl011 *u, const struct vcpu *v, uint8_t byte)
{
	if (!session_put(&u->session, v, &byte, 1))
		session_lose(&u->session, 1);
	look_for_room(u);
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

/* A byte in the ring is out, as far as the guest is concerned. */
static uint32_t transmit_flags(const struct pl011 *u)
{
	return u->blocked ? FR_TXFF : FR_TXFE;
}

static uint32_t flags(const struct pl011 *u)
{
	uint32_t fr = transmit_flags(u);

	if (!ring_used(&u->session.rx))
		fr |= FR_RXFE;
	if (!ring_free(&u->session.rx))
		fr |= FR_RXFF;
	return fr;
}

/* All but what is received. */
static uint32_t read_register(const struct pl011 *u, uint64_t offset)
{
	switch (offset) {
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

/* The page of registers. */

/* Input that comes meanwhile does not show there. */
static uint32_t page_flags(const struct pl011 *u)
{
	return FR_RXFE | transmit_flags(u);
}

static void write_page(struct pl011 *u)
{
	u->page_fr = page_flags(u);
	u->page_ris = u->ris;
	u->page[UART_FR / 4] = u->page_fr;
	for (uint64_t offset = UART_ILPR; offset <= UART_DMACR; offset += 4)
		u->page[offset / 4] = read_register(u, offset);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void show_page(struct device *dev)
{
	struct pl011 *u = dev->state;

	write_page(u);
	u->shown = !takt_task_map(dev->machine->task, TAKT_SELF_MEMORY, dev->base, u->page_offset,
				  TAKT_PAGE_SIZE, TAKT_MAP_READ | TAKT_MAP_UNCACHED);
	if (!u->shown)
		u->page = NULL; /* not worth another try */
}

static void hide_page(struct device *dev)
{
	struct pl011 *u = dev->state;
	int err = takt_task_unmap(dev->machine->task, dev->base, TAKT_PAGE_SIZE);

	u->shown = false;
	if (err)
		vmm_log("%s: its page stays: error %d", dev->type->compatible, err);
}

static void make_page(struct pl011 *u)
{
	uint32_t *page = aligned_alloc(TAKT_PAGE_SIZE, TAKT_PAGE_SIZE);

	if (!page)
		return;
	memset(page, 0, TAKT_PAGE_SIZE);
	for (uint64_t offset = UART_ID; offset < TAKT_PAGE_SIZE; offset += 4)
		page[offset / 4] = read_register(u, offset);
	/* The guest reads it past the caches: from here on so do we. */
	arch_clean(page, TAKT_PAGE_SIZE);
	u->page_offset = (uint64_t)page - TAKT_VA_HEAP;
	u->page = rt_map(TAKT_SELF_MEMORY, u->page_offset, TAKT_PAGE_SIZE,
			 TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_UNCACHED);
}

/* After a change; with the lock. `configured`: of other registers than these two. */
static void changed(struct device *dev, struct vcpu *v, bool configured)
{
	struct pl011 *u = dev->state;

	if (u->shown) {
		if (ring_used(&u->session.rx))
			hide_page(dev);
		else if (configured || u->ris != u->page_ris || page_flags(u) != u->page_fr)
			write_page(u);
	}
	device_line(dev, v, u->ris & u->imsc);
}

static bool pl011_access(struct device *dev, struct mmio *io)
{
	struct pl011 *u = dev->state;
	uint64_t offset = io->offset & ~3ul;

	if (io->size > 4)
		return false;
	/* The bus has no lanes narrower than a word: a byte access is to the lowest one. */
	if (io->write)
		write_register(u, io->vcpu, offset, (uint32_t)io->value);
	else if (offset == UART_DR)
		io->value = receive(u);
	else
		io->value = read_register(u, offset);
	if (offset == UART_FR && !io->write && u->page && !u->shown && io->value & FR_RXFE)
		show_page(dev);
	changed(dev, io->vcpu, io->write && offset != UART_DR);
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
	changed(dev, NULL, false);
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
	look_for_room(u);
	u->cr = CR_RESET;
	u->ifls = IFLS_RESET;
	if (u->shown)
		write_page(u);
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
	if (err) {
		free(u);
		return err;
	}
	if (u->session.work)
		vmm_log_to(session_log, &u->session);
	make_page(u);
	return 0;
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
