/* SPDX-License-Identifier: MIT */
/* What a compartment gets of the board: devices, as `device = "/pl061@9030000"` names them by
 * their path in the board's device tree, and what a virtual machine needs. */
#include <takt/dt.h>
#include <takt/rt.h>

#include "root.h"

#define INTERRUPT_CELLS 3 /* of a GIC: type, number, flags */
#define TYPE_SPI 0
#define TYPE_PPI 1
#define FIRST_SPI 32
#define FIRST_PPI 16
#define FLAGS_EDGE 3 /* rising or falling; else it is a level */
#define GICV_SIZE 0x2000

#define DEVICE_RIGHTS (TAKT_R_MEM_READ | TAKT_R_MEM_WRITE | TAKT_R_MEM_DERIVE)

/* #address-cells or #size-cells of a bus; 0: other than 1 or 2. */
static unsigned cells_of(int bus, const char *property, unsigned otherwise)
{
	int len;
	const void *value = dt_get(board_fdt, bus, property, &len);
	unsigned cells = !value ? otherwise : len == 4 ? dt_cell(value, 0) : 0;

	return cells <= 2 ? cells : 0;
}

/* Whether addresses of the node's bus are the CPU's: every bus above has an empty "ranges". */
static bool on_cpu_bus(int node)
{
	int parent = dt_parent(board_fdt, node);

	while (parent > 0) {
		int len;

		if (!dt_get(board_fdt, parent, "ranges", &len) || len)
			return false;
		parent = dt_parent(board_fdt, parent);
	}
	return parent == 0;
}

static int give_registers(struct compartment *c, const char *path, int node, unsigned *count)
{
	int parent = dt_parent(board_fdt, node);
	unsigned address = cells_of(parent, "#address-cells", 2);
	unsigned size = cells_of(parent, "#size-cells", 1), both = address + size;
	int len;
	const uint32_t *reg = dt_get(board_fdt, node, "reg", &len);

	if (!reg || !address || !size || !on_cpu_bus(node))
		return complain(c->desc.name, "device", "%s has no registers", path);
	for (unsigned n = (unsigned)len / 4; n >= both; n -= both, reg += both) {
		uint64_t base = dt_cells(reg, 0, address), bytes = dt_cells(reg, address, size);
		char name[NAME_SIZE];
		takt_slot slot;
		int err;

		if (base % TAKT_PAGE_SIZE)
			return complain(c->desc.name, "device",
					"the registers of %s share a page with others", path);
		bytes = (bytes + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
		err = device_derive(index_of(c), c->factory, base, bytes, &slot);
		if (err)
			return complain(c->desc.name, "device", "%s: its registers: %s", path,
					rt_error(err));
		numbered_name(name, "device", (*count)++);
		err = compartment_give(c, name, slot, DEVICE_RIGHTS);
		if (err)
			return err;
	}
	return 0;
}

/* Cells per interrupt of the controller that the node's interrupts go to. */
static unsigned interrupt_cells(int node)
{
	for (; node >= 0; node = dt_parent(board_fdt, node)) {
		int len;
		const void *p = dt_get(board_fdt, node, "interrupt-parent", &len);

		if (p && len == 4) {
			int controller = dt_by_phandle(board_fdt, dt_cell(p, 0));

			p = dt_get(board_fdt, controller, "#interrupt-cells", &len);
			return p && len == 4 ? dt_cell(p, 0) : 0;
		}
	}
	return 0;
}

static int give_interrupts(struct compartment *c, const char *path, int node, unsigned *count)
{
	int len;
	const uint32_t *cell = dt_get(board_fdt, node, "interrupts", &len);

	if (!cell)
		return 0;
	if (interrupt_cells(node) != INTERRUPT_CELLS)
		return complain(c->desc.name, "device",
				"the interrupts of %s do not go to the CPUs' controller", path);
	for (; len >= INTERRUPT_CELLS * 4; len -= INTERRUPT_CELLS * 4, cell += INTERRUPT_CELLS) {
		uint32_t type = dt_cell(cell, 0), number = dt_cell(cell, 1);
		uint32_t intid = number + (type == TYPE_SPI ? FIRST_SPI : FIRST_PPI);
		takt_slot slot = slot_alloc(index_of(c));
		char name[NAME_SIZE];
		int err;

		if (type > TYPE_PPI || !slot)
			return complain(c->desc.name, "device", "%s: interrupt type %u", path,
					type);
		err = takt_intc_get(TAKT_ROOT_INTC, c->factory, intid,
				    (dt_cell(cell, 2) & FLAGS_EDGE) != 0, slot);
		if (err)
			return complain(c->desc.name, "device", "%s: interrupt %u: %s", path, intid,
					rt_error(err));
		numbered_name(name, "irq", (*count)++);
		err = compartment_give(c, name, slot, TAKT_R_ALL);
		if (err)
			return err;
	}
	return 0;
}

int devices_give(struct compartment *c)
{
	unsigned registers = 0, interrupts = 0;
	const char *path;

	for (unsigned i = 0; (path = dt_string(system_fdt, c->desc.node, "device", i)); i++) {
		int err, node = dt_at_path(board_fdt, path);

		if (node < 0)
			return complain(c->desc.name, "device", "no %s in the board's tree", path);
		err = give_registers(c, path, node, &registers);
		if (!err)
			err = give_interrupts(c, path, node, &interrupts);
		if (err)
			return err;
	}
	return 0;
}

/* GICv2's virtual CPU interface. All machines use the same registers: the kernel switches what is
 * behind them. So there is one extent for all, and it stays. */
static takt_slot gicv;

int devices_init(void)
{
	if (!bootinfo()->gicv_base)
		return 0;
	return checked(NULL, "the interrupt controller's GICV",
		       device_derive(OWNER_ROOT, TAKT_ROOT_FACTORY, bootinfo()->gicv_base,
				     GICV_SIZE, &gicv));
}

int machine_give(struct compartment *c)
{
	int len, err = 0;

	if (dt_get(system_fdt, c->desc.node, "trace", &len))
		err = compartment_give(c, "trace", TAKT_ROOT_LOG, TAKT_R_LOG_TRACE);
	if (err)
		return err;
	if (c->desc.vm || dt_get(system_fdt, c->desc.node, "archive", &len))
		err = compartment_give(c, "archive", TAKT_ROOT_ARCHIVE, TAKT_R_MEM_READ);
	if (!err && c->desc.ram) {
		takt_slot ram;

		err = checked(c->desc.name, "ram",
			      ram_alloc(index_of(c), c->factory, c->desc.ram, TAKT_R_ALL, &ram));
		if (!err)
			err = compartment_give(c, "ram", ram, TAKT_R_ALL);
	}
	if (!err && c->desc.vm && gicv)
		err = compartment_give(c, "gicv", gicv, TAKT_R_MEM_READ | TAKT_R_MEM_WRITE);
	return err;
}
