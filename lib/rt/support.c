/* SPDX-License-Identifier: MIT */
/* What the C library and libfdt want from the system, and names of errors. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "rt_internal.h"

/* Debian's libfdt is built with stack protection. */
void __stack_chk_fail(void) __attribute__((noreturn));
void __stack_chk_fail(void)
{
	printf("%s: stack overwritten\n", env_string("takt,name", "root"));
	rt_exit(-1);
}

/* A signal that a program sends itself, by abort() in the first place, ends it. */
int getpid(void)
{
	return 1;
}

int kill(int pid, int signal)
{
	(void)pid;
	printf("%s: signal %d\n", env_string("takt,name", "root"), signal);
	rt_exit(-1);
}

const char *rt_error(int err)
{
	switch (err) {
	case 0:
		return "no error";
#define X(name, code, text)                                                                        \
	case code:                                                                                 \
		return #name;
		TAKT_ERRORS(X)
#undef X
	default:
		return "unknown error";
	}
}
