#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo systems: three owners with an LED each, a shell in Linux, and a crash of Linux that
the others do not notice."""

import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import description, machine, scenario                              # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

LINUX, RT_GUEST, NATIVE = 0, 1, 2


def check_period(leds, number, since, led):
    """The median time between changes against the description, with room for a busy host."""
    times = [edge.when for edge in leds.of(number, since)]
    median = statistics.median(b - a for a, b in zip(times, times[1:]))
    half = led.period / 2
    check(half * 0.7 < median < half * 1.5,
          f"LED {number} ({led.owner}) changes every {median * 1000:.0f} ms, "
          f"expected {half * 1000:.0f} ms")


def demo(steps, system):
    leds = description.leds(system)
    check(list(leds) == [LINUX, RT_GUEST, NATIVE], f"{system}: LEDs {list(leds)}, expected 0 to 2")

    with machine.Machine(lambda trace: machine.command(system, trace)) as m:
        scenario.boot(m.serial)
        steps.done(f"{system}: Linux boots to a shell")
        scenario.answer(m.serial)
        steps.done(f"{system}: Linux's shell can be typed into")

        since = m.leds.count()
        for number, led in leds.items():
            scenario.blinks(m.leds, number, 12, 30, since, led.owner)
            steps.done(f"{system}: LED {number} of {led.owner} blinks")
        for number in (RT_GUEST, NATIVE):
            check_period(m.leds, number, since, leds[number])
        steps.done(f"{system}: LED 1 and LED 2 keep their periods")

        scenario.crash(m.serial)
        steps.done(f"{system}: Linux crashes")

        # The last thing that Linux does after its last words: its heartbeat trigger turns the
        # LED off, if the panic found it on.
        check(m.leds.wait(lambda: m.leds.of(LINUX)[-1].state == 0, 10),
              "LED 0 is still on after Linux's crash")
        since = m.leds.count()
        for number in (RT_GUEST, NATIVE):
            scenario.blinks(m.leds, number, 20, 30, since, leds[number].owner)
            steps.done(f"{system}: LED {number} of {leds[number].owner} still blinks")
            check_period(m.leds, number, since, leds[number])
        frozen = len(m.leds.of(LINUX, since))
        check(frozen == 0, f"LED 0 changed {frozen} times after Linux's crash")
        steps.done(f"{system}: LED 0 stays as Linux left it")


def main():
    built = [path.stem for path in sorted(machine.BUILD.glob("systems/demo*.cpio"))]
    steps = Steps()
    for system in sys.argv[1:] or built:
        steps.run(demo, system)
    steps.plan()


if __name__ == "__main__":
    main()
