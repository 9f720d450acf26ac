# SPDX-License-Identifier: MIT
"""The ways through the kernel that a run took: what tests/bench/plugin.c saw."""

import bisect
import pathlib
import subprocess
import tempfile

import pexpect

from . import machine

KERNEL = machine.BUILD / "kernel/takt.elf"
PLUGIN = machine.BUILD / "tests/bench/paths.so"


class Symbols:
    """Which function of the kernel an address is in."""

    def __init__(self):
        nm = subprocess.run(["aarch64-linux-gnu-nm", KERNEL], check=True, capture_output=True,
                            text=True).stdout
        table = [line.split() for line in nm.splitlines()]
        table = sorted((int(row[0], 16), row[2]) for row in table
                       if len(row) == 3 and row[1] in "tT" and not row[2].startswith("$"))
        self.addresses = [address for address, _ in table]
        self.names = [name for _, name in table]
        self.by_name = dict(zip(self.names, self.addresses))

    def name(self, address):
        return self.names[bisect.bisect(self.addresses, address) - 1]


class InlinedSymbols(Symbols):
    """Which function an instruction was written in, where the compiler inlined that."""

    def __init__(self):
        super().__init__()
        code = range(self.by_name["_image_start"], self.by_name["_text_end"], 4)
        out = subprocess.run(["aarch64-linux-gnu-addr2line", "-a", "-f", "-i", "-e", KERNEL],
                             input="\n".join(map(hex, code)), check=True, capture_output=True,
                             text=True).stdout.splitlines()
        self.inner = {int(line, 16): out[i + 1] for i, line in enumerate(out)
                      if line.startswith("0x")}

    def name(self, address):
        inner = self.inner.get(address, "??")
        return super().name(address) if inner == "??" else inner


class Path:
    """One way through: how often it was taken, its instructions by function, the vector through
    which it came in and the code that ran before."""

    def __init__(self, fields, symbols):
        self.times, self.length = int(fields[0]), int(fields[1])
        self.entry, self.caller = int(fields[2], 16), int(fields[3], 16)
        self.vectors = symbols.by_name["vectors"]
        self.functions = {}
        for field in fields[4:]:
            address, times = field.split(":")
            name = symbols.name(int(address, 16))
            self.functions[name] = self.functions.get(name, 0) + int(times)

    def __str__(self):
        kinds = {0: "from reset", self.vectors + 0x400: "system call or fault",
                 self.vectors + 0x480: "interrupt", self.vectors + 0x580: "SError"}
        kind = kinds.get(self.entry, f"at {self.entry:#x}")
        lines = [f"{self.length} instructions, {self.times} times, {kind}, after {self.caller:#x}"]
        row = "   "
        for name, count in sorted(self.functions.items(), key=lambda item: -item[1]):
            part = f" {name} {count}"
            if len(row + part) > 98:
                lines.append(row)
                row = "   "
            row += part
        return "\n".join(lines + [row])


def _wait_end(m, timeout, until):
    """Whether QEMU ended by itself or, at a line that matches `until`, was told to."""
    if not until:
        return m.wait_exit(timeout)[1]
    if m.serial.expect([until, pexpect.EOF, pexpect.TIMEOUT], timeout=timeout):
        return False
    m.serial.proc.terminate()
    return m.serial.proc.wait(60) == 0


def run(system, timeout, every=False, inlined=False, until=None, **options):
    """Boots a system; its ways through the kernel by kind: "longest" and "boot", one each, and with
    `every` each "path". Nothing if it did not end, by itself or, if given, at a line `until`."""
    symbols = InlinedSymbols() if inlined else Symbols()
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        out = pathlib.Path(folder) / "paths"
        plugin = (f"{PLUGIN},start={symbols.by_name['_image_start']:#x},"
                  f"end={symbols.by_name['_text_end']:#x},"
                  f"vectors={symbols.by_name['vectors']:#x},out={out},"
                  f"paths={'on' if every else 'off'}")
        with machine.Machine(lambda trace: machine.command(system, trace, **options) +
                             ["-plugin", plugin]) as m:
            ended = _wait_end(m, timeout, until)
        if not ended or not out.exists():
            return {}
        rows = [line.split() for line in out.read_text().splitlines()]
    found = {"longest": [], "boot": [], "path": []}
    for row in rows:
        if row[0] in found:
            found[row[0]].append(Path(row[1:], symbols))
    return found
