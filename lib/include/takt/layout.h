/* SPDX-License-Identifier: MIT */
/*
 * Where things are in the address space of a program that root started. Everything that a small
 * program has lies in the first GiB, so that its page tables stay few.
 *
 *   0x0000400000  the program's ELF file (user.ld)
 *   0x0010000000  environment: struct takt_env and the program's node, read-only
 *   0x0010010000  UTCBs, a page for each thread
 *   0x0010050000  vCPU state pages, a page for each thread
 *   0x0010090000  interrupt configuration pages of VMs
 *   0x0010100000  stacks, TAKT_VA_STACK_STRIDE for each thread: guard below, stack on top
 *   0x0020000000  heap: the extent TAKT_SELF_MEMORY
 *   0x0030000000  device registers (rt_map_device)
 *   0x1100000000  the program's own use: rt_va_alloc, rt_map
 *
 * The first TAKT_MAX_CPUS thread numbers belong to the threads that root makes, those above to
 * rt_thread_create. Root itself has the UTCB and stack of its first thread where the kernel puts
 * them (bootinfo.h).
 */
#ifndef TAKT_LAYOUT_H
#define TAKT_LAYOUT_H

#define TAKT_VA_PROGRAM 0x400000
#define TAKT_VA_ENV 0x10000000
#define TAKT_ENV_MAX_SIZE 0x10000
#define TAKT_VA_UTCB(n) (0x10010000 + (n) * 0x1000)
#define TAKT_VA_STATE(n) (0x10050000 + (n) * 0x1000)
#define TAKT_VA_VM_CONFIG(n) (0x10090000 + (n) * 0x1000)
#define TAKT_VA_STACK_STRIDE 0x20000
#define TAKT_VA_STACK_TOP(n) (0x10100000 + ((n) + 1) * TAKT_VA_STACK_STRIDE)
#define TAKT_STACK_MAX_SIZE (TAKT_VA_STACK_STRIDE - 0x1000)
#define TAKT_THREADS_MAX 64
#define TAKT_VA_HEAP 0x20000000
#define TAKT_HEAP_MAX_SIZE 0x10000000
#define TAKT_VA_DEVICES 0x30000000
#define TAKT_VA_DEVICES_END 0x40000000
#define TAKT_VA_FREE 0x1100000000
#define TAKT_VA_FREE_END 0x8000000000

/* Low bits of x0 of a thread that root starts: its number. The rest: the environment's address. */
#define TAKT_START_INDEX_MASK 0xfff

#endif
