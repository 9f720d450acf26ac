/* SPDX-License-Identifier: MIT */
/* Irqs: triggered, from kernel timers, from a hardware line. */
#include <stdio.h>

#include "harness.h"

#define PAGE ((uint64_t)TAKT_PAGE_SIZE)

/* --- Binding ---------------------------------------------------------------------------------- */

static int bind(takt_slot irq, takt_slot thread, uint64_t badge)
{
	return takt_irq_bind_thread(irq, thread, badge);
}

static takt_slot irq_bare(void)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_create_irq(test_factory, irq));
	return irq;
}

TEST(bind_thread_errors)
{
	takt_slot irq = irq_bare(), thread = slot_new();

	CHECK_OK(takt_create_thread(test_factory, "t", thread));
	CHECK_ERR(bind(irq, thread, 1), TAKT_E_STATE); /* it is on no CPU */
	CHECK_ERR(bind(irq, cap_without(SLOT_THREAD, TAKT_R_THREAD_SERVE), 1), TAKT_E_RIGHTS);
	CHECK_ERR(bind(irq, SLOT_THREAD, 0), TAKT_E_INVAL);
	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	CHECK_ERR(bind(irq, SLOT_THREAD, 1), TAKT_E_STATE); /* it is bound */
	CHECK_OK(takt_irq_unbind(irq));
	CHECK_OK(takt_irq_unbind(irq)); /* once more is no error */
	CHECK_OK(bind(irq, SLOT_THREAD, 2));
}

TEST(bind_vcpu_errors)
{
	takt_slot irq = irq_bare();
	struct worker *plain = worker_new(spin_ms, NULL), *pv = worker_new(spin_ms, NULL);

	worker_make(plain);
	pv->kind = TAKT_THREAD_PV;
	worker_make(pv);
	CHECK_ERR(takt_irq_bind_vcpu(irq, plain->slot, 3, 0), TAKT_E_STATE);
	CHECK_ERR(takt_irq_bind_vcpu(irq, cap_without(pv->slot, TAKT_R_THREAD_VIRQ), 3, 0),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_irq_bind_vcpu(irq, pv->slot, 32, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_irq_bind_vcpu(irq, pv->slot, UINT32_MAX, 0), TAKT_E_RANGE);
	CHECK_OK(takt_irq_bind_vcpu(irq, pv->slot, 31, 0));
	CHECK_ERR(takt_irq_bind_vcpu(irq, pv->slot, 31, 0), TAKT_E_STATE);
}

TEST(unbound_irqs)
{
	takt_slot irq = irq_bare();

	CHECK_ERR(takt_irq_trigger(irq), TAKT_E_STATE);
	CHECK_ERR(takt_irq_timer(irq, in_ms(1), 0, NULL), TAKT_E_STATE);
	CHECK_OK(takt_irq_ack(irq));
	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	CHECK_OK(takt_irq_timer(irq, in_ms(2), ms(1), NULL));
	CHECK_OK(takt_irq_unbind(irq)); /* and the timer is off */
	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	CHECK(quiet(1, 6));
}

/* --- Triggers --------------------------------------------------------------------------------- */

TEST(a_trigger_arrives)
{
	takt_slot irq = irq_new(4);
	struct takt_msg m = {0};

	CHECK_ERR(takt_irq_trigger(cap_with(irq, TAKT_R_IRQ_BIND)), TAKT_E_RIGHTS);
	CHECK_ERR(takt_wait(&m, 0), TAKT_E_TIMEOUT);
	CHECK_OK(takt_irq_trigger(cap_with(irq, TAKT_R_IRQ_TRIGGER)));
	CHECK_OK(takt_wait(&m, 0));
	CHECK_EQ(m.tag, TAKT_TAG_IRQ);
	CHECK_EQ(m.w[0], 4);
	CHECK_ERR(takt_wait(&m, 0), TAKT_E_TIMEOUT); /* once */
}

TEST(badges_are_collected)
{
	takt_slot a = irq_new(1), b = irq_new(2), c = irq_new(1 | 8);
	struct takt_msg m = {0};

	CHECK_OK(takt_irq_trigger(a));
	CHECK_OK(takt_irq_trigger(b));
	CHECK_OK(takt_irq_trigger(b));
	CHECK_OK(takt_wait(&m, 0));
	CHECK_EQ(m.w[0], 3);
	CHECK_OK(takt_irq_trigger(c));
	CHECK_OK(takt_wait(&m, 0));
	CHECK_EQ(m.w[0], 9);
	CHECK_ERR(takt_wait(&m, 0), TAKT_E_TIMEOUT);
}

static void trigger(void *arg)
{
	for (unsigned i = 0; i < 1000; i++)
		CHECK_OK(takt_irq_trigger(*(takt_slot *)arg));
}

TEST(triggers_from_other_cpus)
{
	takt_slot irq = irq_new(1);
	struct worker *w[TAKT_MAX_CPUS];

	(void)other_cpu();
	for (unsigned cpu = 0; cpu < cpus(); cpu++) {
		w[cpu] = worker_new(trigger, &irq);
		w[cpu]->cpu = cpu;
		worker_start(w[cpu]);
	}
	irqs_await(1);
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		worker_join(w[cpu]);
	/* No trigger is lost: one after the last arrival is seen. */
	(void)irqs_within(1, in_ms(1));
	CHECK_OK(takt_irq_trigger(irq));
	irqs_await(1);
}

static void echo_irqs(void *arg)
{
	takt_slot *irq = arg; /* [0] to be triggered in answer */

	for (;;) {
		struct takt_msg m = {0};

		CHECK_OK(takt_wait(&m, TAKT_NEVER));
		CHECK_EQ(m.w[0], 1);
		CHECK_OK(takt_irq_trigger(irq[0]));
	}
}

/* Across CPUs, each answer wakes the other side: none may be lost. */
TEST(ping_pong)
{
	takt_slot *pair = pool_new(sizeof(*pair)), ping = irq_bare();
	struct worker *w = worker_new(echo_irqs, pair);

	*pair = irq_new(1);
	w->cpu = cpus() - 1;
	worker_start(w);
	CHECK_OK(bind(ping, w->slot, 1));
	for (unsigned i = 0; i < 1000; i++) {
		CHECK_OK(takt_irq_trigger(ping));
		irqs_await(1);
	}
}

TEST(an_irq_comes_between_calls)
{
	struct worker *w = worker_new(server_echo, NULL);
	takt_slot irq = irq_new(1), gate;

	worker_make(w);
	gate = gate_new(w->slot, 0);
	worker_start(w);
	CHECK_OK(takt_irq_trigger(irq));
	CHECK_OK(call_words(gate, 0, 1, 1, NULL)); /* a call does not end for it */
	irqs_await(1);
}

/* --- Timers ----------------------------------------------------------------------------------- */

TEST(timer_once)
{
	takt_slot irq = irq_new(1);
	takt_ticks at = in_ms(3);
	uint64_t overruns = 1;

	CHECK_OK(takt_irq_timer(irq, at, 0, &overruns));
	CHECK_EQ(overruns, 0);
	irqs_await(1);
	CHECK(takt_now() >= at);
	CHECK(quiet(1, 5));
	CHECK_OK(takt_irq_timer(irq, 0, 0, NULL)); /* in the past: at once */
	irqs_await(1);
}

TEST(timer_periodic)
{
	takt_slot irq = irq_new(1);
	takt_ticks at = in_ms(2);
	uint64_t overruns;

	CHECK_OK(takt_irq_timer(irq, at, ms(1), NULL));
	for (unsigned i = 0; i < 20; i++) {
		irqs_await(1);
		CHECK(takt_now() >= at + i * ms(1));
	}
	CHECK_OK(takt_irq_timer(irq, TAKT_NEVER, 0, &overruns));
	CHECK(takt_now() >= at + 19 * ms(1) + overruns * ms(1));
	(void)irqs_within(1, 0);
	CHECK(quiet(1, 4));
}

TEST(timer_overruns)
{
	takt_slot irq = irq_new(1);
	takt_ticks at = in_ms(1);
	uint64_t overruns, missed;

	CHECK_OK(takt_irq_timer(irq, at, ms(1), NULL));
	while (takt_now() < at + ms(9) + us(500))
		;
	CHECK_OK(takt_irq_timer(irq, TAKT_NEVER, 0, &overruns));
	missed = (takt_now() - at) / ms(1);
	/* Ten came, one is pending. */
	CHECK(overruns >= (exact_time() ? 9 : 1) && overruns <= missed);
	irqs_await(1);
	CHECK_OK(takt_irq_timer(irq, TAKT_NEVER, 0, &overruns));
	CHECK_EQ(overruns, 0); /* they were told */
}

TEST(timer_errors)
{
	takt_slot irq = irq_new(1);

	CHECK_ERR(takt_irq_timer(irq, in_ms(1), 1, NULL), TAKT_E_RANGE);
	CHECK_ERR(takt_irq_timer(irq, in_ms(1), us(10) - 1, NULL), TAKT_E_RANGE);
	CHECK_OK(takt_irq_timer(irq, in_ms(1), us(10), NULL));
	CHECK_OK(takt_irq_timer(irq, TAKT_NEVER, 0, NULL));
	CHECK_ERR(takt_irq_timer(irq, TAKT_NEVER, UINT64_MAX, NULL), TAKT_E_RANGE);
	CHECK_OK(takt_irq_timer(irq, UINT64_MAX - 1, UINT64_MAX / 2, NULL));
	(void)irqs_within(1, 0);
	CHECK(quiet(1, 3));
}

/* Many at once: all arrive, each at its time. */
TEST(many_timers)
{
	enum { N = TAKT_THREAD_TIMERS };
	takt_slot irq[N];
	takt_ticks start = in_ms(2);

	for (unsigned i = 0; i < N; i++) {
		irq[i] = irq_new(1ull << i);
		/* neither ascending nor descending */
		CHECK_OK(takt_irq_timer(irq[i], start + us(100) * (i * 7 % N), 0, NULL));
	}
	for (unsigned i = 0; i < N; i++)
		if (i % 3 == 0)
			CHECK_OK(takt_irq_timer(irq[i], TAKT_NEVER, 0, NULL));
	while (takt_now() < start + us(100) * N)
		;
	/* Those that are stopped and those that have come make room. */
	for (unsigned i = 0; i < N; i++)
		if (i % 3)
			irqs_await(1ull << i);
		else
			CHECK(quiet(1ull << i, 0));
}

TEST(no_more_timers_than_that)
{
	takt_slot irq[TAKT_THREAD_TIMERS + 1];

	for (unsigned i = 0; i <= TAKT_THREAD_TIMERS; i++) {
		irq[i] = irq_new(1ull << i);
		CHECK_ERR(takt_irq_timer(irq[i], in_ms(1000), ms(1), NULL),
			  i < TAKT_THREAD_TIMERS ? 0 : TAKT_E_QUOTA);
	}
	CHECK_OK(takt_irq_timer(irq[3], in_ms(500), 0, NULL)); /* another instant is no other timer */
	CHECK_OK(takt_irq_unbind(irq[5]));
	CHECK_OK(takt_irq_timer(irq[TAKT_THREAD_TIMERS], in_ms(1), 0, NULL));
	irqs_await(1ull << TAKT_THREAD_TIMERS);
	CHECK_OK(takt_irq_timer(irq[TAKT_THREAD_TIMERS], in_ms(1), 0, NULL));
}

struct pest {
	struct worker *worker;
	takt_slot irq[TAKT_THREAD_TIMERS];
	takt_ticks start;
};

/* All the timers that it may have, as fast as they go, and out of step with each other. */
static void be_a_pest(void *arg)
{
	struct pest *p = arg;
	struct takt_msg m = {0};

	for (unsigned i = 0; i < TAKT_THREAD_TIMERS; i++) {
		CHECK_OK(takt_irq_bind_thread(p->irq[i], p->worker->slot, 1ull << i));
		CHECK_OK(takt_irq_timer(p->irq[i], p->start + us(i) / 2, us(10), NULL));
	}
	for (;;)
		CHECK_OK(takt_wait(&m, TAKT_NEVER));
}

/* What is taken from who runs without a pause: no step of its own is an eighth of a microsecond. */
static takt_ticks taken(takt_ticks during)
{
	takt_ticks last = takt_now(), end = last + during, lost = 0;

	while (last < end) {
		takt_ticks now = takt_now();

		if (now - last > us(1) / 8)
			lost += now - last;
		last = now;
	}
	return lost;
}

/* Hundreds of timers of less urgent threads. */
TEST(timers_of_less_urgent_threads)
{
	enum { PESTS = 24 };
	takt_ticks first, later, start = in_ms(50);

	if (!exact_time())
		test_skip("it takes counted time to measure");
	for (unsigned i = 0; i < PESTS; i++) {
		struct pest *p = pool_new(sizeof(*p));

		for (unsigned j = 0; j < TAKT_THREAD_TIMERS; j++) {
			p->irq[j] = slot_new();
			CHECK_OK(takt_create_irq(test_factory, p->irq[j]));
		}
		p->worker = worker_new(be_a_pest, p);
		p->worker->prio = 10;
		p->start = start;
		worker_start(p->worker);
	}
	(void)irqs_within(1ull << 62, start - us(100)); /* they arm them, and wait */
	first = taken(ms(2));
	later = taken(ms(5));
	printf("# %u timers took %llu ns at first, then %llu\n", PESTS * TAKT_THREAD_TIMERS,
	       (unsigned long long)takt_ticks_to_ns(first),
	       (unsigned long long)takt_ticks_to_ns(later));
	/* Each comes once for the thread that waits, once for the one that does not run. */
	CHECK(first >= PESTS * TAKT_THREAD_TIMERS * us(1) / 8);
	CHECK(first <= 2 * PESTS * TAKT_THREAD_TIMERS * us(1));
	CHECK(later <= us(20));
}

TEST(timer_on_another_cpu)
{
	takt_slot *pair = pool_new(sizeof(*pair)), irq = irq_bare();
	struct worker *w = worker_new(echo_irqs, pair);
	takt_ticks at;

	*pair = irq_new(1);
	w->cpu = other_cpu();
	worker_start(w);
	CHECK_OK(bind(irq, w->slot, 1));
	at = in_ms(2);
	CHECK_OK(takt_irq_timer(irq, at, ms(2), NULL));
	for (unsigned i = 0; i < 5; i++) {
		irqs_await(1);
		CHECK(takt_now() >= at + i * ms(2));
	}
	CHECK_OK(takt_irq_unbind(irq));
	(void)irqs_within(1, in_ms(1));
	CHECK(quiet(1, 6));
}

/* --- A hardware line: the PL031 real-time clock of QEMU's virt board -------------------------- */

#define RTC_BASE 0x09010000
#define RTC_LINE 34

enum { DATA, MATCH, LOAD, CONTROL, MASK, RAW, MASKED, CLEAR };

static volatile uint32_t *rtc_map(void)
{
	return window_map(TAKT_ROOT_DEVICES, RTC_BASE, PAGE,
			  TAKT_MAP_READ | TAKT_MAP_WRITE | TAKT_MAP_DEVICE);
}

static void rtc_raise(volatile uint32_t *rtc)
{
	rtc[MASK] = 1;
	rtc[MATCH] = rtc[DATA]; /* the alarm is now */
	/* The second may have changed between the two. */
	while (!rtc[RAW])
		rtc[MATCH] = rtc[DATA];
}

static takt_slot rtc_irq(void)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_intc_get(TAKT_ROOT_INTC, test_factory, RTC_LINE, 0, irq));
	return irq;
}

TEST(a_level_line_is_held_until_ack)
{
	volatile uint32_t *rtc = rtc_map();
	takt_slot irq = rtc_irq();

	rtc[CLEAR] = 1;
	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	CHECK(quiet(1, 1));
	rtc_raise(rtc);
	irqs_await(1);
	CHECK(quiet(1, 2)); /* high still, held */
	CHECK_OK(takt_irq_ack(irq));
	irqs_await(1); /* still high: again */
	rtc[CLEAR] = 1;
	CHECK_OK(takt_irq_ack(irq));
	CHECK(quiet(1, 2));
	rtc_raise(rtc);
	irqs_await(1);
	rtc[CLEAR] = 1;
	CHECK_OK(takt_irq_ack(irq));
	CHECK_OK(takt_irq_ack(irq)); /* one too many does nothing */
}

TEST(an_unbound_line_is_masked)
{
	volatile uint32_t *rtc = rtc_map();
	takt_slot irq = rtc_irq();

	rtc[CLEAR] = 1;
	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	rtc_raise(rtc);
	irqs_await(1);
	CHECK_OK(takt_irq_unbind(irq)); /* while it is held, and high */
	CHECK(quiet(1, 2));
	CHECK_OK(bind(irq, SLOT_THREAD, 2));
	irqs_await(2); /* not a dead line */
	rtc[CLEAR] = 1;
	CHECK_OK(takt_irq_ack(irq));
	CHECK(quiet(1, 1));
}

TEST(hardware_irqs_have_no_timer)
{
	takt_slot irq = rtc_irq();

	CHECK_OK(bind(irq, SLOT_THREAD, 1));
	CHECK_ERR(takt_irq_timer(irq, in_ms(1), 0, NULL), TAKT_E_STATE);
	CHECK_OK(takt_irq_trigger(irq)); /* but software may trigger them */
	irqs_await(1);
}

TEST(a_line_goes_to_its_threads_cpu)
{
	volatile uint32_t *rtc = rtc_map();
	takt_slot irq = rtc_irq(), *pair = pool_new(sizeof(*pair));
	struct worker *w = worker_new(echo_irqs, pair);

	*pair = irq_new(1);
	w->cpu = other_cpu();
	worker_start(w);
	rtc[CLEAR] = 1;
	CHECK_OK(bind(irq, w->slot, 1));
	for (unsigned i = 0; i < 5; i++) {
		rtc_raise(rtc);
		irqs_await(1);
		rtc[CLEAR] = 1;
		CHECK_OK(takt_irq_ack(irq));
	}
	CHECK(quiet(1, 2));
}

static const struct test tests[] = {
	T(bind_thread_errors),
	T(bind_vcpu_errors),
	T(unbound_irqs),
	T(a_trigger_arrives),
	T(badges_are_collected),
	T(triggers_from_other_cpus),
	T(ping_pong),
	T(an_irq_comes_between_calls),
	T(timer_once),
	T(timer_periodic),
	T(timer_overruns),
	T(timer_errors),
	T(many_timers),
	T(no_more_timers_than_that),
	T(timers_of_less_urgent_threads),
	T(timer_on_another_cpu),
	T(a_level_line_is_held_until_ack),
	T(an_unbound_line_is_masked),
	T(hardware_irqs_have_no_timer),
	T(a_line_goes_to_its_threads_cpu),
};
const struct suite suite_irq = SUITE("irq", tests);
