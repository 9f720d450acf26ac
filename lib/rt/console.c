/* SPDX-License-Identifier: MIT */
/* The client's side of a console session. */
#include <string.h>
#include <takt/proto/console.h>

#include "rt_internal.h"

#define REG_BYTES ((TAKT_REG_WORDS - 1) * 8) /* of the data: in word 1 and on */

static int write_once(takt_slot session, const void *data, unsigned len, uint64_t flags,
		      takt_ticks deadline)
{
	unsigned size = len < CONSOLE_MAX ? len : CONSOLE_MAX;
	unsigned regs = size < REG_BYTES ? size : REG_BYTES;
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_WRITE, 1 + (size + 7) / 8, 0),
			     .w = {size | flags}};
	int err;

	memcpy(&m.w[1], data, regs);
	if (size > regs)
		memcpy(&takt_utcb()->words[TAKT_REG_WORDS], (const char *)data + regs, size - regs);
	err = takt_call_until(session, &m, deadline);
	if (err)
		return err;
	return m.w[0] < size ? (int)m.w[0] : (int)size;
}

int console_write_until(takt_slot session, const void *data, unsigned len, takt_ticks deadline)
{
	return write_once(session, data, len, 0, deadline);
}

static int write_all(takt_slot session, const char *data, unsigned len, uint64_t flags)
{
	unsigned done = 0;

	while (done < len) {
		unsigned part = len - done < CONSOLE_MAX ? len - done : CONSOLE_MAX;
		int n = write_once(session, data + done, part, flags, TAKT_NEVER);

		if (n < 0)
			return done ? (int)done : n;
		done += flags & CONSOLE_AGAIN ? (unsigned)n : part;
		if (flags & CONSOLE_AGAIN && (unsigned)n < part)
			break;
	}
	return (int)done;
}

int console_write(takt_slot session, const void *data, unsigned len)
{
	return write_all(session, data, len, CONSOLE_AGAIN);
}

int console_print(takt_slot session, const void *data, unsigned len)
{
	return write_all(session, data, len, 0);
}

int console_info(takt_slot control, unsigned session, struct console_info *info)
{
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_INFO, 1, 0), .w = {session}};
	int err = takt_call(control, &m);

	if (err)
		return err;
	*info = (struct console_info){.level = (unsigned)m.w[0],
				      .lost = m.w[1],
				      .waiting = (unsigned)m.w[2],
				      .interactive = m.w[3]};
	memcpy(info->name, &m.w[4], 16);
	memcpy(info->name + 16, &takt_utcb()->words[6], 8);
	info->name[CONSOLE_NAME - 1] = 0;
	return 0;
}

int console_read(takt_slot session, void *data, unsigned len)
{
	unsigned want = len < CONSOLE_MAX ? len : CONSOLE_MAX;
	struct takt_msg m = {.tag = TAKT_TAG(CONSOLE_READ, 1, 0), .w = {want}};
	unsigned size, regs;
	int err = takt_call(session, &m);

	if (err)
		return err;
	size = m.w[0] < want ? (unsigned)m.w[0] : want;
	regs = size < REG_BYTES ? size : REG_BYTES;
	memcpy(data, &m.w[1], regs);
	if (size > regs)
		memcpy((char *)data + regs, &takt_utcb()->words[TAKT_REG_WORDS], size - regs);
	return (int)size;
}
