/* SPDX-License-Identifier: MIT */
/*
 * Tests of root: compartments end, by themselves and by command, and start again; all that they had
 * comes back, and nobody else notices. Properties: `tests` names the groups, `exact` is there where
 * time is counted.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tester.h"

#define PATIENCE_NS 30000000000ull

takt_slot control, control_look;
bool exact;

static unsigned count, failed;

void ok(bool good, const char *format, ...)
{
	va_list args;

	failed += !good;
	printf("%sok %u - ", good ? "" : "not ", ++count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

static void end(void)
{
	printf("1..%u\n", count);
	(void)!control_command(control, CONTROL_SHUTDOWN, 0);
}

unsigned find(const char *name)
{
	int n = control_find(control, name);

	if (n >= 0)
		return (unsigned)n;
	ok(false, "there is no compartment '%s': %s", name, rt_error(n));
	end();
	exit(1);
}

struct control_info info_of(unsigned index)
{
	struct control_info info = {0};
	int err = control_info(control, index, &info);

	if (err)
		ok(false, "info of %u: %s", index, rt_error(err));
	return info;
}

struct control_account account(void)
{
	struct control_account a = {0};
	int err = control_account(control, &a);

	if (err)
		ok(false, "account: %s", rt_error(err));
	return a;
}

void command(enum control_op op, unsigned index)
{
	int err = control_command(control, op, index);

	if (err)
		ok(false, "command %u to %u: %s", op, index, rt_error(err));
}

static bool wait_for(unsigned index, enum control_state state, uint64_t restarts)
{
	takt_ticks end = takt_now() + takt_ns_to_ticks(PATIENCE_NS);

	for (;;) {
		struct takt_msg m = {0};
		struct control_info info = info_of(index);

		if (info.state == state && info.restarts >= restarts)
			return true;
		if (takt_now() >= end) {
			printf("# %s: state %llu, %llu restarts; expected %u, %llu\n", info.name,
			       (unsigned long long)info.state, (unsigned long long)info.restarts,
			       state, (unsigned long long)restarts);
			return false;
		}
		(void)!takt_wait(&m, end); /* for the signal that something has changed */
	}
}

bool wait_state(unsigned index, enum control_state state)
{
	return wait_for(index, state, 0);
}

bool wait_restarts(unsigned index, uint64_t restarts)
{
	return wait_for(index, CONTROL_RUNNING, restarts);
}

/* Signals may come in between. */
void sleep_ns(uint64_t ns)
{
	takt_ticks end = takt_now() + takt_ns_to_ticks(ns);

	while (takt_now() < end)
		takt_sleep_until(end);
}

bool same(const struct control_account *a, const struct control_account *b)
{
	bool good = !memcmp(a, b, sizeof(*a));
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;

	for (unsigned i = 0; i < CONTROL_WORDS(*a); i++)
		if (x[i] != y[i])
			printf("# account, word %u: was %llu, is %llu\n", i,
			       (unsigned long long)x[i], (unsigned long long)y[i]);
	return good;
}

bool start(unsigned index)
{
	command(CONTROL_START, index);
	return wait_state(index, CONTROL_RUNNING);
}

bool stop(unsigned index)
{
	command(CONTROL_STOP, index);
	return wait_state(index, CONTROL_STOPPED);
}

bool restart(unsigned index)
{
	uint64_t restarts = info_of(index).restarts;

	command(CONTROL_RESTART, index);
	return wait_restarts(index, restarts + 1);
}

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{"policy", test_policy},
	{"calls", test_calls},
	{"rounds", test_rounds},
	{"machine", test_machine},
	{"hostile", test_hostile},
	{"servers", test_servers},
};

int main(void)
{
	const char *tests = env_string("tests", "");
	takt_slot irq = env_slot_alloc();
	int err = takt_create_irq(TAKT_SELF_FACTORY, irq);

	control = env_cap("control");
	control_look = env_cap("look-control");
	exact = env_number("exact", 0);
	if (!err)
		err = takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 1);
	if (!err)
		err = control_notify_by(control, irq);
	ok(!err, "root tells of changes: %s", rt_error(err));
	for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (strstr(tests, groups[i].name))
			groups[i].run();
	end();
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
