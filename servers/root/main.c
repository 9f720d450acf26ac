/* SPDX-License-Identifier: MIT */
/* root: builds the compartments that the system description names, then watches over them. */
#include <stdio.h>
#include <takt/dt.h>
#include <takt/layout.h>
#include <takt/rt.h>

#include "../../lib/rt/rt_internal.h"
#include "root.h"

#define WORKER 1 /* its thread number */
#define WORKER_STACK 0x8000

extern const char __tls_block[];

struct compartment compartments[MAX_COMPARTMENTS];
unsigned compartment_count;
struct route chosen[MAX_ROUTES];
unsigned chosen_routes;
takt_ticks started;

static bool described_compartment(int node)
{
	return dt_compatible(system_fdt, node, "takt,program") ||
	       dt_compatible(system_fdt, node, "takt,vm");
}

static void mark_targets(struct route *route, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (route[i].server)
			route[i].server->is_target = true;
}

/* A faulty node keeps its entry, so that routes to it are recognised as such. */
static void parse_nodes(void)
{
	int node;

	dt_for_each_child(node, system_fdt, 0) {
		struct compartment *c = &compartments[compartment_count];

		if (!described_compartment(node))
			continue;
		if (compartment_count == MAX_COMPARTMENTS) {
			complain(dt_name(system_fdt, node), NULL,
				 "more than %d compartments", MAX_COMPARTMENTS);
			return;
		}
		c->broken = desc_parse(node, &c->desc);
		compartment_count++;
	}
}

static void parse_all(void)
{
	int node;

	parse_nodes();
	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];

		if (routes_parse(c->desc.node, c->desc.name, c->route, &c->routes))
			c->broken = true;
		mark_targets(c->route, c->routes);
		c->state = c->broken	    ? CONTROL_FAILED :
			   c->desc.disabled ? CONTROL_STOPPED :
					      CONTROL_WAITING;
	}
	node = dt_at_path(system_fdt, "/chosen");
	if (node >= 0 && !routes_parse(node, "chosen", chosen, &chosen_routes))
		mark_targets(chosen, chosen_routes);
}

static void worker(void *unused)
{
	(void)unused;
	worker_run();
}

/* Its stack, with what rt_thread_entry wants on top. */
static int make_stack(takt_slot thread)
{
	uint64_t top = TAKT_VA_STACK_TOP(WORKER);
	struct rt_boot *boot = (struct rt_boot *)top - 1;
	takt_slot stack;
	int err = ram_alloc(OWNER_ROOT, TAKT_ROOT_FACTORY, WORKER_STACK,
			    TAKT_R_MEM_READ | TAKT_R_MEM_WRITE, &stack);

	if (!err)
		err = takt_task_map(TAKT_ROOT_TASK, stack, top - WORKER_STACK, 0, WORKER_STACK,
				    TAKT_MAP_READ | TAKT_MAP_WRITE);
	if (!err)
		*boot = (struct rt_boot){worker, NULL, WORKER, thread, {0}};
	return err;
}

static int make_time(takt_slot thread)
{
	takt_slot sc = slot_alloc(OWNER_ROOT);
	struct desc d;
	int err = desc_parse_root(root_node(), &d);

	if (err)
		return err;
	err = takt_scheduler_create_sc(TAKT_ROOT_SCHEDULER, TAKT_ROOT_FACTORY, d.priority,
				       takt_ns_to_ticks(d.budget_us * 1000),
				       takt_ns_to_ticks(d.period_us * 1000), 0, sc);
	return err ? err : takt_thread_attach(thread, sc);
}

/* On CPU 0, as the watcher is: see root.h. */
static int make_worker(void)
{
	uint64_t boot = TAKT_VA_STACK_TOP(WORKER) - sizeof(struct rt_boot);
	takt_slot thread = slot_alloc(OWNER_ROOT);
	int err = make_stack(thread);

	if (!err)
		err = takt_create_thread(TAKT_ROOT_FACTORY, "root worker", thread);
	if (!err)
		err = takt_thread_configure(thread, TAKT_ROOT_TASK, TAKT_ROOT_TASK,
					    TAKT_VA_UTCB(WORKER), TAKT_THREAD_PLAIN, 0);
	if (!err)
		err = takt_scheduler_run(TAKT_ROOT_SCHEDULER, thread, 0);
	if (!err)
		err = make_time(thread);
	if (!err)
		err = takt_irq_bind_thread(worker_irq, thread, 1);
	if (!err)
		err = takt_thread_start(thread, (uint64_t)rt_thread_entry, boot, boot);
	return checked(NULL, "making the worker", err);
}

int main(void)
{
	const struct takt_bootinfo *info = bootinfo();
	uint64_t ram = 0;

	started = takt_now();
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
	if (devices_init() || watch_init() || make_worker())
		return 1;
	watch();
}
