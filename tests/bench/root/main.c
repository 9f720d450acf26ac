/* SPDX-License-Identifier: MIT */
/*
 * What root takes: from its start to the first program, and from the command to restart a
 * compartment to its running again. This is both that first program and the compartment.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <takt/proto/control.h>
#include <takt/rt.h>

#define SAMPLES 100
#define WARM_UP 3

static takt_slot control;

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Waits for the signal of a change until it has been restarted `times`. */
static int wait_restarts(unsigned index, uint64_t times)
{
	for (;;) {
		struct takt_msg m = {0};
		struct control_info info;
		int err = control_info(control, index, &info);

		if (err || info.state == CONTROL_FAILED)
			return err ? err : TAKT_E_STATE;
		if (info.state == CONTROL_RUNNING && info.restarts == times)
			return 0;
		err = takt_wait(&m, takt_now() + takt_hz());
		if (err)
			return err;
	}
}

static int measure(void)
{
	static uint64_t sample[WARM_UP + SAMPLES];
	int n = control_find(control, "victim"), err = n < 0 ? n : wait_restarts((unsigned)n, 0);

	for (unsigned i = 0; !err && i < WARM_UP + SAMPLES; i++) {
		takt_ticks begin = takt_now();

		err = control_command(control, CONTROL_RESTART, (unsigned)n);
		if (!err)
			err = wait_restarts((unsigned)n, i + 1);
		sample[i] = takt_ticks_to_ns(takt_now() - begin);
	}
	qsort(sample + WARM_UP, SAMPLES, sizeof(sample[0]), by_value);
	if (!err)
		printf("root.restart %llu V\nroot.restart.max %llu V\n",
		       (unsigned long long)sample[WARM_UP + SAMPLES / 2],
		       (unsigned long long)sample[WARM_UP + SAMPLES - 1]);
	return err;
}

static void sleep_for_ever(void)
{
	struct takt_msg m = {0};

	for (;;)
		(void)!takt_wait(&m, TAKT_NEVER);
}

int main(void)
{
	takt_ticks begin = takt_now();
	struct control_account account;
	takt_slot irq;
	int err;

	control = env_cap("control");
	if (!control)
		sleep_for_ever();
	irq = env_slot_alloc();
	err = takt_create_irq(TAKT_SELF_FACTORY, irq);
	if (!err)
		err = takt_irq_bind_thread(irq, TAKT_SELF_THREAD, 1);
	if (!err)
		err = control_notify_by(control, irq);
	if (!err)
		err = control_account(control, &account);
	if (!err)
		printf("root.first_program %llu V\n",
		       (unsigned long long)takt_ticks_to_ns(begin - account.started));
	if (!err)
		err = measure();
	if (err)
		printf("# no figures of root: %s\n", rt_error(err));
	return control_command(control, CONTROL_SHUTDOWN, 0);
}
