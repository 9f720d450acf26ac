#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The console server is restarted and killed again and again: those who want input get it from each
new one, whatever others print meanwhile."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

COUNTED = {"smp": 1, "icount": True}
PROMPT = "takt> "
MONITOR, BLINKER = 1, 2                             # their sessions
ROUNDS = {True: 60, False: 10}                     # by whether time is counted
# One more than the device's FIFO holds, end of line included, and much more.
LINES = ("level levels info", "level levels " + "x" * 100)


def say(serial, line, answer):
    serial.sendline(line)
    scenario.expect(serial, re.escape(line) + r"\r\n", 30, f"no echo of '{line}'")
    scenario.expect(serial, answer, 30, f"no '{answer}' after '{line}'")
    scenario.expect(serial, r"(?<=\n)" + re.escape(PROMPT), 30, f"no prompt after '{line}'")


def give(serial, session, name):
    serial.send(f"\x14{session}")
    scenario.expect(serial, rf"session {session}: {name}", 30, f"no session of the {name}")


def monitor(serial, how, rounds):
    for _ in range(rounds):
        say(serial, f"{how} console", "console: running")
        say(serial, LINES[0], "levels: info")
        say(serial, LINES[1], "levels are 0 error")


def blinker(serial, rounds):
    """A client that had nothing to do with the restart."""
    for _ in range(rounds):
        say(serial, "restart console", "console: running")
        give(serial, BLINKER, "blinker")
        serial.sendline("report")
        scenario.expect(serial, "late min", 30, "the blinker hears nothing")
        give(serial, MONITOR, "monitor")
        serial.send("\r")
        scenario.expect(serial, re.escape(PROMPT), 30, "the monitor hears nothing")


def typed_meanwhile(serial, rounds):
    """What is typed while there is no console is lost or not, as it comes; what is typed to the
    next one is not."""
    for n in range(rounds):
        serial.sendline("restart console")
        serial.send("#" * (n % 40))
        scenario.expect(serial, "console: running", 30, "the monitor does not come back")
        serial.send("\x03")                         # what was typed does not count
        scenario.expect(serial, r"\^C", 30, "the monitor hears nothing")
        say(serial, LINES[0], "levels: info")


def restarts(serial):
    serial.sendline("info console")
    scenario.expect(serial, r'restart = "always", (\d+) restarts so far', 30, "no word of restarts")
    return int(serial.match[1])


def new_console(steps, options):
    counted = bool(options.get("icount"))
    rounds, time = ROUNDS[counted], "counted" if counted else "real"
    with machine.Machine(lambda trace: machine.command("monitor", trace, **options)) as m:
        scenario.expect(m.serial, "5 of 5 compartments run", 60, "root did not start all")
        m.serial.send("\r")
        scenario.expect(m.serial, re.escape(PROMPT), 30, "the monitor does not prompt")
        for how in ("restart", "kill"):
            monitor(m.serial, how, rounds)
            steps.done(f"{time} time: {rounds} times {how}, and the monitor hears the next line")
        blinker(m.serial, rounds)
        steps.done(f"{time} time: so does another client, {rounds} times")
        typed_meanwhile(m.serial, rounds)
        steps.done(f"{time} time: bytes that come meanwhile do no harm, {rounds} times")
        check(restarts(m.serial) == 4 * rounds, "not every restart was one")


if __name__ == "__main__":
    steps = Steps()
    steps.run(new_console, COUNTED)
    steps.run(new_console, {"smp": 2})
    steps.plan()
