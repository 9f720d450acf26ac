/* SPDX-License-Identifier: MIT */
/* What there is, and what it uses. */
#include <stdio.h>
#include <takt/rt.h>

#include "cmd.h"

#define MS_TICKS(t) (takt_ticks_to_ns(t) / 1000000)
#define KIB(bytes) ((unsigned long long)(bytes) >> 10)

static void list_one(const struct control_info *info)
{
	unsigned long long ms = MS_TICKS(info->consumed);

	printf("%-12s %-8s %3llu %4llu %8llu.%03llu %6llu/%-6llu %8llu %8llu\n", info->name,
	       cmd_state(info), (unsigned long long)info->cpu, (unsigned long long)info->priority,
	       ms / 1000, ms % 1000, KIB(info->kernel_memory - info->kernel_free),
	       KIB(info->kernel_memory), KIB(info->ram), (unsigned long long)info->restarts);
}

static void list_root(const struct control_account *a)
{
	printf("root: %llu of %llu KiB of RAM free, %llu of %llu KiB of its kernel memory\n",
	       KIB(a->ram_free), KIB(a->ram), KIB(a->kernel_free), KIB(a->kernel_memory));
	for (unsigned i = 0; i < a->cpus && i < TAKT_MAX_CPUS; i++)
		printf("%s CPU %u %llu.%llu %%", i ? "," : "time free:", i,
		       (unsigned long long)a->share_free[i] / 10,
		       (unsigned long long)a->share_free[i] % 10);
	printf("\n");
}

static void list(int count, char **word)
{
	int compartments = control_count(control), err = 0;
	struct control_account account;

	(void)count;
	(void)word;
	if (compartments < 0)
		err = compartments;
	else
		printf("%-12s %-8s %3s %4s %12s %13s %8s %8s\n", "NAME", "STATE", "CPU", "PRIO",
		       "TIME/s", "KERNEL/KiB", "RAM/KiB", "RESTARTS");
	for (int i = 0; !err && i < compartments; i++) {
		struct control_info info;

		err = control_info(control, (unsigned)i, &info);
		if (!err)
			list_one(&info);
	}
	if (!err)
		err = control_account(control, &account);
	if (err)
		printf("root's control: %s\n", rt_error(err));
	else
		list_root(&account);
}

static void info(int count, char **word)
{
	struct control_info i;
	int n = cmd_find(word[1]), err;

	(void)count;
	if (n < 0)
		return;
	err = control_info(control, (unsigned)n, &i);
	if (err) {
		printf("%s: %s\n", word[1], rt_error(err));
		return;
	}
	printf("%s: %s, %s; restart = \"%s\", %llu restarts so far\n", i.name,
	       i.flags & CONTROL_F_MACHINE ? "machine" : "program", cmd_state(&i),
	       i.flags & CONTROL_F_ALWAYS ? "always" : "never", (unsigned long long)i.restarts);
	printf("  first thread  CPU %llu, priority %llu, %llu of %llu us\n",
	       (unsigned long long)i.cpu, (unsigned long long)i.priority,
	       (unsigned long long)i.budget_us, (unsigned long long)i.period_us);
	printf("  CPU time      %llu us\n",
	       (unsigned long long)takt_ticks_to_ns(i.consumed) / 1000);
	printf("  kernel memory %llu KiB used of %llu KiB, by %llu objects\n",
	       KIB(i.kernel_memory - i.kernel_free), KIB(i.kernel_memory),
	       (unsigned long long)i.objects);
	printf("  RAM           %llu KiB\n", KIB(i.ram));
}

const struct command cmd_compartments[] = {
	{"list", "", "all compartments: time, memory, restarts", 0, 0, list},
	{"info", "NAME", "more about one", 1, 1, info},
	{NULL},
};
