/* SPDX-License-Identifier: MIT */
/* Switching contexts where there are none. */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include <core/context.h>

static inline bool context_is_native(const struct cpu *c)
{
	return c->world == WORLD_NATIVE;
}

static inline void context_switch(struct cpu *c, struct thread *t)
{
	context_load(c, t);
}
#endif
