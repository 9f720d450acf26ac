/* SPDX-License-Identifier: MIT */
/*
 * The machine that a vmm process shows to its guest, and the threads that make it.
 *
 * Each vCPU is a thread of its own; its monitor context runs the exit loop (vcpu.c) and the device
 * models, each device under its lock. The process's first thread loads the guest, then serves what
 * may take longer: back ends with their rings, restart. A vCPU's path never waits for it.
 */
#ifndef VMM_MACHINE_H
#define VMM_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <takt/rt.h>
#include <takt/sys.h>
#include <takt/vcpu.h>

#include "lock.h"

/* Guest-physical addresses and interrupts as on QEMU's "virt" board. */
#define GUEST_FLASH 0x00000000ul
#define GUEST_FLASH_SIZE 0x08000000ul
#define GUEST_FLASH_ERASED 0x00200000ul /* of the second bank, as memory */
#define GUEST_GICD 0x08000000ul
#define GUEST_GICC 0x08010000ul /* GICv2 */
#define GUEST_GICR 0x080a0000ul /* GICv3 */
#define GUEST_PL011 0x09000000ul
#define GUEST_PL031 0x09010000ul
#define GUEST_PL061 0x09030000ul
#define GUEST_VIRTIO 0x0a000000ul
/* ... and what QEMU's has nothing at: devices of the host's board, passed through. */
#define GUEST_PASSED 0x0b000000ul
#define GUEST_PASSED_IRQ GUEST_SPI(64)
#define GUEST_RAM 0x40000000ul

#define GUEST_SHARED_IRQS 224
#define GUEST_SPI(n) (32 + (n))
#define GUEST_MAX_VCPUS 8
#define GUEST_MAX_DEVICES 32
#define GUEST_MAX_LOGGED 8 /* accesses outside the machine that are worth a line, for each run */

#define DEVICES_SEEN 16

struct device;
struct machine;

/* Where a vCPU is, seen by the others. */
enum vcpu_state {
	VCPU_OFF,     /* as PSCI has it; the thread waits for its kick */
	VCPU_CLAIMED, /* somebody is about to say where it starts */
	VCPU_START,   /* it is to run from boot_pc on */
	VCPU_ON,
};

struct vcpu {
	struct takt_vcpu_page *page;
	struct machine *machine;
	unsigned index;
	takt_slot self;	  /* the thread: interrupts, registers */
	takt_slot kick;	  /* irq that brings the vCPU to its monitor */
	int state;	  /* enum vcpu_state, atomic */
	uint64_t boot_pc; /* VCPU_START: where it begins, and its x0 */
	uint64_t boot_x0;
	unsigned logged;
	struct device *seen[DEVICES_SEEN]; /* what it accessed last, by parts of the address */
	struct rt_thread thread;
};

/* What the guest or a failure asks the whole machine to do. */
enum machine_request {
	MACHINE_RUN, /* nothing */
	MACHINE_OFF,
	MACHINE_RESET,
	MACHINE_FAILED,
	MACHINE_REQUESTS
};

struct machine {
	takt_slot task;	   /* guest-physical address space */
	takt_slot ram;	   /* extent of its memory */
	takt_slot control; /* irq: `request` was set, or a vCPU has stopped for it */
	uint8_t *memory;   /* the guest's memory as this process sees it */
	uint64_t ram_size;
	uint64_t rom_size; /* of firmware, behind the RAM in `memory`; 0: none */
	struct takt_vm_page *virq;
	int request;		      /* enum machine_request, atomic */
	bool stopped;		      /* for good */
	bool announced;		      /* what `request` leads to is on the log */
	bool again[MACHINE_REQUESTS]; /* restart: by `on-reset`, `on-off`, `on-crash` */
	unsigned vcpus;
	struct vcpu vcpu[GUEST_MAX_VCPUS];
	unsigned devices;
	struct device *device[GUEST_MAX_DEVICES];
	struct device *firmware; /* the one that has hypercalls */
	uint64_t boot_pc, boot_x0;
};

/* Builds the machine from the program's environment; errors are logged. */
TAKT_MUST_CHECK int machine_create(struct machine *m);

/* Puts memory and devices to their first state and loads the guest. No vCPU may be running. */
TAKT_MUST_CHECK int machine_load(struct machine *m);

/* Asks for something that concerns the whole machine; the first request wins. Every vCPU leaves
 * its guest soon; then the first thread acts. */
void machine_ask(struct machine *m, enum machine_request request);

/* An irq that arrives at a thread with badge 1. Slot or an error. */
TAKT_MUST_CHECK int machine_irq(takt_slot thread);

static inline enum machine_request machine_asked(struct machine *m)
{
	return (enum machine_request)__atomic_load_n(&m->request, __ATOMIC_ACQUIRE);
}

/* The first thread's loop: back ends of devices, and what machine_ask asks for. */
void machine_serve(struct machine *m) __attribute__((noreturn));

/* memory.c: extents into the guest's and our own address space. */
TAKT_MUST_CHECK int memory_create(struct machine *m);
/* Address of `size` bytes of guest memory, null if they are not all there. */
void *memory_at(struct machine *m, uint64_t address, uint64_t size);
/* Copies to the guest's memory, and clears it, so that a guest with its caches off sees it (else:
 * arch_clean). On the first thread only. */
void memory_write(void *to, const void *from, uint64_t size);
void memory_clear(void *to, uint64_t size);

/* boot_image.c: kernel or firmware, initrd and tree into guest memory; sets boot_pc and boot_x0. */
TAKT_MUST_CHECK int boot_image_load(struct machine *m);
/* Room that the firmware takes, 0 if there is none, or an error. */
TAKT_MUST_CHECK int64_t boot_image_rom(void);

/* tree.c: writes the guest's tree. Size of the tree, or an error. */
struct tree_boot {
	uint64_t initrd, initrd_size; /* guest-physical; size 0: none */
};
TAKT_MUST_CHECK int tree_create(struct machine *m, const struct tree_boot *boot, void *buf,
				unsigned size);

/* vcpu.c */
TAKT_MUST_CHECK int vcpu_create(struct machine *m, unsigned index);
/* Lets a vCPU that is off begin at `pc` with x0 = `arg`. False if it is not off. */
bool vcpu_start(struct vcpu *v, uint64_t pc, uint64_t arg);

/* A change of an interrupt that no more can ride with the next resume: what waits must happen
 * before, so all of it happens now. */
void vcpu_walk(struct vcpu *v, struct takt_vcpu_rider rider);

static inline void vcpu_ride(struct vcpu *v, struct takt_vcpu_rider rider)
{
	struct takt_vcpu_page *page = v->page;
	unsigned n = page->riders;

	if (n >= TAKT_VCPU_RIDERS) {
		vcpu_walk(v, rider);
		return;
	}
	page->rider[n] = rider;
	page->riders = n + 1;
}

/* Lets `action` happen to an interrupt before the guest runs again. Only on the vCPU's own
 * thread. */
static inline void vcpu_irq(struct vcpu *v, uint32_t intid, enum takt_virq_action action)
{
	vcpu_ride(v, (struct takt_vcpu_rider){intid, action});
}

/* The same for a software-generated interrupt from this vCPU to those in `targets`. */
static inline void vcpu_sgi(struct vcpu *v, uint32_t intid, uint8_t targets)
{
	vcpu_ride(v, (struct takt_vcpu_rider){
			     intid, TAKT_VIRQ_SGI | (uint32_t)targets << TAKT_VIRQ_SGI_SHIFT});
}

/* The guest cannot go on: logs why, with a dump, and stops the machine. */
void vcpu_fail(struct vcpu *v, const char *why);

static inline enum vcpu_state vcpu_state(struct vcpu *v)
{
	return (enum vcpu_state)__atomic_load_n(&v->state, __ATOMIC_ACQUIRE);
}

/* It is not switched off, and the machine is not asked for anything; who asks sees to it that
 * vCPUs leave their guests. */
static inline bool vcpu_goes_on(const struct vcpu *v)
{
	return *(const volatile int *)&v->state == VCPU_ON &&
	       *(const volatile int *)&v->machine->request == MACHINE_RUN;
}

/* The guest was left: whether it is to be entered again. */
bool vcpu_exited(struct vcpu *v, int reason);
/* arch: the same for TAKT_EXIT_TRAP. */
bool arch_trap(struct vcpu *v);
/* arch: registers of a vCPU as they are when PSCI or the board starts it. */
void arch_vcpu_boot(struct vcpu *v);
/* arch: what the guest's CPU reads as its own name; property "reg" of its node. */
uint64_t arch_vcpu_affinity(unsigned index);
/* arch: runs the guest, until vcpu_exited() does not want it any more. */
void arch_vcpu_run(struct takt_vcpu_page *page, struct vcpu *v);
void arch_vcpu_dump(struct vcpu *v);
/* arch: copies and clears a machine's memory, with the floating-point registers: on the first
 * thread only. What is cleared is a multiple of 64 bytes. */
void arch_copy(void *to, const void *from, size_t size);
void arch_clear(void *at, size_t size);
/* arch: from the data caches into memory, for a guest that runs with its caches off; whole pages. */
void arch_clean(const void *at, size_t size);

#endif
