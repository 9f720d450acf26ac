/* SPDX-License-Identifier: MIT */
/*
 * What core/ and object/ need of an architecture. arch/arm implements it for the hardware,
 * arch/fake for tests on the host. Inline parts (spinlocks, the counter, per-CPU data) stand in
 * <arch/inline.h> of each.
 */
#ifndef CORE_ARCH_H
#define CORE_ARCH_H

#include <core/types.h>

/* --- What the boot code learnt from the device tree --------------------------------------- */

struct region {
	u64 base, size;
};

#define PLATFORM_REGIONS 16

struct platform {
	u32 cpus; /* usable, at most MAX_CPUS; numbered in device-tree order, boot CPU 0 */
	u64 mpidr[MAX_CPUS]; /* affinity bits of MPIDR_EL1 */
	u32 memories;
	struct region memory[PLATFORM_REGIONS]; /* all RAM, sorted, page-aligned inwards */
	u32 reserved_count;
	struct region reserved[PLATFORM_REGIONS]; /* /memreserve/ and /reserved-memory */
	struct region image, dtb, archive;	  /* where they lie; archive.size 0: none */
	u64 counter_hz;
	u32 gic_version; /* 2 or 3 */
	struct region gicd, gicc, gich, gicv, gicr[4];
	u32 hyp_timer_intid;   /* EL2 physical timer (PPI 26) */
	u32 virt_timer_intid;  /* EL1 virtual timer (PPI 27) */
	u32 maintenance_intid; /* GIC maintenance (PPI 25) */
	struct region uart;    /* PL011 of /chosen stdout-path; size 0: none */
	bool psci_smc;	       /* conduit: SMC, else HVC */
};
extern struct platform platform;

/* Free RAM once booting is done: what neither the kernel, the dtb, the archive nor a reservation
 * occupies. Fills at most `max`, returns how many. */
unsigned arch_free_memory(struct region *out, unsigned max);

/* Boot-time memory, zeroed, mapped; only before arch_free_memory is called. Panics when short. */
void *boot_alloc(u64 size, u64 align);

/* --- The kernel's own mapping ------------------------------------------------------------- */

/* Kernel frames are mapped one to one (kernel virtual = physical). Frames that are not the
 * kernel's are not mapped. Granule: one page; no memory is needed (tables exist for all RAM). */
static inline void *kva(paddr_t pa)
{
	return (void *)pa.v;
}
static inline paddr_t kpa(const void *va)
{
	return PADDR((u64)va);
}
void arch_kernel_map(paddr_t pa, u64 size);   /* read-write, never executable, cacheable */
void arch_kernel_unmap(paddr_t pa, u64 size); /* with TLB invalidation on all CPUs */

/* Maps one frame that is not the kernel's at this CPU's window, for clearing or loading; the next
 * call on the same CPU replaces it. */
void *arch_window(paddr_t frame);
void arch_window_close(void);

/* Zeroes whole pages that are mapped, cacheable. */
void zero_pages(void *p, u64 size);

/* Zeroes a frame through the window and cleans it to the point of coherency. */
void arch_clear_frame(paddr_t frame);

/* Cache maintenance on a physical page through the window; kind as w2 of memory.sync. */
void arch_sync_frame(paddr_t frame, u64 size, unsigned kind);

/* --- Stage 2 ------------------------------------------------------------------------------ */

#define STAGE2_BITS 39 /* input addresses; the root table is one page of 1 GiB entries */

struct stage2 {
	u64 vttbr; /* both of the below, as the hardware wants it */
	u64 *root; /* a kernel frame */
	u16 vmid;
};

/* Gives frames for tables; null when exhausted. The frame is zeroed. */
typedef void *(*stage2_alloc_fn)(void *arg);

/*
 * Maps as much of [ipa, ipa + size) as one step may do (bounded work), with the greatest blocks
 * that alignment and the order in flags (TAKT_MAP_*) allow. All page-aligned; the range must be
 * unmapped. *done is how many bytes are mapped so far, in and out. Returns 0, or TAKT_E_NOMEM (what
 * was done stays, *done says how much).
 */
int stage2_map(struct stage2 *s2, ipaddr_t ipa, paddr_t pa, u64 size, u64 flags,
	       stage2_alloc_fn alloc, void *arg, u64 *done) MUST_CHECK;

/* Removes up to one step's worth of [ipa + *done, ipa + size), as mapped before, and invalidates
 * TLBs on all CPUs before it returns. Tables stay. */
void stage2_unmap(struct stage2 *s2, ipaddr_t ipa, u64 size, u64 *done);

/* Calls `release` for some of the table frames below the root, from *cursor on, which begins as 0.
 * For the task's end, when no CPU walks them any more. True when that was the last one. */
bool stage2_free_tables(struct stage2 *s2, u64 *cursor, void (*release)(void *table)) MUST_CHECK;

/* --- Interrupt controller ------------------------------------------------------------------ */

#define IRQC_LINES 1020 /* interrupts have numbers below that; from there on they mean none */
#define IRQ_NONE 1023
void irqc_init(void);	  /* once, boot CPU: distributor */
void irqc_init_cpu(void); /* each CPU: banked part, CPU interface, EOImode 1 */
unsigned irqc_lines(void);
void irqc_configure(u32 intid, bool edge, unsigned cpu); /* route to cpu; stays disabled */
void irqc_enable(u32 intid);				 /* PPIs: on this CPU */
void irqc_disable(u32 intid);
/* In <arch/irqc.h>: u32 irqc_ack_raw(void), IAR as read (IRQ_NONE if spurious), of which
 * irqc_intid() makes the number; void irqc_drop(u32 raw), priority drop (EOIR). */
static inline u32 irqc_intid(u32 raw)
{
	return raw & 0x3ff; /* GICv2 carries the source CPU above; GICv3's 24 bits are not used */
}
void irqc_deactivate(u32 raw); /* DIR: the line may interrupt again */
bool irqc_is_active(u32 intid);
void irqc_set_active(u32 intid, bool active); /* private: of this CPU */
void irqc_kick(unsigned cpu);		      /* SGI 0 to another CPU */

/* --- Timer, power --------------------------------------------------------------------------- */

void timer_init_cpu(void);
/* In <arch/inline.h>: void timer_set(u64 when), CNTHP at an absolute tick, TAKT_NEVER: off. */

void psci_init(void);
int psci_cpu_on(u64 mpidr, paddr_t entry, u64 context) MUST_CHECK;
void psci_system_off(void) NORETURN;
void psci_system_reset(void) NORETURN;

/* Starts the other CPUs; each comes to `secondary_main(cpu)` on its own stack. Those which do not
 * answer are reported and left out of platform.cpus. */
void smp_start(void);

/* --- Early console --------------------------------------------------------------------------- */
/* PL011: how many characters it takes without a wait; all where there is none. */
size_t early_write(const char *text, size_t n) MUST_CHECK;

/* --- Called by the architecture -------------------------------------------------------------- */
void kernel_main(void) NORETURN;	    /* boot CPU, MMU on, platform known */
void secondary_main(unsigned cpu) NORETURN; /* every other CPU */

#endif
