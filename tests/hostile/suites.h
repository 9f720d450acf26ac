/* SPDX-License-Identifier: MIT */
#ifndef SUITES_H
#define SUITES_H

#include "../target/harness.h"

extern const struct suite suite_found, suite_hostile;

static const struct suite *const suites[] = {&suite_found, &suite_hostile};

#endif
