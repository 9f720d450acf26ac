/* SPDX-License-Identifier: MIT */
/* Thread: operations on the virtual interrupts of a vCPU. */
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/invoke.h>
#include <object/sc.h>
#include <object/thread.h>

/* What changes a virtual interrupt can be asked for on any CPU: it finds its way (vgic_mail.c). */
static int machine_ok(const struct thread *t)
{
	return t->machine && t->cpu != CPU_UNPLACED ? 0 : TAKT_E_STATE;
}

static int virq_ok(const struct thread *t, u64 intid)
{
	int err = machine_ok(t);

	return !err && intid >= 256 ? TAKT_E_RANGE : err;
}

int thread_op_virq_sync(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	int err = virq_ok(t, in->w[0]);

	(void)rights;
	return err ? err : virq_sync(t, (u32)in->w[0]);
}

int thread_op_virq_set(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	int err = virq_ok(t, in->w[0]);

	(void)rights;
	if (!err && (in->w[1] > TAKT_VIRQ_ACTIVATE || in->w[1] == TAKT_VIRQ_SYNC))
		err = TAKT_E_INVAL;
	return err ? err : virq_set(t, (u32)in->w[0], (unsigned)in->w[1]);
}

int thread_op_virq_query(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	int err = virq_ok(t, in->w[0]);

	(void)rights;
	if (!err)
		err = virq_query(t, (u32)in->w[0]);
	if (err < 0)
		return err;
	in->w[0] = (u64)err;
	return 0;
}

int thread_op_virq_sgi(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	int err = machine_ok(t);

	(void)rights;
	if (!err && (in->w[1] > 15 || in->w[2] > 7))
		err = TAKT_E_RANGE;
	return err ? err : virq_sgi(t, in->w[0], (u32)in->w[1], (u32)in->w[2]);
}

int thread_op_virq_sc(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	struct sc *sc = in->caps ? container_of(in->cap[0], struct sc, object) : NULL;

	(void)rights;
	if (sc && !(in->cap_right[0] & TAKT_R_SC_BIND))
		return TAKT_E_RIGHTS;
	if (t->kind == TAKT_THREAD_PLAIN)
		return TAKT_E_STATE;
	ON_CPU_OF(t);
	if (in->w[0] > (t->kind == TAKT_THREAD_PV ? 31u : 255u) || in->w[1] > TAKT_LEAVE_IDLE)
		return TAKT_E_RANGE;
	if (sc && sc->home != t)
		return TAKT_E_STATE;
	event_bind(t, (u32)in->w[0], sc ? sc->index : 0, (unsigned)in->w[1]);
	return 0;
}
