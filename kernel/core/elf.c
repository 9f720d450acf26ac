/* SPDX-License-Identifier: MIT */
#include <core/elf.h>

/* --- cpio, format newc: a header of 8-digit hexadecimal numbers, name, data, padded to 4 ------- */

#define CPIO_HEADER 110
#define CPIO_FILE_SIZE 54
#define CPIO_NAME_SIZE 94

static bool hex8(const char *p, u64 *value)
{
	*value = 0;
	for (unsigned i = 0; i < 8; i++) {
		char c = p[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if (c >= 'a' && c <= 'f')
			digit = (unsigned)(c - 'a') + 10;
		else if (c >= 'A' && c <= 'F')
			digit = (unsigned)(c - 'A') + 10;
		else
			return false;
		*value = *value << 4 | digit;
	}
	return true;
}

const void *cpio_first(const void *archive, u64 size, const char *name, u64 *file_size,
		       const char **why)
{
	const char *p = archive;
	u64 name_size, data;

	*why = "it is not a cpio archive of format newc";
	if (size < CPIO_HEADER || memcmp(p, "070701", 6) ||
	    !hex8(p + CPIO_FILE_SIZE, file_size) || !hex8(p + CPIO_NAME_SIZE, &name_size))
		return NULL;
	*why = "its first file is not complete";
	data = ALIGN_UP(CPIO_HEADER + name_size, 4ul);
	if (data > size || *file_size > size - data)
		return NULL;
	*why = "its first file is not 'root'";
	for (u64 i = 0;; i++) {
		if (i >= name_size || p[CPIO_HEADER + i] != name[i])
			return NULL;
		if (!name[i])
			return p + data;
	}
}

/* --- ELF ---------------------------------------------------------------------------------------- */

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

#define ET_EXEC 2
#define EM_AARCH64 183
#define PT_LOAD 1
#define PF_X 1
#define PF_W 2

static bool add_segment(const struct elf_phdr *ph, u64 size, struct elf_image *out,
			const char **why)
{
	u64 end;

	*why = "it has too many segments";
	if (out->segments == ELF_SEGMENTS)
		return false;
	*why = "a segment does not lie within the file";
	if (!add_ok(ph->offset, ph->filesz, &end) || end > size || ph->filesz > ph->memsz)
		return false;
	*why = "a segment is not page-aligned";
	if (!IS_ALIGNED(ph->vaddr, PAGE_SIZE) || !add_ok(ph->vaddr, ph->memsz, &end))
		return false;
	*why = "a segment is both writable and executable";
	if ((ph->flags & (PF_X | PF_W)) == (PF_X | PF_W))
		return false;
	out->segment[out->segments++] = (struct elf_segment){
		.va = ph->vaddr,
		.offset = ph->offset,
		.file_size = ph->filesz,
		.size = ALIGN_UP(ph->memsz, PAGE_SIZE),
		.write = ph->flags & PF_W,
		.exec = ph->flags & PF_X,
	};
	return true;
}

bool elf_parse(const void *file, u64 size, struct elf_image *out, const char **why)
{
	static const u8 ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
	struct elf_header h;

	*why = "it is not a static AArch64 ELF executable";
	if (size < sizeof(h))
		return false;
	memcpy(&h, file, sizeof(h));
	if (memcmp(h.ident, ident, sizeof(ident)) || h.type != ET_EXEC ||
	    h.machine != EM_AARCH64 || h.phentsize != sizeof(struct elf_phdr))
		return false;
	*why = "its program headers do not lie within the file";
	if (h.phoff > size || (u64)h.phnum * sizeof(struct elf_phdr) > size - h.phoff)
		return false;
	out->entry = h.entry;
	out->segments = 0;
	for (unsigned i = 0; i < h.phnum; i++) {
		struct elf_phdr ph;

		memcpy(&ph, (const char *)file + h.phoff + i * sizeof(ph), sizeof(ph));
		if (ph.type == PT_LOAD && ph.memsz && !add_segment(&ph, size, out, why))
			return false;
	}
	*why = "it has no segment to load";
	return out->segments > 0;
}
