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

/* What is to happen after each kind of end. */
static int read_policies(struct machine *m)
{
	static const struct {
		enum machine_request request;
		const char *property, *otherwise;
	} policy[] = {
		{MACHINE_RESET, "on-reset", "restart"},
		{MACHINE_OFF, "on-off", "stop"},
		{MACHINE_FAILED, "on-crash", "stop"},
	};

	for (unsigned i = 0; i < sizeof(policy) / sizeof(policy[0]); i++) {
		const char *what = env_string(policy[i].property, policy[i].otherwise);
		bool again = !strcmp(what, "restart");

		if (!again && strcmp(what, "stop")) {
			vmm_log("%s: '%s' is neither 'restart' nor 'stop'", policy[i].property,
				what);
			return TAKT_E_INVAL;
		}
		m->again[policy[i].request] = again;
	}
	return 0;
}

int machine_create(struct machine *m)
{
	int err = create_task(m);

	if (err) {
		vmm_log("creating the guest's task: %s", rt_error(err));
		return err;
	}
	err = read_policies(m);
	if (err)
		return err;
	err = memory_create(m);
	if (err)
		return err;
	err = machine_irq(TAKT_SELF_THREAD);
	if (err < 0)
		return err;
	m->control = (takt_slot)err;
	err = rt_notify_servers(TAKT_SELF_THREAD, SERVER_BADGE);
	if (err)
		return err;
	m->vcpus = (unsigned)env_number("vcpus", 1);
	if (!m->vcpus || m->vcpus > GUEST_MAX_VCPUS) {
		vmm_log("vcpus: %u is not in 1..%u", m->vcpus, GUEST_MAX_VCPUS);
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
static void reset_device(struct device *dev)
{
	if (dev->type->reset)
		dev->type->reset(dev);
	device_line(dev, NULL, false);
}

int machine_load(struct machine *m)
{
	int err;

	for (unsigned i = 0; i < m->devices; i++)
		reset_device(m->device[i]);
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
static int restart(struct machine *m)
{
	int err;

	memory_clear(m->memory, m->ram_size);
	err = machine_load(m);
	if (err) {
		vmm_log("the machine cannot be restarted: %s", rt_error(err));
		return err;
	}
	__atomic_store_n(&m->request, MACHINE_RUN, __ATOMIC_RELEASE);
	return vcpu_start(&m->vcpu[0], m->boot_pc, m->boot_x0) ? 0 : TAKT_E_STATE;
}

/* Does what was asked for, once no vCPU is in the guest any more. What the guest left on its
 * routed lines stays as it is. */
static void control(struct machine *m)
{
	static const char *const why[MACHINE_REQUESTS] = {
		[MACHINE_OFF] = "the guest switched its machine off",
		[MACHINE_RESET] = "the guest resets its machine",
		[MACHINE_FAILED] = "the machine cannot go on",
	};
	enum machine_request request = machine_asked(m);

	if (request == MACHINE_RUN || !all_off(m))
		return;
	if (!m->announced) {
		vmm_log("%s: %s", why[request], m->again[request] ? "it is restarted" : "it stops");
		m->announced = true;
		/* That goes out before we are busy, or have stopped. */
		(void)!takt_irq_trigger(m->control);
		return;
	}
	m->announced = false;
	m->stopped = !m->again[request] || restart(m);
}

static void renew_devices(struct machine *m)
{
	for (unsigned i = 0; i < m->devices; i++)
		if (m->device[i]->type->renew)
			m->device[i]->type->renew(m->device[i]);
}

void machine_serve(struct machine *m)
{
	for (;;) {
		struct takt_msg msg = {0};
		uint64_t badges = lock_missed();

		if (!badges && takt_wait(&msg, TAKT_NEVER))
			continue;
		badges |= msg.w[0];
		if (badges & SERVER_BADGE)
			renew_devices(m);
		for (uint64_t b = (badges & ~SERVER_BADGE) >> 1; b; b &= b - 1) {
			struct device *dev = m->device[__builtin_ctzl(b)];

			if (dev->type->work)
				dev->type->work(dev);
		}
		if (badges & 1 && !m->stopped)
			control(m);
	}
}
