/* SPDX-License-Identifier: MIT */
/* The machine as a whole: made, loaded, started, stopped. */
#include <string.h>

#include "device.h"
#include "log.h"

static int create_task(struct machine *m)
{
	takt_slot task = env_slot_alloc();
	uint64_t config = TAKT_VA_VM_CONFIG(0);
	int err;

	if (!task)
		return TAKT_E_QUOTA;
	err = takt_create_task(TAKT_SELF_FACTORY, TAKT_TASK_VM, env_string("label", "vm"), task);
	if (err)
		return err;
	err = takt_task_vm_config(task, TAKT_SELF_TASK, GUEST_SHARED_IRQS, config);
	if (err)
		return err;
	m->task = task;
	m->virq = (struct takt_vm_page *)config;
	return 0;
}

int machine_create(struct machine *m)
{
	int err = create_task(m);

	if (err) {
		vmm_log("creating the guest's task: %s", rt_error(err));
		return err;
	}
	err = memory_create(m);
	if (err)
		return err;
	err = machine_irq(TAKT_SELF_THREAD);
	if (err < 0)
		return err;
	m->control = (takt_slot)err;
	m->vcpus = (unsigned)env_number("vcpus", 1);
	if (m->vcpus != 1) {
		/* The device models rely on one vCPU's thread being the only one in them. */
		vmm_log("%u vCPUs asked for, 1 is what there can be", m->vcpus);
		return TAKT_E_INVAL;
	}
	for (unsigned i = 0; i < m->vcpus; i++) {
		err = vcpu_create(m, i);
		if (err)
			return err;
	}
	err = board_create(m);
	if (err)
		return err;
	/* Only now: the threads look at all of the above. */
	for (unsigned i = 0; i < m->vcpus && !err; i++)
		err = rt_thread_go(&m->vcpu[i].thread);
	if (err)
		vmm_log("starting the vCPUs' threads: %s", rt_error(err));
	return err;
}

/* An interrupt line that a device left high must not reach the next guest. */
static int reset_device(struct machine *m, struct device *dev)
{
	if (dev->type->reset)
		dev->type->reset(dev);
	if (!dev->line)
		return 0;
	dev->line = false;
	return takt_virq_set(m->vcpu[0].self, dev->irq, TAKT_VIRQ_LOW);
}

int machine_load(struct machine *m)
{
	int err = 0;

	for (unsigned i = 0; i < m->devices && !err; i++)
		err = reset_device(m, m->device[i]);
	if (!err)
		err = boot_image_load(m);
	if (err)
		vmm_log("the guest cannot be loaded: %s", rt_error(err));
	return err;
}

void machine_ask(struct machine *m, enum machine_request request)
{
	int run = MACHINE_RUN;

	if (!__atomic_compare_exchange_n(&m->request, &run, request, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return;
	for (unsigned i = 0; i < m->vcpus; i++)
		(void)!takt_irq_trigger(m->vcpu[i].kick);
	(void)!takt_irq_trigger(m->control);
}

static bool all_off(struct machine *m)
{
	for (unsigned i = 0; i < m->vcpus; i++)
		if (vcpu_state(&m->vcpu[i]) != VCPU_OFF)
			return false;
	return true;
}

/* From pristine memory; the vCPUs are off. */
static void restart(struct machine *m)
{
	int err;

	memset(m->memory, 0, m->ram_size);
	err = memory_sync(m, GUEST_RAM, m->ram_size);
	if (!err)
		err = machine_load(m);
	if (err) {
		vmm_log("the machine cannot be restarted: %s", rt_error(err));
		return;
	}
	__atomic_store_n(&m->request, MACHINE_RUN, __ATOMIC_RELEASE);
	(void)vcpu_start(&m->vcpu[0], m->boot_pc, m->boot_x0);
}

/* Does what was asked for, once no vCPU is in the guest any more. What the guest left on its
 * routed lines stays as it is. */
static void control(struct machine *m)
{
	enum machine_request request = machine_asked(m);

	if (request == MACHINE_RUN || !all_off(m))
		return;
	switch (request) {
	case MACHINE_RESET:
		vmm_log("the guest resets its machine");
		restart(m);
		break;
	case MACHINE_OFF:
		vmm_log("the guest switched its machine off");
		break;
	default:
		break;
	}
	if (request != MACHINE_RESET)
		m->stopped = true;
}

void machine_serve(struct machine *m)
{
	for (;;) {
		struct takt_msg msg = {0};
		uint64_t badges;

		if (takt_wait(&msg, TAKT_NEVER))
			continue;
		badges = msg.w[0];
		for (uint64_t b = badges >> 1; b; b &= b - 1) {
			struct device *dev = m->device[__builtin_ctzl(b)];

			if (dev->type->work)
				dev->type->work(dev);
		}
		if (badges & 1 && !m->stopped)
			control(m);
	}
}
