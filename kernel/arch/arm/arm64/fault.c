/* SPDX-License-Identifier: MIT */
/* Faults in words. */
#include <arch/trap.h>
#include <core/ipc.h>
#include <core/log.h>
#include <object/task.h>

static const char *const fault_status[64] = {
	[0x00] = "address size fault, level 0",
	[0x04] = "translation fault, level 0",
	[0x05] = "translation fault, level 1",
	[0x06] = "translation fault, level 2",
	[0x07] = "translation fault, level 3",
	[0x09] = "access flag fault, level 1",
	[0x0a] = "access flag fault, level 2",
	[0x0b] = "access flag fault, level 3",
	[0x0d] = "permission fault, level 1",
	[0x0e] = "permission fault, level 2",
	[0x0f] = "permission fault, level 3",
	[0x10] = "external abort",
	[0x21] = "alignment fault",
	[0x30] = "TLB conflict",
};

static const char *const class_name[64] = {
	[EC_UNKNOWN] = "undefined instruction",
	[EC_WFX] = "WFI or WFE",
	[EC_FP] = "FP/SIMD access",
	[EC_ILLEGAL] = "illegal execution state",
	[EC_SVC64] = "SVC",
	[EC_HVC64] = "HVC",
	[EC_SMC64] = "SMC",
	[EC_SYSREG] = "system register access",
	[EC_INSN_LOWER] = "instruction abort",
	[EC_INSN_EL2] = "instruction abort in the kernel",
	[EC_PC_ALIGN] = "misaligned pc",
	[EC_DATA_LOWER] = "data abort",
	[EC_DATA_EL2] = "data abort in the kernel",
	[EC_SP_ALIGN] = "misaligned sp",
	[EC_SERROR] = "SError",
	[EC_BRK] = "breakpoint instruction",
};

static bool is_abort(u64 esr)
{
	unsigned class = ESR_CLASS(esr);

	return class >= EC_INSN_LOWER && class <= EC_DATA_EL2 && class != EC_PC_ALIGN;
}

const char *esr_text(u64 esr)
{
	const char *name = is_abort(esr) ? fault_status[esr & 0x3f] : class_name[ESR_CLASS(esr)];

	return name ? name : "unknown";
}

void fault_dump(const struct thread *t, u64 esr, u64 address)
{
	const struct takt_frame *r = &t->frame;
	const char *class = class_name[ESR_CLASS(esr)];

	klog_urgent("takt: thread '%s' of task '%s' stopped: %s, %s, esr %lx\n", t->name,
		    t->task ? t->task->name : "?", class ? class : "unknown", esr_text(esr), esr);
	klog_urgent("  pc %016lx  sp %016lx  lr %016lx  address %016lx  pstate %lx\n", r->pc, r->sp,
		    r->x[30], address, r->pstate);
	for (unsigned i = 0; i < 28; i += 4)
		klog_urgent("  x%-2u %016lx %016lx %016lx %016lx\n", i, r->x[i], r->x[i + 1],
			    r->x[i + 2], r->x[i + 3]);
	klog_urgent("  x28 %016lx %016lx\n", r->x[28], r->x[29]);
}
