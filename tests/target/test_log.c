/* SPDX-License-Identifier: MIT */
/* The log, and the interrupt controller. log.off cannot be tried: the results go to the log. That
 * log.shutdown works, the end of the tests shows. */
#include "harness.h"


static int log_write(uint64_t len, unsigned words)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_LOG_WRITE, words, 0), .w = {len, 0x0a2320}};

	return takt_call(TAKT_ROOT_LOG, &m);
}

TEST(write)
{
	CHECK_OK(takt_log_write(TAKT_ROOT_LOG, "# forty bytes are as much as fits here:\n", 40));
	CHECK_OK(log_write(0, 1));
	CHECK_ERR(log_write(41, 6), TAKT_E_RANGE);
	CHECK_ERR(log_write(UINT64_MAX, 6), TAKT_E_RANGE);
	CHECK_ERR(log_write(1, 1), TAKT_E_MSG);
	CHECK_ERR(log_write(9, 2), TAKT_E_MSG);
	CHECK_ERR(log_write(40, 5), TAKT_E_MSG);
}

TEST(shutdown_errors)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_LOG_SHUTDOWN, 1, 0), .w = {2}};

	CHECK_ERR(takt_call(TAKT_ROOT_LOG, &m), TAKT_E_RANGE);
	CHECK_ERR(takt_log_shutdown(cap_with(TAKT_ROOT_LOG, TAKT_R_LOG_WRITE), 0), TAKT_E_RIGHTS);
}

static int get(uint64_t line, uint64_t edge, takt_slot out)
{
	struct takt_msg m = {.tag = TAKT_TAG(TAKT_INTC_GET, 2, 1), .w = {line, edge},
			     .cap = {test_factory}, .window = out};

	return takt_call(TAKT_ROOT_INTC, &m);
}

TEST(intc_errors)
{
	takt_slot irq = slot_new();
	struct account before = account(test_factory);
	unsigned kernels = 0;

	for (unsigned line = 0; line < 16; line++)
		CHECK_ERR(get(line, 0, irq), TAKT_E_RANGE);
	CHECK_ERR(get(1020, 0, irq), TAKT_E_RANGE);
	CHECK_ERR(get(1023, 0, irq), TAKT_E_RANGE);
	CHECK_ERR(get(1ull << 32 | 100, 0, irq), TAKT_E_RANGE);
	CHECK_ERR(get(UINT64_MAX, 0, irq), TAKT_E_RANGE);
	CHECK_ERR(get(100, 2, irq), TAKT_E_INVAL);
	CHECK_ERR(get(100, 1ull << 32, irq), TAKT_E_INVAL);
	CHECK_ERR(get(100, 0, 0), TAKT_E_RANGE);
	CHECK_ERR(get(100, 0, TAKT_ROOT_SLOTS), TAKT_E_RANGE);
	CHECK_ERR(get(100, 0, SLOT_THREAD), TAKT_E_EXISTS);
	CHECK_ERR(takt_intc_get(TAKT_ROOT_INTC, cap_without(test_factory, TAKT_R_FACTORY_CREATE),
				100, 0, irq), TAKT_E_RIGHTS);
	CHECK_EQ(account(test_factory).objects, before.objects);
	/* Its own timer, the guests' timer and the maintenance interrupt: the kernel keeps them. */
	for (unsigned line = 25; line <= 27; line++)
		kernels += get(line, 0, irq) == TAKT_E_RANGE;
	CHECK_EQ(kernels, 3);
}

TEST(one_irq_for_a_line)
{
	takt_slot irq = slot_new(), second = slot_new();
	struct account before;

	CHECK_OK(get(100, 1, irq));
	CHECK_EQ(slot_type(irq), TAKT_IRQ);
	before = account(test_factory);
	CHECK_ERR(get(100, 1, second), TAKT_E_EXISTS);
	CHECK_EQ(slot_type(second), TAKT_NONE);
	CHECK_EQ(account(test_factory).objects, before.objects);
	/* Not even after the last capability has gone: the object is there. */
	slot_clear(irq);
	CHECK_ERR(get(100, 1, second), TAKT_E_EXISTS);
}

TEST(get_without_memory_leaves_the_line)
{
	takt_slot factory = factory_new(4), irq = slot_new();

	while (!takt_create_irq(factory, irq))
		slot_clear(irq);
	CHECK_ERR(takt_intc_get(TAKT_ROOT_INTC, factory, 101, 0, irq), TAKT_E_NOMEM);
	CHECK_OK(get(101, 0, irq));
}

static const struct test tests[] = {
	T(write),
	T(shutdown_errors),
	T(intc_errors),
	T(one_irq_for_a_line),
	T(get_without_memory_leaves_the_line),
};
const struct suite suite_log = SUITE("log and intc", tests);
