#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The blinker keeps account of how late it was, and reports on request."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

LED = 2
SUMMARY = (r"late min (\d+) avg (\d+) max (\d+) ns, of (\d+), missed (\d+)\r")
HALF_NS = 20_000_000
HOG_NS = 70_000_000


class Report:
    """What comes after `report`; a second, wrong command marks its end."""

    def __init__(self, m):
        m.serial.send("report\r")
        scenario.expect(m.serial, SUMMARY, 30, "no report")
        self.least, self.average, self.most, self.count, self.missed = \
            (int(group) for group in m.serial.match.groups())
        m.serial.send("what\r")
        scenario.expect(m.serial, "clear: count anew[^\r]*\r", 30, "a wrong command is not answered")
        text = m.serial.before.decode(errors="replace")
        self.buckets = {int(bound): int(count)
                        for bound, count in re.findall(r"below +(\d+) ns: (\d+)", text)}


def reports(steps):
    options = {"smp": 1, "icount": True}
    with machine.Machine(lambda trace: machine.command("blinker", trace, **options)) as m:
        check(m.leds.wait(lambda: len(m.leds.of(LED)) > 60, 60), "the LED does not blink")
        first = Report(m)
        check(sum(first.buckets.values()) == first.count,
              f"{first.count} in buckets {first.buckets}")
        check(first.least <= first.average <= first.most < max(first.buckets) <= 2 * first.most,
              f"{first.least}, {first.average}, {first.most} in {first.buckets}")
        steps.done("a report on request, its figures belong together")
        check(first.missed > 0, "nothing was missed beside a hog")
        check(HALF_NS < first.most < HOG_NS + HALF_NS, f"{first.most} ns late at most")
        steps.done("an instant is late by what the hog takes, and others are missed")
        m.serial.send("clear\r")
        begin = m.leds.count()
        check(m.leds.wait(lambda: len(m.leds.of(LED, begin)) > 10, 60), "the LED stands still")
        second = Report(m)
        check(5 < second.count < first.count, f"{second.count} after {first.count}: not cleared")
        steps.done("the account begins anew on request")


if __name__ == "__main__":
    steps = Steps()
    steps.run(reports)
    steps.plan()
