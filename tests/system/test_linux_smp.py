#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Linux on several virtual CPUs: it boots to a shell, its CPUs interrupt each other, can be switched
off and on, and the machine restarts and stops from inside. With the word matrix: on every kind of CPU
and interrupt controller."""

import itertools
import pathlib
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent

# Virtual CPUs, CPUs, interrupt controller, kind of CPU.
SOME = [(4, 2, 2, "cortex-a57"), (2, 2, 3, "max")]
ALL = [(vcpus, cpus, gic, cpu)
       for gic, cpu in itertools.product((2, 3), ("cortex-a53", "cortex-a57", "cortex-a72", "max"))
       for vcpus, cpus in ((1, 1), (2, 2), (4, 4), (4, 2), (8, 4))]


def archive(folder, vcpus, cpus, **more):
    """The boot archive of a system with such a machine; `more` is defined in its description."""
    programs, linux = machine.BUILD, machine.BUILD / "guests/linux"
    return machine.pack(pathlib.Path(folder) / "linux.cpio", HERE / "linux.dts",
                        {"root": programs / "servers/root/root",
                         "console": programs / "servers/console/console",
                         "vmm": programs / "vmm/vmm",
                         "linux/Image": linux / "linux-Image",
                         "linux/initrd": linux / "linux-initrd"},
                        VCPUS=vcpus, CPUS=" ".join(map(str, range(cpus))), **more)


def numbers(row):
    return [int(n) for n in re.findall(r"\d+", row)]


def counts(serial, row, vcpus):
    """How often each CPU had the interrupt of a row of /proc/interrupts."""
    text = scenario.command(serial, f"grep '{row}' /proc/interrupts")
    line = next(line for line in text.splitlines() if ":" in line)
    return numbers(line.split(":", 1)[1])[:vcpus]


def cpus_work(steps, serial, name, vcpus):
    check(scenario.command(serial, "nproc") == str(vcpus), "Linux has not got all its CPUs")
    # Something to do for each of them, that ends together.
    scenario.command(serial, "busy() { i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done; }")
    scenario.command(serial, "busy & " * vcpus + "wait")
    ticks = counts(serial, "arch_timer", vcpus)
    check(len(ticks) == vcpus and all(ticks), f"timer interrupts of the CPUs: {ticks}")
    if vcpus > 1:
        ipis = [a + b for a, b in zip(counts(serial, "Rescheduling", vcpus),
                                      counts(serial, "Function call", vcpus))]
        check(len(ipis) == vcpus and all(ipis), f"IPIs of the CPUs: {ipis}")
    steps.done(f"{name}: all CPUs work, and interrupt each other")


def hotplug(steps, serial, name, vcpus):
    for cpu in (vcpus - 1, 0):
        online = f"/sys/devices/system/cpu/cpu{cpu}/online"
        for state, left in ((0, vcpus - 1), (1, vcpus)):
            scenario.command(serial, f"echo {state} >{online}")
            check(scenario.command(serial, "nproc") == str(left),
                  f"CPU {cpu} was set to {state}, but Linux has not {left} CPUs")
        steps.done(f"{name}: CPU {cpu} goes off and on")


def linux(steps, vcpus, cpus, gic, cpu):
    name = f"{vcpus} vCPUs on {cpus} CPUs, GICv{gic}, {cpu}"
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = archive(folder, vcpus, cpus)
        line = lambda trace: machine.command(system, trace, smp=max(cpus, 2), gic=gic, cpu=cpu)
        with machine.Machine(line) as m:
            scenario.boot(m.serial)
            steps.done(f"{name}: Linux boots to a shell")
            cpus_work(steps, m.serial, name, vcpus)
            if vcpus > 1:
                hotplug(steps, m.serial, name, vcpus)
            m.serial.sendline("reboot")
            scenario.expect(m.serial, "resets its machine: it is restarted", 60,
                            "Linux's reboot did not reset its machine")
            scenario.boot(m.serial)
            steps.done(f"{name}: reboot brings it back")
            cpus_work(steps, m.serial, f"{name}, rebooted", vcpus)
            m.serial.sendline("poweroff")
            scenario.expect(m.serial, "switched its machine off: it stops", 60,
                            "Linux's poweroff did not switch its machine off")
            steps.done(f"{name}: poweroff stops it")


if __name__ == "__main__":
    steps = Steps()
    for configuration in ALL if sys.argv[1:] == ["matrix"] else SOME:
        steps.run(linux, *configuration)
    steps.plan()
