/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "../core/log.h"
#include "virtio_mmio.h"

enum virtio_register {
	VIRTIO_MAGIC = 0x000,
	VIRTIO_VERSION = 0x004,
	VIRTIO_DEVICE_ID = 0x008,
	VIRTIO_VENDOR_ID = 0x00c,
	VIRTIO_DEVICE_FEATURES = 0x010,
	VIRTIO_DEVICE_FEATURES_SEL = 0x014,
	VIRTIO_DRIVER_FEATURES = 0x020,
	VIRTIO_DRIVER_FEATURES_SEL = 0x024,
	VIRTIO_QUEUE_SEL = 0x030,
	VIRTIO_QUEUE_NUM_MAX = 0x034,
	VIRTIO_QUEUE_NUM = 0x038,
	VIRTIO_QUEUE_READY = 0x044,
	VIRTIO_QUEUE_NOTIFY = 0x050,
	VIRTIO_INTERRUPT_STATUS = 0x060,
	VIRTIO_INTERRUPT_ACK = 0x064,
	VIRTIO_STATUS = 0x070,
	VIRTIO_QUEUE_DESC = 0x080, /* low word, high word */
	VIRTIO_QUEUE_AVAIL = 0x090,
	VIRTIO_QUEUE_USED = 0x0a0,
	VIRTIO_SHM_LEN = 0x0b0, /* and base, both all ones: no shared memory */
	VIRTIO_SHM_END = 0x0c0,
	VIRTIO_CONFIG_GENERATION = 0x0fc,
	VIRTIO_CONFIG = 0x100,
};

#define MAGIC 0x74726976  /* "virt" */
#define VENDOR 0x746b6174 /* "takt" */

#define STATUS_DRIVER_OK 0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40

#define F_EVENT_IDX (1ull << 29)
#define F_VERSION_1 (1ull << 32)

#define INTERRUPT_USED 0x1
#define INTERRUPT_CONFIG 0x2

#define DESC_NEXT 0x1
#define DESC_WRITE 0x2 /* by the device */
#define AVAIL_NO_INTERRUPT 0x1

static void update_line(struct virtio *vd, struct vcpu *v)
{
	device_line(vd->dev, v, vd->interrupt);
}

/* The driver did what no driver does; its vCPU's thread or the first one sees to the interrupt. */
static void stop(struct virtio *vd, const char *why)
{
	if (vd->status & STATUS_NEEDS_RESET)
		return;
	if (!vd->logged)
		vmm_log("virtio device at %lx: %s; it waits for a reset",
			(unsigned long)vd->dev->base, why);
	vd->logged = true;
	vd->status |= STATUS_NEEDS_RESET;
	vd->generation++;
	if (vd->status & STATUS_DRIVER_OK)
		vd->interrupt |= INTERRUPT_CONFIG;
}

static bool works(const struct virtio *vd, const struct virtq *q)
{
	return q->ready &&
	       (vd->status & (STATUS_DRIVER_OK | STATUS_NEEDS_RESET)) == STATUS_DRIVER_OK;
}

/* --- Queues ------------------------------------------------------------------------------ */

/* Words that the driver changes while we look. */
#define READ_ONCE(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)

/* The event indices lie behind the other side's ring. */
static uint16_t used_event(const struct virtq *q)
{
	return READ_ONCE(q->avail->ring[q->size]);
}

static void set_avail_event(struct virtq *q, uint16_t index)
{
	__atomic_store_n((uint16_t *)&q->used->ring[q->size], index, __ATOMIC_SEQ_CST);
}

bool virtq_take(struct virtio *vd, struct virtq *q, struct virtq_chain *chain)
{
	uint16_t ahead, head;

	if (!works(vd, q))
		return false;
	ahead = (uint16_t)(READ_ONCE(q->avail->idx) - q->taken);
	if (!ahead)
		return false;
	if (ahead > q->size) {
		stop(vd, "more is available than a queue holds");
		return false;
	}
	head = READ_ONCE(q->avail->ring[q->taken & (q->size - 1)]);
	if (head >= q->size) {
		stop(vd, "a chain starts outside the descriptors");
		return false;
	}
	q->taken++;
	*chain = (struct virtq_chain){.head = head, .next = head, .left = q->size, .more = true};
	return true;
}

/* The chain's next descriptor; false: it has none, or it is nonsense. */
static bool advance(struct virtio *vd, struct virtq *q, struct virtq_chain *chain, uint16_t flag)
{
	const struct virtq_desc *d;
	uint64_t addr;
	uint16_t flags;

	if (!chain->more)
		return false;
	if (!chain->left--) {
		stop(vd, "a chain of descriptors is a loop");
		return false;
	}
	d = &q->desc[chain->next];
	addr = READ_ONCE(d->addr);
	flags = READ_ONCE(d->flags);
	chain->len = READ_ONCE(d->len);
	chain->next = READ_ONCE(d->next);
	chain->more = flags & DESC_NEXT;
	chain->data = memory_at(vd->dev->machine, addr, chain->len);
	if (!chain->data)
		stop(vd, "a descriptor's memory is not the guest's");
	else if (flags & ~(DESC_NEXT | DESC_WRITE) || (flags & DESC_WRITE) != flag)
		stop(vd, "a descriptor has flags that make no sense");
	else if (chain->more && chain->next >= q->size)
		stop(vd, "a chain leads out of the descriptors");
	else
		return true;
	chain->more = false;
	chain->len = 0;
	return false;
}

static uint32_t copy(struct virtio *vd, struct virtq *q, struct virtq_chain *chain, uint8_t *to,
		     const uint8_t *from, uint32_t len)
{
	uint32_t done = 0;

	while (done < len) {
		uint32_t n = len - done;

		if (!chain->len) {
			if (!advance(vd, q, chain, to ? 0 : DESC_WRITE))
				break;
			continue;
		}
		if (n > chain->len)
			n = chain->len;
		memcpy(to ? to + done : chain->data, to ? chain->data : from + done, n);
		chain->data += n;
		chain->len -= n;
		done += n;
	}
	chain->done += done;
	return done;
}

uint32_t virtq_read(struct virtio *vd, struct virtq *q, struct virtq_chain *chain, uint8_t *to,
		    uint32_t len)
{
	return copy(vd, q, chain, to, NULL, len);
}

uint32_t virtq_write(struct virtio *vd, struct virtq *q, struct virtq_chain *chain,
		     const uint8_t *from, uint32_t len)
{
	return copy(vd, q, chain, NULL, from, len);
}

void virtq_return(struct virtio *vd, struct virtq *q, const struct virtq_chain *chain,
		  uint32_t written)
{
	struct virtq_used_elem *e;

	if (!works(vd, q))
		return;
	e = &q->used->ring[q->returned & (q->size - 1)];
	e->id = chain->head;
	e->len = written;
	__atomic_store_n(&q->used->idx, ++q->returned, __ATOMIC_RELEASE);
}

/* VIRTIO 1.2, 2.7.7: after the used index is there, and before we go to sleep. */
static bool wants_interrupt(const struct virtio *vd, struct virtq *q)
{
	uint16_t some = (uint16_t)(q->returned - q->told);

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!some)
		return false;
	q->told = q->returned;
	if (vd->features & F_EVENT_IDX)
		return (uint16_t)(q->returned - used_event(q) - 1) < some;
	return !(READ_ONCE(q->avail->flags) & AVAIL_NO_INTERRUPT);
}

bool virtq_settle(struct virtio *vd, struct vcpu *v, struct virtq *q)
{
	bool more = false;

	if (works(vd, q)) {
		if (wants_interrupt(vd, q))
			vd->interrupt |= INTERRUPT_USED;
		if (vd->features & F_EVENT_IDX)
			set_avail_event(q, q->taken);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		more = READ_ONCE(q->avail->idx) != q->taken;
	}
	update_line(vd, v);
	return more;
}

/* All three parts in the guest's memory, and aligned as the layout wants it. */
static void start_queue(struct virtio *vd, struct virtq *q)
{
	struct machine *m = vd->dev->machine;
	unsigned n = q->size;

	if (q->ready)
		return;
	q->desc = memory_at(m, q->desc_at, n * sizeof(struct virtq_desc));
	q->avail = memory_at(m, q->avail_at, sizeof(struct virtq_avail) + (n + 1) * 2);
	q->used = memory_at(m, q->used_at,
			    sizeof(struct virtq_used) + n * sizeof(struct virtq_used_elem) + 2);
	if (!n || !q->desc || !q->avail || !q->used || q->desc_at % 16 || q->avail_at % 2 ||
	    q->used_at % 4) {
		stop(vd, "a queue is not where one can be");
		return;
	}
	q->taken = q->returned = q->told = 0;
	q->ready = true;
}

/* --- Registers --------------------------------------------------------------------------- */

static void reset(struct virtio *vd)
{
	vd->status = vd->interrupt = 0;
	vd->device_page = vd->driver_page = vd->selected = 0;
	vd->features = 0;
	for (unsigned i = 0; i < vd->ops->queues; i++)
		vd->queue[i] = (struct virtq){.size = VIRTIO_QUEUE_MAX};
	vd->ops->reset(vd);
}

void virtio_reset(struct device *dev)
{
	struct virtio *vd = dev->state;

	vd->logged = false;
	reset(vd);
}

static uint64_t offered(const struct virtio *vd)
{
	return vd->ops->features | F_VERSION_1 | F_EVENT_IDX;
}

static struct virtq *selected(struct virtio *vd)
{
	return vd->selected < vd->ops->queues ? &vd->queue[vd->selected] : NULL;
}

static void notify(struct virtio *vd, struct vcpu *v, uint32_t queue)
{
	if (queue < vd->ops->queues && works(vd, &vd->queue[queue]))
		vd->ops->notify(vd, v, queue);
}

static void set_status(struct virtio *vd, struct vcpu *v, uint32_t value)
{
	uint32_t new = value & ~vd->status;

	if (!value) {
		reset(vd);
		return;
	}
	/* What it cannot do with these features it does not pretend to. */
	if (new &STATUS_FEATURES_OK &&
	    (vd->features & ~offered(vd) || !(vd->features & F_VERSION_1)))
		value &= ~(uint32_t)STATUS_FEATURES_OK;
	if (!(value & STATUS_FEATURES_OK))
		value &= ~(uint32_t)STATUS_DRIVER_OK;
	vd->status = (value & ~(uint32_t)STATUS_NEEDS_RESET) | (vd->status & STATUS_NEEDS_RESET);
	if (new & vd->status & STATUS_DRIVER_OK)
		for (unsigned i = 0; i < vd->ops->queues; i++)
			notify(vd, v, i);
}

static void set_features(struct virtio *vd, uint32_t value)
{
	unsigned shift = vd->driver_page * 32;

	if (vd->driver_page > 1 || vd->status & STATUS_FEATURES_OK)
		return;
	vd->features = (vd->features & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

static void set_half(uint64_t *address, uint64_t offset, uint32_t value)
{
	unsigned shift = offset & 4 ? 32 : 0;

	*address = (*address & ~(0xffffffffull << shift)) | (uint64_t)value << shift;
}

/* A queue that runs stays as it is, until the device is reset. */
static void write_queue(struct virtio *vd, uint64_t offset, uint32_t value)
{
	struct virtq *q = selected(vd);

	if (!q || q->ready)
		return;
	switch (offset & ~7ul) {
	case VIRTIO_QUEUE_NUM & ~7u:
		if (value && value <= VIRTIO_QUEUE_MAX && !(value & (value - 1)))
			q->size = (uint16_t)value;
		else
			q->size = 0; /* it cannot start */
		break;
	case VIRTIO_QUEUE_READY & ~7u:
		if (value & 1)
			start_queue(vd, q);
		break;
	case VIRTIO_QUEUE_DESC:
		set_half(&q->desc_at, offset, value);
		break;
	case VIRTIO_QUEUE_AVAIL:
		set_half(&q->avail_at, offset, value);
		break;
	case VIRTIO_QUEUE_USED:
		set_half(&q->used_at, offset, value);
		break;
	default:
		break;
	}
}

static void write_register(struct virtio *vd, struct vcpu *v, uint64_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_DEVICE_FEATURES_SEL:
		vd->device_page = value;
		break;
	case VIRTIO_DRIVER_FEATURES:
		set_features(vd, value);
		break;
	case VIRTIO_DRIVER_FEATURES_SEL:
		vd->driver_page = value;
		break;
	case VIRTIO_QUEUE_SEL:
		vd->selected = value;
		break;
	case VIRTIO_QUEUE_NOTIFY:
		notify(vd, v, value);
		break;
	case VIRTIO_INTERRUPT_ACK:
		vd->interrupt &= ~value;
		break;
	case VIRTIO_STATUS:
		set_status(vd, v, value & 0xff);
		break;
	default:
		write_queue(vd, offset, value);
		break;
	}
}

static uint32_t read_register(struct virtio *vd, uint64_t offset)
{
	const struct virtq *q = selected(vd);

	switch (offset) {
	case VIRTIO_MAGIC:
		return MAGIC;
	case VIRTIO_VERSION:
		return 2;
	case VIRTIO_DEVICE_ID:
		return vd->ops->id;
	case VIRTIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_DEVICE_FEATURES:
		return vd->device_page < 2 ? (uint32_t)(offered(vd) >> vd->device_page * 32) : 0;
	case VIRTIO_QUEUE_NUM_MAX:
		return q ? VIRTIO_QUEUE_MAX : 0;
	case VIRTIO_QUEUE_READY:
		return q && q->ready;
	case VIRTIO_INTERRUPT_STATUS:
		return vd->interrupt;
	case VIRTIO_STATUS:
		return vd->status;
	case VIRTIO_CONFIG_GENERATION:
		return vd->generation;
	default:
		return offset >= VIRTIO_SHM_LEN && offset < VIRTIO_SHM_END ? ~0u : 0;
	}
}

static uint64_t read_config(const struct virtio *vd, uint64_t offset, unsigned size)
{
	uint64_t value = 0;

	if (offset < vd->ops->config_size && size <= vd->ops->config_size - offset)
		memcpy(&value, (const uint8_t *)vd->ops->config + offset, size);
	return value;
}

bool virtio_access(struct device *dev, struct mmio *io)
{
	struct virtio *vd = dev->state;

	if (io->offset >= VIRTIO_CONFIG) {
		/* Nothing in there can be written. */
		if (!io->write)
			io->value = read_config(vd, io->offset - VIRTIO_CONFIG, io->size);
		return true;
	}
	if (io->size != 4)
		return false;
	if (io->write)
		write_register(vd, io->vcpu, io->offset, (uint32_t)io->value);
	else
		io->value = read_register(vd, io->offset);
	update_line(vd, io->vcpu);
	return true;
}

void virtio_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "virtio_mmio", dev->base);
	tree_string(tree, "compatible", "virtio,mmio");
	tree_reg(tree, dev->base, dev->size);
	tree_interrupt(tree, dev->irq);
	tree_prop(tree, "dma-coherent", NULL, 0);
	tree_end(tree);
}
