/* SPDX-License-Identifier: MIT */
/* Interrupt controller and timers, with the rules of a GIC that has EOImode 1 checked. */
#include <arch/fake.h>
#include <arch/irqc.h>

#include "internal.h"

#define KICK 0
#define PRIVATE 32

struct state {
	bool enabled, pending, active, edge, high;
	u8 cpu;
};
static struct state private_line[MAX_CPUS][PRIVATE], shared_line[FAKE_LINES];
static u32 taken[MAX_CPUS]; /* acknowledged, not dropped yet; IRQ_NONE */
static u64 timer_at[MAX_CPUS];

static struct state *line_on(unsigned cpu, u32 intid)
{
	ASSERT(intid < FAKE_LINES);
	return intid < PRIVATE ? &private_line[cpu][intid] : &shared_line[intid];
}

static struct state *line(u32 intid)
{
	return line_on(fake_cpu, intid);
}

static bool signalled(unsigned cpu, u32 intid)
{
	const struct state *s = line_on(cpu, intid);

	if (!s->enabled || s->active || (intid >= PRIVATE && s->cpu != cpu))
		return false;
	if (intid == platform.hyp_timer_intid)
		return fake_now >= timer_at[cpu] && timer_at[cpu] != TAKT_NEVER;
	return s->pending || (!s->edge && s->high);
}

static u32 first_signalled(unsigned cpu)
{
	for (u32 i = 0; i < FAKE_LINES; i++)
		if (signalled(cpu, i))
			return i;
	return IRQ_NONE;
}

bool fake_interrupted(unsigned cpu)
{
	return first_signalled(cpu) != IRQ_NONE;
}

void fake_line(u32 intid, bool high)
{
	struct state *s = line_on(0, intid);

	if (s->edge && high && !s->high)
		s->pending = true;
	s->high = high;
}

void irqc_init(void)
{
	for (unsigned i = 0; i < MAX_CPUS; i++)
		timer_at[i] = TAKT_NEVER;
}

void irqc_init_cpu(void)
{
	taken[fake_cpu] = IRQ_NONE;
	line(KICK)->enabled = line(KICK)->edge = true;
}

unsigned irqc_lines(void)
{
	return FAKE_LINES;
}

void irqc_configure(u32 intid, bool edge, unsigned cpu)
{
	ASSERT(cpu < platform.cpus && (intid >= PRIVATE || cpu == fake_cpu));
	line(intid)->enabled = false;
	line(intid)->edge = edge;
	line(intid)->cpu = (u8)cpu;
}

void irqc_enable(u32 intid)
{
	line(intid)->enabled = true;
}

void irqc_disable(u32 intid)
{
	line(intid)->enabled = false;
}

u32 irqc_ack_raw(void)
{
	u32 intid = first_signalled(fake_cpu);

	ASSERT(taken[fake_cpu] == IRQ_NONE);
	if (intid == IRQ_NONE)
		return IRQ_NONE;
	line(intid)->active = true;
	line(intid)->pending = false;
	taken[fake_cpu] = intid;
	return intid;
}

void irqc_drop(u32 raw)
{
	ASSERT(taken[fake_cpu] == raw);
	taken[fake_cpu] = IRQ_NONE;
}

void irqc_deactivate(u32 raw)
{
	ASSERT(line(raw)->active && taken[fake_cpu] != raw);
	line(raw)->active = false;
}

bool irqc_is_active(u32 intid)
{
	return line(intid)->active;
}

void irqc_set_active(u32 intid, bool active)
{
	line(intid)->active = active;
}

void irqc_kick(unsigned cpu)
{
	ASSERT(cpu < platform.cpus);
	line_on(cpu, KICK)->pending = true;
}

void timer_init_cpu(void)
{
	line(platform.hyp_timer_intid)->enabled = true;
}

void timer_set(u64 when)
{
	timer_at[fake_cpu] = when;
}

u64 fake_next_timer(void)
{
	u64 at = TAKT_NEVER;

	for (unsigned i = 0; i < platform.cpus; i++)
		at = MIN(at, timer_at[i]);
	return at;
}
