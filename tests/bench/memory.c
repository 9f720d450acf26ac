/* SPDX-License-Identifier: MIT */
/* Mappings: a page of a large extent, where the tables for it are there already. */
#include "bench.h"

#define WINDOW_VA 0x1600000000ul
#define PAGE_VA (WINDOW_VA + TAKT_PAGE_SIZE)

static uint64_t offset;

static inline int map(void)
{
	return takt_task_map(TAKT_ROOT_TASK, ram, PAGE_VA, offset, TAKT_PAGE_SIZE,
			     TAKT_MAP_READ | TAKT_MAP_WRITE);
}

static inline int unmap(void)
{
	return takt_task_unmap(TAKT_ROOT_TASK, PAGE_VA, TAKT_PAGE_SIZE);
}

static void map_page(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t begin = stamp();

		PUT_ASIDE(begin);
		(void)!map();
		record(i, stamp() - begin - stamp_cost);
		(void)!unmap();
	}
	driver_done();
}

static void unmap_page(void *unused)
{
	(void)unused;
	for (unsigned i = 0; i < WARM_UP + SAMPLES; i++) {
		uint64_t begin;

		(void)!map();
		begin = stamp();
		PUT_ASIDE(begin);
		(void)!unmap();
		record(i, stamp() - begin - stamp_cost);
	}
	driver_done();
}

void bench_memory(void)
{
	uint64_t keep = ram_take(TAKT_PAGE_SIZE); /* its mapping keeps the tables */

	offset = ram_take(TAKT_PAGE_SIZE);
	must(takt_task_map(TAKT_ROOT_TASK, ram, WINDOW_VA, keep, TAKT_PAGE_SIZE, TAKT_MAP_READ),
	     "mapping");
	must(map(), "mapping");
	must(unmap(), "mapping");
	drive_plain("map.page", false, map_page, 0);
	drive_plain("unmap.page", false, unmap_page, 0);
}
