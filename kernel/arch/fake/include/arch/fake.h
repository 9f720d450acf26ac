/* SPDX-License-Identifier: MIT */
/*
 * The machine that tests on the host run the kernel on: some RAM at an address that the host has
 * too, an interrupt controller, a counter that stands still unless the test moves it, and CPUs that
 * do nothing unless the test lets them. User code is the test: it writes the registers of the
 * thread that a CPU runs, and traps.
 */
#ifndef ARCH_FAKE_H
#define ARCH_FAKE_H

#include <core/arch.h>
#include <core/cpu.h>

#define FAKE_RAM 0x40000000ul
#define FAKE_RAM_SIZE (24ul << 20)
#define FAKE_LINES 128
#define FAKE_HZ 62500000ul

enum fake_mode {
	FAKE_OFF,
	FAKE_USER,   /* cpus[].thread executes: trap, or let an interrupt in */
	FAKE_IDLE,   /* waits for an interrupt */
	FAKE_KERNEL, /* stopped at a point within the kernel */
};

/* Starts the kernel with that many CPUs, up to where each is idle or in user mode. Once only. */
void fake_boot(unsigned cpus);

enum fake_mode fake_mode(unsigned cpu);
bool fake_interrupted(unsigned cpu); /* an interrupt waits for it */
bool fake_can_go(unsigned cpu);	     /* fake_go would do something */

/* Goes on in the kernel, or takes the interrupt that waits. */
void fake_go(unsigned cpu);
/* What user code of a CPU in user mode does. */
void fake_svc(unsigned cpu);
void fake_fault(unsigned cpu, u64 syndrome, u64 address);
void fake_guest_wfi(unsigned cpu);

/* Asked at every point within the kernel: whether the CPU stops there. Null: never. */
extern bool (*fake_preempt)(void);

/* What the kernel wrote to its console last, a ring, and how much in all. */
#define FAKE_CONSOLE 1024
extern char fake_console[FAKE_CONSOLE];
extern size_t fake_written;

/* Input of a hardware line. */
void fake_line(u32 intid, bool high);

/* Earliest instant to which any CPU's timer is set. */
u64 fake_next_timer(void);

/* What guest-physical address ipa is, and up to where the same entry maps. */
bool fake_translate(const struct stage2 *s2, u64 ipa, u64 *pa, u64 *left);

/* The kernel may use that frame. */
bool fake_mapped(u64 pa);

/* A byte of memory that is not the kernel's, as user code sees it. */
u8 fake_peek(u64 pa);
void fake_poke(u64 pa, u8 v);

extern u64 fake_dumps; /* faults that nobody handled */
extern bool fake_log;  /* print the kernel's log */
extern unsigned fake_switches; /* from one machine's guest to another's in one go */
#endif
