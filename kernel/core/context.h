/* SPDX-License-Identifier: MIT */
/*
 * Contexts and worlds: what the core asks of the architecture when another thread, or the other
 * context of a vCPU, is to run. Implemented in arch/arm/arm64 (context.c, machine.c, fp.c) and
 * arch/arm/common (vgic.c).
 */
#ifndef CORE_CONTEXT_H
#define CORE_CONTEXT_H

#include <core/cpu.h>
#include <object/thread.h>

/* Once on each CPU: the registers that hold the same value for all native code. */
void context_init_cpu(struct cpu *c);

/* Initial registers of a native thread. */
void context_start(struct thread *t, u64 pc, u64 sp, u64 arg);

/* Loads what the thread's current context (native, or guest if t->in_guest) needs into the
 * hardware, and points cpu->frame to its registers. */
void context_load(struct cpu *c, struct thread *t);

/* The same for the usual case of a machine: from one context of its thread to the other. False:
 * nothing was done, it is not that case. */
bool context_cross(struct cpu *c, struct thread *t) MUST_CHECK;

/* Lets go of an address space whose task is being destroyed. */
void context_forget_dying(struct cpu *c);

/* The thread leaves this CPU or ends: nothing of it may stay in the registers. On its CPU. */
void context_evict(struct thread *t);

/* Trap on first use of FP/SIMD by a context that does not own the registers. */
void fp_trap(struct cpu *c, struct thread *t);

/* Takes one interrupt from the controller, if any, and acts on it. */
void irq_poll(void);

/* --- Machine vCPUs (arch/arm) --------------------------------------------------------------- */

struct vgic;

/* Once on each CPU: constant trap registers, virtual CPU interface, the interrupts of both. */
void machine_init_cpu(void);
unsigned machine_list_registers(void); /* 0: the board cannot run machines */

/* Memory for a machine vCPU's EL1 registers and private interrupts (one page), out of f. */
struct machine *machine_create(struct factory *f, struct thread *t) MUST_CHECK;
/* One step of it, which begins with *at = 0. True when it is done. */
bool machine_reset(struct thread *t, u64 *at) MUST_CHECK;
/* One step: null in *g at first. 0 when all is made, E_RESTART, E_NOMEM: *g is to be destroyed, if
 * there is one. */
int vgic_create(struct factory *f, struct takt_vm_page *cfg, unsigned shared,
		struct vgic **g) MUST_CHECK;

/* Registers of enum takt_reg from TAKT_REG_MPIDR on. E_RANGE for unknown ones. */
int machine_reg(struct thread *t, unsigned reg, u64 *value, bool write) MUST_CHECK;

/* World switch, called by context_load: the EL1 registers, virtual timer and virtual CPU interface
 * of t's machine become the hardware's (save: back to memory). Only when another machine runs. */
void machine_load(struct cpu *c, struct thread *t);
void machine_save(struct cpu *c);

/* From the guest that is loaded to that of t, another machine's: what context_load, machine_collect and
 * machine_before_guest do then. What is to follow: LEAVE_LOADED, or LEAVE_DECIDE (sched.h) where there is
 * mail, and the dispatcher is to look at it. */
struct takt_frame *machine_switch(struct cpu *c, struct thread *t);

/* Right before the guest is entered: list registers filled, SPSR sanitised. True if an interrupt is
 * pending for it. */
void machine_before_guest(struct thread *t);

/* For sched_same_or: the guest that was interrupted goes on as it is. */
bool machine_same(const struct cpu *c) MUST_CHECK;

/* A trap from the guest. Returns true if the kernel dealt with it (WFI, lazily switched state, an
 * interrupt-controller register, select-SC); false: it goes to the monitor. */
bool machine_trap(struct thread *t, u64 esr);

/* The event SCs, by index, whose interrupts are pending and not taken; of some that are taken it may
 * say so, too, while there are more than list registers. */
unsigned machine_untaken(struct thread *t);

/* Anything that ends WFI: an enabled pending interrupt, or the virtual timer's. */
bool machine_pending(struct thread *t);

/* The guest has nothing to do until an interrupt is pending. */
void machine_wait(struct thread *t);

/* Takes what other CPUs have for the guest, which is about to run. False if the kernel has
 * something to decide before. */
bool machine_collect(struct thread *t);

/* The guest was left for the monitor. */
void machine_left(struct thread *t);

/* From the inbox: there is something for the guest, which does not run. */
void machine_mail(struct thread *t);

/* Interrupts that the kernel itself takes for a machine: the virtual timer and GIC maintenance,
 * while that machine's registers are loaded. */
void machine_virtual_timer(struct cpu *c, u32 raw);
void machine_maintenance(struct cpu *c, u32 raw);

/* t->timer fired while its machine was not loaded: the virtual timer's compare value came. */
void machine_timer_due(struct thread *t);

/* One step of a machine's end, with its thread, which is evicted; its memory stays, since other CPUs may
 * be looking at it. True when it is done. And a VM's shared interrupts, no vCPU left. */
bool machine_destroy(struct thread *t) MUST_CHECK;
void vgic_destroy(struct vgic *g);

/* Interrupt intid of t's machine: its configuration changed; it changes as enum takt_virq_action
 * says. On any CPU: at once if the interrupt's state belongs to this one, else before the guest that
 * has it goes on. An error: E_RANGE. */
int virq_sync(struct thread *t, u32 intid) MUST_CHECK;
int virq_set(struct thread *t, u32 intid, unsigned action) MUST_CHECK;
/* Its state; E_REMOTE where that belongs to another CPU. */
int virq_query(struct thread *t, u32 intid) MUST_CHECK;
/* Software-generated interrupt to the vCPUs of t's machine in mask, wherever they are. */
int virq_sgi(struct thread *t, u64 mask, u32 intid, u32 source) MUST_CHECK;
int virq_sgi_from(struct thread *t, u64 mask, u32 intid) MUST_CHECK; /* the source is t */

/* An irq object bound to a machine's vCPU arrived: inject. hw is its line, or IRQ_SOFT. */
void virq_arrive(struct thread *t, u32 intid, u32 hw, u32 raw);
/* The same where nothing but that is to be done: hw is bound to t's intid, and interrupted t's guest.
 * False: nothing was done, it is not that simple. */
bool virq_arrive_simply(struct thread *t, u32 intid, u32 hw) MUST_CHECK;
int virq_bind(struct thread *t, u32 intid, u32 hw) MUST_CHECK;

/* --- Paravirtual vCPUs (core/pv.c) ----------------------------------------------------------- */

void pv_arrive(struct thread *t, unsigned virq);
void pv_before_guest(struct thread *t);

/* A hardware line's interrupt arrived while the guest runs; of its registers, x0..x17 and x30 are
 * saved. Null: it goes on. Else LEAVE_UPCALL and where the rest of its context is to be saved. */
struct takt_frame *pv_trap(struct thread *t, unsigned virq);

/* One of its SCs runs since `now`, maybe for long: tells the guest what they have consumed. */
void pv_began(struct thread *t, u64 now);
void pv_syscall(struct thread *t, unsigned flavour);

/* --- Both (core/vcpu.c) ----------------------------------------------------------------------- */

/* TAKT_RESUME. */
void vcpu_resume(struct thread *t);
/* The guest context ends; the monitor runs at its entry with the reason. */
void vcpu_exit(struct thread *t, unsigned reason, u64 esr, u64 far);
/* On the way out of the kernel to a guest: leaves it for the monitor if an irq for that one came,
 * delivers paravirtual interrupts. */
void vcpu_before_guest(struct thread *t);
/* The guest goes to sleep; wakes by vcpu_wake. */
void vcpu_idle(struct thread *t, u64 deadline);
void vcpu_wake(struct thread *t);
#endif
