/* SPDX-License-Identifier: MIT */
/*
 * Calls of a guest that has event SCs. Its server runs on the SC that the guest was on; what the guest
 * wants by then counts where something is decided, and no interrupt is lost on the way.
 */
#include "guest.h"

#define CALLS 500
#define VIRQ 3

enum { PLAIN, LINGER, RAISE }; /* labels: LINGER until `linger`, RAISE the guest's interrupt */

static takt_slot gate, irq;
static struct hog *rival;
static volatile takt_ticks linger, served; /* until when; when it answered */
static volatile unsigned wrong, handled, handled_before;

static void serve(void *unused)
{
	struct takt_msg m = {0};
	int err = takt_wait(&m, TAKT_NEVER);

	(void)unused;
	while (!err) {
		unsigned words = TAKT_TAG_WORDS(m.tag);

		if (TAKT_TAG_LABEL(m.tag) == LINGER)
			spin_until(linger);
		else if (TAKT_TAG_LABEL(m.tag) == RAISE)
			err = takt_irq_trigger(irq);
		CHECK_OK(err);
		served = takt_now();
		for (unsigned i = 0; i < words; i++)
			if (i < TAKT_REG_WORDS)
				m.w[i]++;
			else
				takt_utcb()->words[i]++;
		m.tag = TAKT_TAG(0, words, 0);
		err = takt_reply_wait(&m, TAKT_NEVER);
	}
}

static void set_up(void (*fn)(void), takt_ticks budget, takt_ticks period)
{
	struct worker *server = worker_new(serve, NULL);

	server->passive = true;
	server->cpu = guest_cpu();
	worker_start(server);
	gate = gate_new(server->slot, 1);
	wrong = handled = handled_before = 0;
	guest_new(fn, BASE_PRIO, budget, period);
	irq = slot_new();
	CHECK_OK(takt_create_irq(test_factory, irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, VIRQ, 0));
}

static void call(unsigned label, unsigned words)
{
	struct takt_msg m = {.tag = TAKT_TAG(label, words, 0)};

	for (unsigned i = 0; i < words; i++)
		if (i < TAKT_REG_WORDS)
			m.w[i] = 10 * i;
		else
			takt_utcb()->words[i] = 10 * i;
	wrong += takt_call(gate, &m) != 0 || m.tag != TAKT_TAG(0, words, 0);
	for (unsigned i = 0; i < words; i++)
		wrong += (i < TAKT_REG_WORDS ? m.w[i] : takt_utcb()->words[i]) != 10 * i + 1;
}

static void run(void (*fn)(void))
{
	set_up(fn, ms(500), ms(500));
	guest_run();
	guest_ended();
	CHECK_EQ(wrong, 0);
}

/* Beside a hog that comes while the guest's server lingers. */
static void run_beside_hog(void (*fn)(void), takt_ticks budget, takt_ticks period, unsigned length,
			   unsigned lingers)
{
	set_up(fn, budget, period);
	rival = hog_new(15, takt_now() + units(300), units(length));
	linger = rival->from + units(lingers);
	guest_run();
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(wrong, 0);
}

/* --- Whose time ------------------------------------------------------------------------------- */

static void call_often(void)
{
	guest_select(event_index);
	for (unsigned i = 0; i < CALLS; i++)
		call(PLAIN, i % 12);
	guest_select(0);
	guest_finish();
}

TEST(a_call_is_paid_by_the_selected_context)
{
	run(call_often);
	CHECK(consumed(event_sc) > 2 * consumed(vcpu->sc) || !exact_time());
}

static void call_once(void)
{
	guest_select(event_index);
	call(LINGER, 2);
	guest_finish();
}

/* The budget ends while the server works: it goes on at the base's priority, below the hog's. */
TEST(a_server_loses_the_contexts_budget)
{
	run_beside_hog(call_once, units(100), units(100000), 200, 400);
	CHECK(rival->ended <= served || !exact_time());
}

/* --- What the guest wants by then ------------------------------------------------------------- */

static void lower_and_call(void)
{
	guest_select(event_index);
	pv_page->sel = 0;
	call(LINGER, 4);
	guest_finish();
}

TEST(a_lowering_before_the_call_counts_for_who_comes)
{
	run_beside_hog(lower_and_call, ms(500), ms(500), 100, 300);
	CHECK(rival->ended <= served || !exact_time());
}

static void raise_and_call(void)
{
	guest_select(0);
	pv_page->sel = event_index;
	call(LINGER, 4);
	pv_page->sel = 0;
	pv_sync();
	guest_finish();
}

TEST(a_raising_before_the_call_counts_for_who_comes)
{
	run_beside_hog(raise_and_call, ms(500), ms(500), 100, 300);
	CHECK(rival->began >= served || !exact_time());
}

/* --- Interrupts ------------------------------------------------------------------------------- */

static void count(unsigned n)
{
	wrong += n != VIRQ;
	handled = handled + 1;
}

static void call_for_interrupts(void)
{
	guest_select(event_index);
	for (unsigned i = 0; i < CALLS; i++) {
		bool open = i & 1;

		if (open)
			pv_unmask(ALL);
		call(RAISE, i % 8);
		wrong += handled != i + open; /* delivered with the answer, or not yet */
		pv_unmask(ALL);
		(void)pv_mask();
		wrong += handled != i + 1;
	}
	guest_finish();
}

TEST(what_arrives_in_a_call_comes_with_the_answer)
{
	set_up(call_for_interrupts, ms(500), ms(500));
	on_interrupt = count;
	guest_run();
	guest_ended();
	CHECK_EQ(wrong, 0);
	CHECK_EQ(handled, CALLS);
}

/* --- Calls that are none ---------------------------------------------------------------------- */

static void call_wrongly(void)
{
	struct takt_msg m = {0};

	guest_select(event_index);
	wrong += takt_call(0, &m) != TAKT_E_CAP;
	wrong += takt_call(~0u, &m) != TAKT_E_CAP;
	m = (struct takt_msg){0};
	wrong += takt_call(cap_without(gate, TAKT_R_GATE_CALL), &m) != TAKT_E_RIGHTS;
	wrong += takt_irq_trigger(irq) != 0; /* an object of the kernel's: its operation */
	m = (struct takt_msg){.tag = TAKT_TAG(0, 65, 0)};
	wrong += takt_call(gate, &m) != TAKT_E_MSG;
	guest_finish();
}

TEST(other_invocations_are_what_they_were)
{
	run(call_wrongly);
}

static const struct test tests[] = {
	T(a_call_is_paid_by_the_selected_context),
	T(a_server_loses_the_contexts_budget),
	T(a_lowering_before_the_call_counts_for_who_comes),
	T(a_raising_before_the_call_counts_for_who_comes),
	T(what_arrives_in_a_call_comes_with_the_answer),
	T(other_invocations_are_what_they_were),
};
const struct suite suite_event_calls = SUITE("event_calls", tests);
