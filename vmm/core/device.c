/* SPDX-License-Identifier: MIT */
/* The registry of device types, the machine's bus, and hypercalls. */
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "log.h"

/* The linker names the ends of a section whose name is an identifier. */
extern const struct device_type __start_vmm_device_types[], __stop_vmm_device_types[];

#define SMCCC_NOT_SUPPORTED ((uint64_t)-1)

static const struct device_type *find_type(const char *compatible)
{
	for (const struct device_type *t = __start_vmm_device_types; t < __stop_vmm_device_types;
	     t++)
		if (!strcmp(t->compatible, compatible))
			return t;
	return NULL;
}

int device_create(struct machine *m, const char *compatible, uint64_t base, uint64_t size,
		  uint32_t irq)
{
	const struct device_type *type = find_type(compatible);
	struct device *dev;
	int err;

	if (!type || m->devices == GUEST_MAX_DEVICES || (type->hypercall && m->firmware)) {
		vmm_log("%s: no such device, or too many", compatible);
		return TAKT_E_INVAL;
	}
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return TAKT_E_NOMEM;
	*dev = (struct device){.type = type,
			       .machine = m,
			       .base = base,
			       .size = size,
			       .irq = irq,
			       .index = m->devices};
	err = type->create(dev);
	if (err) {
		vmm_log("%s: %s", compatible, rt_error(err));
		free(dev);
		return err;
	}
	m->device[m->devices++] = dev;
	if (type->hypercall)
		m->firmware = dev;
	return 0;
}

static int make_irq(takt_slot thread, uint64_t badge)
{
	takt_slot irq = env_slot_alloc();
	int err;

	if (!irq)
		return TAKT_E_QUOTA;
	/* Where this fails there is no machine: the program ends, and with it what it made. */
	err = takt_create_irq(TAKT_SELF_FACTORY, irq);
	if (!err)
		err = takt_irq_bind_thread(irq, thread, badge);
	return err ? err : (int)irq;
}

int device_work(struct device *dev)
{
	return make_irq(TAKT_SELF_THREAD, DEVICE_BADGE(dev));
}

int machine_irq(takt_slot thread)
{
	return make_irq(thread, 1);
}

/*
 * Where several threads change the line, it must end as the last of them left it, whichever resumes
 * its guest first: so the kernel is told under the lock, and not with the next resume.
 */
void device_line(struct device *dev, struct vcpu *v, bool high)
{
	enum takt_virq_action action = high ? TAKT_VIRQ_HIGH : TAKT_VIRQ_LOW;
	struct machine *m = dev->machine;
	int err;

	if (dev->line == high)
		return;
	dev->line = high;
	if (v && m->vcpus == 1 && !dev->type->work) {
		vcpu_irq(v, dev->irq, action);
		return;
	}
	err = takt_virq_set(v ? v->self : m->vcpu[0].self, dev->irq, action);
	if (err)
		vmm_log("%s: interrupt line: error %d", dev->type->compatible, err);
}

bool device_look_up(struct vcpu *v, uint64_t address)
{
	struct machine *m = v->machine;

	for (unsigned i = 0; i < m->devices; i++) {
		struct device *dev = m->device[i];

		if (address - dev->base < dev->size && dev->type->access) {
			*device_seen(v, address) = dev;
			return true;
		}
	}
	return false;
}

bool device_access_locked(struct device *dev, struct mmio *io)
{
	bool good;

	lock_take(&dev->lock);
	good = dev->type->access(dev, io);
	lock_give(&dev->lock);
	return good;
}

void hypercall(struct vcpu *v)
{
	struct device *dev = v->machine->firmware;

	if (!dev || !dev->type->hypercall(dev, v))
		v->page->guest.x[0] = SMCCC_NOT_SUPPORTED;
}
