/* SPDX-License-Identifier: MIT */
/*
 * Prints docs/reference.md. Runs on the host; what it prints comes out of the headers in abi/ by the
 * preprocessor. `make docs` writes the file, a unit test compares it.
 */
#include <stdio.h>
#include <string.h>
#include <takt/error.h>
#include <takt/invoke.h>
#include <takt/objects.h>
#include <takt/trace.h>
#include <takt/types.h>
#include <takt/vcpu.h>

#define COLUMNS 100

/* Prints words with line breaks between them; continued lines are indented. */
static void wrapped(const char *text, int indent)
{
	int column = indent;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column > indent && column + 1 + len > COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			printf(" ");
			column++;
		}
		printf("%.*s", len, text);
		column += len;
		text += len + (text[len] == ' ');
	}
	printf("\n");
}

static void object(const char *type, int number, const char *doc)
{
	printf("\n## %s\n\nType %d.\n\n", type, number);
	wrapped(doc, 0);
}

static void op(const char *type, const char *name, int number, const char *right, int words,
	       const char *caps, const char *doc)
{
	printf("\n### %s.%s\n\n", type, name);
	printf("Operation %d; right `%s`; words: %d; capabilities: %s.\n\n", number, right, words,
	       caps);
	wrapped(doc, 0);
}

#define C0 "none"
#define C1(t) #t
#define C2(t, u) #t ", " #u
#define C0_1(t) #t " or none"
#define C1_1(t, u) #t ", and " #u " or none"

static void objects(void)
{
#define OBJECT(TYPE, type, doc) object(#type, TAKT_##TYPE, doc);
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc)                               \
	op(#type, #name, number, #rights, words, caps, doc);
#include <takt/objects.def>
}

/* Name in the headers without TAKT_R_, and what it allows. The unit test finds what is missing. */
#define RIGHTS(X)                                                                                  \
	X(TASK_MAP, "change the address space")                                                    \
	X(TASK_CAP, "change and inspect the capability table")                                     \
	X(THREAD_CONTROL, "configure, start, stop, set the fault gate")                            \
	X(THREAD_SC, "attach and detach scheduling contexts, place on a CPU")                      \
	X(THREAD_SERVE, "make it the target of gates and irqs")                                    \
	X(THREAD_REGS, "read and write registers")                                                 \
	X(THREAD_VIRQ, "virtual interrupts of a vCPU's guest")                                     \
	X(GATE_CALL, "call")                                                                       \
	X(GATE_TRANSFER, "pass capabilities with a call")                                          \
	X(GATE_BIND, "make a thread its target")                                                   \
	X(IRQ_BIND, "bind, unbind, acknowledge, set the timer")                                    \
	X(IRQ_TRIGGER, "make it arrive")                                                           \
	X(SC_INFO, "read its parameters and the time consumed")                                    \
	X(SC_BIND, "attach it to a thread, change it")                                             \
	X(SCHED_CREATE, "make scheduling contexts and narrower schedulers")                        \
	X(SCHED_RUN, "place threads on CPUs")                                                      \
	X(SCHED_INFO, "read idle and load time")                                                   \
	X(MEM_READ, "map for reading; cache maintenance")                                          \
	X(MEM_WRITE, "map for writing")                                                            \
	X(MEM_EXEC, "map for execution")                                                           \
	X(MEM_DERIVE, "make child extents")                                                        \
	X(MEM_CLAIM, "turn it into a factory")                                                     \
	X(FACTORY_CREATE, "make objects out of it")                                                \
	X(FACTORY_DESTROY, "destroy what came out of it")                                          \
	X(FACTORY_INFO, "read its account")                                                        \
	X(INTC_GET, "obtain irqs for hardware lines")                                              \
	X(LOG_WRITE, "write")                                                                      \
	X(LOG_SYSTEM, "leave the console, power off, reset")                                       \
	X(LOG_TRACE, "trace events")

static void rights(void)
{
	printf("\n## Rights\n\nSixteen bits in each capability; `R_ALL` is %#x. What bits 0 to 7 "
	       "mean depends on the\ntype.\n\n| right | value | allows to |\n|---|---|---|\n",
	       TAKT_R_ALL);
#define X(name, text) printf("| `R_" #name "` | %#x | %s |\n", TAKT_R_##name, text);
	RIGHTS(X)
#undef X
}

static void errors(void)
{
	printf("\n## Errors\n\n| error | value | meaning |\n|---|---|---|\n");
#define X(name, code, text) printf("| `" #name "` | %d | %s |\n", code, text);
	TAKT_ERRORS(X)
#undef X
}

static void trace_kinds(void)
{
	printf("\n## Trace records\n\nKinds of record in a ring made by `log.trace_map`; layout in "
	       "[trace.h](../abi/takt/trace.h). Threads,\nobjects and SCs stand there by birth "
	       "number.\n\n| kind | value | what, and what arg and the words hold |\n|---|---|---|\n");
#define X(number, NAME, name, doc) printf("| `TRACE_" #NAME "` | %d | %s |\n", number, doc);
	TAKT_TRACE_KINDS(X)
#undef X
}

static void number(const char *name, unsigned value, const char *text)
{
	printf("| `%s` | %u | %s |\n", name, value, text);
}

static void numbers(void)
{
	printf("\n## Numbers\n\n| name | value | what |\n|---|---|---|\n");
#define N(name, text) number(#name, TAKT_##name, text)
	N(CALL, "flavour: invoke x0 and wait for the answer");
	N(REPLY_WAIT, "flavour: answer, then wait");
	N(WAIT, "flavour: wait for a call or an irq");
	N(YIELD, "flavour: to the end of the own priority's queue");
	N(RESUME, "flavour: a vCPU's monitor enters the guest");
	N(PV_SYNC, "flavour: a paravirtual guest takes what became deliverable");
	N(PV_WAIT, "flavour: a paravirtual guest sleeps");
	N(PV_RETURN, "flavour: a paravirtual guest returns from an interrupt");
	N(F_DEADLINE, "added to a flavour: x9 holds a deadline");
	N(LABEL_IRQ, "label of what `wait` returns for irqs");
	N(LABEL_FAULT, "label of a fault message");
	N(TAG_KERNEL, "bit of the tags of these, which no message has that somebody sends");
	N(REG_WORDS, "words of a message in registers");
	N(MAX_WORDS, "words of a message in all");
	N(MAX_CAPS, "capabilities in a message, slots of a receive window");
	N(PAGE_SIZE, "bytes of a page");
	N(MAX_CPUS, "CPUs that the kernel uses at most");
	N(PRIORITIES, "priorities, 0 the least urgent");
	N(EXIT_TRAP, "exit: a trap of the guest for its monitor");
	N(EXIT_EVENT, "exit: an irq bound to the thread");
	N(EXIT_FAULT, "exit: a fault of a paravirtual guest");
	N(EXIT_ERROR, "exit: the state page makes no sense");
	N(VCPU_RIDERS, "changes of virtual interrupts that ride on `resume`");
	N(PV_FRAMES, "interrupt frames of a paravirtual guest");
	N(TRACE_PAGES, "pages of a trace ring at most");
#undef N
}

int main(void)
{
	printf("# Reference\n\nGenerated by `make docs` from the headers in `abi/takt`. The concepts "
	       "stand in the\n[manual](manual.md). Names stand in C with the prefix `TAKT_`.\n\nA kernel object is invoked by a call whose label is the operation's "
	       "number. `w0`.. are the message's\nwords and `c0`.. the capabilities passed; \"words\" "
	       "is the least number of words that the message must\nhave. \"->\" stands before what "
	       "the answer holds. \"new:\" means that the capability made goes into the\nslot that "
	       "x14 names, which must be empty.\n");
	objects();
	rights();
	errors();
	trace_kinds();
	numbers();
	return 0;
}
