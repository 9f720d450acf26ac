#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The gpio server: edges of inputs that are driven from outside, beside hostile clients."""

import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

INPUT, POWER_KEY, OUTPUT = 0, 3, 1
HOSTILE = {4, 5}
INTERVAL = 0.020        # edge-interval-us of the description
TOGGLES = 400
WORST_SET_NS = 4000    # counted: the own request, and the rest of one that it came into


def edge(m, line, level=None):
    """Waits for the report of an edge; which one it was."""
    tail = r"\d" if level is None else str(level)
    scenario.expect(m.serial, rf"edge {line} irqs (\d+) level {tail}\r", 30,
                    f"no edge of line {line} to {tail}")
    return int(m.serial.match[1])


def watched(m):
    """Up to the moment at which the probe has its irqs at the lines."""
    scenario.expect(m.serial, r"probe: tried, (\d+) failures\r", 60, "the protocol was not tried")
    failures = int(m.serial.match[1])
    check(not failures, f"the protocol: {m.serial.before.decode()[-1500:]}")
    m.inputs.set(INPUT, 1)          # to an irq that is gone
    m.inputs.power_key()            # to one whose thread is
    scenario.expect(m.serial, "probe: watches\r", 60, "the probe does not get ready")


def edges(steps, system, cpus):
    with machine.Machine(lambda trace: machine.command(system, trace, smp=cpus),
                         inputs=True) as m:
        watched(m)
        since = m.leds.count()       # reset changes them all
        steps.done(f"{cpus} CPUs: wrong messages are refused, irqs without a thread do no harm")
        first = edge_count = 0
        for level in (0, 1, 0):
            m.inputs.set(INPUT, level)
            edge_count = edge(m, INPUT, level)
            first = first or edge_count
            time.sleep(2 * INTERVAL)        # an interval of its own for each edge
        check(edge_count == first + 2, f"three edges were {edge_count - first + 1} irqs")
        m.inputs.power_key()
        edge(m, POWER_KEY)
        edge(m, POWER_KEY, 0)
        steps.done(f"{cpus} CPUs: each edge is an irq, the power key's too")

        begin = time.monotonic()
        for toggle in range(1, TOGGLES + 1):
            m.inputs.set(INPUT, toggle % 2)
        m.inputs.set(INPUT, 1)
        took = time.monotonic() - begin
        scenario.expect(m.serial, "set worst", 30, "the probe stands still")
        scenario.expect(m.serial, "set worst", 30, "the probe stands still")
        m.inputs.set(INPUT, 0)
        flood = edge(m, INPUT, 0) - edge_count - 1
        check(1 <= flood <= took / INTERVAL + 2,
              f"{flood} irqs for {TOGGLES} edges in {took:.3f} s")
        steps.done(f"{cpus} CPUs: a flood of edges is an irq for each interval, and its end is seen")
        scenario.blinks(m.leds, OUTPUT, 50, 30, since, "output")
        driven = {change.led for change in m.leds.edges[since:]}
        check(driven <= HOSTILE | {OUTPUT}, f"lines {driven} were driven")
        steps.done(f"{cpus} CPUs: the output toggles, nobody drives another's line")


def bounded(steps):
    """Time is counted, so what is measured must hold."""
    with machine.Machine(lambda trace: machine.command("gpio", trace, smp=1, icount=True)) as m:
        for _ in range(3):
            scenario.expect(m.serial, r"set worst (\d+) ns", 200, "the probe stands still")
            worst = int(m.serial.match[1])
            check(worst < WORST_SET_NS, f"setting a line took {worst} ns")
        check(re.search(rb"attack: \d", m.serial.before), "nobody attacked")
    steps.done("setting a line takes bounded time beside hostile clients")


if __name__ == "__main__":
    steps = Steps()
    steps.run(edges, "gpio", 1)
    steps.run(edges, "gpio-smp", 2)
    steps.run(bounded)
    steps.plan()
