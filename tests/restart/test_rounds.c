/* SPDX-License-Identifier: MIT */
/* Many rounds, with the accounts compared after each of them and a rhythm kept by a neighbour. */
#include <stdio.h>

#include "tester.h"

/* The longest that the kernel stays with masked interrupts, and that root takes to halt the victim
 * on top of that. */
#define LATE_NS 8000

struct beat read_beat(void)
{
	struct takt_msg m = {.tag = TAKT_TAG(BEAT_READ, 0, 0)};
	int err = takt_call(env_cap("beat-gates"), &m);

	if (err)
		ok(false, "the beat does not answer: %s", rt_error(err));
	return (struct beat){m.w[0], m.w[1], m.w[2]};
}

void rhythm(const char *during, struct beat before)
{
	struct beat b = read_beat();

	printf("# %s: %llu beats, at most %llu ns late, %llu missed\n", during,
	       (unsigned long long)(b.beats - before.beats), (unsigned long long)b.late_ns,
	       (unsigned long long)b.missed);
	if (exact)
		ok(b.late_ns <= LATE_NS && !b.missed, "%s: the neighbour's rhythm is untouched",
		   during);
	else
		ok(b.beats > before.beats, "%s: the neighbour goes on", during);
}

static void killed_again_and_again(void)
{
	unsigned v = find("churn"), rounds = (unsigned)env_number("rounds", 1000), good = 0;
	struct control_account before = account(), after, running = {0};
	struct beat beat = read_beat();

	for (unsigned i = 0; i < rounds; i++) {
		good += start(v);
		after = account();
		if (!i)
			running = after;
		good += same(&running, &after);
		sleep_ns(i % 16 * 137000);
		command(CONTROL_KILL, v);
		good += wait_state(v, CONTROL_STOPPED);
		after = account();
		good += same(&before, &after);
	}
	ok(good == 4 * rounds, "started and killed %u times: %u good results of %u", rounds, good,
	   4 * rounds);
	rhythm("kills", beat);
}

static void restarted_again_and_again(void)
{
	unsigned v = find("churn"), rounds = (unsigned)env_number("rounds", 1000) / 4, good = 0;
	struct control_account before, after;
	struct beat beat = read_beat();

	ok(start(v), "churn starts");
	before = account();
	for (unsigned i = 0; i < rounds; i++) {
		good += restart(v);
		after = account();
		good += same(&before, &after);
	}
	ok(good == 2 * rounds, "restarted %u times: %u good results of %u", rounds, good,
	   2 * rounds);
	ok(stop(v), "churn stops");
	rhythm("restarts", beat);
}

/* One that takes all time of its CPU, above root's worker and all but the tests. */
static void hog(const char *name)
{
	unsigned v = find(name);
	struct control_account before = account(), after;
	uint64_t consumed;

	ok(start(v), "%s starts", name);
	sleep_ns(20000000);
	consumed = takt_ticks_to_ns(info_of(v).consumed);
	ok(consumed > 1000000 && (!exact || consumed < 40000000), "%s: it consumed %llu us", name,
	   (unsigned long long)consumed / 1000);
	ok(stop(v), "%s stops", name);
	after = account();
	ok(same(&before, &after), "%s: nothing is lost", name);
}

void test_rounds(void)
{
	hog("hog");
	killed_again_and_again();
	restarted_again_and_again();
}

/* A machine, killed at different moments of its boot. */
void test_machine(void)
{
	unsigned v = find("linux"), rounds = (unsigned)env_number("rounds", 5), good = 0;
	struct control_account before = account(), after;
	struct beat beat = read_beat();
	uint64_t used = 0;

	for (unsigned i = 0; i < rounds; i++) {
		good += start(v);
		sleep_ns((20 + i * 97 % 500) * 1000000ull);
		used += info_of(v).consumed != 0;
		command(i % 2 ? CONTROL_KILL : CONTROL_STOP, v);
		good += wait_state(v, CONTROL_STOPPED);
		after = account();
		good += same(&before, &after);
	}
	ok(good == 3 * rounds && used == rounds,
	   "a machine started and killed %u times: %u good results of %u, %llu times it ran",
	   rounds, good, 3 * rounds, (unsigned long long)used);
	rhythm("a machine's kills", beat);
}
