/* SPDX-License-Identifier: MIT */
/* Making the first task. */
#ifndef CORE_ROOT_H
#define CORE_ROOT_H

struct thread;

/* Loads the ELF file `root` from the boot archive, gives it every capability there is, and starts
 * it. Panics, with the reason, when the archive or the file cannot be used. */
void root_start(void);
#endif
