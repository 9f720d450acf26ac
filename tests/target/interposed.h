/* SPDX-License-Identifier: MIT */
/* The server of schedulers in the test's own task. */
#ifndef INTERPOSED_H
#define INTERPOSED_H

#include "../../servers/sched/sched.h"
#include "harness.h"

/* A scheduler with that policy before the kernel's, for all CPUs and the whole share. The server
 * has a passive thread on each CPU. One for each test. */
takt_slot interposed_new(const char *policy);

/* Another client of the same server, or another gate of a client. */
takt_slot interposed_client(unsigned client, const char *name, takt_slot kernels);
#endif
