/* SPDX-License-Identifier: MIT */
/*
 * A console session behind a device of the guest's, with two rings between them: the guest's side
 * runs on the vCPUs' threads and never waits, the session's side on the first thread. Output is
 * collected for a moment, so that a line costs one message; a session that does not take anything
 * for a while loses what is there, lest it stops the guest.
 */
#ifndef VMM_SESSION_H
#define VMM_SESSION_H

#include "device.h"
#include "ring.h"

#define SESSION_TX_SIZE 16384
#define SESSION_RX_SIZE 1024
#define SESSION_SPARE 256 /* of tx, which the monitor's log leaves to the guest */

struct session {
	struct ring tx, rx;
	struct lock tx_lock; /* between those who put: the guest, and the monitor's log */
	/* Shared between the two sides, atomic. */
	int scheduled; /* the first thread will look at the tx ring */
	int collect;   /* ... and is to set its timer for that itself */
	int stalled;   /* the guest waits for room in the tx ring */
	int starved;   /* the session may have more than fitted into the rx ring */
	unsigned lost; /* bytes of output, not yet told to the session */
	/* The first thread's. */
	takt_slot gate;
	takt_slot work;	     /* triggers the device's work; 0: there is no session */
	unsigned cpu;	     /* the first thread is on that one */
	takt_ticks patience; /* the session is to take something until then; 0: it does */
	uint8_t tx_data[SESSION_TX_SIZE], rx_data[SESSION_RX_SIZE];
};

/* Connects the device to the session behind `gate`; with 0 the rings are there, and nobody else. */
TAKT_MUST_CHECK int session_open(struct session *s, struct device *dev, takt_slot gate);

/* There is a new console, which does not know us. On the first thread. */
void session_renew(struct session *s);

/* The guest's side. Bytes put; the rest does not fit. `v`: on that vCPU's thread,
 * null: on the first thread. */
unsigned session_put(struct session *s, const struct vcpu *v, const uint8_t *data, unsigned len);
/* Asks that the device hears (session_work) when there is more than `room` in the tx ring; false if
 * there is already. */
bool session_stall(struct session *s, unsigned room);
/* One byte of input, if there is any. */
bool session_get(struct session *s, uint8_t *byte);

/* Counted, and told to the session as lost. */
static inline void session_lose(struct session *s, unsigned bytes)
{
	__atomic_fetch_add(&s->lost, bytes, __ATOMIC_RELAXED);
}

/* The session's side, from the device's `work`. True if the device is to look again: there is
 * input, or more than `room` for output where it had asked for that. */
bool session_work(struct session *s, unsigned room);

/* Log lines of the monitor go out among the guest's own. */
void session_log(void *self, const char *line, unsigned len);

#endif
