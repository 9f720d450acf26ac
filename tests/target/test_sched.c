/* SPDX-License-Identifier: MIT */
/* The server of schedulers (servers/sched): its policies, and what it keeps for its clients. That
 * it answers as the kernel does is tested by test_scheduler.c. */
#include <stdio.h>
#include <string.h>
#include <takt/server.h>

#include "interposed.h"

static struct sched sched;
static const char *names[SCHED_CLIENTS];
static takt_slot spare;

/* --- The server, in this task ----------------------------------------------------------------- */

static const char *name_of(unsigned client)
{
	return names[client];
}

static void serve(void *arg)
{
	struct sched_thread *t = arg;
	struct server server = {.handle = sched_handle, .self = t, .window = t->window};

	server_run(&server);
}

static void make_server(unsigned cpu)
{
	struct sched_thread *t = pool_new(sizeof(*t));
	struct worker *w = worker_new(serve, t);

	w->cpu = cpu;
	w->passive = true;
	worker_make(w);
	*t = (struct sched_thread){.sched = &sched,
				   .self = w->slot,
				   .window = slots_new(TAKT_MAX_CAPS),
				   .made = slot_new()};
	sched.thread[sched.threads++] = w->slot;
	worker_start(w);
}

takt_slot interposed_client(unsigned client, const char *name, takt_slot kernels)
{
	takt_slot gate = slot_new();

	names[client] = name;
	slot_clear(sched.schedulers + client);
	CHECK_OK(
		takt_task_cap_copy(TAKT_ROOT_TASK, kernels, sched.schedulers + client, TAKT_R_ALL));
	CHECK_OK(takt_create_gate(test_factory, SCHED_BADGE(client, 0), gate));
	for (unsigned i = 0; i < sched.threads; i++)
		CHECK_OK(takt_thread_bind_gate(sched.thread[i], gate));
	return gate;
}

takt_slot interposed_new(const char *policy)
{
	memset(&sched, 0, sizeof(sched));
	memset(names, 0, sizeof(names));
	sched.name = name_of;
	spare = slot_new();
	sched.schedulers = slots_new(SCHED_CLIENTS);
	sched.children = slots_new(SCHED_CLIENTS * SCHED_CHILDREN * CHILD_SLOTS);
	CHECK(policy_parse(policy, &sched.policy[sched.policies++]));
	for (unsigned cpu = 0; cpu < cpus(); cpu++)
		make_server(cpu);
	return interposed_client(0, "test", TAKT_ROOT_SCHEDULER);
}

/* --- Policies --------------------------------------------------------------------------------- */

TEST(policies_are_parsed)
{
	static const char *const bad[] = {
		"",	     "kee",	 "keeps",	"pin",
		"pin:",	     "pin:a",	 "pin:a=",	"pin:=1",
		"pin:a=8",   "pin:a=1,", "pin:a=12",	"pin:a=x",
		"pin:a=1,b", "spread ",	 "pin:a=1;b=2", "pin:a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1"};
	struct policy p;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(!policy_parse(bad[i], &p));
	CHECK(policy_parse("keep", &p) && p.kind == POLICY_KEEP);
	CHECK(policy_parse("spread", &p) && p.kind == POLICY_SPREAD);
	CHECK(policy_parse("pack", &p) && p.kind == POLICY_PACK);
	CHECK(policy_parse("pin:linux*=1,*=0", &p) && p.kind == POLICY_PIN && p.pins == 2);
	CHECK(policy_parse("pin:a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1", &p) && p.pins == SCHED_PINS);
}

/* Where an SC for CPU number `cpu` is. */
static unsigned cpu_of_sc(takt_slot s, unsigned cpu, takt_ticks budget, takt_slot *out)
{
	takt_slot sc = slot_new();
	uint64_t w[6];

	CHECK_OK(takt_scheduler_create_sc(s, test_factory, 5, budget, ms(10), cpu, sc));
	CHECK_OK(takt_sc_info(sc, w));
	if (out)
		*out = sc;
	return (unsigned)w[4];
}

static takt_slot narrowed(unsigned share)
{
	takt_slot s = slot_new();

	CHECK_OK(takt_scheduler_narrow(TAKT_ROOT_SCHEDULER, test_factory, 3, 0, 20, share, s));
	return s;
}

TEST(spread_goes_where_least_is)
{
	unsigned other = other_cpu();
	takt_slot s = interposed_new("spread"), t;

	CHECK_EQ(cpu_of_sc(s, other, ms(1), NULL), 0);
	CHECK_EQ(cpu_of_sc(s, 0, ms(3), NULL), 1);
	/* A number keeps its place. */
	CHECK_EQ(cpu_of_sc(s, other, ms(1), NULL), 0);
	CHECK_EQ(cpu_of_sc(s, 0, ms(1), NULL), 1);
	/* 200 per mille here, 400 there: another client comes here twice, with 300 in all. */
	t = interposed_client(1, "other", narrowed(300));
	CHECK_EQ(cpu_of_sc(t, 1, ms(3), NULL), 0);
	CHECK_EQ(cpu_of_sc(t, 0, ms(2), NULL), 1);
}

TEST(spread_counts_what_has_no_share)
{
	unsigned other = other_cpu();
	takt_slot s = interposed_new("spread");

	CHECK_EQ(cpu_of_sc(s, 0, ms(10), NULL), 0);
	CHECK_EQ(cpu_of_sc(s, other, ms(10), NULL), 1);
}

TEST(pack_fills_one_cpu_first)
{
	unsigned other = other_cpu();
	takt_slot s, t;

	s = interposed_new("pack");
	CHECK_EQ(cpu_of_sc(s, other, ms(6), NULL), 0);
	CHECK_EQ(cpu_of_sc(s, 0, ms(5), NULL), 1); /* no room for so much */
	t = interposed_client(1, "other", narrowed(100));
	CHECK_EQ(cpu_of_sc(t, 1, ms(1), NULL), 0);
}

TEST(pins_go_by_name)
{
	unsigned other = other_cpu();
	takt_slot s = interposed_new("pin:te=0,test=1,te*=0,o*=1"), t;

	CHECK_EQ(cpu_of_sc(s, 0, ms(1), NULL), 1);
	CHECK_EQ(cpu_of_sc(s, other, ms(1), NULL), 1);
	t = interposed_client(1, "tests", narrowed(100));
	CHECK_EQ(cpu_of_sc(t, other, ms(1), NULL), 0);
	t = interposed_client(2, "other", narrowed(100));
	CHECK_EQ(cpu_of_sc(t, 0, ms(1), NULL), 1);
	t = interposed_client(3, "no pattern", narrowed(100));
	CHECK_EQ(cpu_of_sc(t, 0, ms(1), NULL), 0);
}

/* --- Threads and their SCs meet --------------------------------------------------------------- */

static void note(void *arg)
{
	*(volatile bool *)arg = true;
}

TEST(threads_go_where_their_time_is)
{
	takt_slot s = interposed_new("pin:*=1"), thread = slot_new(), sc;
	struct worker *w = worker_new(note, pool_new(sizeof(bool)));
	struct takt_msg m;

	CHECK(other_cpu() == 1);
	worker_make(w);
	CHECK_OK(takt_thread_detach(w->slot, w->sc));
	CHECK_OK(takt_scheduler_run(s, w->slot, 0));
	CHECK_EQ(cpu_of_sc(s, 0, ms(1), &sc), 1);
	CHECK_OK(takt_thread_attach(w->slot, sc));
	worker_start(w);
	worker_join(w);
	/* One that is placed by the kernel's is not there. */
	CHECK_OK(takt_create_thread(test_factory, "t", thread));
	CHECK_OK(takt_scheduler_run(TAKT_ROOT_SCHEDULER, thread, 0));
	CHECK_EQ(cpu_of_sc(s, 0, ms(1), &sc), 1);
	CHECK_ERR(takt_thread_attach(thread, sc), TAKT_E_CPU);
	/* Its idle time is that CPU's. */
	m = (struct takt_msg){.tag = TAKT_TAG(TAKT_SCHEDULER_INFO, 1, 0), .w = {0}};
	CHECK_OK(takt_call(s, &m));
	CHECK_EQ(m.w[5], 800);
}

/* A failure places nothing. */
TEST(what_fails_leaves_no_place)
{
	unsigned other = other_cpu();
	takt_slot s = interposed_new("spread"), sc = slot_new();

	CHECK_ERR(takt_scheduler_create_sc(s, test_factory, 64, ms(1), ms(10), other, sc),
		  TAKT_E_RANGE);
	CHECK_EQ(sched.client[0].place[other], 0);
	CHECK_ERR(takt_scheduler_run(s, SLOT_THREAD, other), TAKT_E_STATE);
	CHECK_EQ(sched.client[0].place[other], 0);
	CHECK_EQ(sched.booked[0], 0);
}

/* --- What ends -------------------------------------------------------------------------------- */

TEST(a_new_client_begins_anew)
{
	takt_slot a, b, s;

	(void)other_cpu();
	(void)interposed_new("spread");
	a = narrowed(300);
	s = interposed_client(1, "client", a);
	CHECK_EQ(cpu_of_sc(s, 1, ms(3), NULL), 0);
	CHECK_EQ(sched.booked[0], 300);
	CHECK_OK(takt_factory_destroy(test_factory, a));
	CHECK_ERR(takt_scheduler_run(s, SLOT_THREAD, 0), TAKT_E_CAP);
	b = narrowed(300);
	(void)interposed_client(1, "client", b);
	CHECK_EQ(cpu_of_sc(s, 0, ms(1), NULL), 0);
	CHECK_EQ(sched.booked[0], 100);
}

static uint64_t share_left(takt_slot s)
{
	uint64_t w[6];

	CHECK_OK(takt_scheduler_info(s, 0, w));
	return w[5];
}

TEST(narrowed_ones_are_interposed_too)
{
	takt_slot s = interposed_new("pin:*=1"), child = slot_new(), grandchild = slot_new();
	uint64_t w[6];

	CHECK(other_cpu() == 1);
	CHECK_OK(takt_scheduler_narrow(s, test_factory, 1, 3, 10, 300, child));
	CHECK_EQ(cpu_of_sc(child, 0, ms(1), NULL), 1);
	CHECK_OK(takt_scheduler_info(child, 0, w));
	CHECK_EQ(w[2], 1); /* as it was asked for */
	CHECK_EQ(w[3], 3);
	CHECK_EQ(w[4], 10);
	CHECK_EQ(w[5], 200);
	CHECK_ERR(takt_scheduler_info(child, 1, w), TAKT_E_CPU);
	CHECK_ERR(takt_scheduler_run(child, SLOT_THREAD, 1), TAKT_E_CPU);
	CHECK_OK(takt_scheduler_narrow(child, test_factory, 1, 5, 6, 100, grandchild));
	CHECK_EQ(share_left(child), 100);
	CHECK_ERR(takt_scheduler_narrow(child, test_factory, 2, 5, 6, 0, slot_new()), TAKT_E_CPU);
}

TEST(a_narrowed_one_ends_with_its_capability)
{
	takt_slot s = interposed_new("keep"), child = slot_new();
	struct account before = account(test_factory);

	for (unsigned i = 0; i < 3 * SCHED_CHILDREN; i++) {
		CHECK_OK(takt_scheduler_narrow(s, test_factory, 1, 3, 10, 300, child));
		CHECK_EQ(share_left(s), 700);
		CHECK_OK(takt_factory_destroy(test_factory, child));
		CHECK_EQ(share_left(s), 1000);
	}
	CHECK_EQ(account(test_factory).objects, before.objects);
	for (unsigned i = 0; i < SCHED_CHILDREN; i++)
		CHECK_OK(takt_scheduler_narrow(s, test_factory, 1, 3, 10, 0, slot_new()));
	CHECK_ERR(takt_scheduler_narrow(s, test_factory, 1, 3, 10, 0, slot_new()), TAKT_E_QUOTA);
}

/* --- Hostile messages ------------------------------------------------------------------------- */

static int invoke(takt_slot s, unsigned op, unsigned words, unsigned caps, takt_slot cap)
{
	struct takt_msg m = {.tag = TAKT_TAG(op, words, caps),
			     .w = {1, 2, 1, 0},
			     .cap = {cap, cap, cap, cap},
			     .window = spare};
	int err = takt_call(s, &m);

	slot_clear(spare);
	return err;
}

/* Word for word what the kernel says. */
TEST(wrong_messages_are_refused_as_by_the_kernel)
{
	const takt_slot s = interposed_new("keep");
	const takt_slot some[] = {test_factory, TAKT_ROOT_LOG, SLOT_THREAD, s, TAKT_ROOT_MEMORY};

	for (unsigned op = 0; op < 6; op++)
		for (unsigned words = 0; words < 6; words++)
			for (unsigned caps = 0; caps <= TAKT_MAX_CAPS; caps++)
				for (unsigned i = 0; i < sizeof(some) / sizeof(some[0]); i++)
					CHECK_ERR(invoke(s, op, words, caps, some[i]),
						  invoke(TAKT_ROOT_SCHEDULER, op, words, caps,
							 some[i]));
}

TEST(badges_that_root_does_not_make)
{
	static const uint64_t badges[] = {SCHED_BADGE(0, 1), SCHED_BADGE(1, 0),
					  SCHED_BADGE(SCHED_CLIENTS, 0),
					  SCHED_BADGE(0x7fffffff, 0)};
	takt_slot gate;

	(void)interposed_new("keep");
	for (unsigned i = 0; i < sizeof(badges) / sizeof(badges[0]); i++) {
		gate = gate_new(sched.thread[0], badges[i]);
		CHECK(invoke(gate, TAKT_SCHEDULER_INFO, 1, 0, 0));
	}
}

static const struct test tests[] = {
	T(policies_are_parsed),
	T(spread_goes_where_least_is),
	T(spread_counts_what_has_no_share),
	T(pack_fills_one_cpu_first),
	T(pins_go_by_name),
	T(threads_go_where_their_time_is),
	T(what_fails_leaves_no_place),
	T(a_new_client_begins_anew),
	T(narrowed_ones_are_interposed_too),
	T(a_narrowed_one_ends_with_its_capability),
	T(wrong_messages_are_refused_as_by_the_kernel),
	T(badges_that_root_does_not_make),
};
const struct suite suite_sched = SUITE("sched", tests);
