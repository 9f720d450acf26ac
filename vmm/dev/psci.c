/* SPDX-License-Identifier: MIT */
/* Firmware: PSCI 1.0 and the SMC calling convention's own calls, by HVC or SMC. */
#include "../core/device.h"

#define PSCI_64BIT 0x40000000u
#define PSCI_BASE 0x84000000u

enum psci_function {
	PSCI_VERSION = PSCI_BASE,
	PSCI_CPU_SUSPEND = PSCI_BASE + 1,
	PSCI_CPU_OFF = PSCI_BASE + 2,
	PSCI_CPU_ON = PSCI_BASE + 3,
	PSCI_AFFINITY_INFO = PSCI_BASE + 4,
	PSCI_MIGRATE_INFO_TYPE = PSCI_BASE + 6,
	PSCI_SYSTEM_OFF = PSCI_BASE + 8,
	PSCI_SYSTEM_RESET = PSCI_BASE + 9,
	PSCI_FEATURES = PSCI_BASE + 10,
	SMCCC_VERSION = 0x80000000u,
	SMCCC_ARCH_FEATURES = 0x80000001u,
};

enum psci_result {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INTERNAL_FAILURE = -6,
	PSCI_INVALID_ADDRESS = -9,
};

#define PSCI_VERSION_1_0 0x10000
#define SMCCC_VERSION_1_1 0x10001
#define PSCI_MIGRATE_NOT_NEEDED 2

#define POWER_DOWN 0x10000 /* in the power state of CPU_SUSPEND */

/* AFFINITY_INFO */
#define AFFINITY_ON 0
#define AFFINITY_OFF 1
#define AFFINITY_ON_PENDING 2

#define AFFINITY_MASK 0xff00fffffful

static struct vcpu *find_vcpu(struct machine *m, uint64_t affinity)
{
	for (unsigned i = 0; i < m->vcpus; i++)
		if (arch_vcpu_affinity(i) == (affinity & AFFINITY_MASK))
			return &m->vcpu[i];
	return NULL;
}

static int64_t cpu_on(struct machine *m, uint64_t target, uint64_t entry, uint64_t context)
{
	struct vcpu *v = find_vcpu(m, target);

	if (!v)
		return PSCI_INVALID_PARAMETERS;
	if (!memory_at(m, entry, 4))
		return PSCI_INVALID_ADDRESS;
	if (vcpu_start(v, entry, context))
		return PSCI_SUCCESS;
	switch (vcpu_state(v)) {
	case VCPU_ON:
		return PSCI_ALREADY_ON;
	case VCPU_OFF:
		return PSCI_INTERNAL_FAILURE;
	default:
		return PSCI_ON_PENDING;
	}
}

static int64_t affinity_info(struct machine *m, uint64_t target, uint64_t level)
{
	struct vcpu *v = find_vcpu(m, target);

	if (!v || level)
		return PSCI_INVALID_PARAMETERS;
	switch (vcpu_state(v)) {
	case VCPU_ON:
		return AFFINITY_ON;
	case VCPU_OFF:
		return AFFINITY_OFF;
	default:
		return AFFINITY_ON_PENDING;
	}
}

/* Standby only: the guest goes on behind the call once an interrupt is pending. */
static int64_t suspend(struct vcpu *v, uint64_t power_state)
{
	if (power_state & POWER_DOWN)
		return PSCI_INVALID_PARAMETERS;
	v->page->standby = 1;
	return PSCI_SUCCESS;
}

static int64_t features(uint32_t function)
{
	switch (function) {
	case PSCI_CPU_SUSPEND:
	case PSCI_CPU_ON:
	case PSCI_AFFINITY_INFO:
	case PSCI_CPU_SUSPEND | PSCI_64BIT:
	case PSCI_CPU_ON | PSCI_64BIT:
	case PSCI_AFFINITY_INFO | PSCI_64BIT:
	case PSCI_VERSION:
	case PSCI_CPU_OFF:
	case PSCI_MIGRATE_INFO_TYPE:
	case PSCI_SYSTEM_OFF:
	case PSCI_SYSTEM_RESET:
	case PSCI_FEATURES:
	case SMCCC_VERSION:
		return PSCI_SUCCESS;
	default:
		return PSCI_NOT_SUPPORTED;
	}
}

/* The functions that have a 64-bit variant, with the arguments as wide as the caller's. */
static bool call_wide(struct vcpu *v, uint32_t function, const uint64_t *x, int64_t *result)
{
	struct machine *m = v->machine;
	uint64_t mask = function & PSCI_64BIT ? UINT64_MAX : UINT32_MAX;

	switch (function & ~PSCI_64BIT) {
	case PSCI_CPU_SUSPEND:
		*result = suspend(v, x[1]);
		return true;
	case PSCI_CPU_ON:
		*result = cpu_on(m, x[1] & mask, x[2] & mask, x[3] & mask);
		return true;
	case PSCI_AFFINITY_INFO:
		*result = affinity_info(m, x[1] & mask, x[2] & mask);
		return true;
	default:
		return false;
	}
}

static bool call(struct vcpu *v, uint32_t function, const uint64_t *x, int64_t *result)
{
	struct machine *m = v->machine;

	switch (function) {
	case PSCI_VERSION:
		*result = PSCI_VERSION_1_0;
		return true;
	case PSCI_CPU_OFF:
		/* The thread sees it before it would enter the guest again. */
		__atomic_store_n(&v->state, VCPU_OFF, __ATOMIC_RELEASE);
		*result = PSCI_SUCCESS;
		return true;
	case PSCI_MIGRATE_INFO_TYPE:
		*result = PSCI_MIGRATE_NOT_NEEDED;
		return true;
	case PSCI_SYSTEM_OFF:
		machine_ask(m, MACHINE_OFF);
		*result = PSCI_SUCCESS;
		return true;
	case PSCI_SYSTEM_RESET:
		machine_ask(m, MACHINE_RESET);
		*result = PSCI_SUCCESS;
		return true;
	case PSCI_FEATURES:
		*result = features((uint32_t)x[1]);
		return true;
	case SMCCC_VERSION:
		*result = SMCCC_VERSION_1_1;
		return true;
	case SMCCC_ARCH_FEATURES:
		*result = x[1] == SMCCC_VERSION || x[1] == SMCCC_ARCH_FEATURES ? PSCI_SUCCESS
									       : PSCI_NOT_SUPPORTED;
		return true;
	default:
		return call_wide(v, function, x, result);
	}
}

static bool psci_hypercall(struct device *dev, struct vcpu *v)
{
	uint64_t *x = v->page->guest.x;
	int64_t result;

	(void)dev;
	if (!call(v, (uint32_t)x[0], x, &result))
		return false;
	x[0] = (uint64_t)result;
	return true;
}

static void psci_tree(struct device *dev, struct tree *tree)
{
	tree_begin(tree, "psci", TREE_NO_UNIT);
	tree_strings(tree, "compatible", dev->type->compatible, "arm,psci-0.2");
	tree_string(tree, "method", "hvc");
	tree_end(tree);
}

static int psci_create(struct device *dev)
{
	(void)dev;
	return 0;
}

DEVICE_TYPE(psci) = {
	.compatible = "arm,psci-1.0",
	.create = psci_create,
	.hypercall = psci_hypercall,
	.tree = psci_tree,
};
