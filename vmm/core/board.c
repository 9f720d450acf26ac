/* SPDX-License-Identifier: MIT */
/* The guest's board: the part of QEMU's "virt" that we have, at its addresses. */
#include "device.h"

static const struct {
	const char *compatible;
	uint64_t base, size;
	uint32_t irq;
	unsigned gic;	      /* only with an interrupt controller of this version; 0: always */
	const char *property; /* only if the machine has this one; null: always */
} board[] = {
	/* In the order of the tree's nodes; firmware first because calls to it are the hot ones. */
	{"arm,psci-1.0", 0, 0, 0, 0, NULL},
	{"takt,flash", GUEST_FLASH, GUEST_FLASH_SIZE, 0, 0, "firmware"},
	{"arm,cortex-a15-gic", GUEST_GICD, 0x10000, 0, 2, NULL},
	{"arm,gic-v3", GUEST_GICD, GUEST_GICR + GUEST_MAX_VCPUS * 0x20000 - GUEST_GICD, 0, 3, NULL},
	{"arm,pl011", GUEST_PL011, 0x1000, GUEST_SPI(1), 0, NULL},
	{"arm,pl031", GUEST_PL031, 0x1000, GUEST_SPI(2), 0, NULL},
	{"arm,pl061", GUEST_PL061, 0x1000, GUEST_SPI(7), 0, NULL},
	{"takt,virtio-console", GUEST_VIRTIO, 0x200, GUEST_SPI(16), 0, "hvc-console"},
	{"takt,pass-through", 0, 0, 0, 0, "device"},
};

/* A route, or a property that names something. */
static bool has(const char *property)
{
	return env_cap(property) || *env_string(property, "");
}

int board_create(struct machine *m)
{
	/* The version is the host's, whose virtual CPU interface the guest uses. GICv2's is memory,
	 * and routed to the machine; GICv3's is system registers. */
	unsigned gic = env_cap("gicv") ? 2 : 3;

	for (unsigned i = 0; i < sizeof(board) / sizeof(board[0]); i++) {
		int err = 0;

		if ((!board[i].gic || board[i].gic == gic) &&
		    (!board[i].property || has(board[i].property)))
			err = device_create(m, board[i].compatible, board[i].base, board[i].size,
					    board[i].irq);
		if (err)
			return err;
	}
	return 0;
}
