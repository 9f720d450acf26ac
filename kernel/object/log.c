/* SPDX-License-Identifier: MIT */
/* Log: early console output before the console server runs, and the board's power switch. */
#include <core/arch.h>
#include <core/invoke.h>
#include <core/log.h>

#define LOG_BYTES 40 /* in words 1..5 */

int log_op_write(struct object *self, u64 rights, struct invocation *in)
{
	u64 len = in->w[0];

	(void)self;
	(void)rights;
	if (len > LOG_BYTES)
		return TAKT_E_RANGE;
	if (TAKT_TAG_WORDS(in->tag) < 1 + (len + 7) / 8)
		return TAKT_E_MSG;
	log_write((const char *)&in->w[1], len, false);
	return 0;
}

int log_op_off(struct object *self, u64 rights, struct invocation *in)
{
	(void)self;
	(void)rights;
	(void)in;
	log_console(false);
	return 0;
}

int log_op_shutdown(struct object *self, u64 rights, struct invocation *in)
{
	(void)self;
	(void)rights;
	if (in->w[0] > 1)
		return TAKT_E_RANGE;
	if (in->w[0])
		psci_system_reset();
	psci_system_off();
}
