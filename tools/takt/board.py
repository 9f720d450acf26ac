# SPDX-License-Identifier: MIT
"""What a board's device tree has for compartments, and where its memory goes: as the kernel and root
take it, step by step, so that what does not fit shows before anything boots."""

import pathlib
import struct
import tempfile

from takt import dts

PAGE = 0x1000
BLOCK = 0x200000
GIB = 1 << 30
MAX_CPUS = 8
FRAME_ENTRY = 32                # bytes of the kernel's frame table for a page
ROOT_FACTORY = 4 << 20          # kernel/core/root.c
ROOT_STACK = 0x10000            # abi/takt/bootinfo.h
ROOT_HEAP = 0x40000             # servers/root: its heap,
ROOT_WORKER = 0x8000            # and the stack of its second thread
GIC = ("arm,cortex-a15-gic", "arm,gic-400", "arm,gic-v3")
FIRST_SPI, FIRST_PPI = 32, 16
INTERRUPT_CELLS = 3


def up(number, to=PAGE):
    return (number + to - 1) // to * to


class Board:
    def __init__(self, tree, name):
        self.tree, self.name = tree, name
        self.root = tree.root
        self.gic = next((n for n in self.root.walk()
                         if any(c in GIC for c in n.strings("compatible"))), None)
        self.cpus = self._count_cpus()
        self.memory = sorted(self._memory())
        self.reserved = self._reserved()

    def _count_cpus(self):
        cpus = self.root.child("cpus")
        good = [n for n in (cpus.children if cpus else ())
                if n.strings("device_type") == ["cpu"] and enabled(n)]
        return max(1, min(len(good), MAX_CPUS))

    def _memory(self):
        for node in self.root.children:
            if node.strings("device_type") == ["memory"] and enabled(node):
                yield from self.registers(node) or ()

    def _reserved(self):
        folder = self.root.child("reserved-memory")
        return [r for n in (folder.children if folder else ()) for r in self.registers(n) or ()]

    def find(self, path):
        """A device, by path or by alias."""
        if not path.startswith("/"):
            alias, _, rest = path.partition("/")
            aliases = self.root.child("aliases")
            start = (aliases.strings(alias) if aliases else []) or [None]
            if start[0] is None or not start[0].startswith("/"):
                return None
            path = f"{start[0]}/{rest}"
        return self.root.at(path)

    def registers(self, node):
        """[(base, size)] in the CPUs' addresses; None where the node has none."""
        prop = node.get("reg")
        bus = node.parent
        if not prop or not bus:
            return None
        address = (bus.numbers("#address-cells") or [2])[0]
        size = (bus.numbers("#size-cells") or [1])[0]
        if not (1 <= address <= 2 and 1 <= size <= 2):
            return None
        while bus.parent:
            if not bus.get("ranges") or bus.get("ranges").data:
                return None
            bus = bus.parent
        cells, found = node.numbers("reg"), []
        while len(cells) >= address + size:
            found.append((_join(cells[:address]), _join(cells[address:address + size])))
            cells = cells[address + size:]
        return found

    def interrupts(self, node):
        """[number at the controller]; None where they do not go to it, or are of no known type."""
        cells, found = node.numbers("interrupts"), []
        if not cells:
            return []
        at = node
        while at and not at.numbers("interrupt-parent"):
            at = at.parent
        controller = at and self.tree.by_phandle.get(at.numbers("interrupt-parent")[0])
        if not controller or controller.numbers("#interrupt-cells") != [INTERRUPT_CELLS]:
            return None
        for kind, number, _ in zip(*[iter(cells)] * INTERRUPT_CELLS):
            if kind > 1:
                return None
            found.append(number + (FIRST_PPI if kind else FIRST_SPI))
        return found

    def devices(self):
        """Paths of what may be given away, for proposals."""
        return [node.path for node in self.root.walk() if node.parent and self.registers(node)
                and node.strings("device_type") not in (["memory"], ["cpu"]) and node != self.gic]


def _join(cells):
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value


def enabled(node):
    return (node.strings("status") or ["okay"])[0] in ("okay", "ok")


def from_file(path):
    board = Board(dts.load_blob(path), pathlib.Path(path).name)
    if not board.memory:
        raise dts.Unreadable([(str(path), 0, "no memory node in it: not a board's tree?")])
    return board


def from_qemu(**options):
    """QEMU's virt, as tools/run starts it with these options."""
    from takt import machine
    with tempfile.NamedTemporaryFile(prefix="takt-", suffix=".dtb") as file:
        file.write(machine.board_tree(**options))
        file.flush()
        board = from_file(file.name)
    board.name = "QEMU's virt"
    return board


# --- Files in the boot archive -------------------------------------------------------------------

def elf_segments(data):
    """Sizes in memory, by pages, of what is loaded; None: no ELF file that root loads."""
    try:
        if data[:4] != b"\x7fELF" or data[4] != 2 or struct.unpack_from("<HH", data, 16) != (2, 183):
            return None
        offset, = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        found = []
        for n in range(count):
            header = struct.unpack_from("<IIQQQQQQ", data, offset + n * size)
            kind, address, memory = header[0], header[3], header[6]
            if kind == 1 and memory:
                found.append(up(address + memory) - address // PAGE * PAGE)
        return found
    except struct.error:
        return None


def image_size(data):
    """What a kernel image takes of memory with its bss, and its offset; from its header."""
    if len(data) < 64 or data[56:60] != b"ARM\x64":
        return len(data), 0
    offset, size = struct.unpack_from("<QQ", data, 8)
    return max(size, len(data)), offset if size else 0x80000


# --- Memory, as the kernel and root take it ------------------------------------------------------

class NoRoom(Exception):
    pass


class Memory:
    """Free RAM. The order of the regions matters: it is the kernel's."""

    def __init__(self, board, kernel, archive):
        self.free = [[base, base + size] for base, size in board.memory]
        self.total = sum(size for _, size in board.memory)
        for base, size in self._boot_files(board, kernel, archive) + board.reserved:
            self._exclude(base, size)
        self._kernel_tables(board)
        self.regions = []       # root's: [base, low, high]

    @staticmethod
    def _boot_files(board, kernel, archive):
        """Where QEMU puts kernel, archive and tree; a boot loader does about the same."""
        base, size = board.memory[0]
        image = base + (kernel[1] if kernel[1] >= PAGE else kernel[1] + BLOCK)
        initrd = up(max(base + min(size // 2, 128 << 20), image + kernel[0]))
        tree = up(initrd + archive, BLOCK)
        return [(image, kernel[0]), (tree, 1 << 20), (initrd, archive)]

    def _exclude(self, base, size):
        if not size:
            return
        start, end = base // PAGE * PAGE, up(base + size)
        kept, new = [], []
        for low, high in self.free:
            if end <= low or start >= high:
                kept.append([low, high])
            else:
                new += [part for part in ([low, min(start, high)], [max(end, low), high])
                        if part[0] < part[1]]
        self.free = kept + new

    def _take_last(self, size):
        """From the end of the largest region."""
        best = max(self.free, key=lambda r: r[1] - r[0], default=[0, 0])
        if best[1] - best[0] < up(size):
            raise NoRoom
        best[1] -= up(size)

    def _kernel_tables(self, board):
        chunks = {base for low, size in board.memory
                  for base in range(low // BLOCK * BLOCK, low + size, BLOCK)}
        gibs = {chunk // GIB for chunk in chunks}
        self._take_last((len(chunks) + len(gibs)) * PAGE)
        for gib in sorted(gibs):
            parts = [(max(low, gib * GIB), min(low + size, (gib + 1) * GIB))
                     for low, size in board.memory]
            parts = [part for part in parts if part[0] < part[1]]
            span = max(high for _, high in parts) - min(low for low, _ in parts)
            self._take_last(span // PAGE * FRAME_ENTRY)

    def start_root(self, segments):
        """What root itself takes; from then on there is `take`."""
        for size in [ROOT_FACTORY, *segments, ROOT_STACK]:
            region = next((r for r in self.free if r[1] - r[0] >= size), None)
            if not region:
                raise NoRoom
            region[0] += size
        self.regions = [(low, high) for low, high in self.free if low < high]
        self.taken = []
        self.at_start = self.left()
        self.take(ROOT_HEAP)
        self.take(ROOT_WORKER)

    def left(self):
        return (sum(high - low for low, high in self.regions)
                - sum(end - base for base, end in self.taken))

    def _gaps(self):
        """What is free, piece by piece, in the order of the regions."""
        for low, high in self.regions:
            for base, end in sorted(self.taken):
                if low <= base < high:
                    if low < base:
                        yield low, base
                    low = end
            if low < high:
                yield low, high

    def largest(self, size):
        """The most that a single piece can have, by the rule for pieces of this size."""
        if size < BLOCK:
            return max((high - low for low, high in self._gaps()), default=0)
        return max((high - up(low, BLOCK) for low, high in self._gaps()), default=0)

    def take(self, size):
        """Small pieces come from the low end of a region, large ones, aligned, from the high end."""
        size = up(size)
        for region in self.regions:
            gaps = [gap for gap in self._gaps() if region[0] <= gap[0] < region[1]]
            for low, high in gaps if size < BLOCK else reversed(gaps):
                base = low if size < BLOCK else (high - size) // BLOCK * BLOCK
                if high - low >= size and base >= low:
                    self.taken.append((base, base + size))
                    return
        raise NoRoom
