/* SPDX-License-Identifier: MIT */
/* What the tests of root have in common. */
#ifndef RESTART_TESTER_H
#define RESTART_TESTER_H

#include <stdbool.h>
#include <takt/proto/control.h>
#include <takt/rt.h>

#include "proto.h"

/* One result; a failed one is printed with what is given. */
void ok(bool good, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Index of a compartment; ends the tests if there is none of that name. */
unsigned find(const char *name);
struct control_info info_of(unsigned index);
struct control_account account(void);

/* A command that must be accepted. */
void command(enum control_op op, unsigned index);

/* Waits for a state, for some seconds at most. With `restarts` not before so many. */
bool wait_state(unsigned index, enum control_state state);
bool wait_restarts(unsigned index, uint64_t restarts);
void sleep_ns(uint64_t ns);

/* Whether nothing is lost: all is as it was, but for what the names say of time. */
bool same(const struct control_account *a, const struct control_account *b);

/* Command, and wait for what it leads to. */
bool start(unsigned index);
bool stop(unsigned index);
bool restart(unsigned index); /* to RUNNING */

/* A neighbour's rhythm, and what it says of its lateness since it was last asked. */
struct beat {
	uint64_t beats, late_ns, missed;
};
struct beat read_beat(void);
/* Where time is counted the rhythm since `before` must be untouched. */
void rhythm(const char *during, struct beat before);

extern takt_slot control, control_look;
extern bool exact; /* time is counted: what is measured must hold */

/* The groups. */
void test_policy(void);
void test_calls(void);
void test_rounds(void);
void test_machine(void);
void test_hostile(void);
void test_servers(void);
#endif
