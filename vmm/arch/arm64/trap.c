/* SPDX-License-Identifier: MIT */
/* What the guest was trapped for, by exception class. Waiting, system registers and floating point
 * the kernel answers itself. */
#include "../../core/device.h"
#include "../../core/log.h"
#include "arm64.h"

static bool refuse(struct vcpu *v, const char *what)
{
	if (v->logged < GUEST_MAX_LOGGED) {
		v->logged++;
		vmm_log("cpu%u: %s: pc %lx ipa %lx far %lx esr %lx", v->index, what,
			v->page->guest.pc, v->page->ipa, v->page->far, v->page->esr);
	}
	return arch_inject_abort(v);
}

/* A loaded value as the instruction wants it: sign-extended or not, 32 or 64 bits wide. */
static uint64_t extend(uint64_t value, unsigned size, uint64_t esr)
{
	unsigned unused = 64 - size * 8;

	value <<= unused;
	if (!(esr & ISS_SSE))
		return value >> unused;
	value = (uint64_t)((int64_t)value >> unused);
	return esr & ISS_SF ? value : (uint32_t)value;
}

static bool data_abort(struct vcpu *v)
{
	uint64_t esr = v->page->esr;
	struct mmio io = {.vcpu = v, .size = 1u << ISS_SAS(esr), .write = esr & ISS_WNR};
	unsigned reg = ISS_SRT(esr);

	if (esr & ISS_S1PTW)
		return refuse(v, "page table outside the machine's memory");
	if (esr & ISS_CM) {
		/* Cache maintenance by address: devices have no cache to maintain. */
		arch_skip(v);
		return true;
	}
	if (!(esr & ISS_ISV))
		return refuse(v, "access of a kind that is not emulated");
	if (io.write) {
		io.value = arch_get(v, reg);
		if (io.size < 8)
			io.value &= (1ul << io.size * 8) - 1;
	}
	if (!mmio_access(v->machine, v->page->ipa, &io))
		return refuse(v,
			      io.write ? "write outside the machine" : "read outside the machine");
	if (!io.write)
		arch_set(v, reg, extend(io.value, io.size, esr));
	arch_skip(v);
	return true;
}

bool arch_trap(struct vcpu *v)
{
	switch (ESR_EC(v->page->esr)) {
	case EC_DATA_ABORT:
		return data_abort(v);
	case EC_SMC64:
		/* Other than after HVC, pc is still at the instruction. */
		arch_skip(v);
		/* fall through */
	case EC_HVC64:
		hypercall(v);
		return true;
	case EC_INSTRUCTION_ABORT:
		return refuse(v, "jump outside the machine's memory");
	default:
		/* Features that this machine does not have. */
		if (v->logged < GUEST_MAX_LOGGED) {
			v->logged++;
			vmm_log("cpu%u: undefined: pc %lx esr %lx", v->index, v->page->guest.pc,
				v->page->esr);
		}
		return arch_inject_undefined(v);
	}
}
