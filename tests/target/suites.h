/* SPDX-License-Identifier: MIT */
/* All tests, in the order in which they run. */
#ifndef SUITES_H
#define SUITES_H

#include "harness.h"

#define SUITES(X)                                                                                  \
	X(harness)                                                                                 \
	X(invoke)                                                                                  \
	X(task) X(memory) X(map) X(factory) X(scheduler) X(interposed) X(sched) X(log) X(gate)     \
		X(call) X(irq) X(thread) X(fault) X(sc) X(pv) X(pv_line) X(destroy) X(trace)

#define X(name) extern const struct suite suite_##name;
SUITES(X)
#undef X

#define X(name) &suite_##name,
static const struct suite *const suites[] = {SUITES(X)};
#undef X

#endif
