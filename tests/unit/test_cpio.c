/* SPDX-License-Identifier: MIT */
/* The reader of boot archives, on good and on hostile archives. */
#include <stdlib.h>
#include <string.h>
#include <takt/loader.h>

#include "tap.h"

static char archive[4096];
static uint64_t used;

/* Appends a file whose header claims the sizes given. */
static void add_claiming(const char *name, unsigned name_size, const char *data, unsigned size)
{
	used += (uint64_t)sprintf(archive + used,
				  "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1,
				  0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, name_size, 0);
	strcpy(archive + used, name);
	used = (used + strlen(name) + 1 + 3) & ~3ull;
	strcpy(archive + used, data);
	used = (used + strlen(data) + 3) & ~3ull;
}

static void add(const char *name, const char *data)
{
	add_claiming(name, (unsigned)strlen(name) + 1, data, (unsigned)strlen(data));
}

static void begin(void)
{
	memset(archive, 0, sizeof(archive));
	used = 0;
}

/* Looks a file up in a copy on the heap, where the sanitizer sees every byte read beyond. */
static enum cpio_error find(uint64_t size, const char *name, struct cpio_file *file)
{
	static char *copy;

	free(copy);
	copy = malloc(size ? size : 1);
	memcpy(copy, archive, size);
	return cpio_find(copy, size, name, file);
}

TEST(finds_files)
{
	struct cpio_file f;

	begin();
	add("root", "first");
	add("linux/Image", "");
	add("b", "four");
	add("TRAILER!!!", "");
	CHECK(find(used, "root", &f) == CPIO_OK);
	CHECK(f.size == 5 && !memcmp(f.data, "first", 5) && f.offset % 4 == 0);
	CHECK(find(used, "linux/Image", &f) == CPIO_OK && f.size == 0);
	CHECK(find(used, "b", &f) == CPIO_OK && f.size == 4 && !memcmp(f.data, "four", 4));
	CHECK(find(used, "linux", &f) == CPIO_END);
	CHECK(find(used, "TRAILER!!!", &f) == CPIO_END);
}

TEST(goes_through_in_order)
{
	struct cpio_file f;
	uint64_t pos = 0;

	begin();
	add("a", "1");
	add("b", "22");
	CHECK(cpio_next(archive, used, &pos, &f) == CPIO_OK && !strcmp(f.name, "a"));
	CHECK(cpio_next(archive, used, &pos, &f) == CPIO_OK && !strcmp(f.name, "b"));
	CHECK(cpio_next(archive, used, &pos, &f) == CPIO_END);
	CHECK(cpio_next(archive, used, &pos, &f) == CPIO_END);
}

TEST(names_padded_with_nuls)
{
	struct cpio_file f;
	char name[32] = "aligned";

	begin();
	/* 110 + 18 = 128: a longer name field moves the data */
	used = (uint64_t)sprintf(archive,
				 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", 1,
				 0100644, 0, 0, 1, 0, 3, 0, 0, 0, 0, 18, 0);
	memcpy(archive + used, name, 18);
	memcpy(archive + 128, "abc", 3);
	used = 132;
	CHECK(find(used, "aligned", &f) == CPIO_OK && f.offset == 128 && f.size == 3);
}

TEST(empty_and_foreign)
{
	struct cpio_file f;

	begin();
	CHECK(find(0, "x", &f) == CPIO_END);
	CHECK(find(64, "x", &f) == CPIO_BAD_MAGIC);
	CHECK(find(1024, "x", &f) == CPIO_BAD_MAGIC);
	add("x", "y");
	memcpy(archive, "070707", 6);
	CHECK(find(used, "x", &f) == CPIO_BAD_MAGIC);
}

TEST(bad_fields)
{
	struct cpio_file f;

	begin();
	add("x", "y");
	archive[6 + 6 * 8] = 'g';
	CHECK(find(used, "x", &f) == CPIO_BAD_FIELD);
	begin();
	add_claiming("x", 0, "y", 1);
	CHECK(find(used, "x", &f) == CPIO_BAD_FIELD);
	begin();
	/* a name that does not end within its field */
	add_claiming("xxxxxxxxxxxxxxxx", 4, "y", 1);
	CHECK(find(used, "x", &f) == CPIO_BAD_FIELD);
}

TEST(sizes_beyond_the_archive)
{
	static const unsigned sizes[] = {100, 0x7fffffff, 0xffffffff, 0xfffffffc};
	struct cpio_file f;

	for (unsigned i = 0; i < 4; i++) {
		begin();
		add_claiming("x", 2, "y", sizes[i]);
		CHECK(find(used, "x", &f) == CPIO_BAD_SIZE);
		begin();
		add_claiming("x", sizes[i] + 1 ? sizes[i] : 0xfffffffe, "y", 1);
		CHECK(find(used, "x", &f) == CPIO_BAD_SIZE);
	}
}

/* Wherever an archive is cut off, nothing beyond is read, and only whole files are found. */
TEST(cut_anywhere)
{
	struct cpio_file f;

	begin();
	add("a", "some data");
	add("b", "more");
	for (uint64_t size = 0; size < used; size++) {
		enum cpio_error err = find(size, "b", &f);

		CHECK(err != CPIO_OK || f.offset + f.size <= size);
	}
}

/* Any byte may be any other. */
TEST(bytes_changed)
{
	struct cpio_file f;
	uint64_t size;

	begin();
	add("a", "data");
	add("b", "more");
	size = used;
	for (uint64_t at = 0; at < size; at++) {
		char old = archive[at];

		for (int value = 0; value < 256; value += 3) {
			archive[at] = (char)value;
			CHECK(find(size, "b", &f) != CPIO_OK || f.offset + f.size <= size);
		}
		archive[at] = old;
	}
}

int main(void)
{
	RUN(finds_files);
	RUN(goes_through_in_order);
	RUN(names_padded_with_nuls);
	RUN(empty_and_foreign);
	RUN(bad_fields);
	RUN(sizes_beyond_the_archive);
	RUN(cut_anywhere);
	RUN(bytes_changed);
	return tap_done();
}
