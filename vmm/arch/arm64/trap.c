/* SPDX-License-Identifier: MIT */
/* What the guest was trapped for, by exception class. Waiting, system registers and floating point
 * the kernel answers itself. */
#include "../../core/device.h"
#include "../../core/log.h"
#include "arm64.h"

static __attribute__((noinline)) void refuse(struct vcpu *v, const char *what)
{
	if (v->logged < GUEST_MAX_LOGGED) {
		v->logged++;
		vmm_log("cpu%u: %s: pc %lx ipa %lx far %lx esr %lx", v->index, what,
			v->page->guest.pc, v->page->ipa, v->page->far, v->page->esr);
	}
	arch_inject_abort(v);
}

/* A loaded value as the instruction wants it where it is sign-extended, to 32 or 64 bits. */
static uint64_t extend(uint64_t value, unsigned size, uint64_t esr)
{
	unsigned unused = 64 - size * 8;

	value = (uint64_t)((int64_t)(value << unused) >> unused);
	return esr & ISS_SF ? value : (uint32_t)value;
}

/* What is more, or less, than one access to a device. */
static __attribute__((noinline)) void odd_abort(struct vcpu *v, uint64_t esr)
{
	if (esr & ISS_S1PTW)
		refuse(v, "page table outside the machine's memory");
	else if (esr & ISS_CM)
		/* Cache maintenance by address: devices have no cache to maintain. */
		arch_skip(v);
	else
		refuse(v, "access of a kind that is not emulated");
}

/* The bits of a value of that size. */
static inline uint64_t mask_of(uint64_t esr)
{
	return UINT64_MAX >> (-(8u << ISS_SAS(esr)) & 63);
}

static inline bool store(struct vcpu *v, uint64_t esr)
{
	struct mmio io;

	io.vcpu = v;
	io.size = 1u << ISS_SAS(esr);
	io.write = true;
	io.value = arch_get(v, ISS_SRT(esr)) & mask_of(esr);
	return mmio_access(v->page->ipa, &io);
}

static inline bool load(struct vcpu *v, uint64_t esr)
{
	struct mmio io;

	io.vcpu = v;
	io.size = 1u << ISS_SAS(esr);
	io.write = false;
	io.value = 0;
	if (!mmio_access(v->page->ipa, &io))
		return false;
	arch_set(v, ISS_SRT(esr),
		 esr & ISS_SSE ? extend(io.value, io.size, esr) : io.value & mask_of(esr));
	return true;
}

static __attribute__((noinline)) void refuse_access(struct vcpu *v, uint64_t esr)
{
	refuse(v, esr & ISS_WNR ? "write outside the machine" : "read outside the machine");
}

static inline void data_abort(struct vcpu *v, uint64_t esr)
{
	if (!(esr & ISS_ISV) || esr & (ISS_S1PTW | ISS_CM))
		odd_abort(v, esr);
	else if (esr & ISS_WNR ? store(v, esr) : load(v, esr))
		arch_skip(v);
	else
		refuse_access(v, esr);
}

static __attribute__((noinline)) void other_trap(struct vcpu *v)
{
	switch (ESR_EC(v->page->esr)) {
	case EC_SMC64:
		/* Other than after HVC, pc is still at the instruction. */
		arch_skip(v);
		hypercall(v);
		break;
	case EC_INSTRUCTION_ABORT:
		refuse(v, "jump outside the machine's memory");
		break;
	default:
		/* Features that this machine does not have. */
		if (v->logged < GUEST_MAX_LOGGED) {
			v->logged++;
			vmm_log("cpu%u: undefined: pc %lx esr %lx", v->index, v->page->guest.pc,
				v->page->esr);
		}
		arch_inject_undefined(v);
		break;
	}
}

bool arch_trap(struct vcpu *v)
{
	uint64_t esr = v->page->esr;
	unsigned class = ESR_EC(esr);

	if (class == EC_DATA_ABORT)
		data_abort(v, esr);
	else if (class == EC_HVC64)
		hypercall(v);
	else
		other_trap(v);
	return vcpu_goes_on(v);
}
