/* SPDX-License-Identifier: MIT */
/* The inline parts of switching contexts: shared by context.c and the fast path of calls. */
#ifndef ARCH_SWITCH_H
#define ARCH_SWITCH_H

#include <arch/inline.h>
#include <arch/machine.h>
#include <core/cpu.h>
#include <object/task.h>
#include <object/thread.h>

static inline void load_space(struct cpu *c, struct task *task)
{
	if (c->loaded_task == task)
		return;
	WRITE_SYSREG(vttbr_el2, task->space.vttbr);
	c->loaded_task = task;
}

/*
 * FP/SIMD traps unless the context that runs owns the registers. A context has a key, an even
 * address: for a native one its thread's. cpu->fp_word is the owner's key, plus one if the registers
 * trap, rotated right by one bit. XORed with the key of the next context, it is 0 (open, and its
 * own) or, but for one value, negative (trapped, and another's) where nothing is to be changed; so
 * one comparison decides, here and in fastpath.S.
 */
#define FP_TRAPPED (1ul << 63)

static inline u64 fp_rotate(const void *key)
{
	return (u64)key >> 1 | (u64)key << 63;
}

static inline void fp_toggle(struct cpu *c)
{
	c->fp_word ^= FP_TRAPPED;
	WRITE_SYSREG(cptr_el2, READ_SYSREG(cptr_el2) ^ CPTR_TFP);
}

static inline void fp_next(struct cpu *c, const void *key)
{
	u64 w = c->fp_word ^ fp_rotate(key);

	if (unlikely((s64)(w - 1) >= 0)) /* positive, or the least there is */
		fp_toggle(c);
}

/* From the native context that is loaded to that of another thread; c->frame stays behind. */
static inline void switch_native(struct cpu *c, struct thread *next)
{
	c->loaded->tpidr = READ_SYSREG(tpidr_el0);
	WRITE_SYSREG(tpidr_el0, next->tpidr);
	load_space(c, next->task);
	fp_next(c, next);
	c->loaded = next;
}

/* context_load() to the native context of t, where a native one is loaded. */
static inline void context_switch(struct cpu *c, struct thread *t)
{
	if (likely(c->loaded != t))
		switch_native(c, t);
	c->frame = t->regs;
}
#endif
