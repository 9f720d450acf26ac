/* SPDX-License-Identifier: MIT */
/* Thread: registers, UTCB, scheduling contexts, its place in chains of calls. May be a vCPU. */
#ifndef OBJECT_THREAD_H
#define OBJECT_THREAD_H

#include <core/inbox.h>
#include <core/list.h>
#include <core/object.h>
#include <core/timerq.h>
#include <takt/invoke.h>
#include <takt/vcpu.h>

struct task;
struct sc;
struct machine;

enum thread_state {
	THREAD_STOPPED, /* not started, or stopped */
	THREAD_RUN,	/* wants to execute */
	THREAD_WAIT,	/* in wait: for a call or an irq */
	THREAD_OPEN,	/* called `peer`, which took the call */
	THREAD_WANT,	/* would call `peer`, which is busy; the call restarts */
	THREAD_BLOCKED, /* an invocation on another CPU is under way */
	THREAD_IDLE,	/* vCPU: guest sleeps */
};

enum fault_verdict { FAULT_UNHANDLED, FAULT_RESUME, FAULT_STOP };

#define THREAD_SCS 8
#define VIRQ_WORDS 4 /* 256 virtual interrupts at most */
#define VIRQ_WITH_SC 0xff
#define CALL_DEPTH 8
#define CPU_UNPLACED 0xff
enum { UTCB_MAPPED = 1, PAGE_MAPPED = 2 };
/* thread.wait_word, little-endian: the state alone. */
#define WAIT_PLAINLY ((u32)THREAD_WAIT)
#define RUN_PLAINLY ((u32)THREAD_RUN)
#define RUN_IN_GUEST ((u32)THREAD_RUN | 1u << 8) /* the same with `in_guest` */
#define IDLE_IN_GUEST ((u32)THREAD_IDLE | 1u << 8)
#define HAS_EVENTS (1u << 18) /* `has_events`, beside others */

/* FP/SIMD registers of one context. */
struct fpstate {
	u64 v[64]; /* v0..v31 */
	u32 fpsr, fpcr;
};

/* The first part is known to assembly by <arch/offsets.h>. */
struct thread {
	struct object object;
	struct takt_frame *regs; /* of the current context: `frame`, or the guest's in the page */
	struct task *task;
	u64 tpidr; /* TPIDR_EL0 */
	union {
		u32 wait_word; /* WAIT_PLAINLY, RUN_PLAINLY: native, and nothing special */
		struct {
			u8 state;
			bool in_guest; /* vCPU: the guest context is the current one */
			bool faulted : 1;  /* its open call is a fault message, */
			bool timed_out : 1;  /* to its time-out gate */
			bool has_events : 1; /* vCPU: `events` is not 0 */
			bool has_late : 1; /* vCPU: `late` is not empty */
			bool timed : 1;	   /* `deadline` is not TAKT_NEVER */
			bool remote_caller; /* `caller` lives on another CPU */
		};
	};
	u8 depth; /* calls above in its chain */
	u8 cpu;	  /* placed on, or CPU_UNPLACED */
	u8 kind;  /* enum takt_thread_kind */
	u8 fault_verdict; /* enum fault_verdict: the answer to it */
	struct thread *caller; /* who is owed a reply */
	struct thread *peer;   /* whom it calls */
	u64 peer_birth;
	u64 deadline; /* of the call or wait; TAKT_NEVER, and always where it runs outside the kernel */
	u64 pending;  /* badges of irqs that arrived */
	union {
		u16 news; /* 0: when it waits, it will wait */
		struct {
			bool signalled; /* `pending` is not 0 */
			bool wanted;	/* `wanters` is not empty, or was not lately */
		};
	};
	struct list wanters; /* remote callers that found it busy */
	struct timer timer;
	struct fpstate fp;
	struct takt_frame frame; /* native registers, while not running */

	char name[16];

	struct list task_link, guest_link; /* of its task, and of its guest's */
	struct takt_utcb *utcb; /* kernel address */
	u64 utcb_va, page_va;	/* where they are mapped in its task, */
	u8 mapped;		/* as soon as they are */
	int unfit; /* an error: its configuration failed, and is being taken back */

	u64 badge; /* of the gate through which it calls */
	bool may_transfer;  /* and whether that lets capabilities through */
	struct list gates;  /* struct gate.bound: whose target it is */
	struct list irqs;   /* struct irq.bound: they hold it to its CPU */
	struct list late;   /* struct irq.late */
	u8 timers;	    /* of `irqs`, those whose timers are armed, the late ones included */
	struct list want_link;	/* in somebody's wanters */
	struct list parked;	/* SCs whose chain's tip is this thread, blocked */
	/* An invocation on another CPU (THREAD_BLOCKED). */
	struct inbox_node node;
	u8 invoke_prio; /* priority of the SC under which it was sent */
	u8 request_cpu; /* where it is, or its own CPU once the result is on the way home */
	bool cancelling; /* cancel_node is under way */
	bool stopping;	 /* it stops when it comes home */
	bool repeat;	 /* its invocation is to be done again when it wakes */
	s16 cancel_error; /* 0: what it was to end is over */
	struct inbox_node cancel_node;
	struct thread *stopper;	   /* waits until this one has stopped */
	struct thread *waits_stop; /* whose stopper this one is */
	u64 waits_round;	   /* of quiescence; under that lock */

	struct sc *sc[THREAD_SCS]; /* attached; [0] is the base */
	struct weak fault_gate, timeout_gate;
	u64 fault_syndrome, fault_address; /* while `faulted` */

	/* vCPU. */
	struct task *guest_task;
	union {
		void *page; /* kernel address of the state page */
		struct takt_pv_page *pv;
		struct takt_vcpu_page *vp;
	};
	struct machine *machine; /* machine vCPU; its memory lasts as long as the thread's */
	struct inbox_node mail_node; /* see vgic_mail.c */
	u32 wait_mask;		 /* paravirtual: what it sleeps for */
	u8 way; /* of virtual interrupts to it: its kind, or VIRQ_WITH_SC */
	/* Event SCs: see event.h. */
	u8 events;   /* bit i: sc[i], i > 0, is attached */
	u8 active;   /* those that it wants to run on */
	u8 episodes; /* of these: brought by interrupts of a machine */
	u64 virq_sc[3][VIRQ_WORDS]; /* the index that a virtual interrupt brings, in binary */
	u64 virq_stays[VIRQ_WORDS]; /* it is left when the guest idles */
};
_Static_assert(sizeof(struct thread) <= 2048, "size class");

static inline struct thread *self_thread(struct object *self)
{
	return container_of(self, struct thread, object);
}

/* An operation on a placed thread is done on its CPU (core/invoke.h). */
#define ON_CPU_OF(t)                                                                               \
	do {                                                                                       \
		unsigned cpu_ = (t)->cpu;                                                          \
		if (cpu_ == CPU_UNPLACED)                                                          \
			return TAKT_E_STATE;                                                       \
		if (cpu_ != this_cpu()->id)                                                        \
			return E_REMOTE(cpu_);                                                     \
	} while (0)

struct thread *thread_create(struct factory *f, const u64 name[2]) MUST_CHECK;

/* The first CPU of a thread. E_REMOTE: somebody else was faster; E_CAP: it is being destroyed. */
int thread_place(struct thread *t, unsigned cpu) MUST_CHECK;

/* Priority at which it competes now: of the running SC if it is current, else of its base. */
unsigned thread_prio(const struct thread *t);

/* It becomes THREAD_RUN: its parked SCs and its own become ready. On its CPU only. */
void thread_wake(struct thread *t);

/* Stops it, also when it waits for another CPU. On its CPU. 0, or E_BLOCKED: the invocation is done
 * again when it has stopped; E_AGAIN: somebody else waits for that already. */
struct invocation;
int thread_quench(struct thread *t, struct invocation *in) MUST_CHECK;

/* One step of its end. 0 when all is done. */
int thread_teardown(struct thread *t, struct invocation *in) MUST_CHECK;
void thread_reclaim(struct thread *t);

/* Takes the badges that are pending. */
static inline u64 thread_signals(struct thread *t)
{
	u64 badges = t->pending;

	t->pending = 0;
	t->signalled = false;
	return badges;
}

/* What it did with a deadline is over. */
static inline void thread_untimed(struct thread *t)
{
	t->deadline = TAKT_NEVER;
	t->timed = false;
}

/* Or badges into `pending`, and wake it if it waits. On its CPU only. */
void thread_signal(struct thread *t, u64 badges);
#endif
