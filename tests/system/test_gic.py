#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The interrupt controller of a virtual machine, as its guest sees it."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402


def gic(steps, system, version, cpu):
    options = {"gic": version, "cpu": cpu}
    with machine.Machine(lambda trace: machine.command(system, trace, **options)) as m:
        scenario.expect(m.serial, r"1\.\.\d+\r?\n", 60, "the guest's tests did not end")
        text = m.serial.before.decode(errors="replace")
    plan = int(m.serial.after.decode().strip()[3:])
    check(f"# GICv{version}" in text, "the guest has another controller")
    for good, what in re.findall(r"^(ok|not ok) \d+ - (.*?)\r?$", text, re.MULTILINE):
        check(good == "ok", f"{what}: {text[-1500:]!r}")
        steps.done(f"{system}, GICv{version}, {cpu}: {what}")
        plan -= 1
    check(plan == 0, f"{plan} results are missing")


if __name__ == "__main__":
    steps = Steps()
    for version in (2, 3):
        for cpu in ("cortex-a57", "max"):
            for system in ("gic-test", "gic-events"):
                steps.run(gic, system, version, cpu)
    steps.plan()
