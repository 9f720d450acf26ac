/* SPDX-License-Identifier: MIT */
/* Places in C structures that assembly uses. context.c asserts each of them. */
#ifndef ARCH_OFFSETS_H
#define ARCH_OFFSETS_H

/* struct takt_frame */
#define FRAME_X(n) (8 * (n))
#define FRAME_SP 248
#define FRAME_PC 256

/* struct cpu */
#define CPU_STACK_TOP 0
#define CPU_FRAME 8
#define CPU_THREAD 24
#define CPU_LOADED 32
#define CPU_NOT_FAST 40
#define CPU_NOT_FAST_GUEST 0x10000 /* NOT_FAST_GUEST */
#define CPU_NOT_FAST_EVENTS 0x200 /* NOT_FAST_EVENTS */
#define THREAD_HAS_EVENTS 0x40000 /* HAS_EVENTS, in wait_word */
#define CPU_ID 44
#define CPU_LOADED_TASK 48
#define CPU_FP_WORD 64

/* struct object, struct cap, struct frame */
#define OBJECT_BIRTH 0
#define OBJECT_TYPE 8 /* and `dying` in the byte behind */
#define FRAME_ENTRY_SIZE 32
#define FRAME_ENTRY_UNBORN 8

/* struct thread */
#define THREAD_REGS 32
#define THREAD_TASK 40
#define THREAD_TPIDR 48
#define THREAD_WAIT_WORD 56
#define THREAD_DEPTH 60
#define THREAD_CALLER 64
#define THREAD_PEER 72 /* and peer_birth behind it */
#define THREAD_PENDING 96
#define THREAD_NEWS 104
#define THREAD_UTCB 1024

/* struct takt_pv_page: `open`, and `pending` behind it, `depth`, and `upcall_entry`, and
 * `upcall_sp` behind it, so far before the guest's registers */
#define PV_OPEN 96
#define PV_DEPTH 88
#define PV_UPCALL 64

/* struct invocation */
#define INVOCATION_CALLER 0 /* and tag */
#define INVOCATION_W(n) (16 + 8 * (n))
#define INVOCATION_WINDOW 64
#define INVOCATION_FRAME 72
#define INVOCATION_SIZE 128

/* struct task */
#define TASK_SLOTS 32
#define TASK_LEAF 40
#define TASK_VTTBR 48

/* struct gate */
#define GATE_BADGE 32
#define GATE_TARGET 40
#endif
