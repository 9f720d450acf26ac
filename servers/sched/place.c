/* SPDX-License-Identifier: MIT */
/* Which CPU a client means. */
#include <string.h>

#include "sched.h"

/* --- Policies --------------------------------------------------------------------------------- */

static bool parse_pin(const char *text, unsigned len, struct pin *pin)
{
	const char *equals = memchr(text, '=', len);

	if (!equals || equals == text || equals != text + len - 2)
		return false;
	if (equals[1] < '0' || equals[1] >= '0' + SCHED_CPUS)
		return false;
	pin->pattern = text;
	pin->len = (unsigned)(equals - text);
	pin->prefix = equals[-1] == '*';
	if (pin->prefix)
		pin->len--;
	pin->cpu = (unsigned)(equals[1] - '0');
	return true;
}

static bool parse_pins(const char *text, struct policy *policy)
{
	for (;;) {
		unsigned len = (unsigned)strcspn(text, ",");

		if (policy->pins == SCHED_PINS ||
		    !parse_pin(text, len, &policy->pin[policy->pins++]))
			return false;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

bool policy_parse(const char *text, struct policy *policy)
{
	static const char *const names[] = {"keep", "spread", "pack"};

	*policy = (struct policy){.kind = POLICY_PIN};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i])) {
			policy->kind = (enum policy_kind)i;
			return true;
		}
	return !strncmp(text, "pin:", 4) && parse_pins(text + 4, policy);
}

static unsigned pinned(const struct policy *policy, const char *name, unsigned otherwise)
{
	for (unsigned i = 0; name && i < policy->pins; i++) {
		const struct pin *pin = &policy->pin[i];

		if (!strncmp(name, pin->pattern, pin->len) && (pin->prefix || !name[pin->len]))
			return pin->cpu;
	}
	return otherwise;
}

/* The first CPU that `want` fits on, or of those the one with least on it; the client's own one
 * where it fits nowhere, so that the kernel says no. */
static int choose_by_load(struct sched *s, const struct target *t, unsigned cpu, unsigned want,
			  bool least, unsigned *to)
{
	uint64_t w[6], mask;
	bool found = false;
	int err = takt_scheduler_info(t->scheduler, cpu, w);

	*to = cpu;
	if (err)
		return err;
	mask = w[2];
	for (unsigned i = 0; i < SCHED_CPUS; i++) {
		if (!(mask & 1u << i))
			continue;
		err = takt_scheduler_info(t->scheduler, i, w);
		if (err)
			return err;
		if (w[5] < want || (found && (!least || s->booked[i] >= s->booked[*to])))
			continue;
		found = true;
		*to = i;
	}
	return 0;
}

static int choose(struct sched *s, const struct target *t, unsigned cpu, unsigned want,
		  unsigned *to)
{
	const struct policy *policy = &s->policy[t->policy];

	*to = cpu;
	switch (policy->kind) {
	case POLICY_SPREAD:
	case POLICY_PACK:
		return choose_by_load(s, t, cpu, want, policy->kind == POLICY_SPREAD, to);
	case POLICY_PIN:
		*to = pinned(policy, s->name(t->client), cpu);
		return 0;
	default:
		return 0;
	}
}

/* --- Places ----------------------------------------------------------------------------------- */

int place(struct sched *s, const struct target *t, uint64_t cpu, unsigned want, unsigned *to,
	  bool *fresh)
{
	struct client *c = &s->client[t->client];
	uint8_t old = 0;
	int err;

	*fresh = false;
	if (cpu >= SCHED_CPUS || (t->child && !(t->child->mask & 1u << cpu)))
		return TAKT_E_CPU;
	if (!c->place[cpu]) {
		err = choose(s, t, (unsigned)cpu, want, to);
		if (err)
			return err;
		/* Another thread of the client may have been faster. */
		*fresh = atomic_compare_exchange_strong(&c->place[cpu], &old, (uint8_t)(*to + 1));
		if (*fresh)
			return 0;
		*to = old - 1u;
		return 0;
	}
	*to = c->place[cpu] - 1u;
	return 0;
}

void place_forget(struct sched *s, const struct target *t, uint64_t cpu)
{
	s->client[t->client].place[cpu] = 0;
}

uint64_t place_look(struct sched *s, const struct target *t, uint64_t cpu)
{
	uint8_t to = cpu < SCHED_CPUS ? s->client[t->client].place[cpu] : 0;

	return to ? to - 1u : cpu;
}

void place_book(struct sched *s, const struct target *t, unsigned cpu, unsigned want)
{
	unsigned n = want ? want : 1;

	s->booked[cpu] += n;
	s->client[t->client].booked[cpu] += n;
}

void place_refresh(struct sched *s, const struct target *t, uint64_t birth)
{
	struct client *c = &s->client[t->client];
	uint64_t old = c->birth;

	if (old == birth || !atomic_compare_exchange_strong(&c->birth, &old, birth))
		return;
	for (unsigned i = 0; i < SCHED_CPUS; i++) {
		c->place[i] = 0;
		s->booked[i] -= atomic_exchange(&c->booked[i], 0);
	}
}
