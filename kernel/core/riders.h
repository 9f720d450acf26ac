/* SPDX-License-Identifier: MIT */
/* Changes of virtual interrupts that ride on a machine's resume. */
#ifndef CORE_RIDERS_H
#define CORE_RIDERS_H

#include <core/context.h>

static inline int apply_rider(struct thread *t, u32 intid, u32 action)
{
	u32 what = action & 0xff;

	if (likely(what == TAKT_VIRQ_SGI)) /* the most frequent */
		return virq_sgi_from(t, action >> TAKT_VIRQ_SGI_SHIFT, intid);
	if (what == TAKT_VIRQ_SYNC)
		return virq_sync(t, intid);
	return action > TAKT_VIRQ_ACTIVATE ? TAKT_E_INVAL : virq_set(t, intid, action);
}

/* 0, or an error for the monitor: the state page makes no sense. */
static inline MUST_CHECK int apply_riders(struct thread *t)
{
	struct takt_vcpu_page *p = t->vp;
	u32 n = *(volatile u32 *)&p->riders;

	p->riders = 0;
	if (n > TAKT_VCPU_RIDERS)
		return TAKT_E_RANGE;
	for (const struct takt_vcpu_rider *r = p->rider, *end = r + n; r < end; r++) {
		u32 intid = *(volatile u32 *)&r->intid;
		u32 action = *(volatile u32 *)&r->action;
		int err = apply_rider(t, intid, action);

		if (err)
			return err;
	}
	return 0;
}
#endif
