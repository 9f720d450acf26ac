/* SPDX-License-Identifier: MIT */
/* The reader of programs, on a good file and on files that are wrong in one place. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <takt/loader.h>

#include "tap.h"

#define LOWEST 0x400000
#define HIGHEST 0x10000000
#define FILE_SIZE 0x4000

static struct {
	Elf64_Ehdr h;
	Elf64_Phdr p[12];
	char rest[FILE_SIZE - sizeof(Elf64_Ehdr) - 12 * sizeof(Elf64_Phdr)];
} file;

static void begin(void)
{
	memset(&file, 0, sizeof(file));
	memcpy(file.h.e_ident, ELFMAG, SELFMAG);
	file.h.e_ident[EI_CLASS] = ELFCLASS64;
	file.h.e_ident[EI_DATA] = ELFDATA2LSB;
	file.h.e_ident[EI_VERSION] = EV_CURRENT;
	file.h.e_type = ET_EXEC;
	file.h.e_machine = EM_AARCH64;
	file.h.e_version = EV_CURRENT;
	file.h.e_entry = 0x400010;
	file.h.e_phoff = sizeof(file.h);
	file.h.e_phentsize = sizeof(file.p[0]);
	file.h.e_phnum = 3;
	file.p[0] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_offset = 0x1000,
				 .p_vaddr = 0x400000, .p_filesz = 0x1234, .p_memsz = 0x1234};
	file.p[1] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = 0x3008,
				 .p_vaddr = 0x402008, .p_filesz = 0x100, .p_memsz = 0x2000};
	file.p[2] = (Elf64_Phdr){.p_type = PT_TLS, .p_flags = PF_R, .p_memsz = 64};
}

/* On a copy of just `size` bytes, where the sanitizer sees what is read beyond. */
static enum elf_error parse_size(uint64_t size, struct elf_image *image)
{
	char *copy = malloc(size ? size : 1);
	enum elf_error err;

	memcpy(copy, &file, size);
	err = elf_parse(copy, size, LOWEST, HIGHEST, image);
	free(copy);
	return err;
}

static enum elf_error parse(void)
{
	struct elf_image image;

	return parse_size(sizeof(file), &image);
}

TEST(loads)
{
	struct elf_image i;

	begin();
	CHECK(parse_size(sizeof(file), &i) == ELF_OK);
	CHECK(i.entry == 0x400010 && i.count == 2);
	CHECK(i.segment[0].va == 0x400000 && i.segment[0].size == 0x2000);
	CHECK(i.segment[0].access == (ELF_READ | ELF_EXEC) && i.segment[0].lead == 0);
	CHECK(i.segment[1].va == 0x402000 && i.segment[1].size == 0x3000);
	CHECK(i.segment[1].lead == 8 && i.segment[1].file_offset == 0x3008);
	CHECK(i.segment[1].access == (ELF_READ | ELF_WRITE));
}

TEST(no_program)
{
	begin();
	file.h.e_ident[0] = 0;
	CHECK(parse() == ELF_BAD_MAGIC);
	begin();
	file.h.e_ident[EI_CLASS] = ELFCLASS32;
	CHECK(parse() == ELF_BAD_MAGIC);
	begin();
	file.h.e_machine = EM_X86_64;
	CHECK(parse() == ELF_BAD_MAGIC);
	begin();
	file.h.e_type = ET_DYN;
	CHECK(parse() == ELF_BAD_TYPE);
	begin();
	file.p[2].p_type = PT_INTERP;
	CHECK(parse() == ELF_BAD_TYPE);
}

TEST(bad_headers)
{
	begin();
	file.h.e_phoff = sizeof(file) - 1;
	CHECK(parse() == ELF_BAD_HEADERS);
	begin();
	file.h.e_phoff = UINT64_MAX - 8;
	CHECK(parse() == ELF_BAD_HEADERS);
	begin();
	file.h.e_phnum = 0xffff;
	CHECK(parse() == ELF_BAD_HEADERS);
	begin();
	file.h.e_phentsize = 32;
	CHECK(parse() == ELF_BAD_HEADERS);
}

TEST(bad_segments)
{
	begin();
	file.p[1].p_filesz = 0x2001;
	CHECK(parse() == ELF_BAD_SEGMENT);
	begin();
	file.p[1].p_offset = sizeof(file);
	CHECK(parse() == ELF_BAD_SEGMENT);
	begin();
	file.p[1].p_offset = UINT64_MAX;
	CHECK(parse() == ELF_BAD_SEGMENT);
	begin();
	file.p[0].p_filesz = file.p[0].p_memsz = UINT64_MAX;
	CHECK(parse() == ELF_BAD_SEGMENT);
}

TEST(bad_addresses)
{
	begin();
	file.p[0].p_vaddr = LOWEST - 1;
	CHECK(parse() == ELF_BAD_ADDRESS);
	begin();
	file.p[1].p_vaddr = HIGHEST - 0x1000;
	CHECK(parse() == ELF_BAD_ADDRESS);
	begin();
	file.p[1].p_vaddr = UINT64_MAX - 0x10;
	CHECK(parse() == ELF_BAD_ADDRESS);
	begin();
	file.p[1].p_memsz = UINT64_MAX;
	CHECK(parse() == ELF_BAD_ADDRESS);
	begin();
	file.p[1].p_vaddr = 0x401f00; /* in the last page of the first */
	CHECK(parse() == ELF_BAD_ADDRESS);
	begin();
	file.p[0].p_vaddr = 0x410000; /* descending */
	CHECK(parse() == ELF_BAD_ADDRESS);
}

TEST(no_more_access_than_needed)
{
	begin();
	file.p[0].p_flags |= PF_W;
	CHECK(parse() == ELF_BAD_ACCESS);
}

TEST(bad_entries)
{
	begin();
	file.h.e_entry = 0x402010; /* data */
	CHECK(parse() == ELF_BAD_ENTRY);
	begin();
	file.h.e_entry = 0;
	CHECK(parse() == ELF_BAD_ENTRY);
	begin();
	file.h.e_entry = 0x400012;
	CHECK(parse() == ELF_BAD_ENTRY);
	begin();
	file.h.e_phnum = 0;
	CHECK(parse() == ELF_BAD_ENTRY);
}

TEST(too_many_segments)
{
	begin();
	for (unsigned i = 0; i < 12; i++)
		file.p[i] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R,
					 .p_vaddr = LOWEST + i * 0x1000, .p_memsz = 1};
	file.h.e_phnum = 12;
	CHECK(parse() == ELF_TOO_MANY);
}

TEST(cut_anywhere)
{
	struct elf_image image;

	begin();
	for (uint64_t size = 0; size < 0x3108; size += 7)
		CHECK(parse_size(size, &image) != ELF_OK);
	CHECK(parse_size(0x3108, &image) == ELF_OK);
}

int main(void)
{
	RUN(loads);
	RUN(no_program);
	RUN(bad_headers);
	RUN(bad_segments);
	RUN(bad_addresses);
	RUN(no_more_access_than_needed);
	RUN(bad_entries);
	RUN(too_many_segments);
	RUN(cut_anywhere);
	return tap_done();
}
