/* SPDX-License-Identifier: MIT */
/* A guest's output: a ring from the guest to the program's first thread, and an irq as doorbell. */
#include <stdio.h>

#include <takt/rt.h>

#include "pv_internal.h"

#define RING 4096 /* a power of two */
#define DOORBELL 1

static char ring[RING];
static _Atomic uint32_t put, got; /* free-running; written by the guest, by the first thread */
static _Atomic uint32_t dropped;
static takt_slot doorbell;

int pv_log_init(void)
{
	int err;

	doorbell = env_slot_alloc();
	if (!doorbell)
		return TAKT_E_QUOTA;
	err = takt_create_irq(TAKT_SELF_FACTORY, doorbell);
	if (!err)
		err = takt_irq_bind_thread(doorbell, rt_thread_self(), DOORBELL);
	return err;
}

void pv_log(const char *text, unsigned len)
{
	uint32_t open = pv_mask(); /* a guest may have several tasks that print */
	uint32_t to = atomic_load_explicit(&put, memory_order_relaxed);
	uint32_t room = RING - (to - atomic_load_explicit(&got, memory_order_acquire));

	if (len <= room) {
		for (unsigned i = 0; i < len; i++)
			ring[(to + i) % RING] = text[i];
		atomic_store_explicit(&put, to + len, memory_order_release);
	} else {
		atomic_fetch_add_explicit(&dropped, 1, memory_order_relaxed);
	}
	pv_unmask(open);
	(void)!takt_irq_trigger(doorbell);
}

static void drain(void)
{
	uint32_t from = atomic_load_explicit(&got, memory_order_relaxed);
	uint32_t to = atomic_load_explicit(&put, memory_order_acquire);
	uint32_t lost;

	for (; from != to; from++)
		putchar(ring[from % RING]);
	atomic_store_explicit(&got, from, memory_order_release);
	lost = atomic_exchange_explicit(&dropped, 0, memory_order_relaxed);
	if (lost)
		printf("(%u messages dropped)\n", (unsigned)lost);
}

void pv_log_serve(void)
{
	rt_ready();
	for (;;) {
		struct takt_msg m = {0};

		drain();
		if (takt_wait(&m, TAKT_NEVER))
			rt_exit(-1);
	}
}
