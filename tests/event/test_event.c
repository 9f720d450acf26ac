/* SPDX-License-Identifier: MIT */
/* Event SCs of paravirtual guests: binding, selecting, leaving, nesting, and guests that lie. */
#include "guest.h"

static volatile bool go;

static void guest_until_go(void)
{
	pv_unmask(ALL);
	while (!go)
		;
	(void)pv_mask();
	guest_finish();
}

static takt_slot soft_irq(void)
{
	takt_slot irq = slot_new();

	CHECK_OK(takt_create_irq(test_factory, irq));
	return irq;
}

/* --- Binding ---------------------------------------------------------------------------------- */

TEST(binding_names_an_sc_of_that_vcpu)
{
	takt_slot irq = soft_irq(), stray = sc_new(EVENT_PRIO, guest_cpu(), us(100), us(1000));
	struct worker *plain = worker_new(spin_until_set, (void *)&go);

	guest_new(guest_until_go, BASE_PRIO, us(100), us(1000));
	worker_make(plain);
	CHECK_ERR(takt_irq_bind_vcpu(irq, vcpu->slot, 3, stray), TAKT_E_STATE);
	CHECK_ERR(takt_irq_bind_vcpu(irq, vcpu->slot, 3, plain->sc), TAKT_E_STATE);
	CHECK_ERR(takt_irq_bind_vcpu(irq, vcpu->slot, 3, cap_without(event_sc, TAKT_R_SC_BIND)),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_irq_bind_vcpu(irq, vcpu->slot, 3, test_factory), TAKT_E_TYPE);
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, 3, event_sc));
	CHECK_ERR(takt_irq_bind_vcpu(irq, vcpu->slot, 3, event_sc), TAKT_E_STATE);
	CHECK_OK(takt_irq_unbind(irq));
	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, 3, 0));

	CHECK_ERR(takt_thread_virq_sc(vcpu->slot, 32, event_sc, 0), TAKT_E_RANGE);
	CHECK_ERR(takt_thread_virq_sc(vcpu->slot, 3, event_sc, 2), TAKT_E_RANGE);
	CHECK_ERR(takt_thread_virq_sc(vcpu->slot, 3, stray, 0), TAKT_E_STATE);
	CHECK_ERR(takt_thread_virq_sc(vcpu->slot, 3, cap_without(event_sc, TAKT_R_SC_BIND), 0),
		  TAKT_E_RIGHTS);
	CHECK_ERR(takt_thread_virq_sc(plain->slot, 3, plain->sc, 0), TAKT_E_STATE);
	CHECK_OK(takt_thread_virq_sc(vcpu->slot, 3, event_sc, TAKT_LEAVE_IDLE));
	CHECK_OK(takt_thread_virq_sc(vcpu->slot, 3, 0, 0));
}

TEST(indices_are_given_in_order)
{
	takt_slot sc[8];
	unsigned index;

	guest_new(guest_until_go, BASE_PRIO, us(100), us(1000));
	for (unsigned i = 2; i < 8; i++) {
		sc[i] = sc_new(EVENT_PRIO, guest_cpu(), us(100), us(1000));
		CHECK_OK(takt_thread_attach_as(vcpu->slot, sc[i], &index));
		CHECK_EQ(index, i);
	}
	CHECK_ERR(takt_thread_attach(vcpu->slot, sc_new(1, guest_cpu(), us(100), us(1000))),
		  TAKT_E_QUOTA);
	CHECK_OK(takt_thread_detach(vcpu->slot, sc[4]));
	CHECK_OK(takt_thread_attach_as(vcpu->slot, sc[4], &index));
	CHECK_EQ(index, 4);
}

/* --- Selecting -------------------------------------------------------------------------------- */

static volatile uint32_t seen[8];
static volatile takt_ticks at[8];
static struct hog *volatile rival;

static takt_slot bound_irq(unsigned virq, takt_slot sc)
{
	takt_slot irq = soft_irq();

	CHECK_OK(takt_irq_bind_vcpu(irq, vcpu->slot, virq, sc));
	return irq;
}

static void select_and_look(void)
{
	guest_select(0);
	seen[0] = pv_page->hint;
	guest_select(event_index);
	seen[1] = pv_page->hint;
	spin_until(rival->from + units(30)); /* it is ready now, and waits */
	seen[2] = pv_page->hint;
	at[0] = takt_now();
	guest_select(0);
	at[1] = takt_now();
	guest_finish();
}

/* A slice, no budget: lowering wants the system call only for somebody else. */
TEST(the_hint_tells_who_waits)
{
	guest_new(select_and_look, BASE_PRIO, ms(500), ms(500));
	rival = hog_new(15, takt_now() + units(300), units(100));
	guest_run();
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(seen[0], 0);
	CHECK_EQ(seen[1], BASE_PRIO + 1);
	CHECK_EQ(seen[2], 15 + 1);
	if (exact_time()) {
		CHECK(rival->began >= at[0] && rival->ended <= at[1]);
		CHECK(at[0] >= rival->from + units(30));
	}
}

TEST(a_budget_wants_to_be_left_at_once)
{
	guest_new(select_and_look, BASE_PRIO, units(2000), units(10000));
	rival = hog_new(15, takt_now() + units(300), units(100));
	guest_run();
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(seen[0], 0);
	CHECK_EQ(seen[1], TAKT_HINT_ALWAYS);
	CHECK_EQ(seen[2], TAKT_HINT_ALWAYS);
}

static void raise_by_store(void)
{
	pv_page->sel = event_index;
	spin_until(rival->from + units(100));
	at[0] = takt_now();
	guest_select(0);
	at[1] = takt_now();
	guest_finish();
}

TEST(raising_is_a_store)
{
	guest_new(raise_by_store, BASE_PRIO, units(2000), units(10000));
	rival = hog_new(15, takt_now() + units(300), units(100));
	guest_run();
	guest_ended();
	worker_join(rival->worker);
	if (exact_time())
		CHECK(rival->began >= at[0] && rival->ended <= at[1]);
}

/* Who does not tell is charged: the SC that the kernel knows of pays until it learns better. */
static void lower_by_store(void)
{
	guest_select(event_index);
	pv_page->sel = 0;
	burn(units(200));
	pv_sync();
	burn(units(300));
	guest_finish();
}

TEST(an_untold_lowering_is_charged)
{
	guest_new(lower_by_store, BASE_PRIO, units(1000), units(10000));
	guest_run();
	guest_ended();
	if (!exact_time())
		test_skip("needs counted time");
	CHECK(consumed(event_sc) >= units(200));
	CHECK(consumed(event_sc) <= units(210));
	CHECK(consumed(vcpu->sc) >= units(300));
}

/* Below the base: its own, too. It gets the CPU only when nobody between them wants it. */
static void select_below(void)
{
	guest_select(2);
	at[0] = takt_now();
	guest_finish();
}

TEST(selecting_below_the_base)
{
	takt_slot low;
	unsigned index;

	guest_new(select_below, 18, units(1000), units(10000));
	low = sc_new(5, guest_cpu(), ms(500), ms(500));
	CHECK_OK(takt_thread_attach_as(vcpu->slot, low, &index));
	CHECK_EQ(index, 2);
	rival = hog_new(10, 0, units(300));
	guest_run();
	guest_ended();
	worker_join(rival->worker);
	CHECK(consumed(low) > 0);
	CHECK(at[0] >= rival->ended || !exact_time());
}

/* --- Leaving ---------------------------------------------------------------------------------- */

static volatile unsigned handled;

static void note_context(unsigned n)
{
	(void)n;
	seen[handled % 8] = (uint32_t)pv_page->guest.irq_sc;
	at[handled % 8] = takt_now();
	handled = handled + 1;
}

static void guest_sleeps(void)
{
	pv_unmask(ALL);
	while (!handled)
		(void)pv_wait(ALL, TAKT_NEVER);
	seen[7] = pv_page->sel;
	(void)pv_mask();
	guest_finish();
}

TEST(an_idle_guest_has_selected_nothing)
{
	takt_slot irq;

	handled = 0;
	guest_new(guest_sleeps, BASE_PRIO, units(1000), units(10000));
	on_interrupt = note_context;
	irq = bound_irq(4, event_sc);
	guest_run();
	CHECK(quiet(vcpu->bit, 2));
	CHECK_OK(takt_irq_trigger(irq));
	guest_ended();
	CHECK_EQ(seen[0], event_index + 1);
	CHECK_EQ(seen[7], TAKT_SC_NONE);
}

static void use_up_and_sleep(void)
{
	pv_unmask(ALL);
	guest_select(event_index);
	at[6] = takt_now();
	burn(units(300));
	guest_sleeps();
}

/* Idle, nothing but the SC of the interrupt is wanted: the guest's base does not stand in for it,
 * though nobody else wants the CPU. */
TEST(an_idle_guest_waits_for_the_replenishment)
{
	takt_slot irq;

	handled = 0;
	guest_new(use_up_and_sleep, BASE_PRIO, units(250), units(20000));
	on_interrupt = note_context;
	irq = bound_irq(4, event_sc);
	guest_run();
	takt_sleep_until(takt_now() + units(5000));
	CHECK_EQ(handled, 0);
	CHECK_OK(takt_irq_trigger(irq));
	guest_ended();
	CHECK_EQ(handled, 1);
	if (exact_time()) {
		CHECK(at[0] >= at[6] + units(20000) - us(1));
		CHECK(at[0] <= at[6] + units(20000) + us(10));
	}
}

static takt_slot inner;

static void nest(unsigned n)
{
	seen[n] = (uint32_t)pv_page->guest.irq_sc;
	if (n == 3) {
		(void)!takt_irq_trigger(inner);
		seen[5] = (uint32_t)pv_page->guest.irq_sc;
	}
}

static void guest_nests(void)
{
	pv_unmask(ALL);
	while (!seen[5])
		;
	seen[6] = (uint32_t)pv_page->guest.irq_sc;
	(void)pv_mask();
	guest_finish();
}

TEST(nested_interrupts_keep_their_scs)
{
	takt_slot second, outer;

	seen[3] = seen[4] = seen[5] = 0;
	seen[6] = 77;
	guest_new(guest_nests, BASE_PRIO, units(1000), units(10000));
	second = sc_new(25, guest_cpu(), units(1000), units(10000));
	CHECK_OK(takt_thread_attach(vcpu->slot, second));
	outer = bound_irq(3, event_sc);
	inner = bound_irq(4, second);
	on_interrupt = nest;
	guest_run();
	CHECK(quiet(vcpu->bit, 2));
	CHECK_OK(takt_irq_trigger(outer));
	guest_ended();
	CHECK_EQ(seen[3], 2);
	CHECK_EQ(seen[4], 3);
	CHECK_EQ(seen[5], 2);
	CHECK_EQ(seen[6], 0);
	CHECK(consumed(event_sc) > 0);
	CHECK(consumed(second) > 0);
}

static void guest_works_then_sleeps(void)
{
	pv_unmask(ALL);
	while (!handled)
		(void)pv_wait(ALL, TAKT_NEVER);
	seen[6] = pv_page->sel;
	burn(units(100));
	at[6] = takt_now();
	(void)pv_wait(1u << 30, takt_now() + units(50));
	seen[7] = pv_page->sel;
	(void)pv_mask();
	guest_finish();
}

/* leave = "idle": what the interrupt woke goes on at its priority. */
TEST(left_when_idle)
{
	takt_slot irq;

	handled = 0;
	guest_new(guest_works_then_sleeps, BASE_PRIO, units(1000), units(10000));
	on_interrupt = note_context;
	irq = bound_irq(4, 0);
	CHECK_OK(takt_thread_virq_sc(vcpu->slot, 4, event_sc, TAKT_LEAVE_IDLE));
	rival = hog_new(15, takt_now() + units(1000), units(500));
	guest_run();
	takt_sleep_until(rival->from + units(100));
	CHECK_OK(takt_irq_trigger(irq));
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(seen[6], event_index);
	CHECK_EQ(seen[7], TAKT_SC_NONE);
	if (exact_time()) {
		CHECK(at[6] < rival->ended);
		CHECK(consumed(event_sc) >= units(100));
	}
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void guest_on_event_sc(void)
{
	pv_unmask(ALL);
	guest_select(event_index);
	while (!go)
		;
	(void)pv_mask();
	guest_finish();
}

/* The selected SC goes: detached, then destroyed. The guest goes on with its base. */
TEST(the_selected_sc_goes)
{
	for (unsigned how = 0; how < 2; how++) {
		takt_slot irq;

		go = false;
		handled = 0;
		guest_new(guest_on_event_sc, BASE_PRIO, units(100000), units(200000));
		on_interrupt = note_context;
		irq = bound_irq(4, event_sc);
		guest_run();
		CHECK(quiet(vcpu->bit, 2));
		if (how)
			CHECK_OK(takt_factory_destroy(test_factory, event_sc));
		else
			CHECK_OK(takt_thread_detach(vcpu->slot, event_sc));
		CHECK(quiet(vcpu->bit, 2));
		CHECK_OK(takt_irq_trigger(irq)); /* which brings nothing any more */
		CHECK(quiet(vcpu->bit, 2));
		CHECK_EQ(handled, 1);
		CHECK_EQ(seen[0], 0);
		if (!how)
			CHECK_OK(takt_thread_attach(vcpu->slot, event_sc));
		go = true;
		guest_ended();
	}
}

static void handle_long(unsigned n)
{
	note_context(n);
	while (!go)
		;
}

TEST(the_sc_of_the_interrupt_that_is_handled_goes)
{
	takt_slot irq;

	go = false;
	handled = 0;
	guest_new(guest_until_go, BASE_PRIO, units(100000), units(200000));
	on_interrupt = handle_long;
	irq = bound_irq(4, event_sc);
	guest_run();
	CHECK(quiet(vcpu->bit, 2));
	CHECK_OK(takt_irq_trigger(irq));
	CHECK(quiet(vcpu->bit, 2));
	CHECK_EQ(handled, 1);
	CHECK_OK(takt_factory_destroy(test_factory, event_sc));
	CHECK(quiet(vcpu->bit, 2));
	go = true;
	guest_ended();
}

/* Masked and pending, asleep for something else, or depleted: it goes, and nothing is forgotten. */
TEST(the_sc_of_a_pending_interrupt_goes)
{
	takt_slot irq;

	handled = 0;
	guest_new(use_up_and_sleep, BASE_PRIO, units(250), ms(1000));
	on_interrupt = note_context;
	irq = bound_irq(4, event_sc);
	guest_run();
	takt_sleep_until(takt_now() + units(5000));
	CHECK_OK(takt_irq_trigger(irq));
	CHECK(quiet(vcpu->bit, 3));
	CHECK_EQ(handled, 0); /* it waits for a second */
	CHECK_OK(takt_thread_detach(vcpu->slot, event_sc));
	guest_ended();
	CHECK_EQ(handled, 1);
	CHECK_EQ(seen[0], 0);
}

/* --- Budget ends while an interrupt arrives ----------------------------------------------------- */

static volatile takt_ticks collide_at;

static void guest_collides(void)
{
	pv_unmask(ALL);
	spin_until(collide_at);
	guest_select(event_index); /* its budget ends 250 units from here */
	while (handled < 1)
		;
	guest_select(0);
	(void)pv_mask();
	guest_finish();
}

static void collide(takt_ticks offset)
{
	takt_slot irq;

	handled = 0;
	collide_at = in_ms(1);
	guest_new(guest_collides, BASE_PRIO, units(250), units(2000));
	on_interrupt = note_context;
	irq = bound_irq(4, event_sc);
	rival = hog_new(15, collide_at + units(100), units(400));
	guest_run();
	CHECK_OK(takt_irq_timer(irq, collide_at + offset, 0, NULL));
	guest_ended();
	worker_join(rival->worker);
	CHECK_EQ(handled, 1);
	if (exact_time()) {
		CHECK(consumed(event_sc) <= units(250 + 100));
		/* With the budget, or, if that was gone, with the rest of the rival's work done. */
		CHECK(at[0] <= collide_at + offset + us(10) || at[0] >= rival->ended);
	}
	CHECK_OK(takt_factory_destroy(test_factory, irq));
}

#define COLLISIONS 8
static void collisions(int from_ns)
{
	for (int i = 0; i < COLLISIONS; i++)
		collide((takt_ticks)((int64_t)units(250) + (from_ns + i * 160) / 16));
}

TEST(arrivals_as_the_budget_ends_1) { collisions(-2 * COLLISIONS * 160); }
TEST(arrivals_as_the_budget_ends_2) { collisions(-1 * COLLISIONS * 160); }
TEST(arrivals_as_the_budget_ends_3) { collisions(0); }
TEST(arrivals_as_the_budget_ends_4) { collisions(COLLISIONS * 160); }
TEST(arrivals_as_the_budget_ends_5) { collisions(2 * COLLISIONS * 160); }

/* --- Lies ------------------------------------------------------------------------------------- */

static void guest_lies(void)
{
	static const uint32_t lie[] = {0, 1, 2, 7, 8, 9, 31, 32, 63, 64, 0x7fffffff, 0x80000000, ALL};

	pv_unmask(ALL);
	for (unsigned i = 0; i < sizeof(lie) / sizeof(lie[0]); i++)
		for (unsigned k = 0; k < sizeof(lie) / sizeof(lie[0]); k++) {
			pv_page->sel = lie[i];
			pv_page->guest.irq_sc = (uint64_t)lie[k] << (k & 1 ? 32 : 0) | lie[k];
			pv_page->hint = lie[i];
			pv_sync();
		}
	go = true;
	guest_finish();
}

TEST(lies_of_all_kinds)
{
	go = false;
	guest_new(guest_lies, BASE_PRIO, units(100000), units(200000));
	guest_run();
	guest_ended();
	CHECK(go);
}

/* The page is scribbled on while the guest takes interrupts; its SCs come and go meanwhile. */
struct scribbler {
	struct worker *worker;
	volatile bool stop;
};

static void scribble(void *arg)
{
	struct scribbler *s = arg;
	uint32_t x = 2463534242;

	while (!s->stop) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		pv_page->sel = x % 11 ? x % 4 : x;
		pv_page->guest.irq_sc = x >> 8 & 3;
		pv_page->pending = x >> 12 & 0x30;
	}
}

TEST(a_page_that_others_write)
{
	struct scribbler *s = pool_new(sizeof(*s));
	takt_slot irq[2], second;

	(void)other_cpu(); /* the scribbler rests on the test's, never */
	go = false;
	handled = 0;
	guest_new(guest_until_go, BASE_PRIO, units(300), units(2000));
	on_interrupt = note_context;
	second = sc_new(25, guest_cpu(), units(100), units(1000));
	CHECK_OK(takt_thread_attach(vcpu->slot, second));
	irq[0] = bound_irq(4, event_sc);
	irq[1] = bound_irq(5, second);
	s->worker = worker_new(scribble, s);
	worker_start(s->worker);
	guest_run();
	for (unsigned i = 0; i < 200; i++) {
		CHECK_OK(takt_irq_trigger(irq[i % 2]));
		if (i % 10 == 5)
			CHECK_OK(takt_thread_detach(vcpu->slot, second));
		if (i % 10 == 8)
			CHECK_OK(takt_thread_attach(vcpu->slot, second));
		(void)irqs_within(1ull << 62, takt_now() + us(100));
	}
	s->stop = true;
	worker_join(s->worker);
	pv_page->sel = 0;
	pv_page->pending = 0;
	go = true;
	guest_ended();
	CHECK(handled > 0);
}

static const struct test tests[] = {
	T(binding_names_an_sc_of_that_vcpu),
	T(indices_are_given_in_order),
	T(the_hint_tells_who_waits),
	T(a_budget_wants_to_be_left_at_once),
	T(raising_is_a_store),
	T(an_untold_lowering_is_charged),
	T(selecting_below_the_base),
	T(an_idle_guest_has_selected_nothing),
	T(an_idle_guest_waits_for_the_replenishment),
	T(nested_interrupts_keep_their_scs),
	T(left_when_idle),
	T(the_selected_sc_goes),
	T(the_sc_of_the_interrupt_that_is_handled_goes),
	T(the_sc_of_a_pending_interrupt_goes),
	T(arrivals_as_the_budget_ends_1),
	T(arrivals_as_the_budget_ends_2),
	T(arrivals_as_the_budget_ends_3),
	T(arrivals_as_the_budget_ends_4),
	T(arrivals_as_the_budget_ends_5),
	T(lies_of_all_kinds),
	T(a_page_that_others_write),
};
const struct suite suite_event = SUITE("event", tests);
