/* SPDX-License-Identifier: MIT */
/* The client's side of root's control. */
#include <string.h>
#include <takt/proto/control.h>

#include "rt_internal.h"

/* A call whose answer is a structure. */
static int read_struct(takt_slot control, struct takt_msg *m, void *to, unsigned words)
{
	int err = takt_call(control, m);

	if (err)
		return err;
	if (TAKT_TAG_WORDS(m->tag) != words)
		return TAKT_E_MSG;
	memcpy(to, m->w, TAKT_REG_WORDS * sizeof(uint64_t));
	memcpy((uint64_t *)to + TAKT_REG_WORDS, &takt_utcb()->words[TAKT_REG_WORDS],
	       (words - TAKT_REG_WORDS) * sizeof(uint64_t));
	return 0;
}

int control_info(takt_slot control, unsigned index, struct control_info *info)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONTROL_INFO, 1, 0), .w = {index}};
	int err = read_struct(control, &m, info, CONTROL_WORDS(*info));

	info->name[CONTROL_NAME - 1] = 0;
	return err;
}

int control_account(takt_slot control, struct control_account *account)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONTROL_ACCOUNT, 0, 0)};

	return read_struct(control, &m, account, CONTROL_WORDS(*account));
}

int control_find(takt_slot control, const char *name)
{
	int count = control_count(control);

	for (int i = 0; i < count; i++) {
		struct control_info info;
		int err = control_info(control, (unsigned)i, &info);

		if (err)
			return err;
		if (!strcmp(info.name, name))
			return i;
	}
	return count < 0 ? count : TAKT_E_RANGE;
}
