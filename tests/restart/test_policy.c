/* SPDX-License-Identifier: MIT */
/* States and policies, and what root refuses. */
#include <takt/proto/root.h>

#include "tester.h"

static void stopped_and_started(void)
{
	unsigned v = find("wait");
	struct control_account before = account(), after;

	ok(info_of(v).state == CONTROL_STOPPED, "a disabled compartment is not started");
	ok(control_command(control, CONTROL_STOP, v) == TAKT_E_STATE, "it cannot be stopped again");
	ok(start(v), "it starts by command");
	ok(info_of(v).kernel_memory == 0x40000 && info_of(v).ram >= 0x20000, "it has its memory");
	ok(control_command(control, CONTROL_START, v) == TAKT_E_STATE, "not twice");
	ok(restart(v) && info_of(v).restarts == 1, "it restarts");
	ok(stop(v), "it stops");
	after = account();
	ok(same(&before, &after), "what it had has come back");
	command(CONTROL_RESTART, v);
	ok(wait_state(v, CONTROL_RUNNING) && stop(v), "restart starts one that is stopped");
}

/* It ends by itself, and stays so. */
static void ends(const char *name)
{
	unsigned v = find(name);
	struct control_account before = account(), after;
	uint64_t restarts = info_of(v).restarts;

	command(CONTROL_START, v);
	ok(wait_state(v, CONTROL_STOPPED) && info_of(v).restarts == restarts,
	   "%s: it ends, and is not restarted", name);
	after = account();
	ok(same(&before, &after), "%s: what it had has come back", name);
}

/* restart-limit is <3 60>. */
static void limited(const char *name)
{
	unsigned v = find(name);
	struct control_account before = account(), after;

	for (unsigned i = 1; i <= 2; i++) {
		command(CONTROL_START, v);
		ok(wait_state(v, CONTROL_STOPPED) && info_of(v).restarts == 3 * i,
		   "%s: after three restarts it stays stopped, time %u", name, i);
	}
	after = account();
	ok(same(&before, &after), "%s: what it had has come back", name);
}

/* In 2 s, rather than ever. */
static void limited_in_time(void)
{
	unsigned v = find("crash-slowly");

	command(CONTROL_START, v);
	ok(wait_restarts(v, 4), "a restart counts for restart-limit only as long as that says");
	ok(stop(v), "stop means stop, whatever the policy");
}

static void killed(void)
{
	unsigned never = find("wait"), always = find("always");

	ok(start(never), "wait starts");
	command(CONTROL_KILL, never);
	ok(wait_state(never, CONTROL_STOPPED), "killed, restart = \"never\": it stays so");
	command(CONTROL_KILL, always);
	ok(wait_restarts(always, 1), "killed, restart = \"always\": it is back");
	ok(stop(always) && start(always), "it can be stopped and started");
}

static void late_server(void)
{
	unsigned v = find("late");
	struct control_account before = account(), after;

	command(CONTROL_START, v);
	ok(wait_state(v, CONTROL_FAILED), "a server that does not get ready fails");
	after = account();
	ok(same(&before, &after), "what it had has come back");
}

/* At every point of its start: the commands come at shifted times. */
static void killed_while_starting(void)
{
	unsigned v = find("churn"), rounds = exact ? 150 : 40, good = 0;
	struct control_account before = account(), after;

	for (unsigned i = 0; i < rounds; i++) {
		command(CONTROL_START, v);
		sleep_ns(i * 10000ull);
		good += stop(v);
		after = account();
		good += same(&before, &after);
	}
	ok(good == 2 * rounds, "ended during its start, %u times: %u good results of %u", rounds,
	   good, 2 * rounds);
}

/* What root is to trigger. A gate whose server never answers must not be: that would be a call. */
static void signals(void)
{
	takt_slot gate = env_slots_alloc(3), irq = gate + 1, weak = gate + 2,
		  root = env_cap("root");
	struct takt_msg m = {.tag = TAKT_TAG(ROOT_NOTIFY, 0, 0)};
	unsigned good = 0;

	ok(!takt_create_gate(TAKT_SELF_FACTORY, 1, gate) &&
		   !takt_thread_bind_gate(TAKT_SELF_THREAD, gate) &&
		   !takt_create_irq(TAKT_SELF_FACTORY, irq) &&
		   !takt_task_cap_copy(TAKT_SELF_TASK, irq, weak, TAKT_R_IRQ_BIND),
	   "a gate, an irq, an irq without the right to trigger it");
	ok(takt_call(root, &m) == TAKT_E_MSG, "no signal at all");
	ok(root_notify(root, gate) == TAKT_E_TYPE &&
		   control_notify_by(control_look, gate) == TAKT_E_TYPE,
	   "a gate is no signal");
	ok(root_notify(root, weak) == TAKT_E_RIGHTS, "nor is an irq that may not be triggered");
	for (unsigned i = 0; i < 1000; i++)
		good += !root_notify(root, irq) && !root_ready(root);
	ok(good == 1000, "a thousand times the same costs nothing: %u good results", good);
	/* It is root's no longer when it is gone. */
	ok(!takt_factory_destroy(TAKT_SELF_FACTORY, irq), "it may go away");
}

static void refused(void)
{
	unsigned v = find("wait"), n = (unsigned)control_count(control);
	struct takt_msg m = {.tag = TAKT_TAG(CONTROL_KILL, 0, 0)};
	struct control_info info;

	ok(control_command(control_look, CONTROL_START, v) == TAKT_E_RIGHTS &&
		   control_command(control_look, CONTROL_SHUTDOWN, 0) == TAKT_E_RIGHTS,
	   "no commands without the right");
	ok(control_info(control_look, v, &info) == 0, "looking is free");
	ok(control_info(control, n, &info) == TAKT_E_RANGE &&
		   control_command(control, CONTROL_START, n) == TAKT_E_RANGE &&
		   control_command(control, CONTROL_SHUTDOWN, 2) == TAKT_E_RANGE,
	   "numbers out of range");
	ok(takt_call(control, &m) == TAKT_E_MSG, "messages that are too short");
	m.tag = TAKT_TAG(99, 6, 0);
	ok(takt_call(control, &m) == TAKT_E_OP, "unknown operations");
	ok(control_notify_by(control_look, TAKT_SELF_TASK) == TAKT_E_TYPE, "signals that are none");
	signals();
	ok(control_command(control, CONTROL_START, find("broken")) == TAKT_E_INVAL,
	   "what is described wrongly");
}

void test_policy(void)
{
	stopped_and_started();
	ends("exit");
	ends("fault");
	limited("crash");
	limited("exit-always");
	limited_in_time();
	killed();
	late_server();
	killed_while_starting();
	refused();
}
