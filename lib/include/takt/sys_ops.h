/* SPDX-License-Identifier: MIT */
/* One wrapper per operation of objects.def; included by sys.h only. `out` slots receive the new
 * capability. */
#ifndef TAKT_SYS_OPS_H
#define TAKT_SYS_OPS_H

#define TAKT_OP(label, words, caps) .tag = TAKT_TAG(TAKT_##label, words, caps)

static inline TAKT_MUST_CHECK int takt_task_map(takt_slot task, takt_slot mem, uint64_t va,
						uint64_t offset, uint64_t size, uint64_t flags)
{
	struct takt_msg m = {TAKT_OP(TASK_MAP, 4, 1), .w = {va, offset, size, flags}, .cap = {mem}};

	return takt_call(task, &m);
}

static inline TAKT_MUST_CHECK int takt_task_unmap(takt_slot task, uint64_t va, uint64_t size)
{
	struct takt_msg m = {TAKT_OP(TASK_UNMAP, 2, 0), .w = {va, size}};

	return takt_call(task, &m);
}

static inline TAKT_MUST_CHECK int takt_task_cap_copy(takt_slot task, takt_slot cap, takt_slot dst,
						     uint64_t rights)
{
	struct takt_msg m = {TAKT_OP(TASK_CAP_COPY, 2, 1), .w = {dst, rights}, .cap = {cap}};

	return takt_call(task, &m);
}

static inline TAKT_MUST_CHECK int takt_task_cap_delete(takt_slot task, takt_slot slot,
						       uint64_t count)
{
	struct takt_msg m = {TAKT_OP(TASK_CAP_DELETE, 2, 0), .w = {slot, count}};

	return takt_call(task, &m);
}

static inline TAKT_MUST_CHECK int takt_task_cap_inspect(takt_slot task, takt_slot slot,
							enum takt_type *type, uint64_t *rights)
{
	struct takt_msg m = {TAKT_OP(TASK_CAP_INSPECT, 1, 0), .w = {slot}};
	int err = takt_call(task, &m);

	if (!err) {
		*type = (enum takt_type)m.w[0];
		*rights = m.w[1];
	}
	return err;
}

static inline TAKT_MUST_CHECK int takt_task_cap_grow(takt_slot task, uint64_t slots)
{
	struct takt_msg m = {TAKT_OP(TASK_CAP_GROW, 1, 0), .w = {slots}};

	return takt_call(task, &m);
}

static inline TAKT_MUST_CHECK int takt_task_vm_config(takt_slot vm, takt_slot owner,
						      uint64_t shared_irqs, uint64_t va)
{
	struct takt_msg m = {TAKT_OP(TASK_VM_CONFIG, 2, 1), .w = {shared_irqs, va}, .cap = {owner}};

	return takt_call(vm, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_configure(takt_slot thread, takt_slot task,
							takt_slot guest, uint64_t utcb_va,
							enum takt_thread_kind kind,
							uint64_t page_va)
{
	struct takt_msg m = {TAKT_OP(THREAD_CONFIGURE, 3, 2), .w = {utcb_va, kind, page_va},
			     .cap = {task, guest}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_start(takt_slot thread, uint64_t pc, uint64_t sp,
						    uint64_t arg)
{
	struct takt_msg m = {TAKT_OP(THREAD_START, 3, 0), .w = {pc, sp, arg}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_stop(takt_slot thread)
{
	struct takt_msg m = {TAKT_OP(THREAD_STOP, 0, 0)};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_cancel(takt_slot thread)
{
	struct takt_msg m = {TAKT_OP(THREAD_CANCEL, 0, 0)};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_caller_window(takt_slot thread, unsigned caps)
{
	struct takt_msg m = {TAKT_OP(THREAD_CALLER_WINDOW, 1, 0), .w = {caps}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_attach(takt_slot thread, takt_slot sc)
{
	struct takt_msg m = {TAKT_OP(THREAD_ATTACH, 0, 1), .cap = {sc}};

	return takt_call(thread, &m);
}

/* The same; *index is what the SC is selected by. */
static inline TAKT_MUST_CHECK int takt_thread_attach_as(takt_slot thread, takt_slot sc,
							unsigned *index)
{
	struct takt_msg m = {TAKT_OP(THREAD_ATTACH, 0, 1), .cap = {sc}};
	int err = takt_call(thread, &m);

	*index = (unsigned)m.w[0];
	return err;
}

/* sc: 0 for none. leave: TAKT_LEAVE_... */
static inline TAKT_MUST_CHECK int takt_thread_virq_sc(takt_slot vcpu, uint32_t virq, takt_slot sc,
						      unsigned leave)
{
	struct takt_msg m = {TAKT_OP(THREAD_VIRQ_SC, 2, sc ? 1 : 0), .w = {virq, leave}, .cap = {sc}};

	return takt_call(vcpu, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_detach(takt_slot thread, takt_slot sc)
{
	struct takt_msg m = {TAKT_OP(THREAD_DETACH, 0, 1), .cap = {sc}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_fault_gate(takt_slot thread, takt_slot gate)
{
	struct takt_msg m = {TAKT_OP(THREAD_FAULT_GATE, 0, 1), .cap = {gate}};

	return takt_call(thread, &m);
}

/* gate 0: none any more. */
static inline TAKT_MUST_CHECK int takt_thread_timeout_gate(takt_slot thread, takt_slot gate)
{
	struct takt_msg m = {TAKT_OP(THREAD_TIMEOUT_GATE, 0, gate ? 1 : 0), .cap = {gate}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_bind_gate(takt_slot thread, takt_slot gate)
{
	struct takt_msg m = {TAKT_OP(THREAD_BIND_GATE, 0, 1), .cap = {gate}};

	return takt_call(thread, &m);
}

static inline TAKT_MUST_CHECK int takt_thread_reg_write(takt_slot thread, enum takt_reg reg,
							uint64_t value)
{
	struct takt_msg m = {TAKT_OP(THREAD_REGS_WRITE, 2, 0), .w = {reg, value}};

	return takt_call(thread, &m);
}

/* Reads `count` (1..6) registers from `reg` on into out[]. */
static inline TAKT_MUST_CHECK int takt_thread_regs_read(takt_slot thread, enum takt_reg reg,
							unsigned count, uint64_t *out)
{
	struct takt_msg m = {TAKT_OP(THREAD_REGS_READ, 2, 0), .w = {reg, count}};
	int err = takt_call(thread, &m);

	if (!err)
		for (unsigned i = 0; i < count && i < TAKT_REG_WORDS; i++)
			out[i] = m.w[i];
	return err;
}

static inline TAKT_MUST_CHECK int takt_vcpu_reset(takt_slot vcpu)
{
	struct takt_msg m = {TAKT_OP(THREAD_VCPU_RESET, 1, 0)};

	return takt_call(vcpu, &m);
}

static inline TAKT_MUST_CHECK int takt_virq_sync(takt_slot vcpu, uint32_t intid)
{
	struct takt_msg m = {TAKT_OP(THREAD_VIRQ_SYNC, 1, 0), .w = {intid}};

	return takt_call(vcpu, &m);
}

/* action: 0 line low, 1 line high, 2 latch one edge. */
static inline TAKT_MUST_CHECK int takt_virq_set(takt_slot vcpu, uint32_t intid, unsigned action)
{
	struct takt_msg m = {TAKT_OP(THREAD_VIRQ_SET, 2, 0), .w = {intid, action}};

	return takt_call(vcpu, &m);
}

/* Returns bit 0 pending, bit 1 active, bit 2 line, or an error. */
static inline TAKT_MUST_CHECK int takt_virq_query(takt_slot vcpu, uint32_t intid)
{
	struct takt_msg m = {TAKT_OP(THREAD_VIRQ_QUERY, 1, 0), .w = {intid}};
	int err = takt_call(vcpu, &m);

	return err ? err : (int)m.w[0];
}

static inline TAKT_MUST_CHECK int takt_virq_sgi(takt_slot vcpu, uint64_t mask, uint32_t intid,
						uint32_t source)
{
	struct takt_msg m = {TAKT_OP(THREAD_VIRQ_SGI, 3, 0), .w = {mask, intid, source}};

	return takt_call(vcpu, &m);
}

static inline TAKT_MUST_CHECK int takt_irq_bind_thread(takt_slot irq, takt_slot thread,
						       uint64_t badge)
{
	struct takt_msg m = {TAKT_OP(IRQ_BIND_THREAD, 1, 1), .w = {badge}, .cap = {thread}};

	return takt_call(irq, &m);
}

/* sc: 0 for none. */
static inline TAKT_MUST_CHECK int takt_irq_bind_vcpu(takt_slot irq, takt_slot vcpu, uint32_t virq,
						     takt_slot sc)
{
	struct takt_msg m = {TAKT_OP(IRQ_BIND_VCPU, 1, sc ? 2 : 1), .w = {virq}, .cap = {vcpu, sc}};

	return takt_call(irq, &m);
}

static inline TAKT_MUST_CHECK int takt_irq_unbind(takt_slot irq)
{
	struct takt_msg m = {TAKT_OP(IRQ_UNBIND, 0, 0)};

	return takt_call(irq, &m);
}

static inline TAKT_MUST_CHECK int takt_irq_trigger(takt_slot irq)
{
	struct takt_msg m = {TAKT_OP(IRQ_TRIGGER, 0, 0)};

	return takt_call(irq, &m);
}

static inline TAKT_MUST_CHECK int takt_irq_ack(takt_slot irq)
{
	struct takt_msg m = {TAKT_OP(IRQ_ACK, 0, 0)};

	return takt_call(irq, &m);
}

/* overruns may be null. */
static inline TAKT_MUST_CHECK int takt_irq_timer(takt_slot irq, takt_ticks at, takt_ticks period,
						 uint64_t *overruns)
{
	struct takt_msg m = {TAKT_OP(IRQ_TIMER, 2, 0), .w = {at, period}};
	int err = takt_call(irq, &m);

	if (!err && overruns)
		*overruns = m.w[0];
	return err;
}

/* w: consumed ticks, priority, budget, period, CPU, state. */
static inline TAKT_MUST_CHECK int takt_sc_info(takt_slot sc, uint64_t w[6])
{
	struct takt_msg m = {TAKT_OP(SC_INFO, 0, 0)};
	int err = takt_call(sc, &m);

	if (!err)
		for (int i = 0; i < 6; i++)
			w[i] = m.w[i];
	return err;
}

static inline TAKT_MUST_CHECK int takt_sc_update(takt_slot sc, takt_ticks budget,
						 takt_ticks period)
{
	struct takt_msg m = {TAKT_OP(SC_UPDATE, 2, 0), .w = {budget, period}};

	return takt_call(sc, &m);
}

static inline TAKT_MUST_CHECK int takt_sc_depleted_irq(takt_slot sc, takt_slot irq)
{
	struct takt_msg m = {TAKT_OP(SC_DEPLETED_IRQ, 0, 1), .cap = {irq}};

	return takt_call(sc, &m);
}

static inline TAKT_MUST_CHECK int takt_scheduler_create_sc(takt_slot scheduler, takt_slot factory,
							   unsigned prio, takt_ticks budget,
							   takt_ticks period, unsigned cpu,
							   takt_slot out)
{
	struct takt_msg m = {TAKT_OP(SCHEDULER_CREATE_SC, 4, 1), .w = {prio, budget, period, cpu},
			     .cap = {factory}, .window = out};

	return takt_call(scheduler, &m);
}

static inline TAKT_MUST_CHECK int takt_scheduler_run(takt_slot scheduler, takt_slot thread,
						     unsigned cpu)
{
	struct takt_msg m = {TAKT_OP(SCHEDULER_RUN, 1, 1), .w = {cpu}, .cap = {thread}};

	return takt_call(scheduler, &m);
}

static inline TAKT_MUST_CHECK int takt_scheduler_narrow(takt_slot scheduler, takt_slot factory,
							uint64_t cpu_mask, unsigned lowest,
							unsigned highest, unsigned permille,
							takt_slot out)
{
	struct takt_msg m = {TAKT_OP(SCHEDULER_NARROW, 4, 1),
			     .w = {cpu_mask, lowest, highest, permille},
			     .cap = {factory}, .window = out};

	return takt_call(scheduler, &m);
}

/* w: idle ticks, load ticks, CPU mask, least and greatest priority, share left. */
static inline TAKT_MUST_CHECK int takt_scheduler_info(takt_slot scheduler, unsigned cpu,
						      uint64_t w[6])
{
	struct takt_msg m = {TAKT_OP(SCHEDULER_INFO, 1, 0), .w = {cpu}};
	int err = takt_call(scheduler, &m);

	if (!err)
		for (int i = 0; i < 6; i++)
			w[i] = m.w[i];
	return err;
}

/* w: ticks consumed by all SCs that it made, share left on that CPU. */
static inline TAKT_MUST_CHECK int takt_scheduler_account(takt_slot scheduler, unsigned cpu,
							 uint64_t w[2])
{
	struct takt_msg m = {TAKT_OP(SCHEDULER_ACCOUNT, 1, 0), .w = {cpu}};
	int err = takt_call(scheduler, &m);

	if (!err) {
		w[0] = m.w[0];
		w[1] = m.w[1];
	}
	return err;
}

static inline TAKT_MUST_CHECK int takt_memory_derive(takt_slot mem, takt_slot factory,
						     uint64_t offset, uint64_t size,
						     uint64_t rights, takt_slot out)
{
	struct takt_msg m = {TAKT_OP(MEMORY_DERIVE, 3, 1), .w = {offset, size, rights},
			     .cap = {factory}, .window = out};

	return takt_call(mem, &m);
}

static inline TAKT_MUST_CHECK int takt_memory_to_factory(takt_slot mem, takt_slot out)
{
	struct takt_msg m = {TAKT_OP(MEMORY_TO_FACTORY, 0, 0), .window = out};

	return takt_call(mem, &m);
}

static inline TAKT_MUST_CHECK int takt_memory_info(takt_slot mem, uint64_t *base, uint64_t *size)
{
	struct takt_msg m = {TAKT_OP(MEMORY_INFO, 0, 0)};
	int err = takt_call(mem, &m);

	if (!err) {
		*base = m.w[0];
		*size = m.w[1];
	}
	return err;
}

static inline TAKT_MUST_CHECK int takt_memory_sync(takt_slot mem, uint64_t offset, uint64_t size,
						   unsigned kind)
{
	struct takt_msg m = {TAKT_OP(MEMORY_SYNC, 3, 0), .w = {offset, size, kind}};

	return takt_call(mem, &m);
}

/* Names are up to 16 bytes, as two words; see takt_name. */
struct takt_name {
	uint64_t w[2];
};

static inline struct takt_name takt_name(const char *s)
{
	struct takt_name n = {{0, 0}};

	for (unsigned i = 0; i < 16 && s[i]; i++)
		n.w[i / 8] |= (uint64_t)(unsigned char)s[i] << (i % 8 * 8);
	return n;
}

static inline TAKT_MUST_CHECK int takt_factory_create(takt_slot factory, enum takt_type type,
						      uint64_t w1, struct takt_name name,
						      takt_slot out)
{
	struct takt_msg m = {TAKT_OP(FACTORY_CREATE, 4, 0), .w = {type, w1, name.w[0], name.w[1]},
			     .window = out};

	return takt_call(factory, &m);
}

static inline TAKT_MUST_CHECK int takt_create_task(takt_slot factory, enum takt_task_kind kind,
						   const char *name, takt_slot out)
{
	return takt_factory_create(factory, TAKT_TASK, kind, takt_name(name), out);
}

static inline TAKT_MUST_CHECK int takt_create_thread(takt_slot factory, const char *name,
						     takt_slot out)
{
	return takt_factory_create(factory, TAKT_THREAD, 0, takt_name(name), out);
}

static inline TAKT_MUST_CHECK int takt_create_gate(takt_slot factory, uint64_t badge,
						   takt_slot out)
{
	return takt_factory_create(factory, TAKT_GATE, badge, takt_name(""), out);
}

static inline TAKT_MUST_CHECK int takt_create_irq(takt_slot factory, takt_slot out)
{
	return takt_factory_create(factory, TAKT_IRQ, 0, takt_name(""), out);
}

static inline TAKT_MUST_CHECK int takt_factory_sub(takt_slot factory, uint64_t pages,
						   takt_slot out)
{
	struct takt_msg m = {TAKT_OP(FACTORY_SUB, 1, 0), .w = {pages}, .window = out};

	return takt_call(factory, &m);
}

static inline TAKT_MUST_CHECK int takt_factory_destroy(takt_slot factory, takt_slot object)
{
	struct takt_msg m = {TAKT_OP(FACTORY_DESTROY, 0, 1), .cap = {object}};

	return takt_call(factory, &m);
}

/* w: pages in all, pages free, objects. */
static inline TAKT_MUST_CHECK int takt_factory_info(takt_slot factory, uint64_t w[3])
{
	struct takt_msg m = {TAKT_OP(FACTORY_INFO, 0, 0)};
	int err = takt_call(factory, &m);

	if (!err)
		for (int i = 0; i < 3; i++)
			w[i] = m.w[i];
	return err;
}

static inline TAKT_MUST_CHECK int takt_intc_get(takt_slot intc, takt_slot factory, uint32_t intid,
						unsigned edge, takt_slot out)
{
	struct takt_msg m = {TAKT_OP(INTC_GET, 2, 1), .w = {intid, edge}, .cap = {factory},
			     .window = out};

	return takt_call(intc, &m);
}

/* At most 40 bytes. */
static inline TAKT_MUST_CHECK int takt_log_write(takt_slot log, const char *s, unsigned len)
{
	struct takt_msg m = {TAKT_OP(LOG_WRITE, 6, 0), .w = {len}};

	for (unsigned i = 0; i < len && i < 40; i++)
		m.w[1 + i / 8] |= (uint64_t)(unsigned char)s[i] << (i % 8 * 8);
	return takt_call(log, &m);
}

static inline TAKT_MUST_CHECK int takt_log_off(takt_slot log)
{
	struct takt_msg m = {TAKT_OP(LOG_OFF, 0, 0)};

	return takt_call(log, &m);
}

static inline TAKT_MUST_CHECK int takt_log_shutdown(takt_slot log, unsigned reset)
{
	struct takt_msg m = {TAKT_OP(LOG_SHUTDOWN, 1, 0), .w = {reset}};

	return takt_call(log, &m);
}

/* The ring (struct takt_trace_ring, takt/trace.h) is at va of the task then. */
static inline TAKT_MUST_CHECK int takt_trace_map(takt_slot log, takt_slot factory, takt_slot task,
						 unsigned cpu, uint64_t va, uint64_t pages)
{
	struct takt_msg m = {TAKT_OP(LOG_TRACE_MAP, 3, 2), .w = {cpu, va, pages},
			     .cap = {factory, task}};

	return takt_call(log, &m);
}

/* mask: TAKT_TRACE_MASK(...) of the kinds to be recorded, 0 for none. */
static inline TAKT_MUST_CHECK int takt_trace_control(takt_slot log, unsigned cpu, uint64_t mask)
{
	struct takt_msg m = {TAKT_OP(LOG_TRACE_CONTROL, 2, 0), .w = {cpu, mask}};

	return takt_call(log, &m);
}

#undef TAKT_OP
#endif
