/* SPDX-License-Identifier: MIT */
/* For assembly: general registers to and from a register frame (struct takt_frame). */
#ifndef ARCH_REGISTERS_H
#define ARCH_REGISTERS_H

#include <arch/offsets.h>

	.macro save_x0_x7
	stp	x0, x1, [sp, #FRAME_X(0)]
	stp	x2, x3, [sp, #FRAME_X(2)]
	stp	x4, x5, [sp, #FRAME_X(4)]
	stp	x6, x7, [sp, #FRAME_X(6)]
	.endm

	.macro save_x8_x13
	stp	x8, x9, [sp, #FRAME_X(8)]
	stp	x10, x11, [sp, #FRAME_X(10)]
	stp	x12, x13, [sp, #FRAME_X(12)]
	.endm

	.macro save_x14_x17
	stp	x14, x15, [sp, #FRAME_X(14)]
	stp	x16, x17, [sp, #FRAME_X(16)]
	.endm

	.macro save_x18_x29 frame=sp
	stp	x18, x19, [\frame, #FRAME_X(18)]
	stp	x20, x21, [\frame, #FRAME_X(20)]
	stp	x22, x23, [\frame, #FRAME_X(22)]
	stp	x24, x25, [\frame, #FRAME_X(24)]
	stp	x26, x27, [\frame, #FRAME_X(26)]
	stp	x28, x29, [\frame, #FRAME_X(28)]
	.endm

	.macro load_x18_x29
	ldp	x28, x29, [sp, #FRAME_X(28)]
	ldp	x26, x27, [sp, #FRAME_X(26)]
	ldp	x24, x25, [sp, #FRAME_X(24)]
	ldp	x22, x23, [sp, #FRAME_X(22)]
	ldp	x20, x21, [sp, #FRAME_X(20)]
	ldp	x18, x19, [sp, #FRAME_X(18)]
	.endm

	.macro load_x8_x17
	ldp	x16, x17, [sp, #FRAME_X(16)]
	ldp	x14, x15, [sp, #FRAME_X(14)]
	ldp	x12, x13, [sp, #FRAME_X(12)]
	ldp	x10, x11, [sp, #FRAME_X(10)]
	ldp	x8, x9, [sp, #FRAME_X(8)]
	.endm

#endif
