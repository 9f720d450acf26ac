/* SPDX-License-Identifier: MIT */
/*
 * Log lines. They can be written on a vCPU's thread: no C library, no floating-point registers, no
 * waiting. The line goes to the kernel's log, or to the guest's console once there is one.
 */
#ifndef VMM_LOG_H
#define VMM_LOG_H

/* Knows %s, %u, %d, %x and, with an l before it, the 64-bit u, d and x; no widths. */
void vmm_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Where lines go instead of the kernel's log, from vmm_log_run on: what is said before must not wait for
 * the loop of the first thread, which may never come. */
void vmm_log_to(void (*sink)(void *self, const char *line, unsigned len), void *self);
void vmm_log_run(void);

#endif
