/* SPDX-License-Identifier: MIT */
/*
 * PL011 UART on a console session.
 *
 * Two rings stand between the registers and the session: the guest's side runs on the vCPUs' threads
 * and never waits, the session's side on the first thread. Output is collected for a moment, so
 * that a line costs one message; a session that does not take anything for a while loses what is
 * there, lest it stops the guest.
 */
#include <stdio.h>
#include <stdlib.h>

#include <takt/proto/console.h>

#include "../core/device.h"
#include "../core/log.h"
#include "../core/ring.h"

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

#define TX_SIZE 16384
#define RX_SIZE 1024
#define FIFO_SIZE 32 /* what a driver may write after an interrupt without looking */
#define COLLECT_NS 1000000
#define RETRY_NS 5000000
#define PATIENCE_NS 500000000

struct pl011 {
	/* Registers. */
	uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
	bool blocked; /* no INT_TX until the tx ring has room again */
	struct ring tx, rx;
	struct lock tx_lock; /* between those who put: the guest, and the monitor's log */
	/* Shared between the two sides, atomic. */
	int scheduled; /* the first thread will look at the tx ring */
	int collect;   /* ... and is to set its timer for that itself */
	int stalled;   /* the guest waits for room in the tx ring */
	int starved;   /* the session may have more than fitted into the rx ring */
	unsigned lost; /* bytes of output, not yet told to the session */
	/* The first thread's. */
	takt_slot session;
	takt_slot work;
	unsigned cpu; /* it is on that one */
	takt_ticks patience; /* the session is to take something until then; 0: it does */
	uint8_t tx_data[TX_SIZE], rx_data[RX_SIZE];
};

static int take(int *flag)
{
	return __atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST);
}

static void update_line(struct device *dev, struct vcpu *v)
{
	struct pl011 *u = dev->state;

	device_line(dev, v, u->ris & u->imsc);
}

/* The guest's side. */

/* Room for what a driver writes without asking. */
static bool has_room(const struct pl011 *u)
{
	return ring_free(&u->tx) > FIFO_SIZE;
}

static int start_timer(struct pl011 *u)
{
	return takt_irq_timer(u->work, takt_now() + takt_ns_to_ticks(COLLECT_NS), 0, NULL);
}

/* Has the first thread look at the tx ring: soon, or at once when much has come together. The timer
 * belongs to that thread's CPU; from another one setting it would take its turn there. */
static void schedule(struct pl011 *u, const struct vcpu *v, bool now)
{
	if (!__atomic_exchange_n(&u->scheduled, 1, __ATOMIC_SEQ_CST)) {
		if (!now && v->thread.cpu == u->cpu && !start_timer(u))
			return;
		if (!now)
			__atomic_store_n(&u->collect, 1, __ATOMIC_RELEASE);
		now = true;
	}
	if (now)
		(void)!takt_irq_trigger(u->work);
}

static bool put(struct pl011 *u, uint8_t byte)
{
	bool fits;

	lock_take(&u->tx_lock);
	fits = ring_put(&u->tx, byte);
	lock_give(&u->tx_lock);
	return fits;
}

static void transmit(struct pl011 *u, const struct vcpu *v, uint8_t byte)
{
	if (!u->work)
		return;
	if (!put(u, byte))
		__atomic_fetch_add(&u->lost, 1, __ATOMIC_RELAXED);
	schedule(u, v, ring_used(&u->tx) == TX_SIZE / 2);
	u->blocked = !has_room(u);
	if (u->blocked) {
		/* Look again: who made room before the flag was there wakes nobody. */
		__atomic_store_n(&u->stalled, 1, __ATOMIC_SEQ_CST);
		u->blocked = !has_room(u);
	}
	if (u->blocked)
		u->ris &= ~(uint32_t)INT_TX;
	else
		u->ris |= INT_TX;
}

static uint8_t receive(struct pl011 *u)
{
	uint8_t byte = 0;

	(void)ring_get(&u->rx, &byte);
	if (!ring_used(&u->rx)) {
		u->ris &= ~(uint32_t)INT_RX;
		if (take(&u->starved))
			(void)!takt_irq_trigger(u->work);
	}
	return byte;
}

static uint32_t flags(const struct pl011 *u)
{
	uint32_t fr = 0;

	if (!ring_used(&u->rx))
		fr |= FR_RXFE;
	if (!ring_free(&u->rx))
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
		if (ring_used(&u->rx))
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

static void retry(struct pl011 *u)
{
	takt_ticks now = takt_now();

	if (!u->patience)
		u->patience = now + takt_ns_to_ticks(PATIENCE_NS);
	if (now > u->patience) {
		uint32_t count = ring_used(&u->tx);

		ring_skip(&u->tx, count);
		__atomic_fetch_add(&u->lost, count, __ATOMIC_RELAXED);
		u->patience = 0;
		return;
	}
	__atomic_store_n(&u->scheduled, 1, __ATOMIC_SEQ_CST);
	if (takt_irq_timer(u->work, now + takt_ns_to_ticks(RETRY_NS), 0, NULL))
		(void)take(&u->scheduled); /* then the guest's next byte tries again */
}

/* Says so once the session takes something again. */
static void report_loss(struct pl011 *u)
{
	unsigned lost = __atomic_exchange_n(&u->lost, 0, __ATOMIC_RELAXED);
	char text[64];
	int len;

	if (!lost)
		return;
	len = snprintf(text, sizeof(text), "\r\n[%u bytes lost]\r\n", lost);
	if (console_write(u->session, text, (unsigned)len) <= 0)
		__atomic_fetch_add(&u->lost, lost, __ATOMIC_RELAXED);
}

static void drain(struct pl011 *u)
{
	const uint8_t *bytes;
	unsigned count;

	while ((count = ring_peek(&u->tx, &bytes))) {
		int taken =
			console_write(u->session, bytes, count < CONSOLE_MAX ? count : CONSOLE_MAX);

		if (taken <= 0) {
			retry(u);
			return;
		}
		u->patience = 0;
		ring_skip(&u->tx, (uint32_t)taken);
	}
	report_loss(u);
}

/* True if something was read. */
static bool fill(struct pl011 *u)
{
	uint8_t data[256];
	bool some = false;

	for (;;) {
		uint32_t room = ring_free(&u->rx);
		int count;

		if (!room) {
			__atomic_store_n(&u->starved, 1, __ATOMIC_SEQ_CST);
			if (!ring_free(&u->rx))
				return some;
			continue;
		}
		count = console_read(u->session, data, room < sizeof(data) ? room : sizeof(data));
		if (count <= 0)
			return some;
		for (int i = 0; i < count; i++)
			(void)ring_put(&u->rx, data[i]);
		some = true;
	}
}

/* Input arrived, or there is room for output again: tells the guest. */
static void tell(struct device *dev)
{
	struct pl011 *u = dev->state;

	lock_take(&dev->lock);
	if (ring_used(&u->rx))
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
	bool event;

	if (!take(&u->collect) || start_timer(u)) {
		/* Before looking: what comes later schedules anew. */
		(void)take(&u->scheduled);
		drain(u);
	}
	event = fill(u);
	if (has_room(u) && take(&u->stalled))
		event = true;
	if (event)
		tell(dev);
}

/* Log lines of the monitor go out among the guest's own. */
static void log_line(void *self, const char *line, unsigned len)
{
	struct pl011 *u = self;

	lock_take(&u->tx_lock);
	for (unsigned i = 0; i < len; i++) {
		if (line[i] == '\n')
			(void)ring_put(&u->tx, '\r');
		(void)ring_put(&u->tx, (uint8_t)line[i]);
	}
	lock_give(&u->tx_lock);
	schedule(u, NULL, true);
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
static int connect(struct device *dev, struct pl011 *u)
{
	int err;

	u->session = env_cap("console");
	if (!u->session)
		return 0;
	u->cpu = (unsigned)env_number("cpu", 0);
	err = device_work(dev);
	if (err < 0)
		return err;
	u->work = (takt_slot)err;
	err = console_notify(u->session, u->work);
	if (err < 0)
		return err;
	vmm_log_to(log_line, u);
	/* What was typed before we asked to be told. */
	return takt_irq_trigger(u->work);
}

static int pl011_create(struct device *dev)
{
	struct pl011 *u = calloc(1, sizeof(*u));
	int err;

	if (!u)
		return TAKT_E_NOMEM;
	u->tx = (struct ring){.size = TX_SIZE, .data = u->tx_data};
	u->rx = (struct ring){.size = RX_SIZE, .data = u->rx_data};
	dev->state = u;
	err = connect(dev, u);
	if (err)
		free(u);
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
	.tree = pl011_tree,
};
