/* SPDX-License-Identifier: MIT */
/*
 * virtio console with one port (VIRTIO 1.2, 5.3) on a console session of its own, the route
 * `hvc-console`. What the driver sends is copied into the session's ring when it notifies us, at
 * most as much as there is room for; the rest waits in its queue.
 */
#include <stdlib.h>

#include "../core/session.h"
#include "virtio_mmio.h"

#define RECEIVE 0
#define TRANSMIT 1

#define PIECE 64u /* bytes copied at once */
#define BOUND 64  /* pieces and chains at one go */

struct virtio_console {
	struct virtio virtio;
	struct session session;
	struct virtq_chain sending; /* taken and not returned yet */
	bool under_way;
};

static const uint8_t config[12]; /* columns, rows, ports, emergency write: not offered */

/* One piece of output; false: there is no more, or no room. */
static bool send_piece(struct virtio_console *c, struct vcpu *v)
{
	struct virtio *vd = &c->virtio;
	struct virtq *q = &vd->queue[TRANSMIT];
	uint32_t room = ring_free(&c->session.tx), len;
	uint8_t piece[PIECE];

	if (room < PIECE && !session_stall(&c->session, PIECE - 1))
		room = ring_free(&c->session.tx);
	if (room < PIECE)
		return false;
	if (!c->under_way && !virtq_take(vd, q, &c->sending))
		return false;
	c->under_way = true;
	len = virtq_read(vd, q, &c->sending, piece, PIECE);
	if (len < PIECE) {
		c->under_way = false;
		virtq_return(vd, q, &c->sending, 0);
	}
	/* Where the log took the room meanwhile, so be it. */
	session_lose(&c->session, len - session_put(&c->session, v, piece, len));
	return true;
}

static void transmit(struct virtio_console *c, struct vcpu *v)
{
	struct virtio *vd = &c->virtio;
	unsigned n = 0;
	bool more;

	do {
		while (n < BOUND && send_piece(c, v))
			n++;
		more = virtq_settle(vd, v, &vd->queue[TRANSMIT]);
	} while (more && n < BOUND && ring_free(&c->session.tx) >= PIECE);
	/* More of it on the first thread. */
	if (n == BOUND && (more || c->under_way)) {
		__atomic_store_n(&c->session.stalled, 1, __ATOMIC_SEQ_CST);
		(void)!takt_irq_trigger(c->session.work);
	}
}

/* One buffer of the driver's, as full as it gets; false: there is no input, or no buffer. */
static bool receive_some(struct virtio_console *c)
{
	struct virtio *vd = &c->virtio;
	struct virtq *q = &vd->queue[RECEIVE];
	struct virtq_chain chain;
	uint8_t piece[PIECE];
	unsigned len = 0;

	if (!ring_used(&c->session.rx) || !virtq_take(vd, q, &chain))
		return false;
	while (len < PIECE && session_get(&c->session, &piece[len]))
		len++;
	/* A buffer smaller than that loses the rest; the driver's have a page. */
	virtq_return(vd, q, &chain, virtq_write(vd, q, &chain, piece, len));
	return true;
}

static void receive(struct virtio_console *c, struct vcpu *v)
{
	unsigned n = 0;
	bool more;

	do {
		while (n < BOUND && receive_some(c))
			n++;
		more = virtq_settle(&c->virtio, v, &c->virtio.queue[RECEIVE]);
	} while (more && n < BOUND && ring_used(&c->session.rx));
	/* What is left, the first thread goes on with. */
	if (n == BOUND && ring_used(&c->session.rx)) {
		__atomic_store_n(&c->session.stalled, 1, __ATOMIC_SEQ_CST);
		(void)!takt_irq_trigger(c->session.work);
	}
}

static void console_kick(struct virtio *vd, struct vcpu *v, unsigned queue)
{
	struct virtio_console *c = vd->dev->state;

	if (queue == TRANSMIT)
		transmit(c, v);
	else
		receive(c, v);
}

static void console_work(struct device *dev)
{
	struct virtio_console *c = dev->state;

	if (!session_work(&c->session, PIECE - 1))
		return;
	lock_take(&dev->lock);
	transmit(c, NULL);
	receive(c, NULL);
	lock_give(&dev->lock);
}

static void console_renew(struct device *dev)
{
	struct virtio_console *c = dev->state;

	session_renew(&c->session);
}

static void console_reset(struct virtio *vd)
{
	struct virtio_console *c = vd->dev->state;

	c->under_way = false;
}

static const struct virtio_ops console_ops = {
	.id = 3,
	.queues = 2,
	.reset = console_reset,
	.notify = console_kick,
	.config = config,
	.config_size = sizeof(config),
};

static int console_create(struct device *dev)
{
	struct virtio_console *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return TAKT_E_NOMEM;
	c->virtio.ops = &console_ops;
	c->virtio.dev = dev;
	dev->state = c;
	err = session_open(&c->session, dev, env_cap("hvc-console"));
	if (err)
		free(c);
	return err;
}

DEVICE_TYPE(virtio_console) = {
	.compatible = "takt,virtio-console",
	.create = console_create,
	.reset = virtio_reset,
	.access = virtio_access,
	.work = console_work,
	.renew = console_renew,
	.tree = virtio_tree,
};
