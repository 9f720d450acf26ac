/* SPDX-License-Identifier: MIT */
/* What root makes of system descriptions, right and wrong ones; above all, what it says. */
#include <libfdt.h>
#include <stdarg.h>
#include <string.h>

#include "../../servers/root/root.h"
#include "tap.h"

#define CPUS 2

struct compartment compartments[MAX_COMPARTMENTS];
unsigned compartment_count;
const void *system_fdt, *board_fdt;
struct route chosen[MAX_ROUTES];
unsigned chosen_routes;

static char fdt[8192] __attribute__((aligned(8)));
static char said[512];		 /* the last complaint */
static unsigned gates, bindings; /* that the kernel was asked for */
static uint64_t last_badge;

/* --- Root's other files, and the kernel ------------------------------------------------------- */

const struct takt_bootinfo *bootinfo(void)
{
	static const struct takt_bootinfo info = {.cpus = CPUS};

	return &info;
}

int complain(const char *node, const char *property, const char *format, ...)
{
	int n = snprintf(said, sizeof(said), "%s: %s: ", node ? node : "-",
			 property ? property : "-");
	va_list args;

	va_start(args, format);
	vsnprintf(said + n, sizeof(said) - (size_t)n, format, args);
	va_end(args);
	return TAKT_E_INVAL;
}

int checked(const char *node, const char *what, int err)
{
	if (err)
		complain(node, what, "error %d", err);
	return err;
}

takt_slot slot_alloc(unsigned owner)
{
	(void)owner;
	return 100;
}

void numbered_name(char out[NAME_SIZE], const char *name, unsigned n)
{
	snprintf(out, NAME_SIZE, n ? "%s.%u" : "%s", name, n);
}

int compartment_give(struct compartment *c, const char *name, takt_slot slot, uint64_t rights)
{
	(void)c, (void)name, (void)slot, (void)rights;
	return 0;
}

int fake_invoke(unsigned flavour, takt_slot slot, struct takt_msg *m)
{
	(void)flavour, (void)slot;
	if (TAKT_TAG_CAPS(m->tag)) {
		bindings++;
	} else {
		gates++;
		last_badge = m->w[1];
	}
	m->tag = 0;
	return 0;
}

/* --- Descriptions ----------------------------------------------------------------------------- */

static void begin(void)
{
	memset(compartments, 0, sizeof(compartments));
	compartment_count = 0;
	said[0] = 0;
	fdt_create(fdt, sizeof(fdt));
	fdt_finish_reservemap(fdt);
	fdt_begin_node(fdt, "");
}

static void program(const char *name)
{
	fdt_begin_node(fdt, name);
	fdt_property_string(fdt, "compatible", "takt,program");
	fdt_property_string(fdt, "program", name);
}

static void number(const char *property, uint32_t value)
{
	fdt_property_u32(fdt, property, value);
}

static void numbers(const char *property, uint32_t a, uint32_t b)
{
	fdt32_t cells[] = {cpu_to_fdt32(a), cpu_to_fdt32(b)};

	fdt_property(fdt, property, cells, sizeof(cells));
}

static void end(void)
{
	fdt_end_node(fdt);
}

/* Parses all nodes as root does. Returns the first error. */
static int parse(void)
{
	int node, first = 0;

	fdt_end_node(fdt);
	if (fdt_finish(fdt))
		return -1000;
	system_fdt = fdt;
	fdt_for_each_subnode(node, fdt, 0) {
		int err;

		if (node == root_node())
			continue;
		err = desc_parse(node, &compartments[compartment_count++].desc);
		first = first ? first : err;
	}
	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];
		int err = routes_parse(c->desc.node, c->desc.name, c->route, &c->routes);

		first = first ? first : err;
	}
	return first;
}

/* Parses a single program with one number as a property. */
static int parse_one(const char *property, uint32_t value)
{
	begin();
	program("p");
	number(property, value);
	end();
	return parse();
}

static bool says(const char *text)
{
	return strstr(said, text);
}

/* A server with `cells` cells and a client whose led-gpios has the cells given. */
static int parse_route(uint32_t cells, const uint32_t *cell, int count)
{
	fdt32_t value[8];

	for (int i = 0; i < count; i++)
		value[i] = cpu_to_fdt32(cell[i]);
	begin();
	program("gpio");
	number("phandle", 1);
	number("#gpio-cells", cells);
	end();
	program("client");
	fdt_property(fdt, "led-gpios", value, count * 4);
	end();
	return parse();
}

/* --- Tests ------------------------------------------------------------------------------------ */

TEST(defaults)
{
	struct desc *d = &compartments[0].desc;

	begin();
	program("p");
	end();
	CHECK(parse() == 0);
	CHECK(!strcmp(d->name, "p") && !strcmp(d->program, "p") && !d->vm && !d->passive);
	CHECK(d->cpu == 0 && d->cpus == 1 && d->priority == 0 && d->lowest == 0 && d->highest == 0);
	CHECK(d->budget_us == 1000 && d->period_us == 10000 && d->share == 100);
	CHECK(d->memory && d->kernel_memory && d->stack);
}

TEST(program_is_required)
{
	begin();
	fdt_begin_node(fdt, "nameless");
	fdt_property_string(fdt, "compatible", "takt,program");
	end();
	CHECK(parse() && says("nameless: program: is missing"));
}

TEST(numbers_out_of_range)
{
	CHECK(parse_one("priority", 63) && says("p: priority: 63 is not in 0..62"));
	CHECK(parse_one("cpu", CPUS) && says("p: cpu: 2 is not in 0..1"));
	CHECK(parse_one("cpus", CPUS) && says("p: cpus: CPU 2 is not in 0..1"));
	CHECK(parse_one("period-us", 1) && says("p: period-us: 1 is not in"));
	CHECK(parse_one("budget-us", 10001) && says("p: budget-us: 10001 is not in 2..10000"));
	CHECK(parse_one("budget-us", 1) && says("p: budget-us: 1 is not in 2..10000"));
	CHECK(parse_one("period-us", 60000001) && says("p: period-us: 60000001 is not in"));
	CHECK(parse_one("period-us", 60000000) == 0);
	CHECK(parse_one("kernel-memory", 4096) && says("p: kernel-memory: 4096 is not in"));
	CHECK(parse_one("stack", 0x20000) && says("p: stack: "));
	CHECK(parse_one("share", 1001) && says("p: share: 1001 is not in"));
	CHECK(parse_one("priority", 62) == 0);
}

TEST(numbers_of_other_sizes)
{
	begin();
	program("p");
	fdt_property_string(fdt, "memory", "much");
	end();
	CHECK(parse() && says("p: memory: is not a number"));
	begin();
	program("p");
	fdt_property_u64(fdt, "memory", 0x123456000);
	end();
	CHECK(parse() == 0 && compartments[0].desc.memory == 0x123456000);
}

TEST(range_and_share_hold_the_vcpus)
{
	struct desc *d = &compartments[0].desc;

	begin();
	program("p");
	number("priority", 20);
	number("budget-us", 100);
	number("period-us", 1000);
	number("vcpu-priority", 45);
	number("vcpu-budget-us", 200);
	number("vcpu-period-us", 1000);
	end();
	CHECK(parse() == 0);
	CHECK(d->lowest == 20 && d->highest == 45 && d->share == 300);
}

/* Budget = period reserves nothing. */
TEST(round_robin_takes_no_share)
{
	begin();
	program("p");
	number("budget-us", 500);
	number("period-us", 500);
	end();
	CHECK(parse() == 0 && compartments[0].desc.share == 0);
}

TEST(priorities_must_hold_the_priority)
{
	begin();
	program("p");
	number("priority", 20);
	numbers("priorities", 21, 30);
	end();
	CHECK(parse() && says("p: priorities: 21..30 does not hold 20..20"));
	begin();
	program("p");
	numbers("priorities", 0, 63);
	end();
	CHECK(parse() && says("exceeds 62"));
}

TEST(machine_needs_ram)
{
	begin();
	fdt_begin_node(fdt, "linux");
	fdt_property_string(fdt, "compatible", "takt,vm");
	fdt_property_string(fdt, "program", "vmm");
	end();
	CHECK(parse() && says("linux: ram: a virtual machine needs some"));
}

TEST(routes)
{
	static const uint32_t cells[] = {1, 2, 1, 7};
	struct compartment *c = &compartments[1];

	CHECK(parse_route(1, cells, 4) == 0);
	CHECK(c->routes == 2 && c->route[0].server == &compartments[0]);
	CHECK(!strcmp(c->route[0].name, "led-gpios") && c->route[0].badge == 2);
	CHECK(!strcmp(c->route[1].name, "led-gpios.1") && c->route[1].badge == 7);
	CHECK(parse_route(2, cells, 3) == 0 && c->route[0].badge == (2ull << 32 | 1));
	CHECK(parse_route(0, (const uint32_t[]){1, 1}, 2) == 0 && c->routes == 2);
}

TEST(wrong_routes)
{
	static const uint32_t cells[] = {1, 2, 3};

	CHECK(parse_route(1, (const uint32_t[]){9, 2}, 2));
	CHECK(says("client: led-gpios: does not point to a program"));
	CHECK(parse_route(1, cells, 1) && says("client: led-gpios: 'gpio' wants 1 cells"));
	CHECK(parse_route(3, cells, 3) && says("'gpio' wants 3 cells"));
	CHECK(parse_route(1, cells, 0) && says("client: led-gpios: is not a list of cells"));
	CHECK(parse_route(1, cells, 3)); /* the second one points nowhere */
}

TEST(other_kind_of_server)
{
	begin();
	program("gpio");
	number("phandle", 1);
	number("#gpio-cells", 1);
	end();
	program("client");
	numbers("console", 1, 0);
	end();
	CHECK(parse() && says("client: console: 'gpio' has no #session-cells"));
}

/* A machine with `vcpus` vCPUs and such event-scheduling. */
static int parse_events(uint32_t vcpus, const uint32_t *cell, unsigned count)
{
	fdt32_t cells[33];

	for (unsigned i = 0; i < count; i++)
		cells[i] = cpu_to_fdt32(cell[i]);
	begin();
	program("p");
	number("priority", 20);
	number("budget-us", 100);
	number("period-us", 1000);
	if (vcpus)
		number("vcpus", vcpus);
	fdt_property(fdt, "event-scheduling", cells, (int)(count * sizeof(cells[0])));
	end();
	return parse();
}

/* Range and share hold them: a private interrupt's for each vCPU, a shared one's once. */
TEST(events)
{
	static const uint32_t cells[] = {27, 40, 50, 1000, 64, 5, 30, 1000};
	const struct desc *d = &compartments[0].desc;

	CHECK(parse_events(0, cells, 8) == 0);
	CHECK(d->lowest == 5 && d->highest == 40 && d->share == 100 + 50 + 30);
	CHECK(parse_events(2, cells, 8) == 0);
	CHECK(d->share == 100 + 2 * 100 + 2 * 50 + 30);
}

/* budget = period books nothing, and root's worker has to be above it. */
TEST(events_round_robin)
{
	const struct desc *d = &compartments[0].desc;

	CHECK(parse_events(0, (const uint32_t[]){27, 40, 1000, 1000}, 4) == 0);
	CHECK(d->share == 100 && d->unbounded == 41);
}

TEST(wrong_events)
{
	static const uint32_t wrong[][4] = {
		{27, 63, 50, 1000},	/* root's priority */
		{27, 40, 0, 1000},	/* no budget */
		{27, 40, 1, 1000},	/* less than the kernel takes */
		{27, 40, 1001, 1000},	/* more than all */
		{27, 40, 5, 9},		/* too short a period */
		{27, 40, 5, 60000001},	/* too long a one */
		{27, ~0u, ~0u, ~0u},
	};
	uint32_t many[32];

	for (unsigned i = 0; i < 32; i++)
		many[i] = (const uint32_t[]){i / 4, 40, 10, 1000}[i % 4];
	CHECK(parse_events(0, many, 28) == 0);
	CHECK(parse_events(0, many, 32) && says("p: event-scheduling: is not a list of at most 7"));
	CHECK(parse_events(0, many, 0) && says("p: event-scheduling: is not a list"));
	for (unsigned i = 1; i < 8; i++)
		CHECK(i == 4 || (parse_events(0, many, i) && says("p: event-scheduling: is not a list")));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		CHECK(parse_events(0, wrong[i], 4) && says("p: event-scheduling: interrupt 27: priority"));
}

/* Names that only look alike are the program's own. */
TEST(no_routes)
{
	begin();
	program("p");
	number("period-ms", 1);
	number("ngpios", 1);
	number("consoles", 1);
	number("#gpio-cells", 1);
	end();
	CHECK(parse() == 0 && compartments[0].routes == 0);
}

TEST(gates_bind_to_all_threads)
{
	struct compartment *server = &compartments[0];
	struct route *r = &compartments[1].route[0];

	CHECK(parse_route(1, (const uint32_t[]){1, 5}, 2) == 0);
	server->state = CONTROL_RUNNING;
	server->threads = 2;
	gates = bindings = 0;
	CHECK(route_open("client", r, 1, 3) == 0);
	CHECK(gates == 1 && bindings == 2 && last_badge == 5 && r->gate == 100);
}

/* Of a server that does not run the gate leads nowhere, until it does. */
TEST(gates_bind_when_the_server_runs)
{
	struct compartment *server = &compartments[0];

	CHECK(parse_route(1, (const uint32_t[]){1, 5, 1, 6}, 4) == 0);
	server->state = CONTROL_STOPPED;
	server->threads = 1;
	gates = bindings = 0;
	CHECK(route_open("client", &compartments[1].route[0], 1, 3) == 0);
	CHECK(gates == 1 && bindings == 0);
	CHECK(routes_bind(server) == 0 && bindings == 1); /* the second one is not made yet */
	CHECK(route_open("client", &compartments[1].route[1], 1, 3) == 0);
	CHECK(routes_bind(server) == 0 && bindings == 3);
	CHECK(routes_bind(&compartments[1]) == 0 && bindings == 3);
}

/* A program with a route of that property to root's own node. */
static int parse_control(const char *property, uint32_t rights)
{
	begin();
	fdt_begin_node(fdt, "takt");
	fdt_property_string(fdt, "compatible", "takt,root");
	number("phandle", 1);
	number("#control-cells", 1);
	number("#gate-cells", 1);
	end();
	program("monitor");
	numbers(property, 1, rights);
	end();
	return parse();
}

TEST(control)
{
	struct compartment *c = &compartments[0];

	CHECK(parse_control("control", 3) == 0 && c->routes == 1);
	gates = bindings = 0;
	CHECK(!c->route[0].server && route_open("monitor", &c->route[0], 1, 3) == 0);
	CHECK(bindings == 1 && last_badge == (1 | BADGE_CONTROL | BADGE_WITH_RIGHTS(3)));
	CHECK(parse_control("control", 4) && says("monitor: control: there are no rights 4"));
	CHECK(parse_control("gates", 1) && says("monitor: gates: 'takt' does not understand that"));
}

TEST(policy)
{
	struct desc *d = &compartments[0].desc;

	begin();
	program("p");
	end();
	CHECK(parse() == 0);
	CHECK(!d->restart && !d->disabled && d->limit_count == 5 && d->limit_s == 60);
	begin();
	program("p");
	fdt_property_string(fdt, "restart", "always");
	fdt_property_string(fdt, "status", "disabled");
	numbers("restart-limit", 3, 10);
	end();
	CHECK(parse() == 0);
	CHECK(d->restart && d->disabled && d->limit_count == 3 && d->limit_s == 10);
}

static int parse_text(const char *property, const char *text)
{
	begin();
	program("p");
	fdt_property_string(fdt, property, text);
	end();
	return parse();
}

TEST(wrong_policy)
{
	CHECK(parse_text("restart", "sometimes") &&
	      says("p: restart: is neither \"never\" nor \"always\""));
	CHECK(parse_text("restart", "never") == 0 && parse_text("status", "okay") == 0);
	CHECK(parse_text("status", "fail") && says("p: status: is neither"));
	CHECK(parse_one("restart-limit", 5) && says("p: restart-limit: is not <count seconds>"));
	begin();
	program("p");
	numbers("restart-limit", 65, 10);
	end();
	CHECK(parse() && says("p: restart-limit: <65 10>: not 0..64 times in 1..86400 s"));
}

/* Above what may take all the time, below what may not. */
TEST(priority_of_the_worker)
{
	struct desc d;

	begin();
	program("p");
	number("priority", 20);
	number("budget-us", 500);
	number("period-us", 500);
	end();
	program("q");
	number("priority", 30);
	end();
	CHECK(parse() == 0 && desc_parse_root(-1, &d) == 0);
	CHECK(d.priority == 21 && d.budget_us == d.period_us);
	begin();
	fdt_begin_node(fdt, "root");
	fdt_property_string(fdt, "compatible", "takt,root");
	number("priority", 7);
	number("budget-us", 300);
	end();
	program("p");
	end();
	parse();
	CHECK(desc_parse_root(root_node(), &d) == 0);
	CHECK(d.priority == 7 && d.budget_us == 300 && d.period_us == 10000);
}

int main(void)
{
	RUN(defaults);
	RUN(program_is_required);
	RUN(numbers_out_of_range);
	RUN(numbers_of_other_sizes);
	RUN(range_and_share_hold_the_vcpus);
	RUN(round_robin_takes_no_share);
	RUN(priorities_must_hold_the_priority);
	RUN(machine_needs_ram);
	RUN(routes);
	RUN(wrong_routes);
	RUN(other_kind_of_server);
	RUN(events);
	RUN(events_round_robin);
	RUN(wrong_events);
	RUN(no_routes);
	RUN(gates_bind_to_all_threads);
	RUN(gates_bind_when_the_server_runs);
	RUN(control);
	RUN(policy);
	RUN(wrong_policy);
	RUN(priority_of_the_worker);
	return tap_done();
}
