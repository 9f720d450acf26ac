/* SPDX-License-Identifier: MIT */
/*
 * Platform discovery: what the kernel knows about a board. A mistake in the tree is noted and the
 * walk goes on, so that the console, if there is one, can tell.
 */
#include <arch/boot.h>
#include <arch/fdt_walk.h>
#include <arch/inline.h>
#include <arch/psci.h>
#include <core/arch.h>
#include <core/string.h>

struct platform platform;
bool platform_has_psci;

#define DTB_MAX (2ul << 20) /* limit of the Linux boot protocol */

static struct fdt fdt;
static const char *error;
static struct prop timer_irqs, gic_irqs; /* decoded when the GIC is known */
static struct prop stdout_path;
static const char *aliases, *stdout_node;
static struct {
	const char *node;
	struct region registers;
} uart[4];
static unsigned uarts;
static unsigned irq_cells;
static u64 boot_mpidr;

#define MPIDR_AFFINITY 0xff00fffffful

static void bad(const char *what)
{
	if (!error)
		error = what;
}

/* --- Single nodes ----------------------------------------------------------------------------- */

static void add_memory(u64 base, u64 size)
{
	u64 end, last = 1ul << 38; /* the mapping ends there */
	unsigned i = platform.memories;

	if (!add_ok(base, size, &end)) {
		bad("a memory node's range overflows");
		return;
	}
	base = ALIGN_UP(base, PAGE_SIZE);
	end = ALIGN_DOWN(MIN(end, last), PAGE_SIZE);
	if (base >= end || platform.memories == PLATFORM_REGIONS)
		return;
	for (; i && platform.memory[i - 1].base > base; i--)
		platform.memory[i] = platform.memory[i - 1];
	platform.memory[i] = (struct region){base, end - base};
	platform.memories++;
}

static void add_reserved(u64 base, u64 size)
{
	u64 end;

	if (!size)
		return;
	if (!add_ok(base, size, &end))
		bad("a reserved range overflows");
	else if (platform.reserved_count == PLATFORM_REGIONS)
		bad("too many reserved ranges");
	else
		platform.reserved[platform.reserved_count++] = (struct region){base, size};
}

static void see_memory(const struct walk *w)
{
	struct region r;

	for (unsigned i = 0; walk_reg(w, i, &r); i++)
		add_memory(r.base, r.size);
}

static void see_reserved(const struct walk *w)
{
	struct region r;

	for (unsigned i = 0; walk_reg(w, i, &r); i++)
		add_reserved(r.base, r.size);
}

/* The boot CPU is number 0 wherever it stands in the tree. */
static void see_cpu(const struct walk *w)
{
	u64 mpidr;

	if (!walk_cpu_reg(w, &mpidr)) {
		bad("a CPU node has no reg");
		return;
	}
	if (mpidr == boot_mpidr || platform.cpus == MAX_CPUS)
		return;
	if (prop_is(&w->prop[P_ENABLE_METHOD], "psci"))
		platform.mpidr[platform.cpus++] = mpidr;
}

static void see_gic(const struct walk *w, u32 version)
{
	platform.gic_version = version;
	gic_irqs = w->prop[P_INTERRUPTS];
	irq_cells = prop_u32(&w->prop[P_INTERRUPT_CELLS], 3);
}

static void see_gic2(const struct walk *w)
{
	if (walk_reg(w, 0, &platform.gicd) && walk_reg(w, 1, &platform.gicc) &&
	    walk_reg(w, 2, &platform.gich) && walk_reg(w, 3, &platform.gicv))
		see_gic(w, 2);
	else
		bad("the GICv2 node needs four register ranges");
}

static void see_gic3(const struct walk *w)
{
	unsigned regions = prop_u32(&w->prop[P_REDIST_REGIONS], 1);
	bool ok = walk_reg(w, 0, &platform.gicd) && regions <= ARRAY_SIZE(platform.gicr);

	for (unsigned i = 0; ok && i < regions; i++)
		ok = walk_reg(w, 1 + i, &platform.gicr[i]);
	if (ok)
		see_gic(w, 3);
	else
		bad("the GICv3 node lacks register ranges, or has too many");
}

static void see_timer(const struct walk *w)
{
	timer_irqs = w->prop[P_INTERRUPTS];
	platform.counter_hz = prop_u32(&w->prop[P_CLOCK_FREQUENCY], 0);
}

static void see_psci(const struct walk *w)
{
	const struct prop *method = &w->prop[P_METHOD];

	if (!prop_is(method, "smc") && !prop_is(method, "hvc")) {
		bad("the PSCI node has no method");
		return;
	}
	platform.psci_smc = prop_is(method, "smc");
	platform_has_psci = true;
}

static void see_uart(const struct walk *w)
{
	if (uarts == ARRAY_SIZE(uart))
		return;
	if (walk_reg(w, 0, &uart[uarts].registers))
		uart[uarts++].node = w->node;
}

/* Addresses in /chosen have one or two cells, whatever the root says. */
static u64 chosen_address(const struct prop *p)
{
	if (p->size != 4 && p->size != 8) {
		bad("an address in /chosen has neither 32 nor 64 bits");
		return 0;
	}
	return walk_cells(p->value, (unsigned)p->size / 4);
}

static void see_chosen(const struct walk *w)
{
	const struct prop *start = &w->prop[P_INITRD_START], *end = &w->prop[P_INITRD_END];
	u64 from, to;

	stdout_path = w->prop[P_STDOUT_PATH];
	if (!start->value || !end->value)
		return;
	from = chosen_address(start);
	to = chosen_address(end);
	if (to < from)
		bad("the initrd ends before it starts");
	else
		platform.archive = (struct region){from, to - from};
}

static const struct {
	const char *compatible;
	void (*see)(const struct walk *w);
} known[] = {
	{"arm,pl011", see_uart},	 {"arm,cortex-a15-gic", see_gic2},
	{"arm,cortex-a7-gic", see_gic2}, {"arm,gic-400", see_gic2},
	{"arm,gic-v3", see_gic3},	 {"arm,armv8-timer", see_timer},
	{"arm,psci-1.0", see_psci},	 {"arm,psci-0.2", see_psci},
};

static void see_compatible(const struct walk *w)
{
	struct prop list = w->prop[P_COMPATIBLE];

	while (list.value && list.size > 0) {
		size_t n = strnlen(list.value, (size_t)list.size) + 1;

		for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
			if (prop_is(&list, known[i].compatible)) {
				known[i].see(w);
				return;
			}
		}
		list.value = (const char *)list.value + n;
		list.size -= (int)n;
	}
}

static void see(const struct walk *w)
{
	const struct prop *status = &w->prop[P_STATUS], *type = &w->prop[P_DEVICE_TYPE];

	if (status->value && !prop_is(status, "okay") && !prop_is(status, "ok"))
		return;
	if (walk_is(w, "chosen"))
		see_chosen(w);
	else if (walk_is(w, "aliases"))
		aliases = w->node;
	else if (walk_is_in(w, "reserved-memory"))
		see_reserved(w);
	else if (w->depth == 1 && prop_is(type, "memory"))
		see_memory(w);
	else if (walk_is_in(w, "cpus") && prop_is(type, "cpu"))
		see_cpu(w);
	else
		see_compatible(w);
}

static void see_reservations(void)
{
	struct region r;

	for (unsigned i = 0; fdt_reserved(&fdt, i, &r); i++)
		add_reserved(r.base, r.size);
}

/* --- After the walk --------------------------------------------------------------------------- */

/* The n-th interrupt of a list: 0 SPI, 1 PPI; number; flags. */
static u32 intid_at(const struct prop *irqs, unsigned n)
{
	const u32 *cell = (const u32 *)irqs->value + n * irq_cells;

	if (!irqs->value || irq_cells < 3 || irq_cells > 8 ||
	    (int)((n + 1) * irq_cells * 4) > irqs->size)
		return 0;
	return (u32)walk_cells(cell + 1, 1) + (walk_cells(cell, 1) == 1 ? 16 : 32);
}

static void see_stdout(const struct walk *w)
{
	const char *path = stdout_path.value;

	if (walk_is_at(w, path, (size_t)stdout_path.size))
		stdout_node = w->node;
}

/* The text of a property up to its NUL or ':'; size 0: none. */
static struct prop path_in(struct prop p)
{
	const char *text = p.value;
	int n = 0;

	while (text && n < p.size && text[n] && text[n] != ':')
		n++;
	return (struct prop){text, n};
}

/* stdout-path is "path:options" or "alias:options". Where there is no choice it is not looked up:
 * that takes another walk. */
static void choose_uart(void)
{
	stdout_path = path_in(stdout_path);
	if (uarts > 1 && stdout_path.size) {
		if (aliases && *(const char *)stdout_path.value != '/')
			stdout_path = path_in(fdt_lookup(&fdt, aliases, stdout_path.value,
							 (size_t)stdout_path.size));
		if (!walk_tree(&fdt, see_stdout))
			stdout_node = NULL;
	}
	for (unsigned i = 0; i < uarts; i++) {
		if (uart[i].node == stdout_node || !platform.uart.size)
			platform.uart = uart[i].registers;
	}
}

static bool in_memory(const struct region *r)
{
	for (unsigned i = 0; i < platform.memories; i++) {
		const struct region *m = &platform.memory[i];

		if (r->base >= m->base && r->base - m->base < m->size &&
		    r->size <= m->size - (r->base - m->base))
			return true;
	}
	return false;
}

static void check_memory(void)
{
	for (unsigned i = 1; i < platform.memories; i++) {
		if (platform.memory[i].base - platform.memory[i - 1].base <
		    platform.memory[i - 1].size)
			bad("memory ranges overlap");
	}
	if (!platform.memories)
		bad("no memory");
	else if (!in_memory(&platform.image))
		bad("the kernel is not in memory");
	else if (platform.archive.size && !in_memory(&platform.archive))
		bad("the initrd is not in memory");
}

static void finish(void)
{
	check_memory();
	choose_uart();
	platform.virt_timer_intid = intid_at(&timer_irqs, 2);
	platform.hyp_timer_intid = intid_at(&timer_irqs, 3);
	platform.maintenance_intid = intid_at(&gic_irqs, 0);
	if (!platform.counter_hz)
		platform.counter_hz = READ_SYSREG(cntfrq_el0);
	if (!platform_has_psci)
		platform.cpus = 1;
	if (!platform.gic_version)
		bad("no GICv2 with virtualisation, no GICv3");
	else if (!platform.hyp_timer_intid || !platform.virt_timer_intid)
		bad("no timer with hypervisor and virtual interrupts");
	else if (!platform.maintenance_intid)
		bad("the GIC has no maintenance interrupt");
	else if (!platform.counter_hz)
		bad("the counter's frequency is unknown");
}

const char *platform_discover(u64 dtb)
{
	const void *tree;
	const char *why;
	u64 size;

	if (!dtb || dtb % 8)
		return "none was passed";
	size = fdt_size(map_area(PADDR(dtb), FDT_HEADER_SIZE, false));
	if (!size)
		return "it has no header";
	if (size < FDT_HEADER_SIZE || size > DTB_MAX)
		return "its size is out of bounds";
	tree = map_area(PADDR(dtb), size, false);
	why = tree ? fdt_open(&fdt, tree, size) : "it cannot be mapped";
	if (why)
		return why;
	platform.dtb = (struct region){dtb, size};
	boot_mpidr = READ_SYSREG(mpidr_el1) & MPIDR_AFFINITY;
	platform.mpidr[0] = boot_mpidr;
	platform.cpus = 1;

	see_reservations();
	if (!walk_tree(&fdt, see))
		bad("its structure is damaged");
	finish();
	return error;
}
