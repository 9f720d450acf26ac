/* SPDX-License-Identifier: MIT */
/* root: builds the compartments that the system description names, then watches over them. */
#include <libfdt.h>
#include <stdio.h>
#include <string.h>
#include <takt/rt.h>

#include "root.h"

/* Root's own route to the console: `console` of the node /chosen. */
static struct route chosen[MAX_ROUTES];
static unsigned chosen_routes;

static bool described_compartment(int node)
{
	return !fdt_node_check_compatible(system_fdt, node, "takt,program") ||
	       !fdt_node_check_compatible(system_fdt, node, "takt,vm");
}

static void mark_targets(struct route *route, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		route[i].server->is_target = true;
}

/* A faulty node keeps its entry, so that routes to it are recognised as such. */
static void parse_all(void)
{
	int node;

	fdt_for_each_subnode(node, system_fdt, 0) {
		struct compartment *c = &compartments[compartment_count];

		if (!described_compartment(node))
			continue;
		if (compartment_count == MAX_COMPARTMENTS) {
			complain(fdt_get_name(system_fdt, node, NULL), NULL,
				 "more than %d compartments", MAX_COMPARTMENTS);
			return;
		}
		c->state = desc_parse(node, &c->desc) ? FAILED : NEW;
		compartment_count++;
	}
	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];

		if (routes_parse(c->desc.node, c->desc.name, c->route, &c->routes))
			c->state = FAILED;
		mark_targets(c->route, c->routes);
	}
	node = fdt_path_offset(system_fdt, "/chosen");
	if (node >= 0 && !routes_parse(node, "chosen", chosen, &chosen_routes))
		mark_targets(chosen, chosen_routes);
}

/* Whether all that the compartment has routes to has been tried. */
static bool servers_tried(const struct compartment *c)
{
	for (unsigned r = 0; r < c->routes; r++)
		if (c->route[r].server->state == NEW)
			return false;
	return true;
}

/* If it is the console that has just started, root's output goes there from now on. */
static void take_console(const struct compartment *started)
{
	takt_slot gate;

	if (!chosen_routes || chosen[0].server != started || started->state != RUNNING ||
	    route_open("chosen", &chosen[0], TAKT_ROOT_FACTORY, &gate))
		return;
	output_to(gate, started);
	(void)checked("chosen", "leaving the console to its server", takt_log_off(TAKT_ROOT_LOG));
}

static void announce(const struct compartment *c)
{
	const struct desc *d = &c->desc;

	printf("root: %-10s CPU %u, priority %u, %llu/%llu us%s, %s\n", d->name, d->cpu,
	       d->priority, (unsigned long long)d->budget_us, (unsigned long long)d->period_us,
	       d->passive ? " until ready" : "", d->program);
}

/* Servers before their clients; within that, in the description's order. */
static void start_all(void)
{
	bool progress = true;

	while (progress) {
		progress = false;
		for (unsigned i = 0; i < compartment_count; i++) {
			struct compartment *c = &compartments[i];

			if (c->state != NEW || !servers_tried(c))
				continue;
			progress = true;
			if (compartment_start(c))
				continue;
			take_console(c);
			announce(c);
		}
	}
	for (unsigned i = 0; i < compartment_count; i++)
		if (compartments[i].state == NEW)
			complain(compartments[i].desc.name, NULL,
				 "its routes lead in a circle: not started");
}

int main(void)
{
	const struct takt_bootinfo *info = bootinfo();
	uint64_t ram = 0;
	unsigned running = 0;

	if (info->version != TAKT_BOOTINFO_VERSION)
		return complain(NULL, NULL, "the kernel's boot information is version %u, not %u",
				info->version, TAKT_BOOTINFO_VERSION);
	for (unsigned i = 0; i < info->memories; i++)
		ram += info->memory[i].size;
	printf("root: %u CPUs, %llu MiB of free RAM, GICv%u\n", info->cpus,
	       (unsigned long long)(ram >> 20), info->gic_version);
	if (resources_init())
		return 1;
	parse_all();
	start_all();
	for (unsigned i = 0; i < compartment_count; i++)
		running += compartments[i].state == RUNNING;
	printf("root: %u of %u compartments run\n", running, compartment_count);
	for (;;)
		watch(TAKT_NEVER, NULL);
}
