/* SPDX-License-Identifier: MIT */
/*
 * The worker: builds compartments, servers before their clients, and takes away those that have
 * ended. What became of each stands in its `state`, which nobody else writes; the worker goes
 * round and brings each one a step further, until there is nothing to do but to wait.
 */
#include <stdio.h>
#include <string.h>
#include <takt/rt.h>

#include "root.h"

#define READY_NS 2000000000ull /* within this a server should be ready */

takt_slot worker_irq, watcher_gate;

static void set_state(struct compartment *c, enum control_state state)
{
	c->state = (uint8_t)state;
	control_notify();
}

/* The watcher acts on what has been set. Called, it runs even if it was in the middle of a call by
 * somebody who has no time left. */
static void wake_watcher(void)
{
	struct takt_msg m = {0};

	(void)checked(NULL, "waking the watcher", takt_call(watcher_gate, &m));
}

/* --- Start ------------------------------------------------------------------------------------ */

/* If it is the console that has just started, root's output goes there from now on. */
static void take_console(const struct compartment *server)
{
	if (!chosen_routes || chosen[0].server != server || chosen[0].gate ||
	    route_open("chosen", &chosen[0], OWNER_ROOT, TAKT_ROOT_FACTORY))
		return;
	output_to(chosen[0].gate, server);
	(void)checked("chosen", "leaving the console to its server", takt_log_off(TAKT_ROOT_LOG));
}

static void announce(const struct compartment *c)
{
	const struct desc *d = &c->desc;

	printf("root: %-10s CPU %u, priority %u, %llu/%llu us%s, %s\n", d->name, d->cpu,
	       d->priority, (unsigned long long)d->budget_us, (unsigned long long)d->period_us,
	       d->passive ? " until ready" : "", d->program);
}

static void running(struct compartment *c)
{
	set_state(c, CONTROL_RUNNING);
	if (is_server(c))
		routes_tell(c);
	take_console(c);
	if (!c->announced)
		announce(c);
	c->announced = true;
}

/* It is to end for a reason of the worker's own. Once it lives that is up to the watcher. */
static void give_up(struct compartment *c)
{
	uint8_t none = END_NONE;

	atomic_compare_exchange_strong(&c->end, &none, END_START);
	c->deadline = TAKT_NEVER;
	if (c->live)
		wake_watcher();
	else
		c->halted = true;
}

static void start(struct compartment *c)
{
	int err;

	set_state(c, CONTROL_STARTING);
	c->deadline = takt_now() + takt_ns_to_ticks(READY_NS);
	err = compartment_build(c);
	if (err)
		give_up(c);
	else if (!is_server(c))
		running(c);
}

/* A server that is ready, or takes too long for it. */
static bool settle(struct compartment *c)
{
	if (c->ready && c->deadline != TAKT_NEVER) {
		if (compartment_open(c))
			give_up(c);
		else
			running(c);
		return true;
	}
	if (takt_now() < c->deadline)
		return false;
	complain(c->desc.name, NULL, "is not ready within %llu ms", READY_NS / 1000000);
	give_up(c);
	return true;
}

/* --- End -------------------------------------------------------------------------------------- */

static void report(const struct compartment *c)
{
	const uint64_t *w = c->fault.w;

	if (c->end == END_FAULT)
		printf("root: %s: fault: pc %#llx sp %#llx syndrome %#llx address %#llx pstate "
		       "%#llx; stopped\n",
		       c->desc.name, (unsigned long long)w[TAKT_FAULT_PC],
		       (unsigned long long)w[TAKT_FAULT_SP],
		       (unsigned long long)w[TAKT_FAULT_SYNDROME],
		       (unsigned long long)w[TAKT_FAULT_ADDRESS],
		       (unsigned long long)w[TAKT_FAULT_PSTATE]);
	if (c->end == END_EXIT)
		printf("root: %s: ended, code %d\n", c->desc.name, c->code);
}

/* Restart by policy, unless it has been too often of late. */
static bool may_restart(struct compartment *c)
{
	const struct desc *d = &c->desc;
	takt_ticks now = takt_now(), *oldest;

	if (!d->restart)
		return false;
	oldest = &c->restarted[d->limit_count ? c->by_policy % d->limit_count : 0];
	if (!d->limit_count || (c->by_policy >= d->limit_count &&
				now - *oldest < (takt_ticks)d->limit_s * takt_hz())) {
		complain(d->name, "restart-limit",
			 "ended more than %u times in %u s: it stays stopped", d->limit_count,
			 d->limit_s);
		return false;
	}
	*oldest = now;
	c->by_policy++;
	printf("root: %s: restarted\n", d->name);
	return true;
}

/* A server that ends before it is ready has failed, so that its clients do not wait for it. */
static enum control_state after_end(struct compartment *c, uint8_t command, bool was_live,
				    enum control_state was)
{
	switch (command) {
	case CONTROL_STOP:
		return CONTROL_STOPPED;
	case CONTROL_START:
	case CONTROL_RESTART:
		c->by_policy = 0;
		c->restarts++;
		return CONTROL_WAITING;
	default:
		break;
	}
	if (was_live && may_restart(c)) {
		c->restarts++;
		return CONTROL_WAITING;
	}
	return was == CONTROL_STARTING && command != CONTROL_KILL ? CONTROL_FAILED :
								   CONTROL_STOPPED;
}

static void finish(struct compartment *c)
{
	enum control_state was = (enum control_state)c->state;
	bool was_live = c->live;
	uint8_t command;

	report(c);
	compartment_destroy(c);
	if (c->kernel_memory) { /* not a single byte of it is given to anybody else */
		c->broken = true;
		c->halted = false;
		set_state(c, CONTROL_FAILED);
		return;
	}
	c->end = END_NONE;
	c->told_ready = false;
	c->ready = false;
	command = atomic_exchange(&c->command, 0);
	/* In this order: one that is not halted is looked at by its state. */
	c->state = (uint8_t)after_end(c, command, was_live || command == CONTROL_KILL, was);
	c->halted = false;
	control_notify();
}

/* --- One after the other ---------------------------------------------------------------------- */

enum servers { SERVERS_GOOD, SERVERS_WAIT, SERVERS_FAILED };

/* One that is stopped is none to wait for: the gate leads nowhere until it is started. One that ends
 * may come back. */
static enum servers look_at_servers(const struct compartment *c)
{
	enum servers all = SERVERS_GOOD;

	for (unsigned i = 0; i < c->routes; i++) {
		const struct route *r = &c->route[i];
		const struct compartment *s = r->server;

		if (!s)
			continue;
		if (s->state == CONTROL_WAITING || s->state == CONTROL_STARTING || s->end ||
		    s->halted)
			return SERVERS_WAIT;
		if (s->state == CONTROL_FAILED && all == SERVERS_GOOD) {
			complain(c->desc.name, r->name, "'%s' does not run", s->desc.name);
			all = SERVERS_FAILED;
		}
	}
	return all;
}

static bool advance_waiting(struct compartment *c)
{
	uint8_t command = atomic_exchange(&c->command, 0);

	if (command == CONTROL_STOP || command == CONTROL_KILL) {
		set_state(c, CONTROL_STOPPED);
		return true;
	}
	switch (look_at_servers(c)) {
	case SERVERS_WAIT:
		return false;
	case SERVERS_FAILED:
		set_state(c, CONTROL_FAILED);
		return true;
	default:
		start(c);
		return true;
	}
}

/* Whether there was something to do. */
static bool advance(struct compartment *c)
{
	uint8_t command = CONTROL_START;

	if (c->halted) {
		finish(c);
		return true;
	}
	switch ((enum control_state)c->state) {
	case CONTROL_WAITING:
		return advance_waiting(c);
	case CONTROL_STARTING:
		return settle(c);
	case CONTROL_RUNNING:
		atomic_compare_exchange_strong(&c->command, &command, 0);
		return false;
	case CONTROL_STOPPED:
	case CONTROL_FAILED:
		command = atomic_exchange(&c->command, 0);
		if (c->broken || (command != CONTROL_START && command != CONTROL_RESTART))
			return false;
		c->by_policy = 0;
		set_state(c, CONTROL_WAITING);
		return true;
	case CONTROL_ENDING: /* only others see it so */
		break;
	}
	return false;
}

static unsigned count(enum control_state state)
{
	unsigned n = 0;

	for (unsigned i = 0; i < compartment_count; i++)
		n += compartments[i].state == state;
	return n;
}

/* Those that wait though nobody is starting wait for each other. */
static void break_circles(void)
{
	for (unsigned i = 0; i < compartment_count; i++) {
		struct compartment *c = &compartments[i];

		if (c->state != CONTROL_WAITING)
			continue;
		complain(c->desc.name, NULL, "its routes lead in a circle: not started");
		set_state(c, CONTROL_FAILED);
	}
}

static takt_ticks next_deadline(void)
{
	takt_ticks next = TAKT_NEVER;

	for (unsigned i = 0; i < compartment_count; i++) {
		const struct compartment *c = &compartments[i];

		if (c->state == CONTROL_STARTING && c->deadline < next)
			next = c->deadline;
	}
	return next;
}

void worker_run(void)
{
	bool told = false;

	for (;;) {
		struct takt_msg m = {0};
		bool progress = false;

		for (unsigned i = 0; i < compartment_count; i++)
			progress |= advance(&compartments[i]);
		if (progress)
			continue;
		if (!count(CONTROL_STARTING)) {
			break_circles();
			if (!told)
				printf("root: %u of %u compartments run\n", count(CONTROL_RUNNING),
				       compartment_count);
			told = true;
		}
		(void)!takt_wait(&m, next_deadline());
	}
}
