/* SPDX-License-Identifier: MIT */
/* A shell on the program's console session: `help` lists what it knows. */
#ifndef FREERTOS_SHELL_H
#define FREERTOS_SHELL_H

/* Makes its task, of that priority. */
void shell_start(unsigned priority);

#endif
