/* SPDX-License-Identifier: MIT */
#ifndef BURN_H
#define BURN_H

#include "../target/harness.h"

/* CPU time: only short steps count. */
static inline void burn(takt_ticks amount)
{
	takt_ticks last = takt_now(), used = 0, gap = us(1);

	while (used < amount) {
		takt_ticks now = takt_now();

		if (now - last < gap)
			used += now - last;
		last = now;
	}
}

#endif
