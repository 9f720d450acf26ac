/* SPDX-License-Identifier: MIT */
/* This program in other tasks: root does not hold its own image, so it is loaded again, as a boot
 * loader would, to the same addresses. */
#include <string.h>
#include <takt/loader.h>

#include "internal.h"

static const char *program; /* the ELF file, and what is in it */
static struct elf_image image;

const struct elf_image *program_image(void)
{
	return &image;
}

/* A segment's content in memory of its own. */
static takt_slot load_segment(const struct elf_segment *s)
{
	takt_slot extent = ram_new(s->size);
	char *to = window_map(extent, 0, s->size, TAKT_MAP_READ | TAKT_MAP_WRITE);

	memset(to, 0, s->size);
	memcpy(to + s->lead, program + s->file_offset, s->file_size);
	CHECK_OK(takt_memory_sync(extent, 0, s->size, TAKT_SYNC_CODE));
	return extent;
}

void task_give(takt_slot task, takt_slot cap, takt_slot to)
{
	CHECK_OK(takt_task_cap_copy(task, cap, to, TAKT_R_ALL));
}

takt_slot task_new(void)
{
	takt_slot task = slot_new();

	CHECK_OK(takt_create_task(test_factory, TAKT_TASK_NATIVE, "helper", task));
	for (unsigned i = 0; i < image.count; i++) {
		const struct elf_segment *s = &image.segment[i];
		takt_slot extent = s->access & ELF_WRITE ? load_segment(s) : SLOT_TEXT + i;

		CHECK_OK(takt_task_map(task, extent, s->va, 0, s->size, s->access));
	}
	CHECK_OK(takt_task_map(task, SLOT_POOL, POOL_VA, 0, POOL_SIZE,
			       TAKT_MAP_READ | TAKT_MAP_WRITE));
	task_give(task, TAKT_ROOT_LOG, TAKT_SELF_LOG);
	task_give(task, SLOT_VERDICT, SLOT_VERDICT);
	return task;
}

void program_load(void)
{
	const struct takt_bootinfo *info = bootinfo();
	uint64_t size = (info->archive_offset + info->archive_size + TAKT_PAGE_SIZE - 1) &
			~(uint64_t)(TAKT_PAGE_SIZE - 1);
	const char *archive = rt_map(TAKT_ROOT_ARCHIVE, 0, size, TAKT_MAP_READ);
	struct cpio_file file;

	CHECK(archive);
	CHECK_EQ(cpio_find(archive + info->archive_offset, info->archive_size, "root", &file),
		 CPIO_OK);
	program = file.data;
	CHECK_EQ(elf_parse(program, file.size, 0, TAKT_VA_FREE, &image), ELF_OK);
	for (unsigned i = 0; i < image.count; i++)
		if (!(image.segment[i].access & ELF_WRITE))
			CHECK_OK(takt_task_cap_copy(TAKT_ROOT_TASK,
						    load_segment(&image.segment[i]),
						    SLOT_TEXT + i, TAKT_R_ALL));
}
