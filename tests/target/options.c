/* SPDX-License-Identifier: MIT */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "options.h"

/* /chosen/bootargs of the board's tree, "" where there are none. The tree stays mapped. */
static const char *command_line(void)
{
	static const char *line;
	const struct takt_bootinfo *info = bootinfo();
	uint64_t size = (info->dtb_offset + info->dtb_size + TAKT_PAGE_SIZE - 1) &
			~(uint64_t)(TAKT_PAGE_SIZE - 1);
	const char *tree;

	if (line)
		return line;
	tree = rt_map(TAKT_ROOT_DTB, 0, size, TAKT_MAP_READ);
	if (tree && !fdt_check_header(tree += info->dtb_offset))
		line = fdt_getprop(tree, fdt_path_offset(tree, "/chosen"), "bootargs", NULL);
	if (!line)
		line = "";
	return line;
}

uint64_t option(const char *name, uint64_t otherwise)
{
	size_t length = strlen(name);

	for (const char *s = command_line(); *s; s += strcspn(s, " ")) {
		s += strspn(s, " ");
		if (!strncmp(s, name, length) && s[length] == '=')
			return strtoull(s + length + 1, NULL, 0);
	}
	return otherwise;
}
