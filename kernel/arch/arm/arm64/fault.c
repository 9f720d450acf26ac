/* SPDX-License-Identifier: MIT */
/* Faults in words. */
#include <arch/inline.h>
#include <arch/trap.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/printf.h>
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

/* A dump takes its time to be put into words, so that is done piece by piece where the log is let out
 * (log.c). */
struct dump {
	char thread[24], task[24]; /* words, and a zero behind the last byte of a name */
	struct takt_frame r;
	u64 esr, address;
	u64 place; /* in the log */
};

#define DUMPS 4
static struct spinlock lock;
static struct dump dumps[DUMPS];
static u32 begun, written; /* dumps ever; the difference is kept */
static u32 lost;	   /* and those that found no room */
static unsigned piece;	   /* of the oldest, the next to be put into words */

bool fault_dump_waiting(void)
{
	return __atomic_load_n(&begun, __ATOMIC_RELAXED) !=
	       __atomic_load_n(&written, __ATOMIC_RELAXED);
}

static struct dump *oldest(void)
{
	return &dumps[written % DUMPS];
}

u64 fault_dump_place(void)
{
	return oldest()->place;
}

enum { REGISTERS = 9, END = REGISTERS + 2 * 31, LOST };

/* Two in a line. */
static size_t register_piece(char *buf, size_t size, const struct dump *d, unsigned n, bool value)
{
	if (value)
		return format(buf, size, n % 2 ? "%016lx\n" : "%016lx", d->r.x[n]);
	return n % 2 ? format(buf, size, "  ") : format(buf, size, "  x%-2u ", n);
}

size_t fault_dump_piece(char *buf, size_t size)
{
	const struct dump *d = oldest();
	const char *class = class_name[ESR_CLASS(d->esr)];

	switch (piece) {
	case 0:
		return format(buf, size, "takt: thread '%s'", d->thread);
	case 1:
		return format(buf, size, " of task '%s'", d->task);
	case 2:
		return format(buf, size, " stopped: %s", class ? class : "unknown");
	case 3:
		return format(buf, size, ", %s", esr_text(d->esr));
	case 4:
		return format(buf, size, ", esr %lx\n", d->esr);
	case 5:
		return format(buf, size, "  pc  %016lx", d->r.pc);
	case 6:
		return format(buf, size, "  sp %016lx\n", d->r.sp);
	case 7:
		return format(buf, size, "  far %016lx", d->address);
	case 8:
		return format(buf, size, "  pstate %lx\n", d->r.pstate);
	case END:
		return format(buf, size, "\n");
	case LOST:
		return format(buf, size, "takt: %u more threads stopped\n",
			      __atomic_exchange_n(&lost, 0, __ATOMIC_RELAXED));
	}
	return register_piece(buf, size, d, (piece - REGISTERS) / 2, (piece - REGISTERS) % 2);
}

void fault_dump_next(void)
{
	if (++piece <= (__atomic_load_n(&lost, __ATOMIC_RELAXED) ? LOST : END))
		return;
	piece = 0;
	__atomic_store_n(&written, written + 1, __ATOMIC_RELEASE);
}

void fault_dump(const struct thread *t, u64 esr, u64 address)
{
	struct dump *d;

	spin_lock(&lock);
	d = &dumps[begun % DUMPS];
	if (begun - __atomic_load_n(&written, __ATOMIC_ACQUIRE) == DUMPS) {
		__atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
	} else {
		memcpy(d->thread, t->name, sizeof(t->name));
		memset(d->task, 0, sizeof(d->task));
		if (t->task)
			memcpy(d->task, t->task->name, sizeof(t->task->name));
		d->r = t->frame;
		d->esr = esr;
		d->address = address;
		d->place = log_head();
		__atomic_store_n(&begun, begun + 1, __ATOMIC_RELEASE);
	}
	spin_unlock(&lock);
}
