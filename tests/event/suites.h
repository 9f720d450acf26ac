/* SPDX-License-Identifier: MIT */
#ifndef SUITES_H
#define SUITES_H

#include "../target/harness.h"

extern const struct suite suite_event_matrix, suite_event, suite_machine_matrix, suite_machine,
	suite_consumed, suite_event_calls, suite_stop;

static const struct suite *const suites[] = {&suite_event_matrix,   &suite_event,
					     &suite_machine_matrix, &suite_machine,
					     &suite_consumed,	    &suite_event_calls,
					     &suite_stop};

#endif
