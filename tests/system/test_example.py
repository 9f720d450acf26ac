#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The manual's example: a server and its clients."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                                   # noqa: E402


def example(steps):
    with machine.Machine(lambda trace: machine.command("example", trace)) as m:
        for n in (1, 2, 3):
            scenario.expect(m.serial, f"ask: counted to {n}\r", 30, f"ask did not count to {n}")
        steps.done("the client counts by its server")
        check(b"limit" not in m.serial.before, "the limit came too early")
        scenario.expect(m.serial, "ask: the limit is reached\r", 10, "nobody told of the limit")
        check(b"ask: counted to 4" not in m.serial.before, "the limit came too late")
        steps.done("the server triggers the irq that it was given")
        scenario.expect(m.serial, "other: counted to 9\r", 30, "the other client does not count")
        text = m.serial.before.decode()
        check("ask: counted to 4" in text and "limit" not in text, f"counters mix: {text}")
        steps.done("another badge is another counter")


def size(steps):
    """What the manual promises."""
    lines = (TOP / "docs/examples/counter.c").read_text().count("\n")
    check(lines < 100, f"the example of a small server has {lines} lines")
    steps.done(f"a server in {lines} lines")


if __name__ == "__main__":
    steps = Steps()
    steps.run(example)
    steps.run(size)
    steps.plan()
