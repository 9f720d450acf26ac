/* SPDX-License-Identifier: MIT */
/* Tests of the library, on a program that root started; TAP on the log. */
#ifndef RT_TEST_H
#define RT_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <takt/rt.h>

extern unsigned test_count, test_failures;
extern bool test_good;

#define CHECK(e)                                                                                   \
	do {                                                                                       \
		if (!(e)) {                                                                        \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #e);                           \
			test_good = false;                                                         \
		}                                                                                  \
	} while (0)

#define RUN(name) test_run(#name, test_##name)
void test_run(const char *name, void (*fn)(void));

/* A thread of this program, at `priority`, which runs `fn`. */
int thread_start(struct rt_thread *t, void (*fn)(void *arg), void *arg, unsigned priority);
/* Waits until *flag, for a second at most. */
bool within_a_second(volatile bool *flag);

void test_server(void);
#endif
