# SPDX-License-Identifier: MIT
"""Writing and reading cpio archives in the "newc" format."""

import stat

HEADER = 110     # bytes of a newc header, all ASCII


class Writer:
    """Writes records one after another; needs no root, not even for device nodes."""

    def __init__(self, out):
        self.out = out
        self.offset = 0
        self.inode = 0

    def _write(self, data):
        self.out.write(data)
        self.offset += len(data)

    def _pad(self, to):
        self._write(b"\0" * (-self.offset % to))

    def _record(self, name, mode, data=b"", rdev=(0, 0), align=4):
        self.inode += 1
        name = name.encode() + b"\0"
        # NULs behind the name move the data to a multiple of align
        name += b"\0" * (-(self.offset + HEADER + len(name)) % align)
        nlink = 2 if stat.S_ISDIR(mode) else 1
        fields = (self.inode, mode, 0, 0, nlink, 0, len(data), 0, 0, *rdev, len(name), 0)
        self._write(b"070701" + b"".join(b"%08X" % field for field in fields))
        self._write(name)
        self._pad(4)
        self._write(data)
        self._pad(4)

    def directory(self, name):
        self._record(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, executable=False, align=4):
        self._record(name, stat.S_IFREG | (0o755 if executable else 0o644), data, align=align)

    def symlink(self, name, target):
        self._record(name, stat.S_IFLNK | 0o777, target.encode())

    def character_device(self, name, major, minor):
        self._record(name, stat.S_IFCHR | 0o600, rdev=(major, minor))

    def close(self):
        self._record("TRAILER!!!", 0)
        self._pad(4096)


def read(data):
    """(name, contents) of an archive's files, in order."""
    at = 0
    while data[at:at + 6] == b"070701":
        field = [int(data[at + 6 + 8 * n:at + 14 + 8 * n], 16) for n in range(13)]
        size, name_size = field[6], field[11]
        name = data[at + HEADER:at + HEADER + name_size].split(b"\0")[0].decode()
        at += HEADER + name_size
        at += -at % 4
        if name == "TRAILER!!!":
            return
        yield name, data[at:at + size]
        at += size
        at += -at % 4
    raise ValueError("not a cpio archive in newc format")
