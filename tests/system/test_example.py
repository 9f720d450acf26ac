#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The manual's example: a server and a client."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps                                                   # noqa: E402


def example(steps):
    with machine.Machine(lambda trace: machine.command("example", trace)) as m:
        for n in (1, 2, 5):
            scenario.expect(m.serial, f"counted to {n}\r", 30, f"the client did not count to {n}")
        steps.done("the client counts by its server")


if __name__ == "__main__":
    steps = Steps()
    steps.run(example)
    steps.plan()
