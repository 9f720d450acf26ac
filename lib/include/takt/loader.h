/* SPDX-License-Identifier: MIT */
/* Readers for boot archives and programs. They trust nothing that they read, use no heap and no
 * system call, and work on the host as well. */
#ifndef TAKT_LOADER_H
#define TAKT_LOADER_H

#include <stddef.h>
#include <stdint.h>

/* A file inside an archive: `data` points into it. */
struct cpio_file {
	const char *name; /* terminated, inside the archive */
	const void *data;
	uint64_t offset, size; /* of the data within the archive */
};

enum cpio_error {
	CPIO_OK,
	CPIO_END,	/* no more files, or none of that name */
	CPIO_BAD_MAGIC, /* a header that is not "newc", or lies outside the archive */
	CPIO_BAD_FIELD, /* a field with other than hexadecimal digits, or a nameless file */
	CPIO_BAD_SIZE,	/* a name or a file that reaches beyond the archive */
};

/* The file at *pos (start with 0), which moves on to the next one. */
enum cpio_error cpio_next(const void *archive, uint64_t size, uint64_t *pos,
			  struct cpio_file *file);
enum cpio_error cpio_find(const void *archive, uint64_t size, const char *name,
			  struct cpio_file *file);
const char *cpio_strerror(enum cpio_error err);

#define ELF_MAX_SEGMENTS 8

#define ELF_READ 0x1 /* as TAKT_MAP_* */
#define ELF_WRITE 0x2
#define ELF_EXEC 0x4

struct elf_segment {
	uint64_t va;	    /* page-aligned */
	uint64_t size;	    /* whole pages */
	uint64_t lead;	    /* bytes from va to the first byte of the file */
	uint64_t file_offset, file_size;
	unsigned access;
};

struct elf_image {
	uint64_t entry;
	unsigned count;
	struct elf_segment segment[ELF_MAX_SEGMENTS]; /* ascending, without common pages */
};

enum elf_error {
	ELF_OK,
	ELF_BAD_MAGIC,	  /* no ELF file for 64-bit, little-endian ARM */
	ELF_BAD_TYPE,	  /* not a static executable */
	ELF_BAD_HEADERS,  /* program headers outside the file */
	ELF_BAD_SEGMENT,  /* a segment's file part is outside the file or larger than its memory */
	ELF_BAD_ADDRESS,  /* a segment outside the address range, or sharing a page with another */
	ELF_BAD_ACCESS,	  /* a segment that is writable and executable */
	ELF_BAD_ENTRY,	  /* the entry point is not in an executable segment */
	ELF_TOO_MANY,	  /* more than ELF_MAX_SEGMENTS segments */
};

/* What is to be loaded for the program in data[0..size), all of it within lowest..highest. */
enum elf_error elf_parse(const void *data, uint64_t size, uint64_t lowest, uint64_t highest,
			 struct elf_image *image);
const char *elf_strerror(enum elf_error err);

#endif
