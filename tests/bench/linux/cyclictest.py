# SPDX-License-Identifier: MIT
"""How late Linux's own timers are: Debian's cyclictest, on the bare board, in a machine that has a CPU
for itself, and in one that shares it with the demo's real-time programs. Counted time, one CPU."""

import pathlib
import re
import tempfile

from takt import machine, scenario
from takt.tap import Failure

CPU = "cortex-a57"
BOARD = {"smp": 1, "icount": True, "cpu": CPU}
INITRD = machine.BUILD / "guests/linux/linux-rt-initrd"
LOOPS = 5000        # of a millisecond
TIMEOUT = 600
# A row of its output, with -N: in nanoseconds.
ROW = re.compile(r"C:\s*(\d+)\s+Min:\s*(\d+)\s+Act:\s*\d+\s+Avg:\s*(\d+)\s+Max:\s*(\d+)")


def native(folder):
    return lambda trace: machine.native_linux(trace, INITRD, icount=True, cpu=CPU)


def _pack(folder, description, programs, **defines):
    build = machine.BUILD
    files = {"root": build / "servers/root/root", "console": build / "servers/console/console",
             "vmm": build / "vmm/vmm", "linux/Image": build / "guests/linux/linux-Image",
             "linux/initrd": INITRD} | {p.name: p for p in programs}
    system = machine.pack(folder / "linux.cpio", machine.TOP / description, files, **defines)
    return lambda trace: machine.command(system, trace, **BOARD)


def alone(folder):
    return _pack(folder, "tests/system/linux.dts", (), VCPUS=1, CPUS=0)


def beside(folder):
    build = machine.BUILD
    return _pack(folder, "systems/demo/system.dts",
                 [build / name for name in ("servers/gpio/gpio", "servers/blinker/blinker",
                                            "servers/monitor/monitor", "guests/baremetal/baremetal")],
                 RT_GUEST='"baremetal"', RT_CPU=0, LINUX_CPUS=0, LINUX_VCPUS=1)


WHERE = {"native": native, "alone": alone, "beside": beside}


def run(where, loops):
    """Least, mean and greatest latency in nanoseconds."""
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        with machine.Machine(WHERE[where](pathlib.Path(folder))) as m:
            scenario.boot(m.serial)
            text = scenario.command(m.serial, f"cyclictest -q -N -m -p 80 -i 1000 -l {loops}",
                                    TIMEOUT)
    row = ROW.search(text)
    if not row or int(row[1]) < loops:
        raise Failure(f"cyclictest did not run to its end ({where}):\n{text[-800:]}")
    return tuple(int(n) for n in row.groups()[1:])


def figures():
    found = []
    for where in WHERE:
        _, mean, greatest = run(where, LOOPS)
        found += [(f"cyclictest.{where}", mean, "ns"), (f"cyclictest.{where}.max", greatest, "ns")]
    return found
