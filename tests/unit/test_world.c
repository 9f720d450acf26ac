/* SPDX-License-Identifier: MIT */
#include <core/log.h>
#include <string.h>

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

TEST(lost_text_is_counted)
{
	static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
	char text[FAKE_CONSOLE + 1] = {0};
	size_t n = sizeof(line) - 1, lines = LOG_SIZE / n;

	log_flush();
	for (size_t i = 0; i < lines + 3; i++)
		log_write(line, n);
	CHECK(log_room() == 0);
	log_flush();
	log_write(line, n);
	log_flush();
	for (size_t i = 0; i < FAKE_CONSOLE; i++)
		text[i] = fake_console[(fake_written + i) % FAKE_CONSOLE];
	CHECK(strstr(text, "takt: 192 bytes of the log lost\n0123"));
	CHECK(!strcmp(text + FAKE_CONSOLE - 3, "de\n"));
}

int main(void)
{
	world_boot(2);
	RUN(boots);
	RUN(root_has_time);
	RUN(a_compartment_leaves_nothing);
	RUN(lost_text_is_counted);
	return tap_done();
}
