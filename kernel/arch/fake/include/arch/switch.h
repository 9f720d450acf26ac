/* SPDX-License-Identifier: MIT */
/* Switching contexts where there are none. */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include <core/context.h>

static inline void switch_native(struct cpu *c, struct thread *t)
{
	context_load(c, t);
}

static inline void context_switch(struct cpu *c, struct thread *t)
{
	context_load(c, t);
}
#endif
