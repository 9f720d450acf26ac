#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Linux's own timers in a machine, by Debian's cyclictest in counted time: alone no later than a few
exits make them, and beside real-time programs on the same CPU by what those take."""

import pathlib
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tests/bench/linux")]

import cyclictest                                                            # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

LOOPS = 300
# More than on the bare board, in nanoseconds: the mean, and the worst.
MEAN, WORST = 2000, 20000
# What the paravirtual guest beside it may take of the CPU in a millisecond.
TURN = 150000


def latencies(steps):
    bare, alone, beside = (cyclictest.run(where, LOOPS) for where in ("native", "alone", "beside"))
    print(f"# least, mean and worst in ns: {bare} on the bare board, {alone} alone, {beside} beside")
    check(alone[1] <= bare[1] + MEAN and alone[2] <= bare[2] + WORST,
          f"timers in a machine: {alone} ns, on the bare board {bare}")
    steps.done("timers in a machine that is alone are as good as on the bare board")
    check(beside[1] <= bare[1] + 2 * MEAN and beside[2] <= bare[2] + WORST + TURN,
          f"beside real-time programs: {beside} ns, on the bare board {bare}")
    steps.done("beside real-time programs they are late by what those take")


if __name__ == "__main__":
    steps = Steps()
    steps.run(latencies)
    steps.plan()
