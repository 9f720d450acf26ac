/* SPDX-License-Identifier: MIT */
/*
 * Protocol of root's control: `control = <&root RIGHTS>` in the description. It shows the
 * compartments and their use of time and memory; with CONTROL_RIGHT_COMMAND it starts and ends
 * them, with CONTROL_RIGHT_POWER it ends everything.
 *
 * A command is done when the answer comes only in so far as it will be done: building and
 * destroying take their time. CONTROL_NOTIFY names an irq that tells of every change of a state;
 * CONTROL_INFO then shows which.
 */
#ifndef TAKT_PROTO_CONTROL_H
#define TAKT_PROTO_CONTROL_H

#include <takt/sys.h>

enum control_op {
	CONTROL_COUNT,	 /* -> w0: number of compartments */
	CONTROL_INFO,	 /* w0: index -> struct control_info */
	CONTROL_ACCOUNT, /* -> struct control_account: what root itself has left */
	CONTROL_NOTIFY,	 /* c0: irq (R_IRQ_TRIGGER); the last one counts */
	CONTROL_START,	 /* w0: index. E_STATE: it runs, or is about to */
	CONTROL_STOP,	 /* w0: index. It is destroyed and stays so. E_STATE: it is so already */
	CONTROL_RESTART, /* w0: index. Destroyed if need be, and built anew */
	CONTROL_KILL,	 /* w0: index. Destroyed; its restart policy says what follows */
	CONTROL_SHUTDOWN /* w0: 0 power off, 1 reset */
};

enum control_right {
	CONTROL_RIGHT_COMMAND = 1, /* start, stop, restart, kill */
	CONTROL_RIGHT_POWER = 2	   /* shutdown */
};

enum control_state {
	CONTROL_WAITING,  /* will be built; its servers come first */
	CONTROL_STARTING, /* is being built, or is not ready yet */
	CONTROL_RUNNING,
	CONTROL_STOPPED, /* by command, by its description, by its end, or beyond restart-limit */
	CONTROL_FAILED,	 /* could not be built */
	CONTROL_ENDING	 /* is being destroyed; what follows is not decided yet */
};

#define CONTROL_NAME 32

struct control_info {
	char name[CONTROL_NAME];
	uint64_t state; /* enum control_state */
	uint64_t restarts; /* since the system came up */
	uint64_t cpu, priority; /* of the first thread */
	uint64_t budget_us, period_us;
	uint64_t consumed; /* ticks of CPU time since it was built, its vCPUs' included */
	uint64_t kernel_memory, kernel_free; /* bytes; 0 while it is not built */
	uint64_t objects; /* kernel objects */
	uint64_t ram; /* bytes of RAM, kernel memory excluded */
	uint64_t flags; /* CONTROL_F_... */
};

#define CONTROL_F_ALWAYS 1u  /* restart = "always" */
#define CONTROL_F_MACHINE 2u /* a virtual machine */

struct control_account {
	uint64_t ram, ram_free; /* bytes */
	uint64_t kernel_memory, kernel_free, objects; /* root's own factory */
	uint64_t slots_free;
	uint64_t cpus;
	uint64_t share_free[TAKT_MAX_CPUS]; /* per mille */
	uint64_t started; /* instant */
};

#define CONTROL_WORDS(type) (sizeof(type) / 8)

_Static_assert(CONTROL_WORDS(struct control_info) <= TAKT_MAX_WORDS &&
	       CONTROL_WORDS(struct control_account) <= TAKT_MAX_WORDS, "one message each");

/* In lib/rt/control.c. */
TAKT_MUST_CHECK int control_info(takt_slot control, unsigned index, struct control_info *info);
TAKT_MUST_CHECK int control_account(takt_slot control, struct control_account *account);

/* Index of the compartment of that name; TAKT_E_RANGE if there is none. */
TAKT_MUST_CHECK int control_find(takt_slot control, const char *name);

/* Number of compartments, or an error. */
static inline TAKT_MUST_CHECK int control_count(takt_slot control)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONTROL_COUNT, 0, 0)};
	int err = takt_call(control, &m);

	return err ? err : (int)m.w[0];
}

static inline TAKT_MUST_CHECK int control_notify_by(takt_slot control, takt_slot irq)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONTROL_NOTIFY, 0, 1), .cap = {irq}};

	return takt_call(control, &m);
}

/* CONTROL_START, _STOP, _RESTART, _KILL; CONTROL_SHUTDOWN. */
static inline TAKT_MUST_CHECK int control_command(takt_slot control, enum control_op op,
						  unsigned index)
{
	struct takt_msg m = {.tag = TAKT_TAG(op, 1, 0), .w = {index}};

	return takt_call(control, &m);
}
#endif
