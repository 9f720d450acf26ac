/* SPDX-License-Identifier: MIT */
#include <takt/server.h>

int server_check_irq(takt_slot task, takt_slot window)
{
	enum takt_type type;
	uint64_t rights;
	int err = takt_task_cap_inspect(task, window, &type, &rights);

	if (err)
		return err;
	if (type != TAKT_IRQ)
		return type ? TAKT_E_TYPE : TAKT_E_CAP;
	return rights & TAKT_R_IRQ_TRIGGER ? 0 : TAKT_E_RIGHTS;
}

int server_replace_irq(takt_slot task, takt_slot window, takt_slot slot)
{
	int err = server_check_irq(task, window);

	if (!err)
		err = takt_task_cap_delete(task, slot, 1);
	return err ? err : takt_task_cap_copy(task, window, slot, TAKT_R_IRQ_TRIGGER);
}
