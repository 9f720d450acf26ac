/* SPDX-License-Identifier: MIT */
/* The inline parts of switching contexts: shared by context.c and the fast path of calls. */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include <arch/inline.h>
#include <arch/machine.h>
#include <core/cpu.h>
#include <object/task.h>
#include <object/thread.h>

static inline void load_space(struct cpu *c, struct stage2 *s)
{
	if (c->loaded_space == s)
		return;
	WRITE_SYSREG(vttbr_el2, s->vttbr);
	c->loaded_space = s;
}

static inline void trap_fp(struct cpu *c, bool trap)
{
	if (c->fp_trapped == trap)
		return;
	c->fp_trapped = trap;
	WRITE_SYSREG(cptr_el2, trap ? CPTR_BASE | CPTR_TFP : CPTR_BASE);
}

/* From the native context that is loaded to that of another thread. */
static inline void switch_native(struct cpu *c, struct thread *next)
{
	c->loaded->tpidr = READ_SYSREG(tpidr_el0);
	WRITE_SYSREG(tpidr_el0, next->tpidr);
	load_space(c, &next->task->space);
	trap_fp(c, c->fp_owner != &next->fp);
	c->frame = next->regs;
	c->loaded = next;
}

/* For context_switch: native code is what is loaded. */
static inline bool context_is_native(const struct cpu *c)
{
	return c->world == WORLD_NATIVE;
}

/* context_load() to the native context of t, where a native one is loaded. */
static inline void context_switch(struct cpu *c, struct thread *t)
{
	if (likely(c->loaded != t))
		switch_native(c, t);
	else
		c->frame = t->regs;
}
#endif
