#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A device of the board passed through to Linux: its driver finds the registers, gets the interrupts,
and after a restart of the machine gets them again, with one left pending by the last guest as well."""

import pathlib
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

from test_linux_smp import archive                                           # noqa: E402

CLOCK = "b000000.device"


def clock(serial):
    """The passed one's name: the machine has another clock of its own."""
    for name in ("rtc0", "rtc1"):
        if CLOCK in scenario.command(serial, f"readlink -f /sys/class/rtc/{name}/device"):
            return name
    check(False, "Linux has no driver at the clock that is passed through")


def interrupts(serial):
    """How often it has interrupted, by Linux's count; its line there is known by the interrupt's
    number at the GIC, 100."""
    rows = [row for row in scenario.command(serial, "cat /proc/interrupts").splitlines()
            if " 100 Level" in row]
    check(len(rows) == 1, f"Linux's rows for the clock's interrupt: {rows}")
    return int(rows[0].split()[1])


def alarm(serial, name):
    """One interrupt, in two seconds."""
    before = interrupts(serial)
    scenario.command(serial, f"echo 0 >/sys/class/rtc/{name}/wakealarm")
    scenario.command(serial, f"echo +2 >/sys/class/rtc/{name}/wakealarm")
    for _ in range(20):
        after = interrupts(serial)
        if after != before:
            break
        scenario.command(serial, "sleep 1")
    check(after == before + 1, f"the clock's alarm came {after - before} times")


def linux(steps, gic, cpu):
    kind = f"GICv{gic}"
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = archive(folder, 2, 2, PASSED=1)
        with machine.Machine(lambda trace: machine.command(system, trace, gic=gic, cpu=cpu)) as m:
            scenario.boot(m.serial)
            name = clock(m.serial)
            seconds = int(scenario.command(m.serial, f"cat /sys/class/rtc/{name}/since_epoch"))
            check(abs(seconds - time.time()) < 60, f"the board's clock says {seconds}")
            steps.done(f"{kind}: Linux reads the board's clock")
            alarm(m.serial, name)
            alarm(m.serial, name)
            steps.done(f"{kind}: it gets the clock's interrupts, one for each alarm")
            # One more becomes due while nobody is there to take it.
            scenario.command(m.serial, f"echo +2 >/sys/class/rtc/{name}/wakealarm")
            m.serial.sendline("echo b > /proc/sysrq-trigger")
            scenario.expect(m.serial, "resets its machine: it is restarted", 60,
                            "Linux did not reset its machine")
            scenario.boot(m.serial)
            name = clock(m.serial)
            alarm(m.serial, name)
            steps.done(f"{kind}: likewise after a restart, with an alarm set before")


if __name__ == "__main__":
    steps = Steps()
    steps.run(linux, 2, "cortex-a57")
    steps.run(linux, 3, "max")
    steps.plan()
