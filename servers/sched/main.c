/* SPDX-License-Identifier: MIT */
/*
 * The program around the interposed schedulers.
 *
 *   policies   a string for each policy; a client's cell says which one is its
 *
 * Its clients' schedulers come from root, at TAKT_SELF_CLIENTS and on, and their names in
 * "takt,clients".
 */
#include <stdio.h>
#include <stdlib.h>

#include <takt/rt.h>
#include <takt/server.h>

#include "sched.h"

#define CHILDREN (TAKT_SELF_CLIENTS + SCHED_CLIENTS)
#define SLOTS (CHILDREN + SCHED_CLIENTS * SCHED_CHILDREN * CHILD_SLOTS)

static struct sched sched;

static const char *client_name(unsigned client)
{
	return env_nth_string("takt,clients", client);
}

static int parse_policies(void)
{
	const char *text;

	while ((text = env_nth_string("policies", sched.policies))) {
		if (sched.policies == SCHED_POLICIES ||
		    !policy_parse(text, &sched.policy[sched.policies])) {
			printf("sched: policies: '%s' is no policy, or one too many\n", text);
			return TAKT_E_INVAL;
		}
		sched.policies++;
	}
	if (!sched.policies)
		printf("sched: policies: there are none\n");
	return sched.policies ? 0 : TAKT_E_INVAL;
}

static void find_threads(void)
{
	char name[] = "thread.0";

	sched.thread[sched.threads++] = TAKT_SELF_THREAD;
	for (unsigned i = 1; i < SCHED_CPUS; i++) {
		name[sizeof(name) - 2] = (char)('0' + i);
		if (env_cap(name))
			sched.thread[sched.threads++] = env_cap(name);
	}
}

static void serve(void)
{
	struct sched_thread self = {.sched = &sched,
				    .self = rt_thread_self(),
				    .window = server_window(),
				    .made = env_slot_alloc()};
	struct server server = {.handle = sched_handle, .self = &self, .window = self.window};

	server_run(&server);
}

void server_thread(unsigned index)
{
	(void)index;
	serve();
}

int main(void)
{
	int err = parse_policies();

	if (err)
		return EXIT_FAILURE;
	sched.name = client_name;
	sched.schedulers = TAKT_SELF_CLIENTS;
	sched.children = CHILDREN;
	find_threads();
	err = takt_task_cap_grow(TAKT_SELF_TASK, SLOTS);
	if (err) {
		printf("sched: no slots for its clients (kernel-memory): %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	serve();
}
