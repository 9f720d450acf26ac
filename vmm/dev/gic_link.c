/* SPDX-License-Identifier: MIT */
#include "gic_link.h"
#include "../core/log.h"

static volatile uint32_t *config_word(struct gic_link *link, unsigned cpu, uint32_t intid)
{
	struct machine *m = link->machine;

	return intid < 32 ? &m->vcpu[cpu].page->virq[intid] : &m->virq->virq[intid - 32];
}

/* On the vCPU's own thread what the kernel has to do waits for its next resume. */
static void act(struct gic_link *link, unsigned cpu, uint32_t intid, enum takt_virq_action action)
{
	struct vcpu *v = link->vcpu;
	int err;

	if (!v || (intid < 32 && cpu != v->index))
		v = &link->machine->vcpu[cpu];
	/* Not something that a kernel may refuse: a rider that fails stops the guest. */
	if (v == link->vcpu && action != TAKT_VIRQ_ACTIVATE) {
		vcpu_irq(v, intid, action);
		return;
	}
	err = action == TAKT_VIRQ_SYNC ? takt_virq_sync(v->self, intid)
				       : takt_virq_set(v->self, intid, action);
	if (err)
		vmm_log("interrupt %u, action %u: error %d", intid, action, err);
}

static void gic_config(void *self, unsigned cpu, uint32_t intid, uint32_t word)
{
	struct gic_link *link = self;
	volatile uint32_t *at = config_word(link, cpu, intid);
	uint32_t old = __atomic_load_n(at, __ATOMIC_RELAXED);

	if (old == word)
		return;
	while (!__atomic_compare_exchange_n(at, &old, word, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		;
	/* Of an interrupt that was and stays disabled nobody needs to hear. */
	if ((old | word) & TAKT_VIRQ_ENABLED)
		act(link, cpu, intid, TAKT_VIRQ_SYNC);
}

static void gic_action(void *self, unsigned cpu, uint32_t intid, enum takt_virq_action action)
{
	act(self, cpu, intid, action);
}

static unsigned gic_query(void *self, unsigned cpu, uint32_t intid)
{
	struct gic_link *link = self;
	int state = takt_virq_query(link->machine->vcpu[cpu].self, intid);

	return state < 0 ? 0 : (unsigned)state;
}

static void gic_sgi(void *self, unsigned cpu, uint8_t targets, uint32_t intid)
{
	struct gic_link *link = self;

	vcpu_sgi(&link->machine->vcpu[cpu], intid, targets);
}

const struct gic_ops gic_link_ops = {
	.config = gic_config,
	.action = gic_action,
	.query = gic_query,
	.sgi = gic_sgi,
};
