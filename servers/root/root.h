/* SPDX-License-Identifier: MIT */
/*
 * root: the first task. It turns the system description into compartments and watches over them.
 *
 *   main.c         the order of things
 *   desc.c         the description: what a node says
 *   compartment.c  a node's compartment: kernel memory, task, threads, and their start and end
 *   image.c        a program's memory: its ELF file, its stacks, its environment
 *   route.c        capabilities that one node gets from another
 *   devices.c      devices of the board, and the other things that only root has
 *   resources.c    root's own memory, slots, the boot archive and the device trees
 *   watch.c        readiness and faults; root's output
 *
 * A wrong description costs the compartment that it is about and nothing else: every function that
 * can fail says on the log what is wrong, with the node and the property, before it returns an
 * error.
 */
#ifndef ROOT_H
#define ROOT_H

#include <stdbool.h>
#include <takt/bootinfo.h>
#include <takt/env.h>
#include <takt/sys.h>

#define MAX_COMPARTMENTS 32
#define MAX_ROUTES 16
#define MAX_CAPS (TAKT_SELF_FREE - TAKT_SELF_NAMED)
#define NAME_SIZE 28 /* as in struct takt_env */

/* A node of the description, checked. */
struct desc {
	int node; /* offset in the description */
	const char *name, *program;
	bool vm;
	bool passive, threads_per_cpu;
	enum takt_thread_kind kind; /* of the first thread */
	uint64_t memory, kernel_memory, stack; /* bytes */
	uint64_t ram; /* a VM's, bytes */
	unsigned cpu; /* of the first thread */
	uint64_t cpus; /* mask: where the compartment may make scheduling contexts */
	unsigned priority, lowest, highest;
	uint64_t budget_us, period_us;
	unsigned share; /* per mille of each CPU's time */
};

/* A capability that a node gets: a gate to `server`'s threads. */
struct route {
	char name[NAME_SIZE];
	struct compartment *server;
	uint64_t badge;
};

enum state { NEW, STARTING, RUNNING, FAILED, STOPPED };

struct compartment {
	struct desc desc;
	enum state state;
	bool is_target; /* of routes: others wait for it */
	volatile bool ready; /* or stopped: nobody need wait for it any more */
	takt_slot factory, task, memory, image, scheduler, fault_gate, root_gate;
	takt_slot log; /* what stands in for the kernel's log; 0: that itself */
	unsigned threads;
	takt_slot thread[TAKT_MAX_CPUS], sc[TAKT_MAX_CPUS];
	uint64_t entry;
	struct route route[MAX_ROUTES];
	unsigned routes;
	struct {
		char name[NAME_SIZE];
		takt_slot slot;
	} cap[MAX_CAPS]; /* what the environment will list */
	unsigned caps;
};

/* Badges of the gates to root. */
#define BADGE_FAULT 0x100 /* or-ed to the compartment's index; else a command */
#define BADGE_INDEX 0xff

extern struct compartment compartments[MAX_COMPARTMENTS];
extern unsigned compartment_count;
extern const void *system_fdt, *board_fdt;

/* Says "root: NODE: PROPERTY: ..."; node and property may be null. Returns TAKT_E_INVAL. */
int complain(const char *node, const char *property, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Passes `err` on; says "root: NODE: WHAT: E_..." if it is one. */
int checked(const char *node, const char *what, int err);

/* resources.c */
const struct takt_bootinfo *bootinfo(void);
TAKT_MUST_CHECK int resources_init(void); /* maps the archive and the trees */
takt_slot slot_alloc(void);		  /* 0: none left */
/* A derived extent of RAM, in a slot of root's. From 2 MiB on it is aligned for large blocks. */
TAKT_MUST_CHECK int ram_alloc(uint64_t size, uint64_t rights, takt_slot *slot);
/* The file in the boot archive; complains in the name of `node`. */
TAKT_MUST_CHECK int archive_find(const char *node, const char *name, const void **data,
				 uint64_t *size);
/* A child of the extent of all devices. */
TAKT_MUST_CHECK int device_derive(uint64_t base, uint64_t size, takt_slot *slot);

/* desc.c */
TAKT_MUST_CHECK int desc_parse(int node, struct desc *d);

/* compartment.c */
TAKT_MUST_CHECK int compartment_start(struct compartment *c);
/* Stops the threads that root made. */
void compartment_stop(struct compartment *c);
/* Copies root's capability into the compartment, under a name in its environment. */
TAKT_MUST_CHECK int compartment_give(struct compartment *c, const char *name, takt_slot slot,
				     uint64_t rights);
/* "name", "name.1", "name.2", ... */
void numbered_name(char out[NAME_SIZE], const char *name, unsigned n);

/* image.c */
TAKT_MUST_CHECK int image_load(struct compartment *c);

/* route.c */
TAKT_MUST_CHECK int routes_parse(int node, const char *name, struct route *route,
				 unsigned *count);
/* A gate with the route's badge, bound to its server, in a slot of root's. */
TAKT_MUST_CHECK int route_open(const char *node, const struct route *r, takt_slot factory,
			       takt_slot *gate);
TAKT_MUST_CHECK int routes_give(struct compartment *c);

/* devices.c */
TAKT_MUST_CHECK int devices_give(struct compartment *c);
TAKT_MUST_CHECK int machine_give(struct compartment *c);

/* watch.c */
/* Serves the gates to root until the deadline, or *until (which may be null). */
void watch(takt_ticks deadline, const volatile bool *until);
/* From now on root's output goes to this console session. */
void output_to(takt_slot session, const struct compartment *server);

#endif
