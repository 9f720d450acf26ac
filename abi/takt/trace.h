/* SPDX-License-Identifier: MIT */
/*
 * Event traces: one ring of records for each CPU, written by the kernel and mapped read-only by
 * log.trace_map. The first record's place holds the header; record number i, counted since the ring
 * was made, is at place 1 + i % capacity. The kernel never waits for a reader: read `written`, copy a
 * record, read `written` again; the copy is good if its number + capacity is not below that.
 */
#ifndef TAKT_TRACE_H
#define TAKT_TRACE_H

#include <takt/types.h>

#define TAKT_TRACE_MAGIC 0x65636172 /* "race" */
#define TAKT_TRACE_VERSION 1
#define TAKT_TRACE_PAGES 32 /* of a ring at most */
#define TAKT_TRACE_WORDS 6

/*
 * Kinds of record. Threads, objects and SCs are named by their birth numbers (cap_inspect tells
 * those). TRACE_KIND(number, NAME, name, doc)
 */
#define TAKT_TRACE_KINDS(X)                                                                        \
	X(0, INVOKE, invoke,                                                                       \
	  "A system call on a capability. arg: type << 16 | label; w0 thread, w1 object, w2.. the first four message words.") \
	X(1, REPLY, reply, "A server answers. arg: label; w0 server, w1 caller.")                  \
	X(2, SWITCH, switch,                                                                       \
	  "Another thread or SC runs from now on. arg: priority; w0 thread (0: idle), w1 SC, w2 and w3 the thread's name, w4 and w5 that of its task.") \
	X(3, INTERRUPT, interrupt, "The kernel takes an interrupt. arg: INTID.")                   \
	X(4, FAULT, fault, "arg: 0; w0 thread, w1 syndrome, w2 address, w3 pc.")                   \
	X(5, EXIT, exit,                                                                           \
	  "A vCPU's guest leaves for its monitor. arg: reason; w0 thread, w1 syndrome, w2 address, w3 pc.") \
	X(6, ACTIVATED, activated, "An SC wants to run. arg: priority; w0 SC, w1 its home thread.") \
	X(7, DEPLETED, depleted,                                                                   \
	  "An SC waits for its budget. arg: priority; w0 SC, w1 its home thread, w2 the instant of the replenishment.") \
	X(8, REPLENISHED, replenished,                                                             \
	  "An SC's budget is back. arg: priority; w0 SC, w1 its home thread, w2 ticks usable now.") \
	X(9, POST, post,                                                                           \
	  "A message goes to another CPU's inbox. arg: CPU; w0 what (enum takt_trace_inbox), w1 priority, w2 1 with an interrupt.") \
	X(10, INBOX, inbox, "A message from the inbox is dealt with. arg: 0; w0 what, w1 priority.")

#ifndef __ASSEMBLER__
enum takt_trace_kind {
#define X(number, NAME, name, doc) TAKT_TRACE_##NAME = (number),
	TAKT_TRACE_KINDS(X)
#undef X
	TAKT_TRACE_KIND_COUNT
};

#define TAKT_TRACE_MASK(NAME) (1ull << TAKT_TRACE_##NAME) /* for log.trace_control */
#define TAKT_TRACE_ALL ((1ull << TAKT_TRACE_KIND_COUNT) - 1)

enum takt_trace_inbox {
	TAKT_TRACE_INBOX_INVOKE, /* an invocation to be done here */
	TAKT_TRACE_INBOX_WAKE,	 /* a thread's invocation elsewhere is over */
	TAKT_TRACE_INBOX_IRQ,
	TAKT_TRACE_INBOX_CANCEL,
	TAKT_TRACE_INBOX_QUIESCE, /* the kernel's own: is anybody using what was destroyed? */
	TAKT_TRACE_INBOX_TELL,	  /* nobody is: those who wait for that */
	TAKT_TRACE_INBOX_MAIL,	  /* to a machine's vCPU */
};

struct takt_trace_record {
	uint64_t time; /* ticks */
	uint32_t kind, arg;
	uint64_t w[TAKT_TRACE_WORDS];
};

struct takt_trace_ring {
	uint32_t magic, version;
	uint32_t cpu, reserved0;
	uint64_t capacity; /* records in the ring */
	uint64_t written;  /* records ever; grows after the record is complete */
	uint64_t mask;	   /* kinds being recorded, as set by log.trace_control */
	uint64_t counter_hz;
	uint64_t reserved1[2];
	struct takt_trace_record record[];
};

_Static_assert(sizeof(struct takt_trace_record) == 64, "ABI");
_Static_assert(offsetof(struct takt_trace_record, w) == 16, "ABI");
_Static_assert(sizeof(struct takt_trace_ring) == sizeof(struct takt_trace_record), "ABI");
_Static_assert(offsetof(struct takt_trace_ring, written) == 24, "ABI");
#endif
#endif
