/* SPDX-License-Identifier: MIT */
#include "tap.h"
#include "world.h"

TEST(boots)
{
	CHECK(root && root->state == THREAD_RUN);
	CHECK(fake_mode(0) == FAKE_USER);
	for (unsigned i = 1; i < platform.cpus; i++)
		CHECK(fake_mode(i) == FAKE_IDLE);
}

TEST(root_has_time)
{
	u64 before = fake_now;

	advance(FAKE_HZ);
	CHECK(fake_now == before + FAKE_HZ && cpus[0].thread == root);
	root_sleep();
	advance(FAKE_HZ);
	CHECK(fake_mode(0) == FAKE_IDLE);
}

TEST(a_compartment_leaves_nothing)
{
	for (unsigned i = 0; i < 3; i++) {
		compartment(100);
		make_task(SLOT_FREE);
		make_runner(SLOT_FREE + 1, SLOT_FREE, 0, 10);
		make_runner(SLOT_FREE + 3, SLOT_FREE, 1, 10);
		CHECK(compartment_end());
	}
}

int main(void)
{
	world_boot(2);
	RUN(boots);
	RUN(root_has_time);
	RUN(a_compartment_leaves_nothing);
	return tap_done();
}
