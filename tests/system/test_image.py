#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Kernel images for a machine: packed by gzip, and bad ones, of which the monitor says what is wrong."""

import gzip
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
LINUX = machine.BUILD / "guests/linux"
RAM = 0x08000000


def system(folder, data, name="kernel", ram=RAM):
    """A boot archive with that file as the kernel."""
    kernel = pathlib.Path(folder) / "kernel"
    kernel.write_bytes(data)
    return machine.pack(pathlib.Path(folder) / "image.cpio", HERE / "image.dts",
                        {"root": machine.BUILD / "servers/root/root",
                         "console": machine.BUILD / "servers/console/console",
                         "vmm": machine.BUILD / "vmm/vmm",
                         "kernel": kernel,
                         "linux/initrd": LINUX / "linux-initrd"}, KERNEL=f'"{name}"', RAM=ram)


def packed(steps, data):
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        archive = system(folder, data)
        with machine.Machine(lambda trace: machine.command(archive, trace, smp=1)) as m:
            scenario.boot(m.serial)
            scenario.answer(m.serial)
            steps.done("a kernel packed by gzip boots")
            m.serial.sendline("reboot -f")
            scenario.boot(m.serial)
            steps.done("... and once more after a reset")


def refused(steps, what, said, data, options):
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        archive = system(folder, data, **options)
        with machine.Machine(lambda trace: machine.command(archive, trace, smp=1)) as m:
            scenario.expect(m.serial, "vmm: " + said, 30, f"{what}: it does not say: {said}")
            scenario.expect(m.serial, "vmm: the guest cannot be loaded", 30,
                            f"{what}: it goes on")
    steps.done(f"{what}: {said.split(':')[-1].strip()}")


def changed(image, at, data):
    return image[:at] + data + image[at + len(data):]


def main():
    image = (LINUX / "linux-Image").read_bytes()
    check(image[56:60] == b"ARM\x64", "Debian's kernel has no Image header any more")
    gz = gzip.compress(image, 1)
    steps = Steps()
    steps.run(packed, gz)
    for what, said, data, options in (
            ("a gzip file cut short", "kernel cannot be unpacked: it is cut short",
             gz[:len(gz) // 2], {}),
            ("a damaged one", "kernel cannot be unpacked: it is damaged",
             changed(gz, len(gz) // 2, b"\xa5" * 1000), {}),
            ("one with another sum", "kernel cannot be unpacked: it is damaged",
             gz[:-8] + bytes(8), {}),
            ("one whose first bytes are damaged", "kernel cannot be unpacked: it is damaged",
             gz[:10] + b"\xff" * 64 + gz[74:], {}),
            ("a big-endian kernel", "kernel is a big-endian kernel",
             changed(image, 24, b"\x0b"), {}),
            ("one that does not fit", "kernel needs [0-9]+ bytes from offset 0, the guest has",
             image, {"ram": 0x01000000}),
            ("an ELF file", "kernel is an ELF file",
             (machine.BUILD / "vmm/vmm").read_bytes(), {}),
            ("an empty file", "kernel is empty", b"", {}),
            ("a name that the archive has not", "vmlinux: not in the boot archive",
             b"x", {"name": "vmlinux"})):
        steps.run(refused, what, said, data, options)
    steps.plan()


if __name__ == "__main__":
    main()
