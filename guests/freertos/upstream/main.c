/* SPDX-License-Identifier: MIT */
/*
 * FreeRTOS's standard tests ("standard demo tasks") on the port, from the path that the build was
 * given. A task looks every few seconds whether all of them are content:
 * "check N: good", or which are not.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <FreeRTOS.h>
#include <queue.h>
#include <semphr.h>
#include <task.h>

#include <AbortDelay.h>
#include <BlockQ.h>
#include <blocktim.h>
#include <countsem.h>
#include <death.h>
#include <dynamic.h>
#include <EventGroupsDemo.h>
#include <flop.h>
#include <GenQTest.h>
#include <integer.h>
#include <IntQueue.h>
#include <IntSemTest.h>
#include <MessageBufferDemo.h>
#include <PollQ.h>
#include <QPeek.h>
#include <QueueOverwrite.h>
#include <QueueSet.h>
#include <QueueSetPolling.h>
#include <recmutex.h>
#include <semtest.h>
#include <StreamBufferDemo.h>
#include <StreamBufferInterrupt.h>
#include <TaskNotify.h>
#include <TaskNotifyArray.h>
#include <TimerDemo.h>

#include <takt/rt.h>

#include "../port.h"
#include "tests.h"

#define CHECK_MS 5000
#define CHECK_PRIORITY (configMAX_PRIORITIES - 2)
#define TIMER_TEST_MS 50
#define LINE_SIZE 400

static BaseType_t timers_run(void)
{
	return xAreTimerDemoTasksStillRunning(pdMS_TO_TICKS(CHECK_MS));
}

static BaseType_t registers_run(void)
{
	return registers_good();
}

/* Those that nest, and the one that no critical section keeps out. */
static BaseType_t interrupts_run(void)
{
	static uint64_t first, second, high, in_critical;
	struct interrupts_seen s = interrupts_seen;
	bool good = s.first != first && s.second != second && s.high != high &&
		    s.in_critical != in_critical && s.depth > 1;

	if (!good) {
		char line[LINE_SIZE];
		int len = snprintf(line, sizeof(line),
				   "interrupts: first +%u, second +%u, high +%u, of them +%u in "
				   "critical sections, depth %u\n",
				   (unsigned)(s.first - first), (unsigned)(s.second - second),
				   (unsigned)(s.high - high),
				   (unsigned)(s.in_critical - in_critical), (unsigned)s.depth);

		pv_log(line, (unsigned)len);
	}
	first = s.first;
	second = s.second;
	high = s.high;
	in_critical = s.in_critical;
	return good;
}

static const struct {
	const char *name;
	BaseType_t (*good)(void);
} checks[] = {
	{"AbortDelay", xAreAbortDelayTestTasksStillRunning},
	{"BlockQ", xAreBlockingQueuesStillRunning},
	{"EventGroups", xAreEventGroupTasksStillRunning},
	{"GenQTest", xAreGenericQueueTasksStillRunning},
	{"IntQueue", xAreIntQueueTasksStillRunning},
	{"IntSemTest", xAreInterruptSemaphoreTasksStillRunning},
	{"MessageBuffer", xAreMessageBufferTasksStillRunning},
	{"PollQ", xArePollingQueuesStillRunning},
	{"QPeek", xAreQueuePeekTasksStillRunning},
	{"QueueOverwrite", xIsQueueOverwriteTaskStillRunning},
	{"QueueSet", xAreQueueSetTasksStillRunning},
	{"QueueSetPolling", xAreQueueSetPollTasksStillRunning},
	{"StreamBuffer", xAreStreamBufferTasksStillRunning},
	{"StreamBufferInterrupt", xIsInterruptStreamBufferDemoStillRunning},
	{"TaskNotify", xAreTaskNotificationTasksStillRunning},
	{"TaskNotifyArray", xAreTaskNotificationArrayTasksStillRunning},
	{"TimerDemo", timers_run},
	{"blocktim", xAreBlockTimeTestTasksStillRunning},
	{"countsem", xAreCountingSemaphoreTasksStillRunning},
	{"death", xIsCreateTaskStillRunning},
	{"dynamic", xAreDynamicPriorityTasksStillRunning},
	{"flop", xAreMathsTaskStillRunning},
	{"integer", xAreIntegerMathsTaskStillRunning},
	{"recmutex", xAreRecursiveMutexTasksStillRunning},
	{"semtest", xAreSemaphoreTasksStillRunning},
	{"registers", registers_run},
	{"interrupts", interrupts_run},
};
#define CHECKS (sizeof(checks) / sizeof(checks[0]))

static void check_task(void *unused)
{
	TickType_t last = xTaskGetTickCount();

	(void)unused;
	for (unsigned n = 1;; n++) {
		char line[LINE_SIZE];
		int len;
		bool good = true;

		vTaskDelayUntil(&last, pdMS_TO_TICKS(CHECK_MS));
		len = snprintf(line, sizeof(line), "check %u:", n);
		for (unsigned i = 0; i < CHECKS; i++) {
			if (checks[i].good() == pdPASS)
				continue;
			good = false;
			len += snprintf(line + len, sizeof(line) - (size_t)len, " %s",
					checks[i].name);
		}
		len += snprintf(line + len, sizeof(line) - (size_t)len, "%s\n",
				good ? " good" : " FAILED");
		pv_log(line, (unsigned)len);
	}
}

/* Until the interrupt that critical sections do not mask has come; it has two of its periods. */
static void await_high(void)
{
	uint64_t before = interrupts_seen.high;
	takt_ticks end = takt_now() + takt_ns_to_ticks(2 * INTERRUPTS_HIGH_NS);

	while (interrupts_seen.high == before && takt_now() < end)
		portMEMORY_BARRIER();
}

/* In critical sections most of the time, and now and then in one for as long as that takes: whether
 * an interrupt falls into the short ones is a matter of how its period and the tick's meet. */
static void critical_task(void *unused)
{
	(void)unused;
	for (unsigned n = 0;; n++) {
		taskENTER_CRITICAL();
		interrupts_in_critical = true;
		for (unsigned i = 0; i < 1000; i++)
			portMEMORY_BARRIER();
		if (n % 50 == 0)
			await_high();
		interrupts_in_critical = false;
		taskEXIT_CRITICAL();
		taskYIELD();
	}
}

static void start_upstream(void)
{
	vStartBlockingQueueTasks(2);
	vStartPolledQueueTasks(1);
	vStartSemaphoreTasks(1);
	vStartDynamicPriorityTasks();
	vStartQueuePeekTasks();
	vStartRecursiveMutexTasks();
	vStartGenericQueueTasks(tskIDLE_PRIORITY);
	vStartCountingSemaphoreTasks();
	vStartMathTasks(tskIDLE_PRIORITY);
	vStartIntegerMathTasks(tskIDLE_PRIORITY);
	vStartInterruptQueueTasks();
	vStartTimerDemoTask(pdMS_TO_TICKS(TIMER_TEST_MS));
	vStartEventGroupTasks();
	vStartStreamBufferTasks();
	vStartStreamBufferInterruptDemo();
	vStartMessageBufferTasks(configMINIMAL_STACK_SIZE);
	vStartTaskNotifyTask();
	vStartTaskNotifyArrayTask();
	vStartQueueSetTasks();
	vStartQueueSetPollingTask();
	vStartQueueOverwriteTask(tskIDLE_PRIORITY);
	vStartInterruptSemaphoreTasks();
	vCreateAbortDelayTasks();
	vCreateBlockTimeTasks();
}

static void create_tasks(void)
{
	start_upstream();
	registers_start(tskIDLE_PRIORITY);
	interrupts_start_high();
	if (xTaskCreate(critical_task, "critical", configMINIMAL_STACK_SIZE, NULL, tskIDLE_PRIORITY,
			NULL) != pdPASS ||
	    xTaskCreate(check_task, "check", 1024, NULL, CHECK_PRIORITY, NULL) != pdPASS)
		port_panic("no room for the tasks", "heap");
	vCreateSuicidalTasks(3); /* last: it counts the tasks there are */
}

int main(void)
{
	int err = port_run("upstream", create_tasks);

	if (err) {
		printf("cannot start the guest: %s\n", rt_error(err));
		return EXIT_FAILURE;
	}
	pv_log_serve();
}
