/* SPDX-License-Identifier: MIT */
/* Becomes a part of FreeRTOS's tasks.c: what the port must know of its variables. */
int port_idle_is_alone(void);
const void *port_stack_limit(void);

int port_idle_is_alone(void)
{
	return listCURRENT_LIST_LENGTH(&pxReadyTasksLists[tskIDLE_PRIORITY]) == 1;
}

const void *port_stack_limit(void)
{
	return pxCurrentTCB->pxStack;
}
