/* SPDX-License-Identifier: MIT */
/*
 * Devices of the guest's machine: one file each in dev/, which registers a type by what a device
 * tree calls `compatible`. The board (board.c) says which devices there are, and where.
 */
#ifndef VMM_DEVICE_H
#define VMM_DEVICE_H

#include "machine.h"
#include "tree.h"

struct device;

/* One access of the guest. `value` holds what is written or takes what is read. */
struct mmio {
	struct vcpu *vcpu;
	uint64_t offset; /* within the device, aligned to size */
	uint64_t value;
	unsigned size; /* 1, 2, 4 or 8 bytes */
	bool write;
};

struct device_type {
	const char *compatible;
	/* Makes the device's state (dev->state). Once. */
	int (*create)(struct device *dev);
	/* To the state after power-on. No vCPU runs; vcpu_irq is not available. */
	void (*reset)(struct device *dev);
	/* Any of the following may be null. On the accessing vCPU's thread, with the device's lock
	 * unless `locks` says that the device takes it itself. False: an external abort. */
	bool (*access)(struct device *dev, struct mmio *io);
	/* A call by HVC or SMC, of one device at most; false: there is no such call. */
	bool (*hypercall)(struct device *dev, struct vcpu *v);
	/* On the first thread, after device_work was triggered. */
	void (*work)(struct device *dev);
	/* On the first thread: a server of the program's runs again, perhaps the device's. */
	void (*renew)(struct device *dev);
	/* Adds the device's node. */
	void (*tree)(struct device *dev, struct tree *tree);
	bool locks;
};

struct device {
	const struct device_type *type;
	struct machine *machine;
	uint64_t base, size;
	uint32_t irq; /* 0: none */
	unsigned index;
	void *state;
	struct lock lock; /* of its registers */
	bool line;	  /* the interrupt's level as the kernel was told */
};

#define DEVICE_TYPE(name)                                                                          \
	static const struct device_type name                                                       \
		__attribute__((used, aligned(8), section("vmm_device_types")))

/* Makes all devices of the board. */
TAKT_MUST_CHECK int board_create(struct machine *m);

/* Makes a device of the type registered for `compatible`. */
TAKT_MUST_CHECK int device_create(struct machine *m, const char *compatible, uint64_t base,
				  uint64_t size, uint32_t irq);

/* An irq whose trigger has the type's `work` called. Slot or an error. */
TAKT_MUST_CHECK int device_work(struct device *dev);

/* The device's interrupt line, level-sensitive; with its lock. `v`: the vCPU whose thread this is,
 * null on the first thread. */
void device_line(struct device *dev, struct vcpu *v, bool high);

/* Where a vCPU remembers the device behind an address: the board's devices lie 512 bytes, 64 KiB and
 * 16 MiB apart. */
static inline struct device **device_seen(struct vcpu *v, uint64_t address)
{
	return &v->seen[(address >> 9 ^ address >> 16 ^ address >> 24) % DEVICES_SEEN];
}

/* Lets the vCPU remember it. False: there is no device at that address. */
bool device_look_up(struct vcpu *v, uint64_t address);

bool device_access_locked(struct device *dev, struct mmio *io);

/* One access of the guest; false: nothing is there, or the device refuses. */
static inline bool mmio_access(uint64_t address, struct mmio *io)
{
	struct device *dev = *device_seen(io->vcpu, address);

	if (!dev || address - dev->base >= dev->size) {
		if (!device_look_up(io->vcpu, address))
			return false;
		dev = *device_seen(io->vcpu, address);
	}
	io->offset = address - dev->base;
	if (io->offset & (io->size - 1))
		return false;
	return dev->type->locks ? dev->type->access(dev, io) : device_access_locked(dev, io);
}

/* A call of the guest's that no device knows returns "not supported". */
void hypercall(struct vcpu *v);

/* Events are badges: bit 0 is the vCPU's kick or the machine's control irq, the others devices. */
#define DEVICE_BADGE(dev) (2ull << (dev)->index)
#define SERVER_BADGE (1ull << 63)

/* PrimeCell identification, the last eight words of an AMBA device's page. */
static inline uint32_t primecell_id(uint32_t peripheral, uint64_t offset)
{
	uint32_t id = offset >= 0xff0 ? 0xb105f00d : peripheral;

	return id >> (offset & 0xc) * 2 & 0xff;
}

#endif
