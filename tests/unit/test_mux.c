/* SPDX-License-Identifier: MIT */
/* The console's multiplexer: what goes out to the terminal, and where typed bytes go. */
#include <stdlib.h>
#include <string.h>

#include "../../servers/console/mux.h"
#include "tap.h"

enum { ROOT, LINUX, BLINKER, RTOS };

static struct mux *m;
static char out[65536];
static unsigned out_len;

static void begin(void)
{
	static const char *const names[] = {"root", "linux", "blinker", "rtos"};

	free(m);
	m = calloc(1, sizeof(*m));
	for (unsigned i = 0; i < 4; i++)
		(void)mux_add(m, names[i]);
	m->interactive = LINUX;
}

static bool put(unsigned session, const char *text)
{
	unsigned len = (unsigned)strlen(text);

	return mux_write(m, session, (const uint8_t *)text, len) == len;
}

/* Whether exactly `text` goes out now. */
static bool shows(const char *text)
{
	int c;

	for (out_len = 0; (c = mux_next(m)) >= 0 && out_len < sizeof(out) - 1; out_len++)
		out[out_len] = (char)c;
	out[out_len] = 0;
	if (strcmp(out, text))
		printf("# not \"%s\" but \"%s\"\n", text, out);
	return !strcmp(out, text);
}

TEST(whole_lines_with_names)
{
	begin();
	CHECK(put(ROOT, "one\ntw"));
	CHECK(shows("[root] one\r\n"));
	CHECK(put(ROOT, "o\n\n"));
	CHECK(shows("[root] two\r\n"));
}

TEST(interactive_goes_through)
{
	begin();
	CHECK(put(LINUX, "a\r\nb\tc\x1b[1m"));
	CHECK(shows("a\r\nb\tc\x1b[1m"));
	CHECK(put(LINUX, "\nd"));
	CHECK(shows("\nd"));
	mux_switch(m, RTOS);
	CHECK(shows("\r\n[console] session 3: rtos (input goes here)\r\n"));
	CHECK(put(RTOS, "x\ny"));
	CHECK(shows("x\r\ny"));
}

TEST(breaks_the_line_politely)
{
	begin();
	CHECK(put(LINUX, "~ # ec"));
	CHECK(shows("~ # ec"));
	CHECK(put(BLINKER, "late\n") && put(RTOS, "tick\n"));
	CHECK(shows("\r\n[blinker] late\r\n[rtos] tick\r\n~ # ec"));
	CHECK(put(LINUX, "ho\r\n"));
	CHECK(shows("ho\r\n"));
	CHECK(put(BLINKER, "late\n"));
	CHECK(shows("[blinker] late\r\n"));
}

TEST(no_question_twice)
{
	begin();
	CHECK(put(LINUX, "# \x1b[6n"));
	CHECK(shows("# \x1b[6n"));
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("\r\n[rtos] tick\r\n# "));
}

TEST(escape_sequences_stay_whole)
{
	begin();
	CHECK(put(LINUX, "\x1b["));
	CHECK(shows("\x1b["));
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("") && m->held);
	CHECK(put(LINUX, "32mok"));
	CHECK(shows("32mok\r\n[rtos] tick\r\n\x1b[32mok") && !m->held);
	CHECK(put(LINUX, "\x1b"));
	CHECK(shows("\x1b"));
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("") && m->held);
	mux_break(m);
	CHECK(shows("\r\n[rtos] tick\r\n\x1b[32mok\x1b") && !m->held);
}

TEST(others_do_not_act_on_the_screen)
{
	begin();
	CHECK(put(RTOS, "\x1b[2J\x07\x1b[1mbold\x1b[0m\r\n"));
	CHECK(shows("[rtos] bold\r\n"));
}

TEST(long_lines_are_broken_up)
{
	char text[MUX_LINE + 21], line[MUX_LINE + 64];

	begin();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	CHECK(put(RTOS, text));
	snprintf(line, sizeof(line), "[rtos] %.*s\r\n", MUX_LINE, text);
	CHECK(shows(line));
	CHECK(put(RTOS, "\n"));
	CHECK(shows("[rtos] xxxxxxxxxxxxxxxxxxxx\r\n"));
}

TEST(full_is_a_short_count)
{
	static uint8_t flood[MUX_OUT + 10];

	begin();
	CHECK(mux_write(m, RTOS, flood, sizeof(flood)) == MUX_OUT);
	CHECK(mux_write(m, RTOS, flood, 1) == 0);
	CHECK(put(BLINKER, "not held up\n"));
}

TEST(input_and_prefix)
{
	uint8_t got[8];

	begin();
	CHECK(mux_input(m, 'a') == LINUX && mux_input(m, 'b') == -1);
	CHECK(mux_read(m, LINUX, got, 8) == 2 && !memcmp(got, "ab", 2));
	CHECK(mux_input(m, MUX_PREFIX) == -1 && mux_input(m, MUX_PREFIX) == LINUX);
	CHECK(mux_read(m, LINUX, got, 8) == 1 && got[0] == MUX_PREFIX);
	CHECK(mux_input(m, MUX_PREFIX) == -1 && mux_input(m, '9') == -1);
	CHECK(m->interactive == LINUX);
	CHECK(mux_input(m, MUX_PREFIX) == -1 && mux_input(m, '3') == -1);
	CHECK(mux_input(m, 'c') == RTOS && mux_read(m, LINUX, got, 8) == 0);
	for (unsigned i = 0; i < 2 * MUX_IN; i++)
		(void)mux_input(m, 'd');
	CHECK(m->session[RTOS].in_put - m->session[RTOS].in_get == MUX_IN);
}

/* Everybody writes more than goes out: nobody starves, all that was taken comes out. */
TEST(floods_share)
{
	begin();
	for (unsigned i = 0; i < 20000; i++) {
		for (unsigned s = 0; s < 4; s++)
			(void)put(s, "0123456789012345678\n");
		for (unsigned n = 0; n < 30; n++)
			(void)mux_next(m);
	}
	for (unsigned s = 0; s < 4; s++)
		CHECK(m->session[s].out_get > 60000);
}

TEST(random_traffic)
{
	static const char odd[] = "\r\n\x1b[\x14\x07";
	unsigned long bytes = 0;

	begin();
	srand(1);
	for (unsigned i = 0; i < 50000; i++) {
		uint8_t data[700];
		unsigned len = (unsigned)rand() % sizeof(data), drain = (unsigned)rand() % 2000;

		for (unsigned n = 0; n < len; n++)
			data[n] = (uint8_t)(rand() % 4 ? rand() % 96 + 32 : odd[rand() % 6]);
		(void)mux_write(m, (unsigned)rand() % 4, data, len);
		while (drain-- && mux_next(m) >= 0)
			;
		if (rand() % 3 == 0)
			(void)mux_input(m, (uint8_t)(rand() % 8 ? MUX_PREFIX : '0' + rand() % 5));
		if (rand() % 50 == 0)
			mux_break(m);
	}
	for (int c = 0; c >= 0 || m->held; bytes++) {
		c = mux_next(m);
		if (c < 0)
			mux_break(m);
		CHECK(bytes < 1000000);
	}
	for (unsigned s = 0; s < 4; s++)
		CHECK(m->session[s].lines == 0);
}

int main(void)
{
	RUN(whole_lines_with_names);
	RUN(interactive_goes_through);
	RUN(breaks_the_line_politely);
	RUN(no_question_twice);
	RUN(escape_sequences_stay_whole);
	RUN(others_do_not_act_on_the_screen);
	RUN(long_lines_are_broken_up);
	RUN(full_is_a_short_count);
	RUN(input_and_prefix);
	RUN(floods_share);
	RUN(random_traffic);
	free(m);
	return tap_done();
}
