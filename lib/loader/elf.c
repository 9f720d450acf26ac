/* SPDX-License-Identifier: MIT */
/* Reader of static ELF executables for 64-bit ARM. */
#include <stdbool.h>
#include <string.h>
#include <takt/loader.h>

#define PAGE 4096ull
#define MAX_HEADERS 64

#define EM_AARCH64 183
#define ET_EXEC 2
#define PT_LOAD 1
#define PT_DYNAMIC 2
#define PT_INTERP 3
#define PF_X 1
#define PF_W 2
#define PF_R 4

struct elf_header {
	uint8_t ident[16];
	uint16_t type, machine;
	uint32_t version;
	uint64_t entry, phoff, shoff;
	uint32_t flags;
	uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_program_header {
	uint32_t type, flags;
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

_Static_assert(sizeof(struct elf_header) == 64, "as in the file");
_Static_assert(sizeof(struct elf_program_header) == 56, "as in the file");

static enum elf_error check_header(const struct elf_header *h, uint64_t size)
{
	/* magic, 64-bit, little-endian, version 1 */
	static const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};

	if (memcmp(h->ident, ident, sizeof(ident)) || h->machine != EM_AARCH64)
		return ELF_BAD_MAGIC;
	if (h->type != ET_EXEC)
		return ELF_BAD_TYPE;
	if (h->phentsize != sizeof(struct elf_program_header) || h->phnum > MAX_HEADERS ||
	    h->phoff > size || h->phnum * sizeof(struct elf_program_header) > size - h->phoff)
		return ELF_BAD_HEADERS;
	return ELF_OK;
}

static enum elf_error add_segment(const struct elf_program_header *p, uint64_t size,
				  uint64_t lowest, uint64_t highest, struct elf_image *image)
{
	struct elf_segment *s = &image->segment[image->count];
	uint64_t end;

	if (p->filesz > p->memsz || p->offset > size || p->filesz > size - p->offset)
		return ELF_BAD_SEGMENT;
	if (p->vaddr < lowest || p->vaddr > highest || p->memsz > highest - p->vaddr ||
	    p->vaddr + p->memsz > UINT64_MAX - PAGE)
		return ELF_BAD_ADDRESS;
	if ((p->flags & PF_W) && (p->flags & PF_X))
		return ELF_BAD_ACCESS;
	if (image->count == ELF_MAX_SEGMENTS)
		return ELF_TOO_MANY;
	end = (p->vaddr + p->memsz + PAGE - 1) & ~(PAGE - 1);
	s->va = p->vaddr & ~(PAGE - 1);
	s->size = end - s->va;
	s->lead = p->vaddr - s->va;
	s->file_offset = p->offset;
	s->file_size = p->filesz;
	s->access = (p->flags & PF_R ? ELF_READ : 0) | (p->flags & PF_W ? ELF_WRITE : 0) |
		    (p->flags & PF_X ? ELF_EXEC : 0);
	if (image->count && s->va < s[-1].va + s[-1].size)
		return ELF_BAD_ADDRESS;
	image->count++;
	return ELF_OK;
}

static bool entry_is_code(const struct elf_image *image)
{
	for (unsigned i = 0; i < image->count; i++) {
		const struct elf_segment *s = &image->segment[i];

		if ((s->access & ELF_EXEC) && image->entry >= s->va + s->lead &&
		    image->entry < s->va + s->lead + s->file_size)
			return image->entry % 4 == 0;
	}
	return false;
}

enum elf_error elf_parse(const void *data, uint64_t size, uint64_t lowest, uint64_t highest,
			 struct elf_image *image)
{
	struct elf_header h;
	enum elf_error err;

	memset(image, 0, sizeof(*image));
	if (size < sizeof(h))
		return ELF_BAD_MAGIC;
	/* Copies, for the file may lie at any address within an archive. */
	memcpy(&h, data, sizeof(h));
	err = check_header(&h, size);
	if (err)
		return err;
	image->entry = h.entry;
	for (unsigned i = 0; i < h.phnum; i++) {
		struct elf_program_header p;

		memcpy(&p, (const char *)data + h.phoff + i * sizeof(p), sizeof(p));
		if (p.type == PT_DYNAMIC || p.type == PT_INTERP)
			return ELF_BAD_TYPE;
		if (p.type != PT_LOAD || !p.memsz)
			continue;
		err = add_segment(&p, size, lowest, highest, image);
		if (err)
			return err;
	}
	return entry_is_code(image) ? ELF_OK : ELF_BAD_ENTRY;
}

const char *elf_strerror(enum elf_error err)
{
	switch (err) {
	case ELF_OK:
		return "no error";
	case ELF_BAD_MAGIC:
		return "no ELF file for 64-bit ARM";
	case ELF_BAD_TYPE:
		return "not a static executable";
	case ELF_BAD_HEADERS:
		return "program headers outside the file";
	case ELF_BAD_SEGMENT:
		return "a segment does not fit the file or its memory";
	case ELF_BAD_ADDRESS:
		return "a segment at an impossible address, or two in one page";
	case ELF_BAD_ACCESS:
		return "a segment both writable and executable";
	case ELF_BAD_ENTRY:
		return "the entry point is not in code";
	case ELF_TOO_MANY:
		return "too many segments";
	}
	return "unknown error";
}
