/* SPDX-License-Identifier: MIT */
/* Between the C and the assembly of lib/pv. */
#ifndef TAKT_PV_INTERNAL_H
#define TAKT_PV_INTERNAL_H

#include <takt/pv.h>

extern void *pv_tls; /* the vCPU's thread-local block */

void pv_guest_entry(void);
void pv_monitor_entry(void);
void pv_exited(uint64_t reason) __attribute__((noreturn));

/* Prepares the log's doorbell; before the guest starts. */
TAKT_MUST_CHECK int pv_log_init(void);

/* The guest is at its end: so is the program, when it has written what there is. */
void pv_log_end(void);

#endif
