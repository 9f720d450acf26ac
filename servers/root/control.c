/* SPDX-License-Identifier: MIT */
/* The protocol of those who may look at root's compartments, and command them. The watcher handles
 * it on its callers' time: nothing here waits for anybody. */
#include <string.h>
#include <takt/proto/control.h>

#include "root.h"

/* A structure as the answer's words: the first ones in registers, the rest in the UTCB. */
static void answer(struct takt_msg *m, const void *from, unsigned count, unsigned *words)
{
	memcpy(m->w, from, TAKT_REG_WORDS * sizeof(uint64_t));
	memcpy(&takt_utcb()->words[TAKT_REG_WORDS], (const uint64_t *)from + TAKT_REG_WORDS,
	       (count - TAKT_REG_WORDS) * sizeof(uint64_t));
	*words = count;
}

static uint64_t consumed(takt_slot scheduler, unsigned cpu)
{
	uint64_t w[2] = {0};

	return scheduler && !takt_scheduler_account(scheduler, cpu, w) ? w[0] : 0;
}

/* What has been commanded counts already, though it is still to be done. */
static enum control_state state_of(const struct compartment *c)
{
	uint8_t command = c->command;

	if (command == CONTROL_START || command == CONTROL_RESTART)
		return CONTROL_WAITING;
	return command || c->end || c->halted ? CONTROL_ENDING : (enum control_state)c->state;
}

/* The worker may be destroying it meanwhile: then some of it reads as zero. */
static void read_info(const struct compartment *c, struct control_info *info)
{
	const struct desc *d = &c->desc;
	uint64_t factory[3] = {0};

	*info = (struct control_info){
		.state = state_of(c),
		.restarts = c->restarts,
		.cpu = d->cpu,
		.priority = d->priority,
		.budget_us = d->budget_us,
		.period_us = d->period_us,
		.consumed = consumed(c->scheduler, d->cpu) +
			    consumed(c->other_scheduler, d->cpu ? 0 : 1),
		.flags = (d->restart ? CONTROL_F_ALWAYS : 0) | (d->vm ? CONTROL_F_MACHINE : 0),
	};
	strncpy(info->name, d->name, CONTROL_NAME - 1);
	if (c->factory && !takt_factory_info(c->factory, factory)) {
		info->kernel_memory = factory[0] * TAKT_PAGE_SIZE;
		info->kernel_free = factory[1] * TAKT_PAGE_SIZE;
		info->objects = factory[2];
	}
	if (c->kernel_memory)
		info->ram = ram_of(index_of(c)) - d->kernel_memory;
}

static int handle_command(uint8_t op, const struct takt_msg *m)
{
	struct compartment *c;
	bool alive, waiting;

	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	if (m->w[0] >= compartment_count)
		return TAKT_E_RANGE;
	c = &compartments[m->w[0]];
	if (c->broken)
		return TAKT_E_INVAL;
	waiting = c->state == CONTROL_WAITING;
	alive = (c->state == CONTROL_STARTING || c->state == CONTROL_RUNNING) && !c->halted;
	if (op == CONTROL_START && (alive || waiting))
		return TAKT_E_STATE;
	if ((op == CONTROL_STOP || op == CONTROL_KILL) && !alive && !waiting && !c->halted)
		return TAKT_E_STATE;
	c->command = op;
	return 0;
}

static int handle_shutdown(const struct takt_msg *m)
{
	if (TAKT_TAG_WORDS(m->tag) < 1)
		return TAKT_E_MSG;
	if (m->w[0] > 1)
		return TAKT_E_RANGE;
	return takt_log_shutdown(TAKT_ROOT_LOG, (unsigned)m->w[0]);
}

int control_handle(struct compartment *c, struct takt_msg *m, unsigned *words, bool *due)
{
	unsigned rights = BADGE_RIGHTS(m->badge);
	struct control_account account;
	struct control_info info;
	int err;

	switch (TAKT_TAG_LABEL(m->tag)) {
	case CONTROL_COUNT:
		m->w[0] = compartment_count;
		*words = 1;
		return 0;
	case CONTROL_INFO:
		if (TAKT_TAG_WORDS(m->tag) < 1)
			return TAKT_E_MSG;
		if (m->w[0] >= compartment_count)
			return TAKT_E_RANGE;
		read_info(&compartments[m->w[0]], &info);
		answer(m, &info, CONTROL_WORDS(info), words);
		return 0;
	case CONTROL_ACCOUNT:
		account_read(&account);
		answer(m, &account, CONTROL_WORDS(account), words);
		return 0;
	case CONTROL_NOTIFY:
		return take_irq(m, c->notify);
	case CONTROL_START:
	case CONTROL_STOP:
	case CONTROL_RESTART:
	case CONTROL_KILL:
		if (!(rights & CONTROL_RIGHT_COMMAND))
			return TAKT_E_RIGHTS;
		err = handle_command((uint8_t)TAKT_TAG_LABEL(m->tag), m);
		*due = !err;
		return err;
	case CONTROL_SHUTDOWN:
		return rights & CONTROL_RIGHT_POWER ? handle_shutdown(m) : TAKT_E_RIGHTS;
	default:
		return TAKT_E_OP;
	}
}

void control_notify(void)
{
	for (unsigned i = 0; i < compartment_count; i++)
		if (compartments[i].notify)
			(void)!takt_irq_trigger(compartments[i].notify);
}
