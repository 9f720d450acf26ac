/* SPDX-License-Identifier: MIT */
/*
 * root: the first task. It turns the system description into compartments and watches over them.
 *
 *   main.c         the order of things
 *   desc.c         the description: what a node says
 *   life.c         when compartments start, end and start again: the worker's loop
 *   compartment.c  a node's compartment: kernel memory, task, threads; how it is made and destroyed
 *   image.c        a program's memory: its ELF file, its stacks, its environment
 *   route.c        capabilities that one node gets from another
 *   devices.c      devices of the board, and the other things that only root has
 *   resources.c    the boot archive and the device trees
 *   account.c      root's own memory and slots: what is free, and whose the rest is
 *   watch.c        the watcher: serves the gates to root, brings compartments to a halt
 *   control.c      the protocol of those who may command root
 *   output.c       what root has to say
 *
 * Two threads share the work. The watcher, root's first thread, is the most urgent one of the
 * system and does only what is short: it notes what callers say and takes the time away from a
 * compartment that shall end. The worker does all that takes long, building and destroying, at a
 * priority of its own (worker_make), so that no neighbour is late for it.
 *
 * Both run on CPU 0. Called by a less urgent thread, the watcher runs on that one's time, and the
 * worker may come in between; while it handles a signal, nothing comes in between, except while
 * it waits for another CPU. So who writes what is settled for every field of a compartment.
 *
 * A wrong description costs the compartment that it is about and nothing else: every function that
 * can fail says on the log what is wrong, with the node and the property, before it returns an
 * error.
 */
#ifndef ROOT_H
#define ROOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <takt/bootinfo.h>
#include <takt/env.h>
#include <takt/proto/control.h>
#include <takt/sys.h>

#define MAX_COMPARTMENTS 32
#define MAX_ROUTES 16
#define MAX_CAPS (TAKT_SELF_FREE - TAKT_SELF_NAMED)
#define MAX_RESTARTS 64 /* that restart-limit can name */
#define NAME_SIZE 28 /* as in struct takt_env */
#define OWNER_ROOT MAX_COMPARTMENTS /* as owner of a slot or of memory; else a compartment's index */

/* A node of the description, checked. */
struct desc {
	int node; /* offset in the description */
	const char *name, *program;
	bool vm;
	bool passive, threads_per_cpu;
	bool disabled, restart;
	unsigned limit_count, limit_s; /* of restarts */
	enum takt_thread_kind kind; /* of the first thread */
	uint64_t memory, kernel_memory, stack; /* bytes */
	uint64_t ram; /* a VM's, bytes */
	unsigned cpu; /* of the first thread */
	uint64_t cpus; /* mask: where the compartment may make scheduling contexts */
	unsigned priority, lowest, highest;
	unsigned unbounded; /* 1 + the greatest priority of its round-robin SCs; 0: none */
	uint64_t budget_us, period_us;
	unsigned share; /* per mille of each CPU's time */
	unsigned thread_share; /* what a thread that root makes takes of it */
};

/* A capability that a node gets: a gate to `server`'s threads, or to root's control (null). */
struct route {
	char name[NAME_SIZE];
	struct compartment *server;
	uint64_t badge;
	takt_slot gate; /* 0: not made */
};

/* Why a compartment ends. */
enum end { END_NONE, END_FAULT, END_EXIT, END_COMMAND, END_START };

struct compartment {
	struct desc desc;
	bool broken; /* its description is: it cannot be built */
	bool is_target; /* of routes: others wait for it */

	/* The worker's. */
	_Atomic uint8_t state; /* enum control_state */
	_Atomic bool live; /* has threads that may run: ends by way of the watcher */
	bool announced;
	takt_ticks deadline; /* STARTING: to be ready by then */
	unsigned restarts;
	unsigned by_policy; /* restarts by policy, since somebody has commanded a start */
	takt_ticks restarted[MAX_RESTARTS]; /* when: a ring of the last desc.limit_count of them */
	takt_slot kernel_memory, factory, task, memory, image, scheduler, other_scheduler;
	takt_slot fault_gate, root_gate;
	takt_slot scheduler_gate; /* what stands in for its scheduler; 0: nothing */
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

	/* Set by the watcher, cleared by the worker before it starts the compartment anew. */
	_Atomic bool told_ready, ready; /* ready: and it has been answered */
	_Atomic bool halted; /* nothing of it runs any more: the worker may take it away */
	_Atomic uint8_t end; /* enum end; what came first; the worker sets it, too */
	struct takt_msg fault; /* END_FAULT */
	int code; /* END_EXIT */

	/* Set by the watcher, taken by the worker: a command, CONTROL_START.., or 0. */
	_Atomic uint8_t command;
	/* Slots for irqs that its program gives: to trigger when any state changes; when a server that
	 * it has a route to runs (again). */
	takt_slot notify, server_irq;
};

/* Badges of the gates to root: the compartment's index, what the gate is for, and the rights on its
 * control. */
#define BADGE_INDEX 0xff
#define BADGE_FAULT 0x100
#define BADGE_CONTROL 0x200
#define BADGE_WORKER 0x400
#define BADGE_RIGHTS(badge) ((unsigned)((badge) >> 16))
#define BADGE_WITH_RIGHTS(rights) ((uint64_t)(rights) << 16)

extern struct compartment compartments[MAX_COMPARTMENTS];
extern unsigned compartment_count;
extern const void *system_fdt, *board_fdt;
extern takt_ticks started; /* when root's main began */

static inline unsigned index_of(const struct compartment *c)
{
	return (unsigned)(c - compartments);
}

/* output.c */
/* Says "root: NODE: PROPERTY: ..."; node and property may be null. Returns TAKT_E_INVAL. */
int complain(const char *node, const char *property, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Passes `err` on; says "root: NODE: WHAT: E_..." if it is one. */
int checked(const char *node, const char *what, int err);
/* From now on root's output goes to this console session. */
void output_to(takt_slot session, const struct compartment *server);

/* account.c */
const struct takt_bootinfo *bootinfo(void);
takt_slot slot_alloc(unsigned owner); /* 0: none left */
takt_slot slots_alloc(unsigned owner, unsigned count); /* the first one of some in a row, or 0 */
/* A derived extent of RAM, its record in `factory`, in a slot of root's. From 2 MiB on it is aligned
 * for large blocks. */
TAKT_MUST_CHECK int ram_alloc(unsigned owner, takt_slot factory, uint64_t size, uint64_t rights,
			      takt_slot *slot);
/* All that is booked for the owner is free again. Its memory must be. */
void account_close(unsigned owner);
uint64_t ram_of(unsigned owner); /* bytes */
void account_read(struct control_account *account);

/* resources.c */
TAKT_MUST_CHECK int resources_init(void); /* maps the archive and the trees */
/* The file in the boot archive; complains in the name of `node`. */
TAKT_MUST_CHECK int archive_find(const char *node, const char *name, const void **data,
				 uint64_t *size);
/* A child of the extent of all devices. */
TAKT_MUST_CHECK int device_derive(unsigned owner, takt_slot factory, uint64_t base, uint64_t size,
				  takt_slot *slot);

/* desc.c */
TAKT_MUST_CHECK int desc_parse(int node, struct desc *d);
/* The worker's: `priority`, `budget-us`, `period-us` of root's own node (negative: there is none). */
TAKT_MUST_CHECK int desc_parse_root(int node, struct desc *d);

/* compartment.c */
/* Makes everything and starts the first thread. */
TAKT_MUST_CHECK int compartment_build(struct compartment *c);
/* It is ready: starts its other threads, makes it passive, binds the gates of its clients. */
TAKT_MUST_CHECK int compartment_open(struct compartment *c);
/* Takes away all time and stops the threads that root made. The watcher's. */
void compartment_halt(struct compartment *c);
/* Destroys it and books everything back. */
void compartment_destroy(struct compartment *c);
/* Copies root's capability into the compartment, under a name in its environment. */
TAKT_MUST_CHECK int compartment_give(struct compartment *c, const char *name, takt_slot slot,
				     uint64_t rights);
/* "name", "name.1", "name.2", ... */
void numbered_name(char out[NAME_SIZE], const char *name, unsigned n);
/* Whether others call it: then it tells when it is ready. */
bool is_server(const struct compartment *c);

/* image.c */
TAKT_MUST_CHECK int image_load(struct compartment *c);

/* route.c */
/* Root's own node, which `control` leads to; negative: there is none. */
int root_node(void);
TAKT_MUST_CHECK int routes_parse(int node, const char *name, struct route *route,
				 unsigned *count);
/* A gate with the route's badge in a slot of root's, bound to its server where that runs. */
TAKT_MUST_CHECK int route_open(const char *node, struct route *r, unsigned owner,
			       takt_slot factory);
TAKT_MUST_CHECK int routes_give(struct compartment *c);
/* The server runs (again): all gates to it lead to its threads; and those who have one are told. */
TAKT_MUST_CHECK int routes_bind(const struct compartment *server);
void routes_tell(const struct compartment *server);

/* devices.c */
TAKT_MUST_CHECK int devices_init(void);
TAKT_MUST_CHECK int devices_give(struct compartment *c);
TAKT_MUST_CHECK int machine_give(struct compartment *c);

/* life.c */
/* Builds what there is to build, and all that comes after; for ever. */
void worker_run(void) __attribute__((noreturn));
/* Root's own route to the console: `console` of the node /chosen. */
extern struct route chosen[MAX_ROUTES];
extern unsigned chosen_routes;
extern takt_slot worker_irq; /* the watcher triggers it */
extern takt_slot watcher_gate; /* the worker's, to wake the watcher */

/* watch.c */
/* A client's irq from the message into a slot of root's, in place of the one before. */
TAKT_MUST_CHECK int take_irq(const struct takt_msg *m, takt_slot slot);
void watch(void) __attribute__((noreturn));
TAKT_MUST_CHECK int watch_init(void);

/* control.c */
/* Handles a call through a control gate of `c`. In *words: those of the answer; *due: there is
 * something to act on. */
TAKT_MUST_CHECK int control_handle(struct compartment *c, struct takt_msg *m, unsigned *words,
				   bool *due);
/* Tells all who asked for it that something has changed. */
void control_notify(void);

#endif
