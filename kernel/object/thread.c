/* SPDX-License-Identifier: MIT */
#include <core/arch.h>
#include <core/context.h>
#include <core/cpu.h>
#include <core/event.h>
#include <core/invoke.h>
#include <core/ipc.h>
#include <core/sched.h>
#include <object/gate.h>
#include <object/irq.h>
#include <object/sc.h>
#include <object/mapping.h>
#include <object/task.h>
#include <object/thread.h>

/* --- State ----------------------------------------------------------------------------------- */

/* Threads that no CPU owns yet are configured and placed under this lock, unless they are dying. */
static struct spinlock unplaced_lock;

struct thread *thread_create(struct factory *f, const u64 name[2])
{
	struct thread *t = object_alloc(f, sizeof(*t), TAKT_THREAD);

	if (!t)
		return NULL;
	memcpy(t->name, name, sizeof(t->name));
	t->state = THREAD_STOPPED;
	t->cpu = CPU_UNPLACED;
	t->regs = &t->frame;
	t->deadline = TAKT_NEVER;
	t->timer.kind = TIMER_THREAD;
	list_init(&t->wanters);
	list_init(&t->want_link);
	list_init(&t->parked);
	list_init(&t->gates);
	list_init(&t->irqs);
	list_init(&t->late);
	list_init(&t->task_link);
	list_init(&t->guest_link);
	list_init(&t->node.link);
	list_init(&t->cancel_node.link);
	list_init(&t->mail_node.link);
	object_born(&t->object);
	return t;
}

unsigned thread_prio(const struct thread *t)
{
	struct cpu *c = this_cpu();

	if (c->thread == t && c->sc)
		return c->sc->prio;
	return t->sc[0] ? t->sc[0]->prio : 0;
}

/* --- Set-up ---------------------------------------------------------------------------------- */

/* What can be known before anything is made. w: arguments of configure. */
static int check_configuration(const struct task *guest, const u64 *w)
{
	int err = task_check_va(w[0], PAGE_SIZE);

	if (!err && w[1] != TAKT_THREAD_PLAIN)
		err = task_check_va(w[2], PAGE_SIZE);
	if (!err && w[1] == TAKT_THREAD_MACHINE && (guest->kind != TAKT_TASK_VM || !guest->vgic))
		err = TAKT_E_STATE;
	return err;
}

static int make_machine(struct thread *t)
{
	t->machine = machine_create(kmem_owner(t), t);
	return t->machine ? 0 : TAKT_E_NOMEM;
}

/* Not into a task that is being destroyed: it has looked for its threads already. */
static int enlist(struct task *task, struct list *threads, struct list *link)
{
	int err = TAKT_E_STATE;

	spin_lock(&task->lock);
	if (!task->object.dying) {
		list_add_tail(threads, link);
		err = 0;
	}
	spin_unlock(&task->lock);
	return err;
}

static void leave_task(struct task *task, struct list *link)
{
	spin_lock(&task->lock);
	list_del(link);
	spin_unlock(&task->lock);
}

static void unmap_one(struct thread *t)
{
	bool utcb = t->mapped & UTCB_MAPPED;

	task_unmap_frame(t->task, utcb ? t->utcb_va : t->page_va);
	t->mapped &= utcb ? (u8)~UTCB_MAPPED : 0;
}

/* One step: a page of the kernel's that the thread's task sees. 0 when it does. */
static int make_page(struct thread *t, u64 va, void **page, u8 mapped)
{
	int err;

	if (!*page) {
		*page = kmem_alloc_page(kmem_owner(t));
		return *page ? E_RESTART : TAKT_E_NOMEM;
	}
	err = t->mapped & mapped ? 0 : task_map_frame(t->task, va, *page);
	if (!err)
		t->mapped |= mapped;
	return err;
}

static int join_tasks(struct thread *t, struct task *task, struct task *guest, const u64 *w)
{
	int err = check_configuration(guest, w);

	if (!err)
		err = enlist(task, &task->threads, &t->task_link);
	if (err)
		return err;
	err = enlist(guest, &guest->guests, &t->guest_link);
	if (err) {
		leave_task(task, &t->task_link);
		return err;
	}
	t->task = task;
	t->guest_task = guest;
	t->kind = t->way = (u8)w[1];
	t->utcb_va = w[0];
	t->page_va = w[2];
	return 0;
}

static void free_pages(struct thread *t)
{
	if (t->utcb)
		kmem_free(t->utcb);
	if (t->page)
		kmem_free(t->page);
	if (t->machine)
		kmem_free(t->machine);
}

/* What was made is taken back, in steps as well; then the error that made it necessary. */
static int unconfigure(struct thread *t, int err)
{
	t->unfit = err;
	if (t->machine && !machine_destroy(t))
		return E_RESTART;
	t->unfit = 0;
	while (t->mapped)
		unmap_one(t);
	free_pages(t);
	t->utcb = t->page = NULL;
	t->machine = NULL;
	leave_task(t->task, &t->task_link);
	leave_task(t->guest_task, &t->guest_link);
	t->task = t->guest_task = NULL;
	return err;
}

/* What a vCPU has more than another thread, and then the UTCB, with which it is complete. */
static int configure_step(struct thread *t)
{
	void *utcb = t->utcb;
	int err = 0;

	if (t->kind != TAKT_THREAD_PLAIN && !(t->mapped & PAGE_MAPPED))
		err = make_page(t, t->page_va, &t->page, PAGE_MAPPED);
	else if (t->kind == TAKT_THREAD_MACHINE && !t->machine)
		err = make_machine(t);
	else
		err = make_page(t, t->utcb_va, &utcb, UTCB_MAPPED);
	t->utcb = utcb;
	return err || t->mapped & UTCB_MAPPED ? err : E_RESTART;
}

static int configure(struct thread *t, struct task *task, struct task *guest, const u64 *w)
{
	int err = 0;

	if (!t->task)
		err = join_tasks(t, task, guest, w);
	else if (t->task != task || t->guest_task != guest || t->kind != w[1] ||
		 t->utcb_va != w[0] || t->page_va != w[2])
		err = TAKT_E_STATE; /* somebody else is at it */
	if (err)
		return err;
	err = t->unfit ? t->unfit : configure_step(t);
	return err && err != E_RESTART ? unconfigure(t, err) : err;
}

int thread_op_configure(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	struct task *task = container_of(in->cap[0], struct task, object);
	struct task *guest = container_of(in->cap[1], struct task, object);
	int err = TAKT_E_STATE;

	(void)rights;
	if (!(in->cap_right[0] & in->cap_right[1] & TAKT_R_TASK_MAP))
		return TAKT_E_RIGHTS;
	if (in->w[1] > TAKT_THREAD_MACHINE || task->kind != TAKT_TASK_NATIVE)
		return TAKT_E_INVAL;
	if (in->w[1] != TAKT_THREAD_MACHINE && guest != task)
		return TAKT_E_INVAL;
	spin_lock(&unplaced_lock);
	if (!(t->mapped & UTCB_MAPPED) && t->cpu == CPU_UNPLACED && !t->object.dying)
		err = configure(t, task, guest, in->w);
	spin_unlock(&unplaced_lock);
	return err;
}

int thread_place(struct thread *t, unsigned cpu)
{
	int err = 0;

	spin_lock(&unplaced_lock);
	if (t->object.dying)
		err = TAKT_E_CAP;
	else if (t->cpu != CPU_UNPLACED)
		err = E_REMOTE(t->cpu);
	else
		__atomic_store_n(&t->cpu, (u8)cpu, __ATOMIC_RELEASE);
	spin_unlock(&unplaced_lock);
	return err;
}

int thread_op_start(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	ON_CPU_OF(t);
	if (t->state != THREAD_STOPPED || !(t->mapped & UTCB_MAPPED))
		return TAKT_E_STATE;
	context_start(t, in->w[0], in->w[1], in->w[2]);
	t->in_guest = false;
	t->faulted = false;
	t->regs = &t->frame;
	(void)thread_signals(t);
	irq_timers_go_on(t);
	t->state = THREAD_RUN;
	thread_activate(t); /* an interrupt that brings an SC may have come meanwhile */
	return 0;
}

int thread_op_stop(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	if (t->cpu == CPU_UNPLACED)
		return 0;
	ON_CPU_OF(t);
	return thread_quench(t, in);
}

int thread_quench(struct thread *t, struct invocation *in)
{
	struct thread *caller = in->caller;

	if (t != caller && (t->state == THREAD_BLOCKED || t->cancelling)) {
		ipc_hurry(t, caller);
		if (t->state == THREAD_BLOCKED)
			ipc_cancel(t, TAKT_E_CANCELED);
	}
	if ((t->state == THREAD_BLOCKED && t != caller) || t->cancelling) {
		if (t->stopper && t->stopper != caller)
			return TAKT_E_AGAIN;
		t->stopping = t->state == THREAD_BLOCKED;
		t->stopper = caller;
		caller->waits_stop = t;
		caller->state = THREAD_BLOCKED;
		caller->request_cpu = (u8)this_cpu()->id;
		this_cpu()->resched = true;
		return E_BLOCKED;
	}
	if (t->state != THREAD_STOPPED) {
		ipc_detach(t);
		t->state = THREAD_STOPPED;
	}
	for (unsigned i = 0; i < THREAD_SCS; i++)
		if (t->sc[i])
			sc_deactivate(t->sc[i]);
	this_cpu()->resched = true;
	return 0;
}

int thread_op_cancel(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	ON_CPU_OF(t);
	if (t != in->caller)
		ipc_cancel(t, TAKT_E_CANCELED);
	return 0;
}

int thread_op_caller_window(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	ON_CPU_OF(t);
	if (!t->caller || t->caller->faulted)
		return TAKT_E_STATE;
	return ipc_window(t->caller, in->w[0]);
}

/* --- Scheduling contexts --------------------------------------------------------------------- */

int thread_op_attach(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	struct sc *sc = container_of(in->cap[0], struct sc, object);

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_SC_BIND))
		return TAKT_E_RIGHTS;
	ON_CPU_OF(t);
	if (sc->cpu != t->cpu)
		return TAKT_E_CPU;
	if (sc->state != SC_UNBOUND)
		return TAKT_E_STATE;
	for (unsigned i = 0; i < THREAD_SCS; i++) {
		if (t->sc[i])
			continue;
		sc_bind(sc, t, i);
		in->w[0] = i;
		if (i) {
			if (t->kind != TAKT_THREAD_PLAIN)
				event_attached(t, i);
			return 0;
		}
		if (t->state == THREAD_RUN || t->state == THREAD_OPEN || t->state == THREAD_WANT) {
			sc_activate(sc);
		} else if (t->state == THREAD_WAIT && t->pending) {
			thread_signal(t, 0); /* it could not take them without time */
			irq_timers_go_on(t);
		}
		return 0;
	}
	return TAKT_E_QUOTA;
}

int thread_op_detach(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	struct sc *sc = container_of(in->cap[0], struct sc, object);

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_SC_BIND))
		return TAKT_E_RIGHTS;
	ON_CPU_OF(t);
	if (sc->home != t)
		return TAKT_E_STATE;
	sc_release(sc);
	return 0;
}

/* --- Gates ----------------------------------------------------------------------------------- */

int thread_op_fault_gate(struct object *self, u64 rights, struct invocation *in)
{
	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_GATE_CALL))
		return TAKT_E_RIGHTS;
	self_thread(self)->fault_gate = weak_to(in->cap[0]);
	return 0;
}

/* What a guest does without time is its event SCs' business. */
int thread_op_timeout_gate(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	if (in->caps && !(in->cap_right[0] & TAKT_R_GATE_CALL))
		return TAKT_E_RIGHTS;
	if (t->kind != TAKT_THREAD_PLAIN || !(t->mapped & UTCB_MAPPED))
		return TAKT_E_STATE;
	if (t->cpu != CPU_UNPLACED)
		ON_CPU_OF(t);
	t->timeout_gate = in->caps ? weak_to(in->cap[0]) : (struct weak){NULL, 0};
	return 0;
}

int thread_op_bind_gate(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	struct gate *g = container_of(in->cap[0], struct gate, object);

	(void)rights;
	if (!(in->cap_right[0] & TAKT_R_GATE_BIND))
		return TAKT_E_RIGHTS;
	ON_CPU_OF(t);
	return gate_bind(g, t);
}

/* --- Registers ------------------------------------------------------------------------------- */

static bool regs_accessible(const struct thread *t)
{
	return t->state == THREAD_STOPPED || t->faulted ||
	       (t->kind == TAKT_THREAD_MACHINE && !t->in_guest);
}

static int access_reg(struct thread *t, u64 reg, u64 *value, bool write)
{
	u64 *p;

	if (reg >= TAKT_REG_MPIDR)
		return t->machine ? machine_reg(t, (unsigned)reg, value, write) : TAKT_E_RANGE;
	if (reg < 31)
		p = &t->frame.x[reg];
	else if (reg == TAKT_REG_SP)
		p = &t->frame.sp;
	else if (reg == TAKT_REG_PC)
		p = &t->frame.pc;
	else if (reg == TAKT_REG_PSTATE)
		p = &t->frame.pstate;
	else
		return TAKT_E_RANGE;
	if (write)
		*p = *value;
	else
		*value = *p;
	return 0;
}

int thread_op_regs_read(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);
	u64 first = in->w[0], count = in->w[1], value[TAKT_REG_WORDS];

	(void)rights;
	ON_CPU_OF(t);
	if (!regs_accessible(t))
		return TAKT_E_STATE;
	if (count > TAKT_REG_WORDS)
		return TAKT_E_RANGE;
	for (u64 i = 0; i < count; i++) {
		int err = access_reg(t, first + i, &value[i], false);

		if (err)
			return err;
	}
	memcpy(in->w, value, count * sizeof(u64));
	return 0;
}

int thread_op_regs_write(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	ON_CPU_OF(t);
	if (!regs_accessible(t))
		return TAKT_E_STATE;
	return access_reg(t, in->w[0], &in->w[1], true);
}

int thread_op_vcpu_reset(struct object *self, u64 rights, struct invocation *in)
{
	struct thread *t = self_thread(self);

	(void)rights;
	if (!t->machine)
		return TAKT_E_STATE;
	ON_CPU_OF(t);
	if (!regs_accessible(t))
		return TAKT_E_STATE;
	return machine_reset(t, &in->w[0]) ? 0 : E_RESTART;
}

/* --- Destroy --------------------------------------------------------------------------------- */

/* True if there were any. */
static bool release_scs(struct thread *t)
{
	bool any = false;

	for (unsigned i = 0; i < THREAD_SCS; i++) {
		if (!t->sc[i])
			continue;
		sc_release(t->sc[i]);
		any = true;
	}
	return any;
}

/* It does not run any more, and its pages are its own. In steps. */
static int still(struct thread *t, struct invocation *in)
{
	int err = t->cpu == CPU_UNPLACED ? 0 : thread_quench(t, in);

	if (err)
		return err == TAKT_E_AGAIN ? E_RESTART : err;
	if (release_scs(t))
		return E_RESTART;
	if (!t->mapped)
		return 0;
	unmap_one(t);
	return E_RESTART;
}

/* Nobody finds it any more. In steps: true when it is done. */
static bool leave_all(struct thread *t)
{
	if (t->cpu != CPU_UNPLACED) {
		sc_unpark_all(t);
		context_evict(t);
		timerq_remove(&this_cpu()->timers, &t->timer);
		inbox_close(t->cpu, &t->mail_node);
	}
	if (t->machine && !machine_destroy(t))
		return false;
	if (t->task) {
		leave_task(t->task, &t->task_link);
		leave_task(t->guest_task, &t->guest_link);
	}
	return true;
}

int thread_teardown(struct thread *t, struct invocation *in)
{
	int err;

	/* Who configures or places it is done with that, or finds it dying. */
	spin_lock(&unplaced_lock);
	spin_unlock(&unplaced_lock);
	if (t->cpu != CPU_UNPLACED)
		ON_CPU_OF(t);
	err = still(t, in);
	if (err)
		return err;
	/* However many others have bound to it. */
	if (t->cpu != CPU_UNPLACED && (gate_unbind_some(t) || irq_unbind_some(t)))
		return E_RESTART;
	return leave_all(t) ? 0 : E_RESTART;
}

void thread_reclaim(struct thread *t)
{
	free_pages(t);
	kmem_free(t);
}
