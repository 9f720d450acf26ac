#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Debian's U-Boot for QEMU's board, as it is, as the firmware of a machine: to its prompt; what it finds;
and its reset."""

import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
PROMPT = "\n=> "


def prompt(serial):
    scenario.expect(serial, r"U-Boot \d+\.\d+", 60, "no U-Boot")
    scenario.expect(serial, "Hit any key", 60, "U-Boot does not count down")
    serial.send(" ")
    scenario.expect(serial, PROMPT, 30, "no prompt of U-Boot's")


def command(serial, line):
    serial.sendline(line)
    scenario.expect(serial, PROMPT, 60, f"no prompt after {line!r}")
    return serial.before.decode(errors="replace").replace("\r", "")


def uboot(steps, gic, cpu):
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = machine.pack(pathlib.Path(folder) / "uboot.cpio", HERE / "uboot.dts",
                              {"root": machine.BUILD / "servers/root/root",
                               "console": machine.BUILD / "servers/console/console",
                               "vmm": machine.BUILD / "vmm/vmm",
                               "u-boot.bin": pathlib.Path(machine.UBOOT)})
        with machine.Machine(lambda trace: machine.command(system, trace, gic=gic, cpu=cpu)) as m:
            prompt(m.serial)
            steps.done(f"GICv{gic}, {cpu}: U-Boot gets to its prompt")
            info = command(m.serial, "bdinfo")
            check(re.search(r"size\s*= 0x0*7c00000\b", info), f"U-Boot sees other RAM: {info}")
            command(m.serial, "mw.l 0x44000000 0x12345678 0x1000")
            crc = command(m.serial, "crc32 0x44000000 0x4000")
            check("==> " in crc, f"no sum: {crc}")
            command(m.serial, "sleep 1")
            steps.done(f"GICv{gic}, {cpu}: its commands work")
            m.serial.sendline("reset")
            scenario.expect(m.serial, "it is restarted", 60, "U-Boot's reset resets nothing")
            prompt(m.serial)
            steps.done(f"GICv{gic}, {cpu}: its reset starts it anew")
            m.serial.sendline("md.l 0x20000000 1")
            scenario.expect(m.serial, "read outside the machine: .* ipa 20000000 ", 30,
                            "an access to nothing is not reported")
            scenario.expect(m.serial, "Synchronous Abort", 30, "an access to nothing has no effect")
            prompt(m.serial)
            steps.done(f"GICv{gic}, {cpu}: an access to nothing is an abort, as on hardware")


if __name__ == "__main__":
    steps = Steps()
    for gic, cpu in ((2, "cortex-a57"), (3, "max")):
        steps.run(uboot, gic, cpu)
    steps.plan()
