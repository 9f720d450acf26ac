/* SPDX-License-Identifier: MIT */
/* Servers and clients end in the middle of calls. */
#include <stdatomic.h>

#include "tester.h"

#define LONG_NS 3000000000ull
#define SHORT_NS 3000000

/* A client of its own: calls the server and tells what came of it. */
static struct client {
	struct rt_thread thread;
	takt_slot gate;
	_Atomic bool calling, done;
	int result;
} clients[2];

static void call_once(void *arg)
{
	struct client *c = arg;

	c->calling = true;
	c->result = echo_hold(c->gate, LONG_NS);
	c->done = true;
}

static bool begin_client(struct client *c, takt_slot gate)
{
	takt_slot sc = env_slot_alloc();
	takt_ticks slice = takt_ns_to_ticks(1000000);
	int err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, 20, slice, slice,
					   0, sc);

	c->gate = gate;
	c->calling = c->done = false;
	c->thread = (struct rt_thread){.name = "client", .fn = call_once, .arg = c, .sc = sc};
	if (!err)
		err = rt_thread_create(&c->thread);
	for (unsigned i = 0; !err && !c->calling && i < 10000; i++)
		sleep_ns(100000);
	sleep_ns(1000000); /* from there into the call it is not far */
	return !err && c->calling && !c->done;
}

static bool client_is_gone(const struct client *c)
{
	for (unsigned i = 0; !c->done && i < 10000; i++)
		sleep_ns(100000);
	if (c->result != TAKT_E_GONE)
		ok(false, "the client got %s", rt_error(c->result));
	return c->done && c->result == TAKT_E_GONE;
}

static bool answers(takt_slot gate)
{
	uint64_t n = 0;

	return echo(gate, 41, &n) == 0 && n == 42;
}

/* It holds an answer back for the first client, and the second one waits for it. */
static void server_ends(const char *name, takt_slot gate)
{
	unsigned server = find(name);
	struct control_account before, after;
	uint64_t n;

	ok(answers(gate), "%s answers", name);
	before = account();
	ok(begin_client(&clients[0], gate) && begin_client(&clients[1], gate),
	   "%s: two clients call", name);
	ok(stop(server), "%s: it is stopped meanwhile", name);
	ok(client_is_gone(&clients[0]) && client_is_gone(&clients[1]), "%s: both get E_GONE", name);
	ok(echo(gate, 1, &n) == TAKT_E_GONE, "%s: as long as it is stopped, everybody does", name);
	ok(start(server), "%s: it is started", name);
	ok(answers(gate), "%s: through the same gate it answers again", name);
	ok(begin_client(&clients[0], gate), "%s: a client calls", name);
	ok(restart(server) && client_is_gone(&clients[0]), "%s: it is restarted meanwhile", name);
	ok(answers(gate), "%s: it answers again", name);
	after = account();
	ok(same(&before, &after), "%s: nothing is lost", name);
}

/* `call` is on CPU 0, `call-far` on the last one. */
static void client_ends(const char *name, takt_slot gate)
{
	unsigned client = find(name), good = 0;
	struct control_account before = account(), after;

	for (unsigned i = 0; i < 20; i++) {
		good += start(client);
		sleep_ns(SHORT_NS / 2 + i * 150000);
		good += stop(client);
		good += answers(gate);
		after = account();
		good += same(&before, &after);
	}
	ok(good == 80, "%s: a client ends in the middle of its calls: %u good results of 80", name,
	   good);
}

/* A server that is stopped when its client starts. */
static void server_comes_later(takt_slot gate)
{
	unsigned server = find("echo"), client = find("call");
	struct takt_msg m = {.tag = TAKT_TAG(ECHO_HELD, 0, 0)};

	ok(stop(server) && start(client), "a client starts without its server");
	ok(start(server), "the server starts");
	for (unsigned i = 0; i < 1000 && !(takt_call(gate, &m) == 0 && m.w[0]); i++) {
		sleep_ns(1000000);
		m.tag = TAKT_TAG(ECHO_HELD, 0, 0);
	}
	ok(m.w[0] > 0 && stop(client), "the client gets through to it");
}

void test_calls(void)
{
	takt_slot active = env_cap("gates"), passive = env_cap("gates.1");

	server_ends("echo", active);
	server_ends("echo-passive", passive);
	client_ends("call", active);
	client_ends("call-passive", passive);
	server_comes_later(active);
}
