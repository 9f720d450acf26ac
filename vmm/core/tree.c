/* SPDX-License-Identifier: MIT */
/* The guest's device tree: what every machine has stands here, each device adds its own node. */
#include <libfdt.h>
#include <string.h>

#include <takt/rt.h>

#include "device.h"
#include "log.h"

void tree_open(struct tree *f, void *buf, unsigned size)
{
	f->buf = buf;
	f->err = fdt_create(buf, (int)size);
	if (!f->err)
		f->err = fdt_finish_reservemap(buf);
	tree_begin(f, "", TREE_NO_UNIT);
}

int tree_close(struct tree *f)
{
	tree_end(f);
	if (!f->err)
		f->err = fdt_finish(f->buf);
	return f->err ? f->err : (int)fdt_totalsize(f->buf);
}

void tree_begin(struct tree *f, const char *name, uint64_t unit)
{
	char full[64], digits[16];
	size_t len = strlen(name), n = 0;

	if (f->err)
		return;
	if (len > sizeof(full) - sizeof(digits) - 2) {
		f->err = -FDT_ERR_BADVALUE;
		return;
	}
	memcpy(full, name, len);
	if (unit != TREE_NO_UNIT) {
		full[len++] = '@';
		do {
			digits[n++] = "0123456789abcdef"[unit & 15];
			unit >>= 4;
		} while (unit);
		while (n)
			full[len++] = digits[--n];
	}
	full[len] = 0;
	f->err = fdt_begin_node(f->buf, full);
}

void tree_end(struct tree *f)
{
	if (!f->err)
		f->err = fdt_end_node(f->buf);
}

void tree_prop(struct tree *f, const char *name, const void *data, unsigned size)
{
	if (!f->err)
		f->err = fdt_property(f->buf, name, data, (int)size);
}

void tree_string(struct tree *f, const char *name, const char *value)
{
	tree_prop(f, name, value, (unsigned)strlen(value) + 1);
}

void tree_string_list(struct tree *f, const char *name, const char *const *list, unsigned count)
{
	unsigned size = 0;
	void *at;
	char *to;

	for (unsigned i = 0; i < count; i++)
		size += (unsigned)strlen(list[i]) + 1;
	if (!f->err)
		f->err = fdt_property_placeholder(f->buf, name, (int)size, &at);
	if (f->err)
		return;
	to = at;
	for (unsigned i = 0; i < count; i++) {
		size_t len = strlen(list[i]) + 1;

		memcpy(to, list[i], len);
		to += len;
	}
}

void tree_cells(struct tree *f, const char *name, const uint32_t *cells, unsigned count)
{
	void *at;

	if (!f->err)
		f->err = fdt_property_placeholder(f->buf, name, (int)(count * sizeof(*cells)), &at);
	if (f->err)
		return;
	for (unsigned i = 0; i < count; i++)
		fdt32_st((uint8_t *)at + i * sizeof(*cells), cells[i]);
}

void tree_reg(struct tree *f, uint64_t base, uint64_t size)
{
	tree_list(f, "reg", base >> 32, (uint32_t)base, size >> 32, (uint32_t)size);
}

void tree_interrupt(struct tree *f, uint32_t intid)
{
	tree_list(f, "interrupts", 0, intid - 32, 4);
}

/* Thirty-two bytes that differ from boot to boot, for the guest's random pool. The machine has no
 * source of entropy: the spread counter is better than the same bytes each time, no more. */
static void random_seed(struct tree *f)
{
	static uint64_t state;
	uint32_t seed[8];

	for (unsigned i = 0; i < 8; i++) {
		uint64_t z = state += takt_now() + 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		seed[i] = (uint32_t)(z >> 31);
	}
	tree_cells(f, "rng-seed", seed, 8);
}

static void write_chosen(struct tree *f, const struct tree_boot *boot)
{
	uint64_t end = boot->initrd + boot->initrd_size;

	tree_begin(f, "chosen", TREE_NO_UNIT);
	tree_string(f, "bootargs", env_string("bootargs", ""));
	tree_string(f, "stdout-path", "/pl011@9000000");
	if (boot->initrd_size) {
		tree_list(f, "linux,initrd-start", boot->initrd >> 32, (uint32_t)boot->initrd);
		tree_list(f, "linux,initrd-end", end >> 32, (uint32_t)end);
	}
	random_seed(f);
	tree_end(f);
}

static void write_cpus(struct tree *f, const struct machine *m)
{
	tree_begin(f, "cpus", TREE_NO_UNIT);
	tree_list(f, "#address-cells", 1);
	tree_list(f, "#size-cells", 0);
	for (unsigned i = 0; i < m->vcpus; i++) {
		tree_begin(f, "cpu", arch_vcpu_affinity(i));
		tree_string(f, "device_type", "cpu");
		tree_string(f, "compatible", "arm,armv8");
		tree_list(f, "reg", (uint32_t)arch_vcpu_affinity(i));
		tree_string(f, "enable-method", "psci");
		tree_end(f);
	}
	tree_end(f);
}

/* The architected timer's private interrupts; the guest's own is the virtual one. */
static void write_timer(struct tree *f, const struct machine *m)
{
	uint32_t flags = ((1u << m->vcpus) - 1) << 8 | 4;

	tree_begin(f, "timer", TREE_NO_UNIT);
	tree_strings(f, "compatible", "arm,armv8-timer", "arm,armv7-timer");
	tree_prop(f, "always-on", NULL, 0);
	tree_list(f, "interrupts", 1, 13, flags, 1, 14, flags, 1, 11, flags, 1, 10, flags);
	tree_end(f);
}

static void write_clock(struct tree *f)
{
	tree_begin(f, "apb-pclk", TREE_NO_UNIT);
	tree_string(f, "compatible", "fixed-clock");
	tree_list(f, "#clock-cells", 0);
	tree_list(f, "clock-frequency", 24000000);
	tree_string(f, "clock-output-names", "clk24mhz");
	tree_list(f, "phandle", TREE_PHANDLE_CLOCK);
	tree_end(f);
}

int tree_create(struct machine *m, const struct tree_boot *boot, void *buf, unsigned size)
{
	struct tree f;
	int err;

	tree_open(&f, buf, size);
	tree_string(&f, "compatible", "linux,dummy-virt");
	tree_string(&f, "model", "takt,virt");
	tree_list(&f, "interrupt-parent", TREE_PHANDLE_GIC);
	tree_list(&f, "#address-cells", 2);
	tree_list(&f, "#size-cells", 2);
	write_chosen(&f, boot);
	tree_begin(&f, "memory", GUEST_RAM);
	tree_string(&f, "device_type", "memory");
	tree_reg(&f, GUEST_RAM, m->ram_size);
	tree_end(&f);
	write_cpus(&f, m);
	write_timer(&f, m);
	write_clock(&f);
	for (unsigned i = 0; i < m->devices; i++)
		if (m->device[i]->type->tree)
			m->device[i]->type->tree(m->device[i], &f);
	err = tree_close(&f);
	if (err < 0) {
		vmm_log("writing the guest's device tree: %s", fdt_strerror(err));
		return err == -FDT_ERR_NOSPACE ? TAKT_E_NOMEM : TAKT_E_INVAL;
	}
	return err;
}
