/* SPDX-License-Identifier: MIT */
/*
 * From the boot loader to C. The image begins with the header of the Linux boot protocol for arm64
 * and is entered as that says: MMU off, data caches clean for the image, x0 = device tree.
 *
 * The first page is mapped one to one by the first tables, and all that runs while the MMU is
 * switched on lies in it. Code before that is position independent, so that symbols taken with adr
 * or adrp are physical addresses.
 */
#include <arch/layout.h>
#include <takt/types.h>

	.section .head.text, "ax"
	.globl	_start
_start:
	b	primary_entry
	.long	0
	.quad	0		/* text_offset: the image begins at a multiple of 2 MiB */
	.quad	_image_size	/* with bss */
	.quad	0xa		/* little endian, 4 KiB pages, anywhere in memory */
	.quad	0
	.quad	0
	.quad	0
	.ascii	"ARM\x64"
	.long	0

primary_entry:
	msr	daifset, #0xf
	mov	x19, x0
	bl	el_init

	/* The tables are written with caches off and read with caches on, hence the invalidation:
	 * lines that were fetched before must not hide what is written now. */
	adrp	x0, _tables_start
	adrp	x1, _tables_end
	mov	x2, x0
1:	stp	xzr, xzr, [x2], #16
	cmp	x2, x1
	b.lo	1b
	adrp	x2, _stacks_start
	add	x2, x2, #STACK_STRIDE
	mov	sp, x2
	bl	boot_map
	adrp	x0, _tables_start
	adrp	x1, _tables_end
	mrs	x2, ctr_el0		/* DminLine: log2 of words in the smallest line */
	ubfx	x2, x2, #16, #4
	mov	x3, #4
	lsl	x3, x3, x2
	dmb	sy
1:	dc	ivac, x0
	add	x0, x0, x3
	cmp	x0, x1
	b.lo	1b
	dsb	sy

	ldr	x21, =primary_virtual
	b	mmu_on

/* Entered by PSCI CPU_ON: x0 = number of the CPU. Reads no data before the MMU is on. */
	.globl	secondary_entry
secondary_entry:
	msr	daifset, #0xf
	mov	x19, x0
	bl	el_init
	ldr	x21, =secondary_virtual
	b	mmu_on

/* Brings EL2 (or EL1) to a known state, MMU off. Leaves the exception level in x20. */
el_init:
	mrs	x20, CurrentEL
	lsr	x20, x20, #2
	cmp	x20, #ENTRY_EL1
	b.eq	1f
	cmp	x20, #ENTRY_EL2
	b.ne	hang			/* EL3: no boot protocol enters there */
	ldr	x0, =SCTLR_EL2_OFF
	msr	sctlr_el2, x0
	isb
	ldr	x0, =HCR_BOOT
	msr	hcr_el2, x0
	ldr	x0, =CPTR_BOOT
	msr	cptr_el2, x0
	msr	vttbr_el2, xzr
	msr	cntvoff_el2, xzr
	msr	tpidr_el2, xzr
	isb
	ret
1:	ldr	x0, =SCTLR_EL1_OFF
	msr	sctlr_el1, x0
	isb
	ret

/* Switches the MMU on and goes to x21. Keeps x19 and x20. */
mmu_on:
	ldr	x0, =MAIR_VALUE
	mrs	x1, id_aa64mmfr0_el1
	and	x1, x1, #0xf
	mov	x2, #PARANGE_MAX
	cmp	x1, x2
	csel	x1, x1, x2, lo
	adrp	x2, idmap_l1
	adrp	x22, _image_start
	cmp	x20, #ENTRY_EL1
	b.eq	1f

	ldr	x3, =TCR_WALK + TCR_EL2_RES1
	orr	x3, x3, x1, lsl #16
	msr	mair_el2, x0
	msr	tcr_el2, x3
	msr	ttbr0_el2, x2
	isb
	tlbi	alle2
	ic	iallu
	dsb	nsh
	isb
	ldr	x0, =SCTLR_EL2_ON
	msr	sctlr_el2, x0
	isb
	br	x21

1:	ldr	x3, =TCR_WALK + TCR_EL1_EPD1
	orr	x3, x3, x1, lsl #32
	msr	mair_el1, x0
	msr	tcr_el1, x3
	msr	ttbr0_el1, x2
	isb
	tlbi	vmalle1
	ic	iallu
	dsb	nsh
	isb
	ldr	x0, =SCTLR_EL1_ON
	msr	sctlr_el1, x0
	isb
	br	x21

hang:
	wfi
	b	hang

	.ltorg
	.globl	_head_end
_head_end:

	.section .text.boot, "ax"
primary_virtual:
	bl	set_vectors
	adrp	x0, _bss_start
	add	x0, x0, :lo12:_bss_start
	adrp	x1, _bss_end
	add	x1, x1, :lo12:_bss_end
1:	stp	xzr, xzr, [x0], #16
	cmp	x0, x1
	b.lo	1b
	adrp	x0, _stacks_start
	add	x0, x0, #STACK_STRIDE
	mov	sp, x0
	mov	x0, x19
	mov	x1, x22
	mov	x2, x20
	mov	x29, xzr
	bl	boot_main

secondary_virtual:
	bl	set_vectors
	mov	w1, #STACK_STRIDE
	adrp	x0, _stacks_start
	add	x0, x0, #STACK_STRIDE
	umaddl	x0, w19, w1, x0
	mov	sp, x0
	mov	x0, x19
	mov	x29, xzr
	bl	boot_secondary

set_vectors:
	adrp	x0, vectors
	add	x0, x0, :lo12:vectors
	cmp	x20, #ENTRY_EL1
	b.eq	1f
	msr	vbar_el2, x0
	isb
	ret
1:	msr	vbar_el1, x0
	isb
	ret

/* Nothing may go wrong in the kernel, but for a probe; if it does, say what. x9: CurrentEL */
	.globl	trap_or_probe
trap_or_probe:
	adr	x10, probe_load
	adr	x11, probe_failed
	cmp	x9, #ENTRY_EL1 << 2
	b.eq	1f
	mrs	x12, elr_el2
	cmp	x12, x10
	b.ne	2f
	msr	elr_el2, x11
	eret
2:	mrs	x0, esr_el2
	mov	x1, x12
	mrs	x2, far_el2
	b	trap_el2

1:	mrs	x12, elr_el1
	cmp	x12, x10
	b.ne	3f
	msr	elr_el1, x11
	eret
3:	mrs	x0, esr_el1
	mov	x1, x12
	mrs	x2, far_el1
	b	trap_el2

/* u32 boot_probe(const void *p, u32 otherwise): *p, or if that faults, `otherwise`. */
	.globl	boot_probe
boot_probe:
probe_load:
	ldr	w0, [x0]
	ret
probe_failed:
	mov	w0, w1
	ret

	.section .stacks, "aw", %nobits
	.balign	4096
	.space	STACK_STRIDE * TAKT_MAX_CPUS

	.section .note.GNU-stack, "", %progbits
