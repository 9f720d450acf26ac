/* SPDX-License-Identifier: MIT */
/* How late a periodic thread was: counted by that thread, read by another. Knows nothing of takt.
 */
#ifndef LATENESS_H
#define LATENESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define LATENESS_BUCKETS 40 /* bucket n: below 1 << n ns; the last one: that and all above */

struct lateness_figures {
	uint64_t count;		   /* instants that were served */
	uint64_t missed;	   /* instants that had passed before they could be */
	uint64_t least, most, sum; /* ns */
	uint64_t bucket[LATENESS_BUCKETS];
};

struct lateness {
	atomic_uint changes; /* odd: the figures are being changed */
	atomic_bool clear;   /* wanted by the reader */
	struct lateness_figures figures;
};

/* The periodic thread: an instant was served `ns` late, and `missed` ones are given up. */
void lateness_add(struct lateness *l, uint64_t ns, uint64_t missed);

/* The instant after `now` in the rhythm of `next` and `period`; *missed: those passed over. */
uint64_t lateness_next(uint64_t next, uint64_t period, uint64_t now, uint64_t *missed);

/* Any other thread: figures that belong together; false if they changed all the while. */
bool lateness_read(struct lateness *l, struct lateness_figures *f);

/* The same: the next instant is the first one of new figures. */
void lateness_clear(struct lateness *l);

#endif
