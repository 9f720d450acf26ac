/* SPDX-License-Identifier: MIT */
#ifndef SUITES_H
#define SUITES_H

#include "../target/harness.h"

extern const struct suite suite_budget, suite_donation, suite_timeout;

static const struct suite *const suites[] = {&suite_budget, &suite_donation, &suite_timeout};

#endif
