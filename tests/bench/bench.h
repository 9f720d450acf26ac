/* SPDX-License-Identifier: MIT */
/*
 * Measuring on the target, in virtual time: under QEMU's -icount shift=0 an instruction takes a
 * nanosecond, and stamp() tells the time to the nanosecond.
 *
 * Each figure has a driver, a thread of root's task at PRIO_DRIVER, which does an operation
 * WARM_UP + SAMPLES times and records what each took. Its partner is a thread of root's task or of
 * a second task, the far one. That has a copy of the program's code at the same address but none of
 * its data: code for it touches its stack and SHARED only.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <takt/bootinfo.h>
#include <takt/rt.h>

#define WARM_UP 8
#define SAMPLES 256

#define PRIO_LOW 30
#define PRIO_DRIVER 40
#define PRIO_HIGH 50
#define PASSIVE 0 /* a thread without a scheduling context */

/* The counter of the virt board runs at 62.5 MHz. */
#define NS_PER_TICK 16

/* Memory at the same address in both tasks; stacks follow. */
struct shared {
	volatile uint64_t stamp; /* of the partner */
	volatile uint64_t count; /* stamps so far */
	volatile uint32_t late[WARM_UP + SAMPLES];
};
#define SHARED_VA 0x1200000000ul
#define SHARED ((struct shared *)SHARED_VA)

/* Registers of the board's PL011, in both tasks: its transmit interrupt is the hardware line. */
#define UART_VA 0x1300000000ul
#define UART_IMSC (*(volatile uint32_t *)(UART_VA + 0x38))
#define UART_IMSC_TX 0x20
#define UART_INTID 33
extern takt_slot uart_line; /* level */

/* Virtual nanoseconds since reset, at its first instruction. */
uint64_t stamp(void);

/* What two stamps in a row differ by; measured before all else. */
extern uint64_t stamp_cost;

/* Sample number i, in ns; the first WARM_UP are dropped. */
void record(unsigned i, uint64_t ns);

/* Has the stamp out of the way of what follows, whatever that is: the moves there count as cost. */
#define PUT_ASIDE(stamp)                                                                           \
	__asm__ volatile("" : "+r"(stamp) : : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7",      \
			 "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17",       \
			 "memory")

/* On a driver: the figure is worth nothing unless these are the same. */
void expect(int is, int wanted);

#define MEASURE(operation)                                                                         \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < WARM_UP + SAMPLES; i_++) {                              \
			uint64_t begin_ = stamp();                                                 \
			PUT_ASIDE(begin_);                                                         \
			operation;                                                                 \
			record(i_, stamp() - begin_ - stamp_cost);                                 \
		}                                                                                  \
	} while (0)

/* The same up to the partner's stamp; `own` instructions of the operation do not count. */
#define MEASURE_TO_PARTNER(operation, own)                                                         \
	do {                                                                                       \
		for (unsigned i_ = 0; i_ < WARM_UP + SAMPLES; i_++) {                              \
			uint64_t begin_ = stamp();                                                 \
			PUT_ASIDE(begin_);                                                         \
			operation;                                                                 \
			record(i_, SHARED->stamp - begin_ - stamp_cost - (own));                   \
		}                                                                                  \
	} while (0)

/* What arrives does not matter, so that nothing stands between the system call and the stamp. */
static inline void wait(void)
{
	struct takt_msg m = {0};

	(void)!takt_wait(&m, TAKT_NEVER);
}

/* --- Set-up, on root's first thread; what fails ends the bench -------------------------------- */

void must(int err, const char *what);

extern takt_slot far; /* the task */

takt_slot slot_new(void);
takt_slot far_slot_new(void);
void far_give(takt_slot cap, takt_slot to);
uint64_t ram_take(uint64_t size); /* offset of fresh memory in the extent `ram` */
extern takt_slot ram;
uint64_t page_va_new(void); /* unused address for a kernel page, in any task */

struct actor {
	takt_slot task;
	unsigned prio;
	void (*fn)(void *arg);
	void *arg;
	takt_slot fault_gate; /* or 0 */
	enum takt_thread_kind kind;
	/* out */
	takt_slot slot;
	uint64_t page; /* a vCPU's state page */
	uint64_t sp;
};

void actor_make(struct actor *a);
void actor_start(struct actor *a);

takt_slot gate_to(const struct actor *server);
takt_slot irq_to(const struct actor *target, uint64_t badge);

/* Makes the driver and lets it run until it calls driver_done. With a name, prints the median of
 * what it recorded, and the greatest as NAME.max if asked for. */
void drive(struct actor *driver, const char *name, bool max);
void driver_done(void) __attribute__((noreturn));

/* A driver that only measures: fn(arg). */
void drive_plain(const char *name, bool max, void (*fn)(void *arg), uintptr_t arg);

/* A passive server that answers every call with so many words: a gate to it. In calls.c. */
takt_slot echo_new(takt_slot task, uintptr_t words);

/* --- The benches ------------------------------------------------------------------------------ */

void bench_calls(void);	  /* syscall.*, ipc.*, fault.* */
void bench_signals(void); /* signal.*, yield.* */
void bench_irqs(void);	  /* irq.*, timer.* */
void bench_memory(void);  /* map.* */
void bench_pv(void);	  /* pv.* */
#endif
