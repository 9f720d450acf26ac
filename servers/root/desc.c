/* SPDX-License-Identifier: MIT */
/* What a node of the system description says. docs/system-description.md lists the properties. */
#include <string.h>
#include <takt/dt.h>
#include <takt/layout.h>

#include "root.h"

#define DEFAULT_MEMORY 0x20000
#define DEFAULT_KERNEL_MEMORY 0x40000
#define LEAST_KERNEL_MEMORY 0x10000
#define DEFAULT_STACK 0x4000
#define DEFAULT_BUDGET_US 1000
#define DEFAULT_PERIOD_US 10000
#define HIGHEST_PRIORITY (TAKT_PRIORITIES - 2) /* above is root */
/* What the kernel takes, and systems/schema.toml says. */
#define LEAST_BUDGET_US 2
#define LEAST_PERIOD_US 10
#define GREATEST_PERIOD_US 60000000
#define MAX_EVENTS 7
#define PRIVATE_IRQS 32 /* of a vCPU */
#define MAX_SIZE (1ull << 40)
#define DEFAULT_LIMIT_COUNT 5
#define DEFAULT_LIMIT_S 60
#define GREATEST_LIMIT_S 86400

/* A number of one or two cells within [least, most]; absent: unchanged. */
static int get_number(const struct desc *d, const char *property, uint64_t least, uint64_t most,
		      uint64_t *value)
{
	int len;
	const void *cells = dt_get(system_fdt, d->node, property, &len);
	uint64_t n;

	if (!cells)
		return 0;
	if (len != 4 && len != 8)
		return complain(d->name, property, "is not a number of one or two cells");
	n = dt_cells(cells, 0, (unsigned)len / 4);
	if (n < least || n > most)
		return complain(d->name, property, "%llu is not in %llu..%llu",
				(unsigned long long)n, (unsigned long long)least,
				(unsigned long long)most);
	*value = n;
	return 0;
}

static int get_unsigned(const struct desc *d, const char *property, unsigned least, unsigned most,
			unsigned *value)
{
	uint64_t n = *value;
	int err = get_number(d, property, least, most, &n);

	*value = (unsigned)n;
	return err;
}

static bool has(const struct desc *d, const char *property)
{
	int len;

	return dt_get(system_fdt, d->node, property, &len);
}

static int parse_memory(struct desc *d)
{
	int err;

	d->memory = DEFAULT_MEMORY;
	d->kernel_memory = DEFAULT_KERNEL_MEMORY;
	d->stack = DEFAULT_STACK;
	err = get_number(d, "memory", 0, MAX_SIZE, &d->memory);
	if (!err)
		err = get_number(d, "kernel-memory", LEAST_KERNEL_MEMORY, MAX_SIZE,
				 &d->kernel_memory);
	if (!err)
		err = get_number(d, "stack", TAKT_PAGE_SIZE, TAKT_STACK_MAX_SIZE, &d->stack);
	if (!err)
		err = get_number(d, "ram", TAKT_PAGE_SIZE, MAX_SIZE, &d->ram);
	d->stack = (d->stack + TAKT_PAGE_SIZE - 1) & ~(uint64_t)(TAKT_PAGE_SIZE - 1);
	return err;
}

/* "cpus": a list of CPU numbers; only `cpu` if absent. */
static int parse_cpus(struct desc *d)
{
	unsigned most = bootinfo()->cpus - 1;
	int len, err = get_unsigned(d, "cpu", 0, most, &d->cpu);
	const void *cpus = dt_get(system_fdt, d->node, "cpus", &len);

	if (err)
		return err;
	d->cpus = 1ull << d->cpu;
	for (unsigned i = 0; i < (unsigned)len / 4; i++) {
		unsigned cpu = dt_cell(cpus, i);

		if (cpu > most)
			return complain(d->name, "cpus", "CPU %u is not in 0..%u", cpu, most);
		d->cpus |= 1ull << cpu;
	}
	return 0;
}

/* A budget that is its period is a round-robin slice and reserves nothing. */
static unsigned per_mille(uint64_t budget, uint64_t period)
{
	if (budget == period)
		return 0;
	return (unsigned)((budget * 1000 + period - 1) / period);
}

/* A budget and its period, from the properties of these names. */
static int parse_budget(struct desc *d, const char *budget_name, const char *period_name,
			uint64_t *budget, uint64_t *period)
{
	int err = get_number(d, period_name, LEAST_PERIOD_US, GREATEST_PERIOD_US, period);

	if (!err && *budget > *period)
		*budget = *period;
	return err ? err : get_number(d, budget_name, LEAST_BUDGET_US, *period, budget);
}

/* "priorities": the range for the scheduling contexts that the program makes. */
static int parse_range(struct desc *d)
{
	int len;
	const void *range = dt_get(system_fdt, d->node, "priorities", &len);
	unsigned lowest, highest;

	if (!range)
		return 0;
	if (len != 8)
		return complain(d->name, "priorities", "is not <least greatest>");
	lowest = dt_cell(range, 0);
	highest = dt_cell(range, 1);
	if (lowest > d->lowest || highest < d->highest || highest > HIGHEST_PRIORITY)
		return complain(d->name, "priorities", "%u..%u does not hold %u..%u, or exceeds %u",
				lowest, highest, d->lowest, d->highest, HIGHEST_PRIORITY);
	d->lowest = lowest;
	d->highest = highest;
	return 0;
}

/* "event-scheduling": a context for each private interrupt of each vCPU, and for each shared one. */
static int parse_events(struct desc *d, unsigned vcpus_per_cpu)
{
	int len;
	const uint32_t *cell = dt_get(system_fdt, d->node, "event-scheduling", &len);

	if (!cell)
		return 0;
	if (len == 0 || len % 16 || len / 16 > MAX_EVENTS)
		return complain(d->name, "event-scheduling",
				"is not a list of at most %u times <irq priority budget-us period-us>",
				MAX_EVENTS);
	for (const uint32_t *end = cell + len / 4; cell < end; cell += 4) {
		unsigned irq = dt_cell(cell, 0), priority = dt_cell(cell, 1);
		uint64_t budget = dt_cell(cell, 2), period = dt_cell(cell, 3);

		if (priority > HIGHEST_PRIORITY || period < LEAST_PERIOD_US ||
		    period > GREATEST_PERIOD_US || budget < LEAST_BUDGET_US || budget > period)
			return complain(d->name, "event-scheduling",
					"interrupt %u: priority %u is not in 0..%u, or %u us are no "
					"budget (of at least %d us) for a period of %u us, or that is not "
					"in %d..%d us",
					irq, priority, HIGHEST_PRIORITY, (unsigned)budget,
					LEAST_BUDGET_US, (unsigned)period, LEAST_PERIOD_US,
					GREATEST_PERIOD_US);
		d->lowest = priority < d->lowest ? priority : d->lowest;
		d->highest = priority > d->highest ? priority : d->highest;
		if (budget == period && d->unbounded <= priority)
			d->unbounded = priority + 1;
		d->share += per_mille(budget, period) *
			    (irq < PRIVATE_IRQS && vcpus_per_cpu ? vcpus_per_cpu : 1);
	}
	return 0;
}

/*
 * Priority, budget and period of the first thread, and those of the vCPUs that the program makes
 * itself (vcpu-*). Unless the description says otherwise, the compartment may make contexts for
 * just these.
 */
static int parse_time(struct desc *d)
{
	uint64_t budget, period;
	unsigned vcpu, vcpus = d->vm ? 1 : 0, per_cpu;
	int err, len;

	d->budget_us = DEFAULT_BUDGET_US;
	d->period_us = DEFAULT_PERIOD_US;
	err = get_unsigned(d, "priority", 0, HIGHEST_PRIORITY, &d->priority);
	if (!err)
		err = parse_budget(d, "budget-us", "period-us", &d->budget_us, &d->period_us);
	vcpu = d->priority;
	per_cpu = dt_get(system_fdt, d->node, "cpus", &len) ? (unsigned)len / 4 : 1;
	budget = d->budget_us;
	period = d->period_us;
	if (!err)
		err = get_unsigned(d, "vcpu-priority", 0, HIGHEST_PRIORITY, &vcpu);
	if (!err)
		err = parse_budget(d, "vcpu-budget-us", "vcpu-period-us", &budget, &period);
	if (!err)
		err = get_unsigned(d, "vcpus", 0, TAKT_MAX_CPUS, &vcpus);
	if (err)
		return err;
	if (!vcpus && has(d, "vcpu-priority"))
		vcpus = 1;
	if (d->budget_us == d->period_us)
		d->unbounded = d->priority + 1;
	if (vcpus && budget == period && d->unbounded <= vcpu)
		d->unbounded = vcpu + 1;
	d->lowest = vcpu < d->priority ? vcpu : d->priority;
	d->highest = vcpu > d->priority ? vcpu : d->priority;
	d->thread_share = per_mille(d->budget_us, d->period_us);
	/* The CPUs of the list take turns with them. */
	per_cpu = per_cpu ? (vcpus + per_cpu - 1) / per_cpu : vcpus;
	d->share = d->thread_share + per_cpu * per_mille(budget, period);
	err = parse_events(d, per_cpu);
	if (d->share > 1000)
		d->share = 1000;
	if (!err)
		err = parse_range(d);
	return err ? err : get_unsigned(d, "share", 0, 1000, &d->share);
}

static int parse_kind(struct desc *d)
{
	const char *vcpu = dt_string(system_fdt, d->node, "vcpu", 0);

	d->passive = has(d, "passive");
	d->threads_per_cpu = has(d, "threads-per-cpu");
	if (has(d, "vcpu") && (!vcpu || strcmp(vcpu, "paravirtual")))
		return complain(d->name, "vcpu", "'%s' is not 'paravirtual'", vcpu ? vcpu : "");
	d->kind = vcpu ? TAKT_THREAD_PV : TAKT_THREAD_PLAIN;
	if (d->vm && !d->ram)
		return complain(d->name, "ram", "a virtual machine needs some");
	return 0;
}

/* The word that a property must be, if it is there: yes or no. */
static int get_choice(const struct desc *d, const char *property, const char *no, const char *yes,
		      bool *value)
{
	int len;
	const char *s = dt_get(system_fdt, d->node, property, &len);

	if (!s)
		return 0;
	*value = len == (int)strlen(yes) + 1 && !memcmp(s, yes, (size_t)len);
	if (*value || (len == (int)strlen(no) + 1 && !memcmp(s, no, (size_t)len)))
		return 0;
	return complain(d->name, property, "is neither \"%s\" nor \"%s\"", no, yes);
}

/* What becomes of it at boot, and when it has ended. */
static int parse_policy(struct desc *d)
{
	int len, err = get_choice(d, "restart", "never", "always", &d->restart);
	const void *limit = dt_get(system_fdt, d->node, "restart-limit", &len);

	if (!err)
		err = get_choice(d, "status", "okay", "disabled", &d->disabled);
	if (err)
		return err;
	d->limit_count = DEFAULT_LIMIT_COUNT;
	d->limit_s = DEFAULT_LIMIT_S;
	if (!limit)
		return 0;
	if (len != 8)
		return complain(d->name, "restart-limit", "is not <count seconds>");
	d->limit_count = dt_cell(limit, 0);
	d->limit_s = dt_cell(limit, 1);
	if (d->limit_count > MAX_RESTARTS || !d->limit_s || d->limit_s > GREATEST_LIMIT_S)
		return complain(d->name, "restart-limit", "<%u %u>: not 0..%d times in 1..%d s",
				d->limit_count, d->limit_s, MAX_RESTARTS, GREATEST_LIMIT_S);
	return 0;
}

int desc_parse_root(int node, struct desc *d)
{
	int err;

	*d = (struct desc){.node = node, .name = "root"};
	d->budget_us = d->period_us = DEFAULT_PERIOD_US;
	for (unsigned i = 0; i < compartment_count; i++)
		if (compartments[i].desc.unbounded > d->priority)
			d->priority = compartments[i].desc.unbounded;
	if (d->priority > HIGHEST_PRIORITY)
		d->priority = HIGHEST_PRIORITY;
	if (node < 0)
		return 0;
	err = get_unsigned(d, "priority", 0, HIGHEST_PRIORITY, &d->priority);
	if (!err)
		err = parse_budget(d, "budget-us", "period-us", &d->budget_us, &d->period_us);
	return err;
}

int desc_parse(int node, struct desc *d)
{
	int len, err;

	*d = (struct desc){.node = node, .name = dt_name(system_fdt, node)};
	d->vm = dt_compatible(system_fdt, node, "takt,vm");
	d->program = dt_get(system_fdt, node, "program", &len);
	if (!d->program || !len || d->program[len - 1])
		return complain(d->name, "program", "is missing, or no string");
	err = parse_memory(d);
	if (!err)
		err = parse_cpus(d);
	if (!err)
		err = parse_time(d);
	if (!err)
		err = parse_kind(d);
	if (!err)
		err = parse_policy(d);
	return err;
}
