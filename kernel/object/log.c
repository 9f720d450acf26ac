/* SPDX-License-Identifier: MIT */
/* Log: early console output before the console server runs, and the board's power switch. */
#include <core/arch.h>
#include <core/cpu.h>
#include <core/invoke.h>
#include <core/log.h>
#include <core/trace.h>
#include <object/factory.h>
#include <object/mapping.h>
#include <object/task.h>

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
	if (log_room() < len) { /* who writes more than the device takes waits for it */
		log_drain();
		return E_RESTART;
	}
	log_write((const char *)&in->w[1], len);
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
	log_flush();
	if (in->w[0])
		psci_system_reset();
	psci_system_off();
}

int log_op_trace_map(struct object *self, u64 rights, struct invocation *in)
{
	u64 cpu = in->w[0], va = in->w[1], pages = in->w[2];
	int err;

	(void)self;
	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_FACTORY_CREATE) || !(in->cap_right[1] & TAKT_R_TASK_MAP))
		return TAKT_E_RIGHTS;
	if (cpu >= platform.cpus)
		return TAKT_E_CPU;
	if (!pages || pages > TAKT_TRACE_PAGES)
		return TAKT_E_RANGE;
	err = task_check_va(va, pages * PAGE_SIZE);
	if (err)
		return err;
	if (cpu != this_cpu()->id)
		return E_REMOTE(cpu);
	return trace_map(container_of(in->cap[0], struct factory, object),
			 container_of(in->cap[1], struct task, object), va, pages, in->caller);
}

int log_op_trace_control(struct object *self, u64 rights, struct invocation *in)
{
	u64 cpu = in->w[0], mask = in->w[1];

	(void)self;
	(void)rights;
	if (cpu >= platform.cpus)
		return TAKT_E_CPU;
	if (mask & ~TAKT_TRACE_ALL)
		return TAKT_E_RANGE;
	if (cpu != this_cpu()->id)
		return E_REMOTE(cpu);
	return trace_control(mask);
}
