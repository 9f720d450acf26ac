/* SPDX-License-Identifier: MIT */
/* Calls to the firmware: SMC Calling Convention (Arm DEN 0028), 64-bit. */
#ifndef ARCH_SMCCC_H
#define ARCH_SMCCC_H

#include <core/types.h>

/* x0..x3 carry function and arguments; x0 comes back, x1..x17 may be lost. */
#define SMCCC_CALL(instruction, function, a, b, c)                                                 \
	({                                                                                         \
		register u64 r0 __asm__("x0") = (function);                                        \
		register u64 r1 __asm__("x1") = (a);                                               \
		register u64 r2 __asm__("x2") = (b);                                               \
		register u64 r3 __asm__("x3") = (c);                                               \
		__asm__ volatile(instruction " #0"                                                 \
				 : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)                          \
				 :                                                                 \
				 : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", \
				   "x14", "x15", "x16", "x17", "memory");                          \
		r0;                                                                                \
	})

static inline u64 smccc(bool smc, u64 function, u64 a, u64 b, u64 c)
{
	return smc ? SMCCC_CALL("smc", function, a, b, c) : SMCCC_CALL("hvc", function, a, b, c);
}
#endif
