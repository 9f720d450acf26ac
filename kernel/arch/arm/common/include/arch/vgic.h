/* SPDX-License-Identifier: MIT */
/*
 * Virtual interrupts of machines: the state of each interrupt, what is pending for a vCPU, and the
 * list registers. The registers of the distributor are the monitor's business; it leaves the
 * configuration of every interrupt in a word that the kernel reads when told to (virq_sync).
 *
 * All state of a vCPU, and of the shared interrupts it owns, is written by the vCPU's CPU alone:
 * there is no lock. Other CPUs leave what they want in the vCPU's mailbox (vgic_mail.c).
 */
#ifndef ARCH_VGIC_H
#define ARCH_VGIC_H

#include <arch/inline.h>
#include <core/list.h>
#include <core/object.h>
#include <object/thread.h>
#include <takt/vcpu.h>

#define VGIC_LRS 16	/* list registers used at most */
#define VGIC_LEVELS 32	/* GICv2's list registers have five bits of priority */
#define VGIC_PRIVATE 32
#define VGIC_SGIS 16
#define VGIC_SHARED 224
#define VGIC_VCPUS 8
#define VGIC_TIMER 27 /* the virtual timer's PPI, as every guest sees it */

/* One virtual interrupt. It is in at most one place: a queue, a list register, a spilled list. */
struct virq {
	struct list link;     /* queue of its level, or its spilled list */
	u32 cfg;	      /* configuration word as last read */
	u32 hw;		      /* physical interrupt bound to it, or IRQ_SOFT */
	u16 intid;
	/* Shared: the vCPU that has it, read by all CPUs, and the one that gets it when it is
	 * inactive. */
	u8 owner, next_owner;
	u8 lr;		      /* 1 + list register, 0: none */
	u8 level;	      /* of the queue or list register it is in */
	u8 sources;	      /* SGI: vCPUs that ask, not in the list register; GICv3: bit 0 */
	u8 source;	      /* and the one that is */
	union {
		u64 flags; /* see inject() */
		struct {
			bool taken; /* the list register's pending state came from the latch */
			bool held;  /* the physical interrupt is active because of this one */
			bool line, latch; /* the device's level; an edge that no list register holds */
			bool active;	  /* active without a list register */
			bool queued;
			bool noticed; /* its end in the list register is to be noticed: an event SC
					 is left then */
			u8 event; /* index of the SC that its last arrival brought, 0: none */
		};
	};
	u32 fresh; /* see virq_refresh */
	u32 post; /* what other CPUs want of it; any CPU writes: see vgic_mail.c */
};
_Static_assert(sizeof(struct virq) <= 64, "64 fit a page");

/* In virq.flags, little-endian: these alone are left of an interrupt that came and was ended. */
#define VIRQ_TAKEN 0x1u
#define VIRQ_HELD 0x100u

#define VGIC_NOBODY 0xff /* as an owner */

/* What other CPUs have for a vCPU. They write, the vCPU's CPU takes. */
#define VGIC_MAIL_WORDS ((VGIC_PRIVATE + VGIC_SHARED) / 64)
struct vgic_mail {
	u32 any;		     /* bit n: posted[n] holds something; VGIC_MAIL_SGIS: `sgis` */
	u32 sgis;		     /* bit n: source[n] holds something */
	u8 source[VGIC_SGIS];	     /* vCPUs that ask for the SGI */
	u64 posted[VGIC_MAIL_WORDS]; /* bit n: virq.post of interrupt n holds something */
};
#define VGIC_MAIL_SGIS (1u << VGIC_MAIL_WORDS)

/* Of one vCPU. */
struct vgic_cpu {
	struct thread *thread;
	bool attached; /* to the VM's vgic, under `index` */
	bool loaded;   /* its list registers are the hardware's */
	bool dirty;    /* flush before the guest runs */
	u8 index;
	u16 swept; /* how far vgic_cpu_destroy has come */
	u32 used;   /* list registers that hold an interrupt */
	u32 asked;  /* those that ask for maintenance at the interrupt's end */
	u32 levels; /* bit n: level[n] is not empty */
	u32 control;		  /* what the interface's control register holds */
	u32 vmcr, apr[8];	  /* while not loaded */
	u64 lr[VGIC_LRS];	  /* while not loaded */
	struct virq *in[VGIC_LRS]; /* what each list register holds */
	u8 events[THREAD_SCS];	  /* queued interrupts that brought each event SC */
	u32 spilled_levels; /* bit n: spilled[n] is not empty */
	struct list spilled[VGIC_LEVELS]; /* active, without list register */
	struct list level[VGIC_LEVELS]; /* pending and deliverable, 0 the most urgent */
	struct virq own[VGIC_PRIVATE];
	struct vgic_mail mail;
};

/* Of one VM. */
struct vgic {
	struct takt_vm_page *cfg;
	unsigned shared;
	u8 leaving; /* bit n: index n is being destroyed, and not free yet; with the task's lock */
	struct weak vcpu[VGIC_VCPUS];	/* threads, by index */
	u8 last[MAX_CPUS];		/* 1 + index of the vCPU last loaded on each CPU */
	struct virq *frame[VGIC_SHARED / 64 + 1]; /* 64 each */
};

/* Control bits of the virtual CPU interface; GICv2 and GICv3 agree (GICH_HCR, ICH_HCR_EL2). */
#define VGIC_EN 0x1u	  /* on */
#define VGIC_LRENPIE 0x4u /* interrupt while ends without a list register are counted */
#define VGIC_NPIE 0x8u	  /* interrupt when nothing is pending in the list registers */
#define VGIC_EOICOUNT(hcr) ((hcr) >> 27)

/* The virtual CPU interface of a kind of controller. The list registers are opaque here, but for
 * the bits named. Implemented by vgic_v2.c and vgic_v3.c. */
struct vgic_hw {
	unsigned lrs;
	bool sgi_sources;    /* SGIs of several sources are several */
	u64 pending, active; /* state bits of a list register */
	u64 eoi;	     /* ask for a maintenance interrupt at its end; not with hw */
	u64 hw;		     /* linked to a physical interrupt */
	u64 (*lr_make)(const struct virq *v, u64 state); /* from intid, level, source, held
						     and noticed */
	u64 (*lr_read)(unsigned i);
	void (*lr_write)(unsigned i, u64 lr);
	u32 (*ended)(bool asked); /* list registers without pending or active state; asked: also
				     those that wait for their end to be noticed */
	u32 (*control)(void);
	void (*set_control)(u32 control);
	u32 (*vmcr)(void);
	void (*save)(struct vgic_cpu *vc);    /* VMCR and active priorities */
	void (*restore)(const struct vgic_cpu *vc);
	/* Whether an interrupt of that level and group would be signalled, by VMCR. */
	bool (*passes)(u32 vmcr, unsigned level, bool group1);
};
extern const struct vgic_hw *vgic_hw;
extern u8 *gich; /* GICv2's; null: GICv3, whose interface is system registers */
#define GICH_LR(n) (0x100 + 4 * (n))

const struct vgic_hw *vgic_v2_init(void); /* null: no virtual interface */
const struct vgic_hw *vgic_v3_init(void);
void vgic_v3_init_cpu(void);

static inline struct vgic_cpu *vgic_of(const struct thread *t)
{
	return (struct vgic_cpu *)t->machine;
}

void vgic_init(void);
void vgic_init_cpu(void);

void vgic_cpu_create(struct vgic_cpu *vc, struct thread *t);
/* While it is not loaded, in steps: true when all is done. The reset's begin with *at = 0. */
bool vgic_cpu_reset(struct vgic_cpu *vc, u64 *at) MUST_CHECK;
bool vgic_cpu_destroy(struct vgic_cpu *vc) MUST_CHECK;
/* The vCPU of that index in t's machine; null: there is none. */
struct thread *vgic_vcpu(struct thread *t, unsigned index);
bool vgic_attach(struct thread *t) MUST_CHECK; /* false: no index is left in the VM */
void vgic_destroy(struct vgic *g); /* frees it; no vCPU is left */

/* v, no SGI, arrives, with a physical interrupt (`held`) or not. */
void vgic_arrive(struct vgic_cpu *vc, struct virq *v, bool held);

/* The virtual timer's physical interrupt was acknowledged, or its time came while not loaded. */
static inline void vgic_timer(struct vgic_cpu *vc)
{
	vgic_arrive(vc, &vc->own[VGIC_TIMER], true);
}

/* List registers and interface state to and from the hardware. */
void vgic_load(struct vgic_cpu *vc);
void vgic_save(struct vgic_cpu *vc);
void vgic_switch(struct vgic_cpu *from, struct vgic_cpu *to); /* both */

/* Brings the most urgent pending interrupts into the list registers. */
void vgic_flush(struct vgic_cpu *vc);

/* The GIC wants attention for what is loaded: ends without a list register, nothing pending, a
 * level-triggered interrupt that ended. Leaves no reason for another one. */
void vgic_maintain(struct vgic_cpu *vc);

/* The mailbox: whether there is something, and taking it. The latter stops where the kernel has
 * something to decide, and returns false. */
static inline bool vgic_has_mail(const struct vgic_cpu *vc)
{
	return *(const volatile u32 *)&vc->mail.any;
}
bool vgic_collect(struct vgic_cpu *vc) MUST_CHECK;

/* An interrupt is pending that the virtual CPU interface would signal. */
bool vgic_pending(struct vgic_cpu *vc);
#endif
