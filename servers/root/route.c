/* SPDX-License-Identifier: MIT */
/*
 * Capabilities that one node gets from another: `led-gpios = <&gpio 2>, <&gpio 3>`.
 *
 * What is a route shows in the property's name; the node that its phandle names says with a #cells
 * property how many cells follow. They become the badge of a gate of its own, so that a server can
 * tell who calls for what, and nobody can ask for something else.
 */
#include <string.h>
#include <takt/dt.h>

#include "root.h"

#define CONTROL_CELLS "#control-cells"

/* The last part of a property's name, and the #cells property that goes with it. */
static const struct {
	const char *name, *cells;
} kinds[] = {
	{"gpios", "#gpio-cells"},
	{"console", "#session-cells"},
	{"gates", "#gate-cells"},
	{"scheduler", "#scheduler-cells"},
	{"control", CONTROL_CELLS},
};

static const char *cells_property(const char *property)
{
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t all = strlen(property), part = strlen(kinds[i].name);

		if (!strcmp(property, kinds[i].name) ||
		    (all > part && property[all - part - 1] == '-' &&
		     !strcmp(property + all - part, kinds[i].name)))
			return kinds[i].cells;
	}
	return NULL;
}

static struct compartment *find_server(int node)
{
	for (unsigned i = 0; node >= 0 && i < compartment_count; i++)
		if (compartments[i].desc.node == node)
			return &compartments[i];
	return NULL;
}

int root_node(void)
{
	int node;

	dt_for_each_child(node, system_fdt, 0)
		if (dt_compatible(system_fdt, node, "takt,root"))
			return node;
	return -1;
}

/* One <&server cells...> of the property; returns the number of cells it takes, or an error. */
static int parse_one(const char *node, const char *property, const char *cells_name,
		     const uint32_t *cell, int left, struct route *r)
{
	const char *server;
	const void *cells;
	int to, len;
	uint32_t n;

	to = dt_by_phandle(system_fdt, dt_cell(cell, 0));
	r->server = find_server(to);
	if (!r->server && (to < 0 || to != root_node()))
		return complain(node, property, "does not point to a program");
	server = dt_name(system_fdt, to);
	cells = dt_get(system_fdt, to, cells_name, &len);
	if (!cells || len != 4)
		return complain(node, property, "'%s' has no %s", server, cells_name);
	n = dt_cell(cells, 0);
	if (n > 2 || (int)n > left - 1)
		return complain(node, property, "'%s' wants %u cells (of at most 2), not %d",
				server, n, left - 1);
	if (!r->server && strcmp(cells_name, CONTROL_CELLS))
		return complain(node, property, "'%s' does not understand that", server);
	r->badge = dt_cells(cell, 1, n);
	if (!r->server && r->badge > (CONTROL_RIGHT_COMMAND | CONTROL_RIGHT_POWER))
		return complain(node, property, "there are no rights %llu",
				(unsigned long long)r->badge);
	return (int)n + 1;
}

static int parse_property(const char *node, const char *property, const uint32_t *cell, int len,
			  struct route *route, unsigned *count)
{
	const char *cells_name = cells_property(property);
	int left = len / 4;

	if (!cells_name || property[0] == '#')
		return 0;
	if (len % 4 || !left)
		return complain(node, property, "is not a list of cells");
	for (unsigned n = 0; left; n++) {
		int used;

		if (*count == MAX_ROUTES)
			return complain(node, property, "more than %d routes", MAX_ROUTES);
		used = parse_one(node, property, cells_name, cell, left, &route[*count]);
		if (used < 0)
			return used;
		numbered_name(route[*count].name, property, n);
		++*count;
		cell += used;
		left -= used;
	}
	return 0;
}

int routes_parse(int node, const char *name, struct route *route, unsigned *count)
{
	struct dt_prop p = {0};
	int err = 0;

	*count = 0;
	while (!err && dt_next_prop(system_fdt, node, &p))
		err = parse_property(name, p.name, p.value, p.size, route, count);
	return err;
}

static int bind(const struct route *r)
{
	int err = 0;

	for (unsigned i = 0; !err && i < r->server->threads; i++)
		err = takt_thread_bind_gate(r->server->thread[i], r->gate);
	return err;
}

static bool is_scheduler(const struct route *r)
{
	return r->server && !strcmp(r->name, "scheduler");
}

int route_open(const char *node, struct route *r, unsigned owner, takt_slot factory)
{
	uint64_t badge = r->badge;
	int err;

	if (!r->server)
		badge = owner | BADGE_CONTROL | BADGE_WITH_RIGHTS(r->badge);
	else if (is_scheduler(r))
		badge = (uint64_t)owner << 32 | (uint32_t)r->badge;
	r->gate = slot_alloc(owner);
	err = r->gate ? takt_create_gate(factory, badge, r->gate) : TAKT_E_QUOTA;
	if (!err && !r->server)
		err = takt_thread_bind_gate(TAKT_ROOT_THREAD, r->gate);
	else if (!err && r->server->state == CONTROL_RUNNING)
		err = bind(r);
	return checked(node, r->name, err);
}

/* A server of schedulers gets the client's own one, which it is to stand in for. */
static int interpose(const struct compartment *c, const struct route *r)
{
	takt_slot task = r->server->task, to = TAKT_SELF_CLIENTS + index_of(c);
	int err;

	if (!is_scheduler(r))
		return 0;
	err = takt_task_cap_grow(task, TAKT_SELF_CLIENTS + MAX_COMPARTMENTS);
	if (!err)
		err = takt_task_cap_delete(task, to, 1);
	if (!err)
		err = takt_task_cap_copy(task, c->scheduler, to, TAKT_R_ALL);
	return checked(c->desc.name, r->name, err);
}

int routes_give(struct compartment *c)
{
	for (unsigned i = 0; i < c->routes; i++) {
		struct route *r = &c->route[i];
		int err = route_open(c->desc.name, r, index_of(c), c->factory);

		if (!err && is_scheduler(r) && r->server->state == CONTROL_RUNNING)
			err = interpose(c, r);
		if (!err)
			err = compartment_give(c, r->name, r->gate,
					       TAKT_R_GATE_CALL | TAKT_R_GATE_TRANSFER);
		if (err)
			return err;
		/* log.write and a console session's write are one and the same message, and the
		 * session is still seen when the kernel has left the console to its server. */
		if (!strcmp(r->name, "console"))
			c->log = r->gate;
		if (is_scheduler(r))
			c->scheduler_gate = r->gate;
	}
	return 0;
}

int routes_bind(const struct compartment *server)
{
	int err = 0;

	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];

		for (unsigned k = 0; !err && k < c->routes; k++)
			if (c->route[k].server == server && c->route[k].gate)
				err = checked(c->desc.name, c->route[k].name, bind(&c->route[k])) ?:
					      interpose(c, &c->route[k]);
	}
	for (unsigned k = 0; !err && k < chosen_routes; k++)
		if (chosen[k].server == server && chosen[k].gate)
			err = checked("chosen", chosen[k].name, bind(&chosen[k]));
	return err;
}

static bool leads_to(const struct compartment *c, const struct compartment *server)
{
	for (unsigned k = 0; k < c->routes; k++)
		if (c->route[k].server == server)
			return true;
	return false;
}

/* A slot without an irq in it is refused: its program has not asked. */
void routes_tell(const struct compartment *server)
{
	for (unsigned i = 0; i < compartment_count; i++)
		if (compartments[i].server_irq && leads_to(&compartments[i], server))
			(void)!takt_irq_trigger(compartments[i].server_irq);
}
