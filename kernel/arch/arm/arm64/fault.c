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

/*
 * A dump takes its time to be put into words, so that is done a line at a time where the log is let
 * out (log.c). One is kept; a thread that faults before it is written gets the first line only.
 */
static struct {
	bool taken; /* by who fills it in */
	bool busy;  /* filled in, to be written */
	unsigned line;
	char thread[17], task[17];
	struct takt_frame r;
	u64 esr, address;
} dump;

#define DUMP_LINES 18

static void say_who(const char *thread, const char *task, u64 esr)
{
	const char *class = class_name[ESR_CLASS(esr)];

	klog_urgent("takt: thread '%s' of task '%s' stopped: %s, %s, esr %lx\n", thread, task,
		    class ? class : "unknown", esr_text(esr), esr);
}

bool fault_dump_line(void)
{
	const struct takt_frame *r = &dump.r;
	unsigned n = dump.line;

	if (!__atomic_load_n(&dump.busy, __ATOMIC_ACQUIRE))
		return false;
	dump.line++;
	if (n == 0) {
		say_who(dump.thread, dump.task, dump.esr);
	} else if (n == 1) {
		klog_urgent("  pc  %016lx  sp %016lx\n", r->pc, r->sp);
	} else if (n == 2) {
		klog_urgent("  far %016lx  pstate %lx\n", dump.address, r->pstate);
	} else {
		unsigned x = (n - 3) * 2;

		klog_urgent("  x%-2u %016lx  %016lx\n", x, r->x[x], x < 30 ? r->x[x + 1] : 0);
	}
	if (n == DUMP_LINES) {
		__atomic_store_n(&dump.busy, false, __ATOMIC_RELAXED);
		__atomic_store_n(&dump.taken, false, __ATOMIC_RELEASE);
	}
	return true;
}

bool fault_dump_waiting(void)
{
	return __atomic_load_n(&dump.busy, __ATOMIC_RELAXED);
}

void fault_dump(const struct thread *t, u64 esr, u64 address)
{
	char thread[17] = {0}, task[17] = {0};

	memcpy(thread, t->name, sizeof(t->name));
	if (t->task)
		memcpy(task, t->task->name, sizeof(t->task->name));
	if (__atomic_exchange_n(&dump.taken, true, __ATOMIC_ACQUIRE)) {
		say_who(thread, task, esr);
		return;
	}
	dump.line = 0;
	memcpy(dump.thread, thread, sizeof(thread));
	memcpy(dump.task, task, sizeof(task));
	dump.r = t->frame;
	dump.esr = esr;
	dump.address = address;
	__atomic_store_n(&dump.busy, true, __ATOMIC_RELEASE);
}
