/* SPDX-License-Identifier: MIT */
/*
 * Tests that print TAP:
 *
 *   TEST(finds_a_file) { CHECK(find("x") == 0); }
 *   int main(void) { RUN(finds_a_file); return tap_done(); }
 *
 * A failed CHECK ends its test, names file, line and expression, and lets the next test run.
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>
#include <stdio.h>

static unsigned tap_count, tap_failures;

#define TEST(name) static void test_##name(bool *tap_ok)

#define CHECK(expression)                                                                          \
	do {                                                                                       \
		if (!(expression)) {                                                               \
			*tap_ok = false;                                                           \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #expression);                  \
			return;                                                                    \
		}                                                                                  \
	} while (0)

#define RUN(name) tap_run(#name, test_##name)

static inline void tap_run(const char *name, void (*test)(bool *ok))
{
	bool ok = true;

	test(&ok);
	tap_count++;
	tap_failures += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tap_count, name);
	fflush(stdout);
}

static inline int tap_done(void)
{
	printf("1..%u\n", tap_count);
	return tap_failures != 0;
}

#endif
