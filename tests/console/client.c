/* SPDX-License-Identifier: MIT */
/* Clients of the console: what each one does is its property "mode". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <takt/proto/console.h>
#include <takt/rt.h>

static takt_slot session;

static void sleep_ms(uint64_t n)
{
	takt_sleep_until(takt_now() + takt_ns_to_ticks(n * 1000000));
}

/* --- shell: answers lines ------------------------------------------------------------------------
 */

static void list(void)
{
	struct console_info info;

	for (unsigned n = 0; !console_info(env_cap("control-console"), n, &info); n++)
		printf("session %u is %s, level %u, lost %d, waiting %d, interactive %d\n", n,
		       info.name, info.level, info.lost != 0, info.waiting != 0, info.interactive);
	printf("that is all\n");
}

/* What a program that takes the place of a dead one finds: input that nobody was told of. */
static void renew(void)
{
	takt_slot irq = env_slot_alloc();
	struct takt_msg m = {0};

	if (takt_create_irq(TAKT_SELF_FACTORY, irq) ||
	    takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 2) || console_notify(session, irq))
		printf("renew: no notification\n");
	else if (takt_wait(&m, takt_now() + takt_ns_to_ticks(3000000000)))
		printf("not told of what was there\n");
	else
		printf("told of what was there\n");
}

static void answer(char *line)
{
	unsigned n, level;

	if (sscanf(line, "level %u %u", &n, &level) == 2)
		printf("level: %s\n",
		       rt_error(console_level(env_cap("control-console"), n, level)));
	else if (!strcmp(line, "list"))
		list();
	else if (!strcmp(line, "renew"))
		renew();
	else
		printf("you said %s\n", line);
}

static void shell(void)
{
	takt_slot irq = env_slot_alloc();
	char line[80], c;
	unsigned n = 0;

	if (takt_create_irq(TAKT_SELF_FACTORY, irq) ||
	    takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 1) || console_notify(session, irq))
		printf("shell: no notification\n");
	printf("$ ");
	fflush(stdout);
	for (;;) {
		struct takt_msg m = {0};

		while (console_read(session, &c, 1) == 1) {
			if (c != '\r' && n < sizeof(line) - 1) {
				line[n++] = c;
				continue;
			}
			line[n] = 0;
			printf("\n");
			answer(line);
			printf("$ ");
			fflush(stdout);
			n = 0;
		}
		(void)!takt_wait(&m, TAKT_NEVER);
	}
}

/* --- polite: lines in pieces, numbered
 * ------------------------------------------------------------ */

static void polite(void)
{
	for (unsigned n = 1; n <= 300; n++) {
		printf("line %u of 300,", n);
		fflush(stdout);
		if (n % 10 == 0)
			sleep_ms(10);
		printf(" in two pieces, ends here\n");
		sleep_ms(2);
	}
	for (;;)
		sleep_ms(1000);
}

/* --- flood: as much as it can --------------------------------------------------------------------
 */

static void flood(void)
{
	for (unsigned n = 0;;) {
		char text[CONSOLE_MAX];
		int len = 0;

		for (unsigned i = 0; i < 10; i++)
			len += snprintf(text + len, sizeof(text) - (unsigned)len,
					"flood %08u of many, and ends here\n", n++);
		if (console_print(session, text, (unsigned)len) < 0)
			abort();
	}
}

/* --- wrong: messages that nobody should send
 * ------------------------------------------------------- */

static unsigned failures;

static void expect(const char *what, takt_slot to, const struct takt_msg *message, int wanted)
{
	struct takt_msg m = *message; /* the answer is written over it */
	int err = takt_call(to, &m);

	if (err == wanted)
		return;
	failures++;
	printf("%s: %s, not %s\n", what, rt_error(err), rt_error(wanted));
}

#define MSG(label, words, caps, ...)                                                               \
	(&(struct takt_msg){.tag = TAKT_TAG(label, words, caps), .w = {__VA_ARGS__}})

static void wrong_messages(void)
{
	takt_slot control = env_cap("control-console"), irq = env_slots_alloc(3);
	struct takt_msg notify = {.tag = TAKT_TAG(CONSOLE_NOTIFY, 0, 1)};

	expect("no such session", env_cap("no-console"), MSG(CONSOLE_WRITE, 2, 0, 1, 'x'),
	       TAKT_E_RANGE);
	expect("no words", session, MSG(CONSOLE_WRITE, 0, 0, 0), TAKT_E_MSG);
	expect("too long", session, MSG(CONSOLE_WRITE, 64, 0, CONSOLE_MAX + 1), TAKT_E_RANGE);
	expect("much too long", session, MSG(CONSOLE_WRITE, 64, 0, ~0ull), TAKT_E_RANGE);
	expect("longer than said", session, MSG(CONSOLE_WRITE, 3, 0, 17), TAKT_E_MSG);
	expect("read without words", session, MSG(CONSOLE_READ, 0, 0, 0), TAKT_E_MSG);
	expect("unknown", session, MSG(99, 1, 0, 1), TAKT_E_OP);
	expect("control at a session", session, MSG(CONSOLE_LEVEL, 2, 0, 0, 0), TAKT_E_OP);
	expect("write at control", control, MSG(CONSOLE_WRITE, 2, 0, 1, 'x'), TAKT_E_OP);
	expect("info of nobody", control, MSG(CONSOLE_INFO, 1, 0, 10), TAKT_E_RANGE);
	expect("info of nobody far away", control, MSG(CONSOLE_INFO, 1, 0, ~0ull), TAKT_E_RANGE);
	expect("info without words", control, MSG(CONSOLE_INFO, 0, 0, 1), TAKT_E_MSG);
	expect("level of nobody", control, MSG(CONSOLE_LEVEL, 2, 0, 10, 0), TAKT_E_RANGE);
	expect("no such level", control, MSG(CONSOLE_LEVEL, 2, 0, 0, 4), TAKT_E_RANGE);
	expect("level without words", control, MSG(CONSOLE_LEVEL, 1, 0, 0, 0), TAKT_E_MSG);
	expect("notify nothing", session, MSG(CONSOLE_NOTIFY, 0, 0, 0), TAKT_E_MSG);
	notify.cap[0] = TAKT_SELF_TASK;
	expect("notify a task", session, &notify, TAKT_E_TYPE);
	if (takt_create_irq(TAKT_SELF_FACTORY, irq) ||
	    takt_task_cap_copy(TAKT_SELF_TASK, irq, irq + 1, TAKT_R_IRQ_BIND))
		printf("no irq to try with\n");
	notify.cap[0] = irq + 1;
	expect("notify without right", session, &notify, TAKT_E_RIGHTS);
	if (takt_create_gate(TAKT_SELF_FACTORY, 1, irq + 2) ||
	    takt_thread_bind_gate(TAKT_SELF_THREAD, irq + 2))
		printf("no gate to try with\n");
	notify.cap[0] = irq + 2;
	expect("notify a gate that nobody answers at", session, &notify, TAKT_E_TYPE);
	notify.cap[0] = irq;
	for (unsigned n = 0; n < 1000; n++)
		expect("notify again and again", session, &notify, 0);
}

static void wrong(void)
{
	uint64_t random = 1;

	wrong_messages();
	for (unsigned n = 0; n < 5000; n++) {
		struct takt_msg m = {0};

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		m.tag = TAKT_TAG((random >> 32) % 8, (random >> 40) % 65, 0);
		m.w[0] = random >> (random >> 58);
		/* What it says is none of this test's business: lines of other lengths it may not
		 * print, lest they look like torn ones. */
		if (TAKT_TAG_LABEL(m.tag) != CONSOLE_WRITE || m.w[0] > CONSOLE_MAX)
			(void)!takt_call(session, &m);
	}
	printf("wrong messages: %u failures\n", failures);
	for (;;)
		sleep_ms(1000);
}

/* --- dying: a thread that is stopped in the middle of its calls ---------------------------------
 */

static void talk(void *arg)
{
	(void)arg;
	for (;;)
		(void)!console_print(session, "said by one who dies\n", 21);
}

static void dying(void)
{
	struct rt_thread t = {.name = "dying", .fn = talk, .cpu = 1};
	takt_slot sc = env_slot_alloc();
	unsigned stopped = 0;
	int err = takt_scheduler_create_sc(TAKT_SELF_SCHEDULER, TAKT_SELF_FACTORY, 1,
					   takt_ns_to_ticks(1000000), takt_ns_to_ticks(10000000), 1,
					   sc);

	if (!err)
		err = rt_thread_make(&t);
	t.sc = sc;
	while (!err && stopped < 200) {
		err = rt_thread_go(&t);
		if (err)
			break;
		takt_sleep_until(takt_now() + takt_ns_to_ticks(100000 + stopped * 7919 % 1000000));
		while ((err = takt_thread_stop(t.slot)) == TAKT_E_AGAIN)
			sleep_ms(1);
		stopped += !err;
		if (!err)
			err = takt_thread_detach(t.slot, sc);
	}
	printf("died %u times: %s\n", stopped, rt_error(err));
	for (;;)
		sleep_ms(1000);
}

/* --- torn: it ends in the middle of what it says, and of what it has asked for -----------------
 */

/* After life-ms, or when somebody ends it. Its last piece, and its irq, are all that is left of it.
 */
static void torn(void)
{
	static const char *const pieces[] = {
		"\x1b[3",	"\x1b[3", "<",	  "<1",		  "\x1b",
		"\x1b[",	"\r",	  "\xc3", "no end ",	  "\b\b",
		"\x1b[1;2;3;4", "\a",	  "\x7f", "\x1b]0;title", "no end \n"};
	uint64_t life = env_number("life-ms", 0) * 1000000, random = takt_now();
	takt_ticks end = life ? takt_now() + takt_ns_to_ticks(life) : TAKT_NEVER;
	takt_slot irq = env_slot_alloc();

	if (takt_create_irq(TAKT_SELF_FACTORY, irq) ||
	    takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 1) || console_notify(session, irq))
		printf("torn: no notification\n");
	while (takt_now() < end) {
		const char *piece;

		random = random * 6364136223846793005ull + 1442695040888963407ull;
		piece = pieces[(random >> 33) % (sizeof(pieces) / sizeof(pieces[0]))];
		(void)!console_write(session, piece, (unsigned)strlen(piece));
	}
	(void)!console_print(session, pieces[0], (unsigned)strlen(pieces[0]));
	rt_exit(0);
}

/* --- Those that only are there ------------------------------------------------------------------
 */

static void deaf(void)
{
	printf("deaf is there\n");
	for (;;)
		sleep_ms(1000);
}

static void levels(void)
{
	for (unsigned n = 0;; n++) {
		rt_log(RT_ERROR, "error %u", n);
		rt_log(RT_DEBUG, "debug %u", n);
		sleep_ms(100);
	}
}

static const struct {
	const char *name;
	void (*fn)(void);
} modes[] = {
	{"shell", shell}, {"polite", polite}, {"flood", flood},	  {"wrong", wrong},
	{"dying", dying}, {"deaf", deaf},     {"levels", levels}, {"torn", torn},
};

int main(void)
{
	const char *mode = env_string("mode", "");

	session = env_cap("console");
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (!strcmp(mode, modes[i].name))
			modes[i].fn();
	printf("there is no mode '%s'\n", mode);
	return EXIT_FAILURE;
}
