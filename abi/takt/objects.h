/* SPDX-License-Identifier: MIT */
/* Object types, operation numbers, rights, and the enumerations that operations take. */
#ifndef TAKT_OBJECTS_H
#define TAKT_OBJECTS_H

#include <takt/types.h>

/* Types of object; 0 is no object. */
enum takt_type {
	TAKT_NONE,
#define OBJECT(TYPE, type, doc) TAKT_##TYPE,
#define OP(...)
#include <takt/objects.def>
	TAKT_TYPES
};

/* Operation numbers: TAKT_TASK_MAP and so on. */
enum takt_op {
#define OBJECT(...)
#define OP(TYPE, type, number, NAME, name, rights, words, caps, doc) TAKT_##TYPE##_##NAME = (number),
#include <takt/objects.def>
};

/*
 * Rights: 16 bits in each capability. Bits 0..7 mean something else for each type.
 */
#define TAKT_R_NONE 0x0
#define TAKT_R_ALL 0xffff

#define TAKT_R_TASK_MAP 0x1 /* change the address space */
#define TAKT_R_TASK_CAP 0x2 /* change and inspect the capability table */

#define TAKT_R_THREAD_CONTROL 0x1
#define TAKT_R_THREAD_SC 0x2
#define TAKT_R_THREAD_SERVE 0x4 /* may be made the target of gates and irqs */
#define TAKT_R_THREAD_REGS 0x8
#define TAKT_R_THREAD_VIRQ 0x10 /* interrupts of the guest of a vCPU */

#define TAKT_R_GATE_CALL 0x1
#define TAKT_R_GATE_TRANSFER 0x2 /* messages may carry capabilities */
#define TAKT_R_GATE_BIND 0x4

#define TAKT_R_IRQ_BIND 0x1
#define TAKT_R_IRQ_TRIGGER 0x2

#define TAKT_R_SC_INFO 0x1
#define TAKT_R_SC_BIND 0x2

#define TAKT_R_SCHED_CREATE 0x1
#define TAKT_R_SCHED_RUN 0x2
#define TAKT_R_SCHED_INFO 0x4

#define TAKT_R_MEM_READ 0x1
#define TAKT_R_MEM_WRITE 0x2
#define TAKT_R_MEM_EXEC 0x4
#define TAKT_R_MEM_DERIVE 0x8
#define TAKT_R_MEM_CLAIM 0x10

#define TAKT_R_FACTORY_CREATE 0x1
#define TAKT_R_FACTORY_DESTROY 0x2
#define TAKT_R_FACTORY_INFO 0x4

#define TAKT_R_INTC_GET 0x1

#define TAKT_R_LOG_WRITE 0x1
#define TAKT_R_LOG_SYSTEM 0x2
#define TAKT_R_LOG_TRACE 0x4

enum takt_task_kind { TAKT_TASK_NATIVE, TAKT_TASK_VM };
enum takt_thread_kind { TAKT_THREAD_PLAIN, TAKT_THREAD_PV, TAKT_THREAD_MACHINE };
enum takt_memory_kind { TAKT_MEMORY_RAM, TAKT_MEMORY_DEVICE };

/* w3 of task.map: bits 0..2 access as TAKT_R_MEM_READ/WRITE/EXEC, bits 8..9 attribute,
 * bits 16..21 greatest block order (12: pages only, 21: 2 MiB, 30: 1 GiB, 0: no limit). */
#define TAKT_MAP_READ 0x1
#define TAKT_MAP_WRITE 0x2
#define TAKT_MAP_EXEC 0x4
#define TAKT_MAP_CACHED 0x000	/* normal memory, write-back */
#define TAKT_MAP_DEVICE 0x100	/* Device-nGnRE; never executable */
#define TAKT_MAP_UNCACHED 0x200 /* normal memory, non-cacheable */
#define TAKT_MAP_ATTR_MASK 0x300
#define TAKT_MAP_ORDER(order) ((uint64_t)(order) << 16)

/* w2 of memory.sync. */
#define TAKT_SYNC_CODE 0
#define TAKT_SYNC_COHERENCY 1

/* Registers for thread.regs_read and regs_write. The EL1 ones exist for machine vCPUs. */
enum takt_reg {
	TAKT_REG_X0 = 0, /* ..TAKT_REG_X0 + 30 */
	TAKT_REG_SP = 31,
	TAKT_REG_PC = 32,
	TAKT_REG_PSTATE = 33,
	TAKT_REG_MPIDR = 64, /* what the guest reads as MPIDR_EL1 */
	TAKT_REG_SCTLR_EL1,
	TAKT_REG_CNTVOFF,
	/* what a monitor needs to deliver an exception to its guest, and for a dump */
	TAKT_REG_VBAR_EL1,
	TAKT_REG_ELR_EL1,
	TAKT_REG_SPSR_EL1,
	TAKT_REG_ESR_EL1,
	TAKT_REG_FAR_EL1,
	TAKT_REG_SP_EL1,
};
#endif
