/* SPDX-License-Identifier: MIT */
/*
 * The virtio transport by memory-mapped registers (VIRTIO 1.2, 4.2: version 2, no legacy
 * interface), and split virtqueues. A virtio device is a type of its own in the registry; its state
 * begins with struct virtio, and its type has the transport's functions:
 *
 *   DEVICE_TYPE(x) = {.compatible = "takt,virtio-x", .create = x_create, .reset = virtio_reset,
 *                     .access = virtio_access, .tree = virtio_tree, .work = ...};
 *
 * Queues lie in guest memory and are never trusted: each index, address and length is read once and
 * checked. What makes no sense stops the device until its driver resets it (DEVICE_NEEDS_RESET).
 * Everything here is called with the device's lock.
 */
#ifndef VMM_VIRTIO_MMIO_H
#define VMM_VIRTIO_MMIO_H

#include "../core/device.h"

#define VIRTIO_QUEUES 4
#define VIRTIO_QUEUE_MAX 128 /* entries */

/* Layout of the rings. */
struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
struct virtq_avail {
	uint16_t flags, idx, ring[]; /* behind it: used_event */
};
struct virtq_used_elem {
	uint32_t id, len;
};
struct virtq_used {
	uint16_t flags, idx;
	struct virtq_used_elem ring[]; /* behind it: avail_event */
};

struct virtq {
	bool ready;
	uint16_t size;
	uint64_t desc_at, avail_at, used_at; /* as the driver wrote them */
	/* Valid while `ready`. */
	const struct virtq_desc *desc;
	const struct virtq_avail *avail;
	struct virtq_used *used;
	uint16_t taken;	   /* chains taken out of the available ring */
	uint16_t returned; /* chains put into the used ring */
	uint16_t told;	   /* `returned` when it was last seen to whether the driver is to know */
};

/* One chain on its way. The descriptors are read one by one, each once. */
struct virtq_chain {
	uint16_t head, next;
	uint16_t left; /* descriptors that the rest may have: a loop is longer */
	bool more;
	uint8_t *data; /* of the present descriptor, what is left of it */
	uint32_t len;
	uint32_t done; /* bytes that were read or written so far */
};

struct virtio;

struct virtio_ops {
	uint32_t id;	   /* of the kind of device */
	uint64_t features; /* its own, besides the transport's */
	unsigned queues;
	void (*reset)(struct virtio *vd);
	/* The driver has put something into a queue, or has just started the device. */
	void (*notify)(struct virtio *vd, struct vcpu *v, unsigned queue);
	/* The device's configuration. */
	const void *config;
	unsigned config_size;
};

struct virtio {
	const struct virtio_ops *ops;
	struct device *dev;
	bool logged; /* that its driver makes no sense, once for each run */
	uint32_t status, interrupt, generation;
	uint32_t device_page, driver_page, selected; /* of features; queue */
	uint64_t features;			     /* that the driver accepted */
	struct virtq queue[VIRTIO_QUEUES];
};

/* The functions of the device's type. */
void virtio_reset(struct device *dev);
bool virtio_access(struct device *dev, struct mmio *io);
void virtio_tree(struct device *dev, struct tree *tree);

/* Takes the next chain; false: there is none, or the device is stopped. */
bool virtq_take(struct virtio *vd, struct virtq *q, struct virtq_chain *chain);
/* Copies bytes out of, or into, a chain as far as it goes; a descriptor of the wrong direction
 * stops the device. Number of bytes. */
uint32_t virtq_read(struct virtio *vd, struct virtq *q, struct virtq_chain *chain, uint8_t *to,
		    uint32_t len);
uint32_t virtq_write(struct virtio *vd, struct virtq *q, struct virtq_chain *chain,
		     const uint8_t *from, uint32_t len);
/* Gives a chain back, with `written` bytes. */
void virtq_return(struct virtio *vd, struct virtq *q, const struct virtq_chain *chain,
		  uint32_t written);
/* After some were returned, or none was there: raises the interrupt if the driver wants it, and
 * says from where on it is to notify us. True if there is something in the queue after all. */
bool virtq_settle(struct virtio *vd, struct vcpu *v, struct virtq *q);

#endif
