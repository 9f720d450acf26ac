/* SPDX-License-Identifier: MIT */
/*
 * Reader of cpio archives in the "newc" format: a header of 110 ASCII characters, the name, the
 * data; name and data are padded to four bytes each.
 */
#include <stdbool.h>
#include <string.h>
#include <takt/loader.h>

#define HEADER_SIZE 110
#define FIELD_SIZE 8
#define FIELD_FILE_SIZE 6 /* number of the field behind the magic */
#define FIELD_NAME_SIZE 11
#define FIELDS 13
#define TRAILER "TRAILER!!!"

static bool parse_hex(const char *s, uint32_t *value)
{
	uint32_t v = 0;

	for (int i = 0; i < FIELD_SIZE; i++) {
		unsigned digit;

		if (s[i] >= '0' && s[i] <= '9')
			digit = (unsigned)(s[i] - '0');
		else if (s[i] >= 'a' && s[i] <= 'f')
			digit = (unsigned)(s[i] - 'a') + 10;
		else if (s[i] >= 'A' && s[i] <= 'F')
			digit = (unsigned)(s[i] - 'A') + 10;
		else
			return false;
		v = v << 4 | digit;
	}
	*value = v;
	return true;
}

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~3ull;
}

/* Sizes are 32-bit in the format, so none of the sums below can overflow. */
enum cpio_error cpio_next(const void *archive, uint64_t size, uint64_t *pos,
			  struct cpio_file *file)
{
	const char *header = (const char *)archive + *pos;
	uint32_t field[FIELDS];
	uint64_t name, data;

	if (size > UINT32_MAX * 1024ull || *pos > size || size - *pos < HEADER_SIZE)
		return *pos == size ? CPIO_END : CPIO_BAD_MAGIC;
	if (memcmp(header, "070701", 6) && memcmp(header, "070702", 6))
		return CPIO_BAD_MAGIC;
	for (int i = 0; i < FIELDS; i++)
		if (!parse_hex(header + 6 + i * FIELD_SIZE, &field[i]))
			return CPIO_BAD_FIELD;
	name = *pos + HEADER_SIZE;
	if (!field[FIELD_NAME_SIZE])
		return CPIO_BAD_FIELD;
	if (field[FIELD_NAME_SIZE] > size - name)
		return CPIO_BAD_SIZE;
	file->name = (const char *)archive + name;
	if (!memchr(file->name, 0, field[FIELD_NAME_SIZE]))
		return CPIO_BAD_FIELD;
	if (!strcmp(file->name, TRAILER))
		return CPIO_END;
	data = align4(name + field[FIELD_NAME_SIZE]);
	if (data > size || field[FIELD_FILE_SIZE] > size - data)
		return CPIO_BAD_SIZE;
	file->data = (const char *)archive + data;
	file->offset = data;
	file->size = field[FIELD_FILE_SIZE];
	*pos = align4(data + file->size);
	if (*pos > size)
		*pos = size;
	return CPIO_OK;
}

enum cpio_error cpio_find(const void *archive, uint64_t size, const char *name,
			  struct cpio_file *file)
{
	uint64_t pos = 0;
	enum cpio_error err;

	do {
		err = cpio_next(archive, size, &pos, file);
	} while (!err && strcmp(file->name, name));
	return err;
}

const char *cpio_strerror(enum cpio_error err)
{
	switch (err) {
	case CPIO_OK:
		return "no error";
	case CPIO_END:
		return "no such file";
	case CPIO_BAD_MAGIC:
		return "no newc header where one should be";
	case CPIO_BAD_FIELD:
		return "malformed field in a header";
	case CPIO_BAD_SIZE:
		return "a file reaches beyond the archive";
	}
	return "unknown error";
}
