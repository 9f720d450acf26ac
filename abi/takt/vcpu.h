/* SPDX-License-Identifier: MIT */
/*
 * The pages that a vCPU shares with its owner. They are kernel frames; the kernel reads each word
 * once and trusts none of them.
 *
 * Both kinds of vCPU are a thread with two contexts, the monitor (an ordinary native thread) and
 * the guest. TAKT_RESUME enters the guest. From there the thread comes back to the monitor at
 * `entry`, with sp = `entry_sp` and x0 = the exit reason, on the same scheduling context. The other
 * registers hold nothing that it can rely on: values of its own or of its guest.
 */
#ifndef TAKT_VCPU_H
#define TAKT_VCPU_H

#include <takt/types.h>

/* Reasons for which a guest comes back to its monitor (x0 at `entry`, and `reason`). */
#define TAKT_EXIT_TRAP 1  /* syndrome in esr; far, ipa and the registers say the rest */
#define TAKT_EXIT_EVENT 2 /* an irq bound to the thread arrived; `events` holds the badges */
#define TAKT_EXIT_FAULT 3 /* paravirtual guest: as TAKT_EXIT_TRAP, a fault of the guest context */
#define TAKT_EXIT_ERROR 4 /* the state page makes no sense; `esr` is a takt_error */

/* Values of `sel` that name no SC attached are as this one, which the kernel stores when the guest
 * idles. */
#define TAKT_SC_NONE 0xffffffffu
#define TAKT_HINT_ALWAYS 0xffffffffu /* of `hint`: choosing any other SC wants it */

/* How a vCPU leaves the SC that an interrupt brought, if the guest does nothing about it. */
#define TAKT_LEAVE_EOI 0  /* when the interrupt ends */
#define TAKT_LEAVE_IDLE 1 /* when the guest waits for the next one */

/* Hypercall (HVC #0) of a machine, of SMCCC's vendor range, answered by the kernel: select the SC
 * with index x1. x0: 0, or -3 if there is none. Every other hypercall is the monitor's. */
#define TAKT_HVC_SELECT_SC 0xc6000001u

#define TAKT_VCPU_RIDERS 8
#define TAKT_PV_FRAMES 8

#ifndef __ASSEMBLER__

/* One register frame: the guest context, and an interrupted paravirtual context. */
struct takt_frame {
	uint64_t x[31];
	uint64_t sp; /* a machine: SP_EL0 */
	uint64_t pc;
	uint64_t pstate;
	uint64_t open; /* paravirtual frames: `open` as it was */
	/* Paravirtual: 1 + index of the SC that came with the interrupt that is being handled here; 0:
	 * none. The kernel sets it at an injection; PV_RETURN brings back that of the frame. */
	uint64_t irq_sc;
};

/*
 * State page of a paravirtual vCPU. See "Paravirtual interrupts" in the manual.
 *
 * The guest context runs in the thread's own task; `resume` is only needed to start it. A guest
 * that needs no monitor never comes back: the monitor context serves faults.
 */
struct takt_pv_page {
	/* Interrupts: bit n is virtual interrupt n, a higher number is more urgent. */
	volatile uint32_t open;	   /* guest-written: which interrupts may be delivered */
	volatile uint32_t pending; /* kernel-written, on the vCPU's CPU */
	volatile uint32_t depth;   /* frames in use */
	uint32_t reserved0;
	/* Scheduling: which SC the guest wants. See "Time in takt" in the manual. */
	volatile uint32_t sel;	/* guest-written: index of the selected SC, 0 is the base */
	volatile uint32_t hint; /* kernel-written: choosing a priority below hint - 1 wants PV_SYNC */
	/* Kernel-written: what its SCs have consumed is the instant less this, while one of them runs.
	 * Changes whenever somebody else has run. */
	volatile uint64_t run_origin;
	uint64_t upcall_entry; /* where interrupts enter the guest: x0 = number; owner-written */
	uint64_t upcall_sp;    /* sp there, when no frame was in use */
	uint64_t entry, entry_sp; /* the monitor's */
	uint64_t reason, esr, far, events;
	struct takt_frame guest;		  /* the context that `resume` enters */
	struct takt_frame frame[TAKT_PV_FRAMES]; /* interrupted contexts, [depth - 1] the newest */
};

/* What thread.virq_set and riders do to a virtual interrupt. */
enum takt_virq_action {
	TAKT_VIRQ_LOW,	 /* its line goes low */
	TAKT_VIRQ_HIGH,	 /* its line goes high */
	TAKT_VIRQ_LATCH, /* one edge */
	TAKT_VIRQ_SYNC,	 /* riders only: as thread.virq_sync */
	/* what a guest does by writes to GICD_ICPENDR, ICACTIVER and ISACTIVER */
	TAKT_VIRQ_UNLATCH,    /* forget an edge that is pending */
	TAKT_VIRQ_DEACTIVATE, /* make it inactive */
	TAKT_VIRQ_ACTIVATE,   /* make it active */
	/* Riders only: software-generated interrupt from this vCPU to those whose bits stand from
	 * TAKT_VIRQ_SGI_SHIFT on. */
	TAKT_VIRQ_SGI,
};
#define TAKT_VIRQ_SGI_SHIFT 8

/* One change of a virtual interrupt that rides on `resume`. */
struct takt_vcpu_rider {
	uint32_t intid;
	uint32_t action; /* enum takt_virq_action */
};

/* Configuration word of one virtual interrupt; changed by compare-and-swap with release, then
 * virq_sync. Private interrupts (0..31) stand in the vCPU's page, shared ones in the VM's. */
#define TAKT_VIRQ_ENABLED 0x1 /* already and-ed with the distributor's enable */
#define TAKT_VIRQ_GROUP1 0x2
#define TAKT_VIRQ_EDGE 0x4
#define TAKT_VIRQ_TARGET_SHIFT 4 /* 4 bits: index of the target vCPU (shared interrupts) */
#define TAKT_VIRQ_PRIORITY_SHIFT 8 /* 8 bits, as in GICD_IPRIORITYR */

/* State page of a machine vCPU. */
struct takt_vcpu_page {
	struct takt_frame guest;
	uint64_t reason, esr, far, ipa; /* ipa: faulting guest-physical address, to the byte */
	uint64_t events;
	uint64_t entry, entry_sp;
	volatile uint32_t hint, sel; /* as in the paravirtual page; `sel` by hypercall */
	uint32_t riders; /* entries of `rider` to apply at the next resume; the kernel zeroes it */
	uint32_t standby; /* not 0: the next resume begins as if with WFI; the kernel zeroes it */
	struct takt_vcpu_rider rider[TAKT_VCPU_RIDERS];
	volatile uint32_t virq[32]; /* configuration of the private interrupts */
};

/* The interrupt configuration page of a VM (task.vm_config). */
struct takt_vm_page {
	volatile uint32_t virq[224]; /* configuration of INTID 32.. */
};

_Static_assert(sizeof(struct takt_frame) == 288, "frame layout");
_Static_assert(sizeof(struct takt_pv_page) <= TAKT_PAGE_SIZE, "fits a page");
_Static_assert(sizeof(struct takt_vcpu_page) <= TAKT_PAGE_SIZE, "fits a page");
_Static_assert(offsetof(struct takt_vcpu_page, guest) == 0, "assembly relies on it");
_Static_assert(offsetof(struct takt_pv_page, open) == 0, "assembly relies on it");
#endif
#endif
