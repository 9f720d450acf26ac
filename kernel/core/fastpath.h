/* SPDX-License-Identifier: MIT */
#ifndef CORE_FASTPATH_H
#define CORE_FASTPATH_H

#include <core/cpu.h>

/* The running thread made a system call: true if it was a plain call or reply, and is done. */
bool fastpath(struct cpu *c) MUST_CHECK;
#endif
