/* SPDX-License-Identifier: MIT */
/* The interrupt controller: the right to obtain irqs for hardware lines. */
#include <core/arch.h>
#include <core/invoke.h>
#include <object/factory.h>
#include <object/irq.h>

#define FIRST_LINE 16 /* SGIs are the kernel's */

static bool kernel_line(u32 intid)
{
	return intid == platform.hyp_timer_intid || intid == platform.virt_timer_intid ||
	       intid == platform.maintenance_intid;
}

static void put_line(struct object *irq)
{
	intc_put_line(container_of(irq, struct irq, object));
}

int intc_op_get(struct object *self, u64 rights, struct invocation *in)
{
	struct factory *f = container_of(in->cap[0], struct factory, object);
	u64 intid = in->w[0];
	struct irq *irq;
	int err;

	(void)self;
	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_FACTORY_CREATE))
		return TAKT_E_RIGHTS;
	if (intid < FIRST_LINE || intid >= irqc_lines() || kernel_line((u32)intid))
		return TAKT_E_RANGE;
	if (in->w[1] > 1)
		return TAKT_E_INVAL;
	err = invocation_window(in);
	if (err)
		return err;
	irq = irq_create(f, (u32)intid, in->w[1]);
	if (!irq)
		return TAKT_E_NOMEM;
	err = intc_get_line((u32)intid, irq);
	if (err) {
		object_discard(&irq->object);
		return err;
	}
	return invocation_give(in, &irq->object, TAKT_R_ALL, put_line);
}
