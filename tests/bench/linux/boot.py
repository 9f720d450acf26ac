# SPDX-License-Identifier: MIT
"""How long Linux takes from reset to its init: in a machine on takt, against the same kernel with the
same RAM, initramfs, command line and a like device tree on the bare board."""

import pathlib
import re
import subprocess
import sys
import tempfile

import pexpect

from takt import machine

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT = 300
CPU = "cortex-a57"
# cma=0: whether there is room for it depends on where a loader puts the initramfs.
BOOTARGS = "console=ttyAMA0 rdinit=/bench-init sysrq_always_enabled cryptomgr.notests cma=0"
INITRD = machine.BUILD / "tests/bench/linux/bench-initrd"


def _ticks(line):
    """What the init prints."""
    with machine.Machine(line) as m:
        if m.serial.expect([r"linux\.boot\.at (\d+) ticks", pexpect.EOF, pexpect.TIMEOUT],
                           timeout=TIMEOUT):
            sys.exit("Linux came to no init that measures:\n"
                     + (m.serial.before or b"").decode(errors="replace")[-1500:])
        return int(m.serial.match[1])


def native(folder, bootargs):
    tree = folder / "native.dtb"
    subprocess.run([machine.TOP / "tools/dtb", machine.TOP / "guests/linux/native.dts", tree,
                    f'-DBOOTARGS="{bootargs}"'], check=True)
    return _ticks(lambda trace: machine.native_linux(trace, INITRD, tree, icount=True, cpu=CPU))


def virtual(folder, bootargs):
    programs = machine.BUILD
    system = machine.pack(folder / "linux.cpio", HERE / "system.dts",
                          {"root": programs / "servers/root/root",
                           "console": programs / "servers/console/console",
                           "vmm": programs / "vmm/vmm",
                           "linux/Image": programs / "guests/linux/linux-Image",
                           "linux/initrd": INITRD},
                          BOOTARGS=f'"{bootargs}"')
    return _ticks(lambda trace: machine.command(system, trace, smp=1, icount=True, cpu=CPU))


def figures():
    """Without the kernel's messages on the console, and with them."""
    found = []
    for name, more in (("linux.boot", " quiet"), ("linux.boot.console", "")):
        with tempfile.TemporaryDirectory(prefix="takt-") as folder:
            folder = pathlib.Path(folder)
            bare, ours = native(folder, BOOTARGS + more), virtual(folder, BOOTARGS + more)
        print(f"# {name}: {bare} ticks on the bare board, {ours} in a machine", file=sys.stderr)
        found.append((name, (ours * 1000 + bare // 2) // bare, "permille"))
    return found
