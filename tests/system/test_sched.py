#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Schedulers that are interposed by the description: one program, placed by policies."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

# Where each client's numbers 0 and 1 must be.
PLACES = {"direct": "01", "keep": "01", "pack": "00", "pinned": "11", "not-pinned": "01"}


def places(steps):
    with machine.Machine(lambda trace: machine.command("sched", trace)) as m:
        found = {}
        while len(found) < 2 * len(PLACES):
            scenario.expect(m.serial, r"([\w-]+): number (\d) on CPU (\d)\r", 30,
                            f"only {sorted(found)} run")
            found[m.serial.match[1].decode(), int(m.serial.match[2])] = m.serial.match[3].decode()
    for name, cpus in PLACES.items():
        check(found[name, 0] + found[name, 1] == cpus, f"{name} is on {found}")
        steps.done(f"{name}: threads and their time are on CPUs {', '.join(cpus)}")


if __name__ == "__main__":
    steps = Steps()
    steps.run(places)
    steps.plan()
