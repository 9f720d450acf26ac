#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The machines takt runs on: CPU models, interrupt controllers, numbers of CPUs, sizes of RAM; the
ways to start it; and what it says where it cannot run."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import libfdt                                                                # noqa: E402

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

SYSTEM = "example"      # small, and its programs have to do with each other

# CPU, GIC, number of CPUs, MiB of RAM: every two of the first three meet, nearly.
MACHINES = (
    ("cortex-a53", 2, 1, 128), ("cortex-a53", 3, 2, 512),
    ("cortex-a53", 2, 8, 4096), ("cortex-a53", 3, 5, 1024),
    ("cortex-a57", 2, 4, 4096), ("cortex-a57", 3, 1, 128),
    ("cortex-a57", 2, 3, 2048), ("cortex-a57", 3, 8, 1024),
    ("cortex-a72", 2, 6, 1024), ("cortex-a72", 3, 4, 4096),
    ("cortex-a72", 2, 2, 128), ("cortex-a72", 3, 1, 512),
    ("max", 2, 1, 4096), ("max", 3, 7, 2048),
    ("max", 2, 8, 512), ("max", 3, 2, 128),
)

# Linux in a virtual machine; that of the other tests is a cortex-a57 with GICv2.
LINUX = (("cortex-a53", 3), ("cortex-a57", 3), ("cortex-a72", 2), ("max", 2), ("max", 3))


def boots(serial, smp, gic):
    """All CPUs come up, root starts the programs, and these work."""
    cpus = f"{smp} CPU" + ("s" if smp > 1 else "")
    scenario.expect(serial, f"takt: {cpus}, GICv{gic}, ", 30, f"no kernel with {cpus}, GICv{gic}")
    scenario.expect(serial, r"root: (\d+) of \1 compartments run", 30, "root did not start all")
    scenario.expect(serial, "counted to 3\r", 30, "the programs do not work")


def matrix(steps, cpu, gic, smp, mem):
    options = {"cpu": cpu, "gic": gic, "smp": smp, "mem": mem}
    with machine.Machine(lambda trace: machine.command(SYSTEM, trace, **options)) as m:
        boots(m.serial, smp, gic)
    steps.done(f"{cpu}, GICv{gic}, {smp} CPUs, {mem} MiB")


def linux(steps, cpu, gic):
    with machine.Machine(lambda trace: machine.command("demo", trace, cpu=cpu, gic=gic)) as m:
        scenario.boot(m.serial)
        scenario.answer(m.serial)
    steps.done(f"{cpu}, GICv{gic}: Linux to its shell")


def uboot(steps, gic):
    with machine.Machine(lambda trace: machine.uboot(SYSTEM, trace, gic=gic)) as m:
        scenario.expect(m.serial, "Hit any key", 30, "no U-Boot")
        m.serial.send(" ")
        scenario.expect(m.serial, "=> ", 10, "no prompt of U-Boot's")
        m.serial.sendline(machine.boot_command(SYSTEM))
        boots(m.serial, 2, gic)
    steps.done(f"GICv{gic}, booted by U-Boot")


def stops(serial, said):
    scenario.expect(serial, f"takt: {said}: stopped", 30, f"it did not say: {said}")


def entered_at_el1(steps):
    with machine.Machine(lambda trace: machine.command(SYSTEM, trace, el2=False)) as m:
        stops(m.serial, "entered at EL1, but a hypervisor needs EL2")
        check(m.wait_exit(10)[1], "it did not switch the machine off")
    steps.done("entered at EL1 it says so and stops")


def without(tree, path):
    """The tree without a node."""
    fdt = libfdt.Fdt(tree)
    fdt.del_node(fdt.path_offset(path))
    fdt.pack()
    return bytes(fdt.as_bytearray())


def damaged(tree):
    """A tree whose structure block is nonsense."""
    start = libfdt.Fdt(tree).off_dt_struct()
    return tree[:start + 0x40] + b"\xa5" * 0x40 + tree[start + 0x80:]


def broken_trees(steps):
    good = machine.board_tree()
    cases = (
        ("no device tree", None, "none was passed"),
        ("zeroes for a device tree", b"\0" * 64, "it has no header"),
        ("a tree that exceeds all bounds", good[:4] + b"\x7f" * 4 + good[8:],
         "its size is out of bounds"),
        ("a damaged header", good[:8] + b"\x7f" * 4 + good[12:], "its header is damaged"),
        ("a damaged structure", damaged(good), "its structure is damaged"),
        ("no interrupt controller", without(good, "/intc@8000000"), "no GICv2 .*"),
        ("no timer", without(good, "/timer"), "no timer .*"),
        ("no memory", without(good, "/memory@40000000"), "no memory"),
    )
    for name, tree, said in cases:
        with tempfile.TemporaryDirectory(prefix="takt-") as folder, \
             machine.Machine(lambda trace: machine.bare(trace, folder, tree)) as m:
            stops(m.serial, f"the device tree is of no use: {said}")
        steps.done(f"{name}: it says so and stops")


def main():
    steps = Steps()
    for line in MACHINES:
        steps.run(matrix, *line)
    for line in LINUX:
        steps.run(linux, *line)
    for gic in (2, 3):
        steps.run(uboot, gic)
    steps.run(entered_at_el1)
    steps.run(broken_trees)
    steps.plan()


if __name__ == "__main__":
    main()
