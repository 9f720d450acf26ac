/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU that follows each CPU through the kernel, which runs with interrupts masked
 * from exception to return: how many instructions each way through takes, and which.
 *
 *   -plugin FILE.so,start=ADDR,end=ADDR,vectors=ADDR,out=FILE[,paths=on]
 *
 * start, end: the kernel's code; vectors: its exception vectors. A way through ends with ERET, or
 * with WFI, where an interrupt may come in as well, or where the kernel looks for a waiting interrupt
 * (ISR_EL1) to take it: its preemption points. OUT gets a line for the longest one, one for
 * the first CPU's way from reset, and with paths=on one for each that is different from the others,
 * in decimal and hexadecimal numbers:
 *
 *   longest|boot|path TIMES LENGTH ENTRY CALLER ADDRESS:TIMES ...
 *
 * ENTRY is the address of the vector, or of the WFI or preemption point; CALLER that of the last block of other code.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- QEMU's interface, version 1, as far as it is used here ----------------------------------- */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef void (*exec_cb)(unsigned cpu, void *data);

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb, int flags,
					  void *data);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, exec_cb cb, int flags,
					    void *data);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);

extern int qemu_plugin_version;
int qemu_plugin_version = 1;

/* --- State ------------------------------------------------------------------------------------ */

#define MAX_CPUS 8
#define MAX_LENGTH (1u << 21) /* of the list of a path's instructions; longer ones are counted */
#define MAX_PATHS 8192
#define PATH_LENGTH (1u << 17) /* longer ones are only counted */
#define VECTOR_SIZE 0x80
#define VECTORS_SIZE 0x800
#define FROM_RESET 0 /* as ENTRY */
#define INSN_ERET 0xd69f03e0
#define INSN_WFI 0xd503207f
#define INSN_MRS_ISR 0xd538c100 /* and a register in bits 4..0 */

struct path {
	uint64_t hash, times, length, entry, caller;
	uint32_t listed;
	uint32_t *insn; /* offsets from `start` in words, in order of execution */
};

struct cpu {
	bool inside;
	uint64_t caller;
	struct path now;
};

static uint64_t start, end, vectors;
static const char *out;
static bool all_paths;
static struct cpu cpus[MAX_CPUS];
static struct path longest, boot, paths[MAX_PATHS];
static uint64_t lost;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- Following the CPUs ----------------------------------------------------------------------- */

static void begin(struct cpu *c, uint64_t entry)
{
	c->inside = true;
	c->now.hash = 14695981039346656037u; /* FNV-1a */
	c->now.length = c->now.listed = 0;
	c->now.entry = entry;
	c->now.caller = c->caller;
	if (!c->now.insn)
		c->now.insn = malloc(MAX_LENGTH * sizeof(uint32_t));
}

static void copy_path(struct path *to, const struct path *from)
{
	uint32_t *insn = realloc(to->insn, (from->listed + 1) * sizeof(uint32_t));

	*to = *from;
	to->insn = insn;
	to->times = 1;
	memcpy(insn, from->insn, from->listed * sizeof(uint32_t));
}

static void keep_path(const struct path *p)
{
	for (unsigned i = 0; i < MAX_PATHS; i++) {
		struct path *slot = &paths[(p->hash + i) % MAX_PATHS];

		if (slot->times && slot->hash == p->hash) {
			slot->times++;
			return;
		}
		if (!slot->times) {
			copy_path(slot, p);
			return;
		}
	}
	lost++;
}

static void finish(struct cpu *c)
{
	c->inside = false;
	pthread_mutex_lock(&lock);
	if (c->now.entry == FROM_RESET)
		copy_path(&boot, &c->now);
	else if (c->now.length > longest.length)
		copy_path(&longest, &c->now);
	if (all_paths && c->now.length <= PATH_LENGTH)
		keep_path(&c->now);
	pthread_mutex_unlock(&lock);
}

static void step(struct cpu *c, uint64_t addr)
{
	struct path *p = &c->now;
	uint32_t offset = (uint32_t)(addr - start) / 4;

	if (!c->inside)
		return; /* one of the other CPUs, booting */
	p->length++;
	p->hash = (p->hash ^ offset) * 1099511628211u;
	if (p->listed < MAX_LENGTH)
		p->insn[p->listed++] = offset;
}

static void at_insn(unsigned cpu, void *addr)
{
	step(&cpus[cpu], (uint64_t)addr);
}

static void at_vector(unsigned cpu, void *addr)
{
	begin(&cpus[cpu], (uint64_t)addr);
	step(&cpus[cpu], (uint64_t)addr);
}

static void at_eret(unsigned cpu, void *addr)
{
	step(&cpus[cpu], (uint64_t)addr);
	if (cpus[cpu].inside)
		finish(&cpus[cpu]);
}

static void at_wfi(unsigned cpu, void *addr)
{
	at_eret(cpu, addr);
	begin(&cpus[cpu], (uint64_t)addr);
}

static void at_other_code(unsigned cpu, void *addr)
{
	cpus[cpu].caller = (uint64_t)addr;
}

static void translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t addr = qemu_plugin_insn_vaddr(insn);
		exec_cb cb = at_insn;
		uint32_t code;

		if (addr < start || addr >= end) {
			qemu_plugin_register_vcpu_tb_exec_cb(tb, at_other_code, 0, (void *)addr);
			return;
		}
		memcpy(&code, qemu_plugin_insn_data(insn), sizeof(code));
		if (addr - vectors < VECTORS_SIZE && addr % VECTOR_SIZE == 0)
			cb = at_vector;
		else if (code == INSN_ERET)
			cb = at_eret;
		else if (code == INSN_WFI || (code & ~0x1fu) == INSN_MRS_ISR)
			cb = at_wfi;
		qemu_plugin_register_vcpu_insn_exec_cb(insn, cb, 0, (void *)addr);
	}
}

/* --- Output ----------------------------------------------------------------------------------- */

static int by_offset(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_path(FILE *f, const char *what, struct path *p)
{
	fprintf(f, "%s %lu %lu %lx %lx", what, p->times, p->length, p->entry, p->caller);
	qsort(p->insn, p->listed, sizeof(uint32_t), by_offset);
	for (uint32_t i = 0, n; i < p->listed; i += n) {
		for (n = 1; i + n < p->listed && p->insn[i + n] == p->insn[i]; n++)
			;
		fprintf(f, " %lx:%u", start + p->insn[i] * 4ul, n);
	}
	fputc('\n', f);
}

static void print(plugin_id id, void *unused)
{
	FILE *f = fopen(out, "w");

	(void)id;
	(void)unused;
	if (!f)
		return;
	if (longest.length)
		print_path(f, "longest", &longest);
	if (boot.length)
		print_path(f, "boot", &boot);
	for (unsigned i = 0; i < MAX_PATHS; i++)
		if (paths[i].times)
			print_path(f, "path", &paths[i]);
	if (lost)
		fprintf(f, "lost %lu\n", lost);
	fclose(f);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value++)
			return -1;
		if (!strncmp(argv[i], "start=", 6))
			start = strtoull(value, NULL, 0);
		else if (!strncmp(argv[i], "end=", 4))
			end = strtoull(value, NULL, 0);
		else if (!strncmp(argv[i], "vectors=", 8))
			vectors = strtoull(value, NULL, 0);
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(value);
		else if (!strncmp(argv[i], "paths=", 6))
			all_paths = !strcmp(value, "on");
	}
	if (!out || start >= end)
		return -1;
	begin(&cpus[0], FROM_RESET);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, print, NULL);
	return 0;
}
