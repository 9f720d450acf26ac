/* SPDX-License-Identifier: MIT */
/* Faults in words. */
#include <arch/inline.h>
#include <arch/trap.h>
#include <core/ipc.h>
#include <core/log.h>
#include <core/printf.h>
#include <object/task.h>

struct name {
	unsigned code;
	const char *text;
};

static const struct name fault_status[] = {
	{0x00, "address size fault, level 0"},
	{0x04, "translation fault, level 0"},
	{0x05, "translation fault, level 1"},
	{0x06, "translation fault, level 2"},
	{0x07, "translation fault, level 3"},
	{0x09, "access flag fault, level 1"},
	{0x0a, "access flag fault, level 2"},
	{0x0b, "access flag fault, level 3"},
	{0x0d, "permission fault, level 1"},
	{0x0e, "permission fault, level 2"},
	{0x0f, "permission fault, level 3"},
	{0x10, "external abort"},
	{0x21, "alignment fault"},
	{0x30, "TLB conflict"},
};

static const struct name class_name[] = {
	{EC_UNKNOWN, "undefined instruction"},
	{EC_WFX, "WFI or WFE"},
	{EC_FP, "FP/SIMD access"},
	{EC_ILLEGAL, "illegal execution state"},
	{EC_SVC64, "SVC"},
	{EC_HVC64, "HVC"},
	{EC_SMC64, "SMC"},
	{EC_SYSREG, "system register access"},
	{EC_INSN_LOWER, "instruction abort"},
	{EC_INSN_EL2, "instruction abort in the kernel"},
	{EC_PC_ALIGN, "misaligned pc"},
	{EC_DATA_LOWER, "data abort"},
	{EC_DATA_EL2, "data abort in the kernel"},
	{EC_SP_ALIGN, "misaligned sp"},
	{EC_SERROR, "SError"},
	{EC_BRK, "breakpoint instruction"},
};

static const char *name_in(const struct name *names, size_t n, u64 code)
{
	for (size_t i = 0; i < n; i++) {
		if (names[i].code == code)
			return names[i].text;
	}
	return "unknown";
}

static const char *class_text(u64 esr)
{
	return name_in(class_name, ARRAY_SIZE(class_name), ESR_CLASS(esr));
}

static bool is_abort(u64 esr)
{
	unsigned class = ESR_CLASS(esr);

	return class >= EC_INSN_LOWER && class <= EC_DATA_EL2 && class != EC_PC_ALIGN;
}

const char *esr_text(u64 esr)
{
	return is_abort(esr) ? name_in(fault_status, ARRAY_SIZE(fault_status), esr & 0x3f)
			     : class_text(esr);
}

/* A dump takes its time to be put into words, so that is done piece by piece where the log is let
 * out (log.c). */
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

/* What stands before the values, which take the odd pieces. */
static const char *const label[] = {
	"takt: thread '", "' of task '", "' stopped: ", ", ",	     ", esr ",
	"\n  pc  ",	  "  sp ",	 "\n  far ",	"  pstate ",
};

enum { REGISTERS = ARRAY_SIZE(label), END = 2 * (REGISTERS + 31), LOST };

/* A piece is made with interrupts masked, perhaps at the end of something long: hence neither of
 * these goes through format(). */
static size_t copy_text(char *buf, size_t size, const char *text)
{
	size_t n;

	for (n = 0; n < size && text[n]; n++)
		buf[n] = text[n];
	return n;
}

static size_t copy_hex(char *buf, u64 value, unsigned digits)
{
	for (unsigned i = 0; i < digits; i++)
		buf[i] = "0123456789abcdef"[value >> 4 * (digits - 1 - i) & 15];
	return digits;
}

static size_t copy_short_hex(char *buf, u64 value)
{
	return copy_hex(buf, value, value ? 16 - (unsigned)__builtin_clzl(value) / 4 : 1);
}

/* Two registers in a line. */
static size_t label_piece(char *buf, size_t size, unsigned n)
{
	if (n < REGISTERS)
		return copy_text(buf, size, label[n]);
	n -= REGISTERS;
	if (n % 2)
		return copy_text(buf, size, "  ");
	size = copy_text(buf, size, "\n  x   ");
	if (n >= 10)
		buf[4] = (char)('0' + n / 10);
	buf[n >= 10 ? 5 : 4] = (char)('0' + n % 10);
	return size;
}

static size_t value_piece(char *buf, size_t size, const struct dump *d, unsigned n)
{
	switch (n) {
	case 0:
		return copy_text(buf, size, d->thread);
	case 1:
		return copy_text(buf, size, d->task);
	case 2:
		return copy_text(buf, size, class_text(d->esr));
	case 3:
		return copy_text(buf, size, esr_text(d->esr));
	case 4:
		return copy_short_hex(buf, d->esr);
	case 5:
		return copy_hex(buf, d->r.pc, 16);
	case 6:
		return copy_hex(buf, d->r.sp, 16);
	case 7:
		return copy_hex(buf, d->address, 16);
	case 8:
		return copy_short_hex(buf, d->r.pstate);
	}
	return copy_hex(buf, d->r.x[n - REGISTERS], 16);
}

size_t fault_dump_piece(char *buf, size_t size)
{
	if (piece == END)
		return copy_text(buf, size, "\n");
	if (piece == LOST)
		return format(buf, size, "takt: %u more threads stopped\n",
			      __atomic_exchange_n(&lost, 0, __ATOMIC_RELAXED));
	return piece % 2 ? value_piece(buf, size, oldest(), piece / 2)
			 : label_piece(buf, size, piece / 2);
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
