/* SPDX-License-Identifier: MIT */
/*
 * A guest's output and input: rings between the guest and the program's first thread, and irqs as
 * doorbells.
 */
#include <stdbool.h>
#include <stdio.h>

#include <takt/proto/console.h>
#include <takt/rt.h>

#include "pv_internal.h"

#define RING 4096 /* a power of two */
#define DOORBELL 1
#define TYPED 2
#define SERVER 4 /* one of ours runs again: the console perhaps */

static char ring[RING];
static _Atomic uint32_t put, got; /* free-running; written by the guest, by the first thread */
static _Atomic uint32_t dropped;
static takt_slot doorbell;
static atomic_bool ended;

static char in_ring[RING];
static _Atomic uint32_t in_put, in_got; /* written by the first thread, by the guest */
static takt_slot session, typed, in_irq; /* in_irq: the guest's */

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

void pv_log_end(void)
{
	ended = true;
	(void)!takt_irq_trigger(doorbell);
}

int pv_input(const struct pv_vcpu *v, unsigned virq)
{
	int err;

	typed = env_slot_alloc();
	session = env_cap("console");
	if (!session)
		return 0;
	err = pv_irq(v, virq, &in_irq);
	if (!err)
		err = typed ? takt_create_irq(TAKT_SELF_FACTORY, typed) : TAKT_E_QUOTA;
	if (!err)
		err = takt_irq_bind_thread(typed, rt_thread_self(), TYPED);
	if (!err)
		err = rt_notify_servers(rt_thread_self(), SERVER);
	return err ? err : console_notify(session, typed);
}

unsigned pv_read(char *to, unsigned len)
{
	uint32_t from = atomic_load_explicit(&in_got, memory_order_relaxed);
	uint32_t end = atomic_load_explicit(&in_put, memory_order_acquire);
	unsigned n = 0;

	for (; n < len && from != end; from++)
		to[n++] = in_ring[from % RING];
	atomic_store_explicit(&in_got, from, memory_order_release);
	return n;
}

/* What the guest has no room for is lost: it does not look at its input. */
static void take_input(void)
{
	char text[64];
	int n;

	while ((n = console_read(session, text, sizeof(text))) > 0) {
		uint32_t to = atomic_load_explicit(&in_put, memory_order_relaxed);
		uint32_t room =
			RING - (to - atomic_load_explicit(&in_got, memory_order_acquire));

		for (int i = 0; i < n && room; i++, room--)
			in_ring[to++ % RING] = text[i];
		atomic_store_explicit(&in_put, to, memory_order_release);
		(void)!takt_irq_trigger(in_irq);
	}
}

void pv_log_serve(void)
{
	rt_ready();
	for (;;) {
		struct takt_msg m = {0};
		bool last = ended; /* before the output is looked at */

		drain();
		if (last)
			rt_exit(-1);
		if (takt_wait(&m, TAKT_NEVER))
			rt_exit(-1);
		if (m.w[0] & SERVER)
			(void)!console_notify(session, typed);
		if (m.w[0] & (TYPED | SERVER))
			take_input();
	}
}
