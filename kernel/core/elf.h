/* SPDX-License-Identifier: MIT */
/* Just enough of cpio and ELF64 to start the first task from the boot archive. */
#ifndef CORE_ELF_H
#define CORE_ELF_H

#include <core/types.h>

struct elf_segment {
	u64 va, offset, file_size, size;
	bool write, exec;
};

#define ELF_SEGMENTS 8

struct elf_image {
	u64 entry;
	unsigned segments;
	struct elf_segment segment[ELF_SEGMENTS];
};

/* The first file of a cpio archive (newc), which must bear the name. Null with a reason. */
const void *cpio_first(const void *archive, u64 size, const char *name, u64 *file_size,
		       const char **why) MUST_CHECK;

/* Reads the headers of a static AArch64 executable. False with a reason. */
bool elf_parse(const void *file, u64 size, struct elf_image *out, const char **why) MUST_CHECK;
#endif
