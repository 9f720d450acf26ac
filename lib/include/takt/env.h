/* SPDX-License-Identifier: MIT */
/*
 * What a program finds when it starts: x0 of its first thread points to a struct takt_env, a
 * read-only page (or more) that root wrote. lib/rt keeps it; programs use the functions below.
 */
#ifndef TAKT_ENV_H
#define TAKT_ENV_H

#include <takt/types.h>

#define TAKT_ENV_MAGIC 0x656e7631 /* "env1" */

/* Slots that every program has. */
enum takt_env_slot {
	TAKT_SELF_TASK = 1,
	TAKT_SELF_THREAD,
	TAKT_SELF_FACTORY,   /* the compartment's own kernel memory */
	TAKT_SELF_SCHEDULER, /* the kernel's or an interposed one, as described */
	TAKT_SELF_SC,	     /* the first thread's */
	TAKT_SELF_LOG,	     /* may be empty */
	TAKT_SELF_MEMORY,    /* extent of RAM to use as it likes (heap, stacks); may be empty */
	TAKT_SELF_NAMED = 16, /* from here on: capabilities routed by the description */
	TAKT_SELF_FREE = 64,  /* from here on: free for the program */
	TAKT_SELF_SLOTS = 256,
	TAKT_SELF_CLIENTS = TAKT_SELF_SLOTS, /* a server of schedulers: those of its clients */
};

struct takt_env {
	uint32_t magic;
	uint32_t caps;	     /* entries of cap[] */
	uint32_t fdt_offset; /* from the start of the struct: the program's own node of the system
				description as a device tree of its own, or 0 */
	uint32_t reserved;
	uint64_t utcb;
	struct {
		char name[28];
		takt_slot slot;
	} cap[];
};

/* The environment; never null in a program that root started. */
const struct takt_env *env_get(void);

/* Slot of the capability routed under `name`, 0 where there is none. For an array property such as
 * `led-gpios = <&gpio 2>, <&gpio 3>` the names are "led-gpios", "led-gpios.1", and so on. */
takt_slot env_cap(const char *name);

/* Capabilities that root names itself, each in the form "name", "name.1", "name.2", ...:
 *   "device"  register pages of the devices that the description gives (rt_map_device)
 *   "irq"     their interrupts, in the order of the board's device tree
 *   "root"    gate to root (proto/root.h)
 *   "fault"   gate for the faults of threads that the program makes (rt_thread_make uses it)
 *   "thread"  threads that root made, by number; "thread" itself is TAKT_SELF_THREAD
 *   "ram", "archive", "gicv"  of a virtual machine; see docs/system-description.md */

/* Property of the program's own node: a string, a u32, a u64 (one or two cells); or the default. */
const char *env_string(const char *property, const char *otherwise);
uint64_t env_number(const char *property, uint64_t otherwise);

/* The n-th of a list of strings; null: there is none. */
const char *env_nth_string(const char *property, unsigned n);

/* A list of cells: how many there are (0: no such property), and the n-th (0: there is none). */
unsigned env_count(const char *property);
uint32_t env_cell(const char *property, unsigned n);

/* A free slot (from TAKT_SELF_FREE on), 0 when there is none left. */
takt_slot env_slot_alloc(void);

/* The first of `count` free slots in a row, 0 when there are none; and one of them back. */
takt_slot env_slots_alloc(unsigned count);
void env_slot_free(takt_slot slot);

#endif
