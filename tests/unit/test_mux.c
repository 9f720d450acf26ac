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

static void end(void)
{
	for (unsigned i = 0; m && i <= MUX_SESSIONS; i++)
		free(m->session[i].out);
	free(m);
	m = NULL;
}

/* Rings of their own, so that the sanitizer sees every byte beyond their ends. */
static void begin_with(uint32_t history)
{
	static const char *const names[] = {"root", "linux", "blinker", "rtos"};

	end();
	m = malloc(sizeof(*m));
	mux_init(m, malloc(MUX_OUT));
	for (unsigned i = 0; i < 4; i++)
		(void)mux_add(m, names[i], (uint8_t)(31 + i), malloc(MUX_OUT + history),
			      history);
	m->interactive = LINUX;
}

static void begin(void)
{
	begin_with(0);
}

static void type(const char *keys)
{
	while (*keys)
		(void)mux_input(m, (uint8_t)*keys++);
}

static void print(unsigned session, const char *text)
{
	(void)mux_print(m, session, (const uint8_t *)text, (unsigned)strlen(text));
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
	CHECK(shows("\r\n\x1b[0m[console] session 3: rtos (input goes here)\r\n"));
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
	CHECK(mux_write(m, RTOS, flood, sizeof(flood)) == MUX_OUT - MUX_RESERVE);
	CHECK(mux_write(m, RTOS, flood, 1) == 0);
	CHECK(put(BLINKER, "not held up\n"));
	CHECK(!m->session[RTOS].lost_bytes);
}

/* All that goes out, in `out`. */
static void drain(void)
{
	int c;

	for (out_len = 0; (c = mux_next(m)) >= 0 && out_len < sizeof(out) - 1; out_len++)
		out[out_len] = (char)c;
	out[out_len] = 0;
}

static unsigned occurrences(const char *what)
{
	unsigned n = 0;

	for (const char *p = out; (p = strstr(p, what)); p++)
		n++;
	return n;
}

TEST(lost_lines_are_counted)
{
	unsigned taken = 0;
	char expected[40];

	begin();
	for (unsigned i = 0; i < 1000; i++)
		taken += mux_print(m, RTOS, (const uint8_t *)"0123456789012345678\n", 20) / 20;
	CHECK(taken > 300 && taken < MUX_OUT / 20);
	drain();
	CHECK(occurrences("[rtos] 0123456789012345678\r\n") == taken);
	snprintf(expected, sizeof(expected), "[rtos] [%u lines lost]\r\n", 1000 - taken);
	CHECK(occurrences(expected) == 1);
	/* They are told of where they were. */
	print(RTOS, "after\n");
	CHECK(shows("[rtos] after\r\n"));
	CHECK(m->session[RTOS].lost_ever == 1000 - taken);
}

TEST(a_line_lost_in_part_is_cut)
{
	begin();
	for (unsigned i = 0; i < 800; i++)
		print(RTOS, "abcdefghi\n");
	while (m->session[RTOS].put < MUX_OUT - MUX_RESERVE - 5)
		print(RTOS, "x");
	print(RTOS, "0123456789"); /* does not fit, nor does its rest, though there were room */
	drain();
	print(RTOS, "rest\nnext\n");
	CHECK(m->session[RTOS].lost_ever == 1);
	CHECK(strstr(out, "xx\r\n[rtos] [10 bytes lost]\r\n"));
	CHECK(shows("[rtos] [1 lines lost]\r\n[rtos] next\r\n"));
	/* Nothing is taken inside a lost line, whichever way it comes. */
	while (mux_print(m, RTOS, (const uint8_t *)"y\n", 2))
		;
	print(RTOS, "lost");
	drain();
	CHECK(!put(RTOS, "lost, too\n"));
	print(RTOS, "lost, too\nthere\n");
	drain();
	CHECK(occurrences("there") == 1 && occurrences("lost, too") == 0);
}

TEST(colours)
{
	begin();
	m->colours = true;
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("\x1b[34m[rtos] tick\x1b[0m\r\n"));
	/* The interactive session's colours are set again, those of this line and those before. */
	CHECK(put(LINUX, "\x1b[1m\x1b[32mgreen\r\n\x1b[4mmore"));
	CHECK(shows("\x1b[1m\x1b[32mgreen\r\n\x1b[4mmore"));
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("\r\n\x1b[34m[rtos] tick\x1b[0m\x1b[1m\x1b[32m\x1b[4m\r\n\x1b[4mmore"));
	CHECK(put(LINUX, "\x1b[0m\r\n"));
	CHECK(put(RTOS, "tick\n"));
	CHECK(shows("\x1b[0m\r\n\x1b[34m[rtos] tick\x1b[0m\r\n"));
	/* More than can be kept. */
	for (unsigned i = 0; i < 100; i++)
		CHECK(put(LINUX, "\x1b[38;5;123mx"));
	drain();
	CHECK(put(RTOS, "tick\n"));
	drain();
	CHECK(strstr(out, "tick\x1b[0m\x1b[38;5;123m\x1b[38;5;123m\r\nx"
			  "\x1b[38;5;123mx"));
	CHECK(put(LINUX, "\r\n"));
	drain();
	/* They do not leak into another session. */
	mux_switch(m, ROOT);
	CHECK(shows("\x1b[0m\x1b[31m[console] session 0: root (input goes here)\x1b[0m\r\n"));
}

TEST(levels_of_others)
{
	begin();
	CHECK(put(RTOS, "<0>error\n<2>info\n<3>debug\n<4>none\n<x>none\n<\n<2\nlast\n"));
	CHECK(shows("[rtos] error\r\n[rtos] info\r\n[rtos] <4>none\r\n[rtos] <x>none\r\n"
		    "[rtos] <\r\n[rtos] <2\r\n[rtos] last\r\n"));
	m->session[RTOS].level = MUX_ERROR;
	CHECK(put(RTOS, "<1>warning\n<0>error\nplain\n"));
	CHECK(shows("[rtos] error\r\n[rtos] plain\r\n"));
	m->session[RTOS].level = MUX_DEBUG;
	CHECK(put(RTOS, "<3>debug\n"));
	CHECK(shows("[rtos] debug\r\n"));
	CHECK(put(RTOS, "in pieces, <3>not a level\n<3") && put(RTOS, ">de") && put(RTOS, "bug\n"));
	CHECK(shows("[rtos] in pieces, <3>not a level\r\n[rtos] debug\r\n"));
}

/* A hidden line is hidden in all its pieces. */
TEST(levels_of_long_lines)
{
	char text[3 * MUX_LINE];

	begin();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	CHECK(put(RTOS, "<3>") && put(RTOS, text));
	CHECK(shows(""));
	CHECK(put(RTOS, "\nshown\n"));
	CHECK(shows("[rtos] shown\r\n"));
}

TEST(levels_of_the_interactive)
{
	begin();
	CHECK(put(LINUX, "<3>debug\n<1>warning\n<"));
	CHECK(shows("warning\r\n") && m->held);
	CHECK(put(LINUX, "3"));
	CHECK(shows("") && m->held);
	CHECK(put(RTOS, "others go on\n"));
	CHECK(shows("[rtos] others go on\r\n") && m->held);
	CHECK(put(LINUX, ">hid") && put(LINUX, "den\nshown"));
	CHECK(shows("shown") && !m->held);
	CHECK(put(LINUX, "\n<"));
	CHECK(shows("\r\n") && m->held);
	mux_break(m); /* it was no level, but what somebody waits to see */
	CHECK(shows("<") && !m->held);
	CHECK(put(LINUX, "3>this is no level\n"));
	CHECK(shows("3>this is no level\r\n"));
}

TEST(history)
{
	begin_with(64);
	CHECK(put(RTOS, "this is too long ago, and it is cut off in the middle\n"));
	CHECK(put(RTOS, "\x1b[6none\n<3>two\nthree\n"));
	CHECK(put(LINUX, "$ ls"));
	drain();
	CHECK(put(RTOS, "four\n# "));
	type("\x14" "3");
	CHECK(shows("\r\n[console] session 3: rtos (input goes here)\r\n"
		    "one\r\nthree\r\nfour\r\n# "));
	/* Now and then a line of others, and the prompt again. */
	CHECK(put(BLINKER, "late\n"));
	CHECK(shows("\r\n[blinker] late\r\n# "));
	type("\x14" "1");
	CHECK(shows("\r\n[console] session 1: linux (input goes here)\r\n$ ls"));
	/* With another level, lines that were not shown then are. */
	m->session[RTOS].level = MUX_DEBUG;
	type("\x14" "3");
	CHECK(shows("\r\n[console] session 3: rtos (input goes here)\r\n"
		    "one\r\ntwo\r\nthree\r\nfour\r\n# "));
}

TEST(history_abandoned)
{
	begin_with(4096);
	for (unsigned i = 0; i < 100; i++)
		CHECK(put(RTOS, "a line of history\n"));
	CHECK(put(RTOS, "<3>hidden li"));
	drain();
	mux_switch(m, RTOS);
	for (unsigned i = 0; i < 200; i++)
		(void)mux_next(m);
	mux_switch(m, LINUX);
	drain();
	CHECK(!occurrences("history") || occurrences("history") == 1); /* was on the stage */
	CHECK(put(RTOS, "ne\nseen\n"));
	CHECK(shows("[rtos] seen\r\n"));
	CHECK(m->session[RTOS].show == m->session[RTOS].put);
}

/* While the history is shown its session has as much room as ever. */
TEST(history_takes_no_room)
{
	static uint8_t flood[MUX_OUT];

	begin_with(4096);
	for (unsigned i = 0; i < 300; i++)
		CHECK(put(RTOS, "a line of history\n"));
	drain();
	memset(flood, 'f', sizeof(flood));
	mux_switch(m, RTOS);
	CHECK(mux_write(m, RTOS, flood, sizeof(flood)) == MUX_OUT - MUX_RESERVE);
	drain();
	CHECK(occurrences("a line of history\r\n") == 4096 / 18);
}

TEST(list_and_next)
{
	begin();
	m->session[RTOS].lost_ever = 12;
	type("\x14l");
	CHECK(shows("[console]   0 root       level 2\r\n[console] > 1 linux      level 2\r\n"
		    "[console]   2 blinker    level 2\r\n"
		    "[console]   3 rtos       level 2, 12 lines lost\r\n"
		    "[console] ctrl-t and 0..3: that one, n: the next, l: this list, "
		    "ctrl-t: ctrl-t\r\n"));
	type("\x14n\x14n\x14n");
	CHECK(m->interactive == ROOT);
	drain();
	type("\x14?");
	drain();
	CHECK(occurrences("level 2") == 4);
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
		CHECK(m->session[s].get > 60000);
}

TEST(random_traffic)
{
	static const char odd[] = "\r\n\x1b[\x14\x07<3>mn";
	unsigned long bytes = 0;

	begin_with(500);
	m->colours = true;
	srand(1);
	for (unsigned i = 0; i < 50000; i++) {
		uint8_t data[700];
		unsigned len = (unsigned)rand() % sizeof(data), drain = (unsigned)rand() % 2000;

		for (unsigned n = 0; n < len; n++)
			data[n] = (uint8_t)(rand() % 4 ? rand() % 96 + 32 : odd[rand() % 11]);
		if (rand() % 2)
			(void)mux_write(m, (unsigned)rand() % 4, data, len);
		else
			(void)mux_print(m, (unsigned)rand() % 4, data, len);
		while (drain-- && mux_next(m) >= 0)
			;
		if (rand() % 3 == 0)
			(void)mux_input(m, (uint8_t)(rand() % 8 ? MUX_PREFIX : "01234ln"[rand() % 7]));
		if (rand() % 50 == 0)
			mux_break(m);
		CHECK(m->stage_len < MUX_STAGE);
		for (unsigned n = 0; n < 4; n++) {
			const struct mux_session *s = &m->session[n];

			CHECK(s->get <= s->put && s->put - s->get <= MUX_OUT);
			CHECK(s->show <= s->get && s->show + s->history >= s->get);
			CHECK(n == m->interactive || s->show == s->get);
		}
	}
	for (int c = 0; c >= 0 || m->held; bytes++) {
		c = mux_next(m);
		if (c < 0)
			mux_break(m);
		CHECK(bytes < 1000000);
	}
	for (unsigned s = 0; s < 4; s++)
		CHECK(m->session[s].lines == 0 && !m->session[s].lost_bytes);
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
	RUN(lost_lines_are_counted);
	RUN(a_line_lost_in_part_is_cut);
	RUN(colours);
	RUN(levels_of_others);
	RUN(levels_of_long_lines);
	RUN(levels_of_the_interactive);
	RUN(history);
	RUN(history_abandoned);
	RUN(history_takes_no_room);
	RUN(list_and_next);
	RUN(input_and_prefix);
	RUN(floods_share);
	RUN(random_traffic);
	end();
	return tap_done();
}
