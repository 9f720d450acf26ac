/* SPDX-License-Identifier: MIT */
/*
 * Interrupt level: the tick hook that upstream's tests want, and three timers. Two of them are more
 * urgent than the tick and call the kernel; the third is above all that a critical section masks.
 */
#include <FreeRTOS.h>
#include <queue.h>
#include <task.h>

#include <EventGroupsDemo.h>
#include <IntQueue.h>
#include <IntSemTest.h>
#include <QueueOverwrite.h>
#include <QueueSet.h>
#include <QueueSetPolling.h>
#include <StreamBufferDemo.h>
#include <StreamBufferInterrupt.h>
#include <TaskNotify.h>
#include <TaskNotifyArray.h>
#include <TimerDemo.h>

#include "../port.h"
#include "IntQueueTimer.h"
#include "tests.h"

#define FIRST_VIRQ (configTICK_VIRQ + 1)
#define SECOND_VIRQ (configTICK_VIRQ + 2)
#define HIGH_VIRQ (configMAX_SYSCALL_VIRQ + 1)
#define FIRST_NS 500000
#define SECOND_NS 487000

struct interrupts_seen interrupts_seen;
volatile bool interrupts_in_critical;

void vApplicationTickHook(void);

void vApplicationTickHook(void)
{
	vTimerPeriodicISRTests();
	vPeriodicEventGroupsProcessing();
	vPeriodicStreamBufferProcessing();
	vBasicStreamBufferSendFromISR();
	xNotifyTaskFromISR();
	xNotifyArrayTaskFromISR();
	vQueueSetAccessQueueSetFromISR();
	vQueueSetPollingInterruptAccess();
	vQueueOverwritePeriodicISRDemo();
	vInterruptSemaphorePeriodicTest();
}

void port_application_interrupt(unsigned n)
{
	uint32_t depth = pv_page->depth;
	BaseType_t wanted = pdFALSE;

	if (depth > interrupts_seen.depth)
		interrupts_seen.depth = depth;
	switch (n) {
	case FIRST_VIRQ:
		interrupts_seen.first++;
		wanted = xFirstTimerHandler();
		break;
	case SECOND_VIRQ:
		interrupts_seen.second++;
		wanted = xSecondTimerHandler();
		break;
	case HIGH_VIRQ:
		interrupts_seen.high++;
		interrupts_seen.in_critical += interrupts_in_critical;
		break;
	default:
		port_panic("an interrupt that nobody asked for", "upstream");
	}
	portYIELD_FROM_ISR(wanted);
}

static void start(unsigned virq, uint64_t ns)
{
	takt_ticks period = takt_ns_to_ticks(ns);

	if (port_timer(virq, takt_now() + period, period))
		port_panic("a timer cannot be set", "upstream");
}

void vInitialiseTimerForIntQueueTest(void)
{
	start(FIRST_VIRQ, FIRST_NS);
	start(SECOND_VIRQ, SECOND_NS);
}

void interrupts_start_high(void)
{
	start(HIGH_VIRQ, INTERRUPTS_HIGH_NS);
}
