/* SPDX-License-Identifier: MIT */
/* Servers whose clients do what they can to harm them, until they are killed, wherever they are
 * just then. Others are served meanwhile, and the server has in the end what it had. */
#include <stdio.h>
#include <takt/proto/console.h>
#include <takt/proto/gpio.h>

#include "tester.h"

static takt_slot made;
static takt_ticks longest;

/* What a call took, which was begun at that instant. */
static int took(takt_ticks begin, int err)
{
	takt_ticks t = takt_now() - begin;

	if (t > longest)
		longest = t;
	return err;
}

/* --- As a client should be: each returns an error --------------------------------------------- */

static int use_sched(void)
{
	takt_ticks begin = takt_now();
	uint64_t w[6];
	int err = took(begin, takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, 20,
						       takt_ns_to_ticks(500000),
						       takt_ns_to_ticks(10000000), 0, made));

	if (!err)
		err = takt_sc_info(made, w);
	if (!err && w[4] != 0)
		err = TAKT_E_CPU;
	if (!err)
		err = takt_factory_destroy(TAKT_SELF_FACTORY, made);
	begin = takt_now();
	if (!err)
		err = took(begin, takt_scheduler_narrow(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, 1,
							20, 30, 50, made));
	if (!err)
		err = takt_scheduler_info(made, 0, w);
	if (!err && w[5] != 50)
		err = TAKT_E_STATE;
	return err ? err : takt_factory_destroy(TAKT_SELF_FACTORY, made);
}

static int use_gpio(void)
{
	static unsigned level;
	takt_slot line = env_cap("gpios");
	takt_ticks begin = takt_now();
	int got, err = took(begin, gpio_set(line, level ^= 1));

	if (err)
		return err;
	got = gpio_get(line);
	return got < 0 ? got : (unsigned)got == level ? 0 : TAKT_E_STATE;
}

static int use_console(void)
{
	struct console_info info;
	takt_ticks begin = takt_now();
	int err = took(begin, console_info(env_cap("control-console"), 1, &info));

	return err || info.interactive ? err : TAKT_E_STATE;
}

/* --- Beside one that is not ------------------------------------------------------------------- */

static bool same_server(const struct control_info *a, const struct control_info *b)
{
	printf("# %s: %llu bytes and %llu objects before, %llu and %llu after\n", a->name,
	       (unsigned long long)(a->kernel_memory - a->kernel_free),
	       (unsigned long long)a->objects,
	       (unsigned long long)(b->kernel_memory - b->kernel_free),
	       (unsigned long long)b->objects);
	return b->state == CONTROL_RUNNING && b->restarts == a->restarts &&
	       b->kernel_free == a->kernel_free && b->objects == a->objects && b->ram == a->ram;
}

/* One life of the client's: it is killed at another moment each time. */
static unsigned life(unsigned client, unsigned n, int (*use)(void))
{
	unsigned good = start(client);
	int err;

	sleep_ns(2000000 + n % 16 * 337000);
	err = use();
	good += !err;
	if (err)
		printf("# life %u: %s\n", n, rt_error(err));
	command(CONTROL_KILL, client);
	return good + wait_state(client, CONTROL_STOPPED);
}

/* Where time is counted a call takes `most_ns`, with what the server finishes for the other before.
 */
static void killed(const char *server, const char *client, int (*use)(void), uint64_t most_ns)
{
	unsigned s = find(server), c = find(client), rounds = (unsigned)env_number("rounds", 50);
	struct control_info before, after;
	struct control_account all, now;
	struct beat beat;
	unsigned good;

	/* What it keeps for a client for good it has from the first one on. */
	ok(life(c, 0, use) == 3, "%s: it can be used beside %s", server, client);
	before = info_of(s);
	all = account();
	beat = read_beat();
	longest = 0;
	good = 0;
	for (unsigned i = 0; i < rounds; i++) {
		good += life(c, i, use);
		now = account();
		good += same(&all, &now);
	}
	ok(good == 4 * rounds, "%s: %s killed %u times: %u good results of %u", server, client,
	   rounds, good, 4 * rounds);
	after = info_of(s);
	ok(same_server(&before, &after), "%s: it has what it had", server);
	ok(!exact || takt_ticks_to_ns(longest) <= most_ns, "%s: a call took %llu ns at most",
	   server, (unsigned long long)takt_ticks_to_ns(longest));
	rhythm(client, beat);
}

void test_servers(void)
{
	made = env_slot_alloc();
	ok(!gpio_direction(env_cap("gpios"), 1), "a line of its own");
	killed("sched", "sched-attack", use_sched, 15000);
	killed("gpio", "gpio-attack", use_gpio, 8000);
	killed("console", "console-attack", use_console, 40000);
}
