/* SPDX-License-Identifier: MIT */
/* The guest's board: the part of QEMU's "virt" that we have, at its addresses. */
#include "device.h"

static const struct {
	const char *compatible;
	uint64_t base, size;
	uint32_t irq;
} board[] = {
	/* In the order of the tree's nodes; firmware first because calls to it are the hot ones. */
	{"arm,psci-1.0", 0, 0, 0},
	{"arm,cortex-a15-gic", GUEST_GICD, 0x10000, 0},
	{"arm,pl011", GUEST_PL011, 0x1000, GUEST_SPI(1)},
	{"arm,pl031", GUEST_PL031, 0x1000, GUEST_SPI(2)},
	{"arm,pl061", GUEST_PL061, 0x1000, GUEST_SPI(7)},
};

int board_create(struct machine *m)
{
	for (unsigned i = 0; i < sizeof(board) / sizeof(board[0]); i++) {
		int err = device_create(m, board[i].compatible, board[i].base, board[i].size,
					board[i].irq);

		if (err)
			return err;
	}
	return 0;
}
