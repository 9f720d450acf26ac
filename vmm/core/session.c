/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include <takt/proto/console.h>

#include "session.h"

#define COLLECT_NS 1000000
#define RETRY_NS 5000000
#define PATIENCE_NS 500000000

static int take(int *flag)
{
	return __atomic_exchange_n(flag, 0, __ATOMIC_SEQ_CST);
}

/* --- The guest's side -------------------------------------------------------------------- */

static int start_timer(struct session *s)
{
	return takt_irq_timer(s->work, takt_now() + takt_ns_to_ticks(COLLECT_NS), 0, NULL);
}

/* Has the first thread look at the tx ring: soon, or at once when much has come together. The timer
 * belongs to that thread's CPU; from another one setting it would take its turn there.
 * `v`: null on the first thread. */
static void schedule(struct session *s, const struct vcpu *v, bool now)
{
	if (!__atomic_exchange_n(&s->scheduled, 1, __ATOMIC_SEQ_CST)) {
		if (!now && (!v || v->thread.cpu == s->cpu) && !start_timer(s))
			return;
		if (!now)
			__atomic_store_n(&s->collect, 1, __ATOMIC_RELEASE);
		now = true;
	}
	if (now)
		(void)!takt_irq_trigger(s->work);
}

unsigned session_put(struct session *s, const struct vcpu *v, const uint8_t *data, unsigned len)
{
	unsigned n = 0, before, after;

	if (!s->work)
		return len;
	lock_take(&s->tx_lock);
	before = ring_used(&s->tx);
	while (n < len && ring_put(&s->tx, data[n]))
		n++;
	after = ring_used(&s->tx);
	lock_give(&s->tx_lock);
	schedule(s, v, before < SESSION_TX_SIZE / 2 && after >= SESSION_TX_SIZE / 2);
	return n;
}

bool session_stall(struct session *s, unsigned room)
{
	/* Look again: who made room before the flag was there wakes nobody. */
	__atomic_store_n(&s->stalled, 1, __ATOMIC_SEQ_CST);
	return ring_free(&s->tx) <= room;
}

bool session_get(struct session *s, uint8_t *byte)
{
	bool some = ring_get(&s->rx, byte);

	if (!ring_used(&s->rx) && take(&s->starved))
		(void)!takt_irq_trigger(s->work);
	return some;
}

void session_log(void *self, const char *line, unsigned len)
{
	struct session *s = self;

	lock_take(&s->tx_lock);
	for (unsigned i = 0; i < len && ring_free(&s->tx) > SESSION_SPARE; i++) {
		if (line[i] == '\n')
			(void)ring_put(&s->tx, '\r');
		(void)ring_put(&s->tx, (uint8_t)line[i]);
	}
	lock_give(&s->tx_lock);
	schedule(s, NULL, true);
}

/* --- The session's side ------------------------------------------------------------------ */

static void retry(struct session *s)
{
	takt_ticks now = takt_now();

	if (!s->patience)
		s->patience = now + takt_ns_to_ticks(PATIENCE_NS);
	if (now > s->patience) {
		uint32_t count = ring_used(&s->tx);

		ring_skip(&s->tx, count);
		session_lose(s, count);
		s->patience = 0;
		return;
	}
	__atomic_store_n(&s->scheduled, 1, __ATOMIC_SEQ_CST);
	if (takt_irq_timer(s->work, now + takt_ns_to_ticks(RETRY_NS), 0, NULL))
		(void)take(&s->scheduled); /* then the guest's next byte tries again */
}

/* Says so once the session takes something again. */
static void report_loss(struct session *s)
{
	unsigned lost = __atomic_exchange_n(&s->lost, 0, __ATOMIC_RELAXED);
	char text[64];
	int len;

	if (!lost)
		return;
	len = snprintf(text, sizeof(text), "\r\n[%u bytes lost]\r\n", lost);
	if (console_write(s->gate, text, (unsigned)len) <= 0)
		session_lose(s, lost);
}

static void drain(struct session *s)
{
	const uint8_t *bytes;
	unsigned count;

	while ((count = ring_peek(&s->tx, &bytes))) {
		int taken =
			console_write(s->gate, bytes, count < CONSOLE_MAX ? count : CONSOLE_MAX);

		if (taken <= 0) {
			retry(s);
			return;
		}
		s->patience = 0;
		ring_skip(&s->tx, (uint32_t)taken);
	}
	report_loss(s);
}

/* True if something was read. */
static bool fill(struct session *s)
{
	uint8_t data[256];
	bool some = false;

	for (;;) {
		uint32_t room = ring_free(&s->rx);
		int count;

		if (!room) {
			__atomic_store_n(&s->starved, 1, __ATOMIC_SEQ_CST);
			if (!ring_free(&s->rx))
				return some;
			continue;
		}
		count = console_read(s->gate, data, room < sizeof(data) ? room : sizeof(data));
		if (count <= 0)
			return some;
		for (int i = 0; i < count; i++)
			(void)ring_put(&s->rx, data[i]);
		some = true;
	}
}

bool session_work(struct session *s, unsigned room)
{
	bool event;

	if (!take(&s->collect) || start_timer(s)) {
		/* Before looking: what comes later schedules anew. */
		(void)take(&s->scheduled);
		drain(s);
	}
	event = fill(s);
	if (ring_free(&s->tx) > room && take(&s->stalled))
		event = true;
	return event;
}

int session_open(struct session *s, struct device *dev, takt_slot gate)
{
	int err;

	s->tx = (struct ring){.size = SESSION_TX_SIZE, .data = s->tx_data};
	s->rx = (struct ring){.size = SESSION_RX_SIZE, .data = s->rx_data};
	s->gate = gate;
	s->cpu = (unsigned)env_number("cpu", 0);
	if (!gate)
		return 0;
	err = device_work(dev);
	if (err < 0)
		return err;
	s->work = (takt_slot)err;
	err = console_notify(gate, s->work);
	if (err < 0)
		return err;
	/* What was typed before we asked to be told. */
	return takt_irq_trigger(s->work);
}

void session_renew(struct session *s)
{
	/* Where it is refused the console is about to end: of the next one we hear again. */
	if (s->work && !console_notify(s->gate, s->work))
		(void)!takt_irq_trigger(s->work);
}
