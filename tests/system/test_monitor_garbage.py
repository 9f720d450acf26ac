#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whatever is typed at the monitor, it still answers, and nobody else notices. With a number: another
seed."""

import itertools
import pathlib
import random
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

COUNTED = {"smp": 1, "icount": True}
PROMPT = "takt> "
MONITOR, BLINKER = 1, 2                             # their sessions
LED = 2                                             # the blinker's
PREFIX = 0x14                                       # gives the terminal to somebody else
LATE = 20000            # ns: the blinker is more urgent than all that the monitor can cause
MARKS = itertools.count()
TRIES = 60
ROWS = ("console", "gpio", "monitor", "blinker", "levels")

# Where characters get lost two lines may become one: so no command here, with any of these words,
# ends one that is watched.
COMMANDS = ("start", "stop", "restart", "kill", "info", "list", "help", "sessions", "level", "trace",
            "poweroff", "reset", "", "no", "LIST", "list;", "killx")
WORDS = ("nobody", "", " ", "0", "-1", "4294967296", "%s%n%x", "../..", "x" * 200, "on", "off",
         "dump", "debug", "'", '"', "\\", "\x7f", "\x15", "\t", "9" * 50, "1e9", "0x", "mon", "\x1b[A")
EDGES = ("", "\x03", "\x15", "\b" * 300, "\x7f" * 300, "x" * 127, "y" * 128, "z" * 5000, "\0" * 200,
         "list" + "\0" + "x", " " * 126 + "list", "\t" * 400, "list " * 40, "\n\n\r\r\n", "\x1b[1;",
         "\x80\xff\xc3\xa9", "a\bb\b" * 200)


def line(numbers):
    kind = numbers.randrange(3)
    if kind == 0:
        raw = bytes(numbers.randrange(256) for _ in range(numbers.randrange(40)))
        return raw.replace(bytes([PREFIX]), b"")
    if kind == 1 and numbers.randrange(4) == 0:
        return numbers.choice(EDGES).encode("latin-1")
    words = [numbers.choice(WORDS) for _ in range(numbers.choice((0, 1, 1, 1, 2, 2, 3, 7, 8, 9, 20)))]
    return " ".join([numbers.choice(COMMANDS), *words]).encode("latin-1")


def ask(serial, text):
    """A line of its own, and what is answered, others' lines left out."""
    serial.sendline(text)
    scenario.expect(serial, re.escape(text) + r"\r\n", 60, f"no echo of '{text}'")
    scenario.expect(serial, r"(?<=\n)" + re.escape(PROMPT), 60, f"no answer to '{text}'")
    said = serial.before.decode(errors="replace").replace("\r", "")
    return [line for line in said.split("\n") if line and not line.startswith(("[", PROMPT))]


def clean(m, how):
    """What was typed before is worked off, and the line is empty. What is typed faster than it is read
    is lost, so this is tried some times. What is expected has not been said before: random lines have
    ^C in them, and a session shows again what it has said."""
    for _ in range(TRIES):
        mark = f"mark-{next(MARKS)}"
        m.leds.read()                               # where nobody reads them, QEMU waits
        m.serial.send(f"\x03{mark}\r")
        if not m.serial.expect([rf"\n{mark}: no such command[^\n]*\n{re.escape(PROMPT)}",
                                machine.pexpect.TIMEOUT], 0.5):
            return
    scenario.expect(m.serial, "nothing of the kind", 0, f"the monitor hears nothing {how}")


def answers(m, how):
    clean(m, how)
    for _ in range(10):                             # a new one may still be "starting"
        said = [row.split() for row in ask(m.serial, "list")]
        rows = {row[0]: row for row in said[1:-2] if row}
        if rows.get("monitor", ["", ""])[1] == "running":
            break
    check(sorted(rows) == sorted(ROWS), f"list says {said} {how}")
    for name, row in rows.items():
        check(row[1] == "running", f"{name} is {row[1]} {how}")
        check(row[-1] == "0" or name == "monitor", f"{name} was started again {how}")
    return int(rows["monitor"][-1])


def give(serial, session, name):
    serial.send(f"\x14{session}")
    scenario.expect(serial, rf"session {session}: {name}", 60, f"no session of the {name}")


def rhythm(m, how):
    """What the blinker says of its LED since it was last asked."""
    give(m.serial, BLINKER, "blinker")
    m.serial.send("report\r")
    scenario.expect(m.serial, r"avg \d+ max (\d+) ns, of (\d+), missed (\d+)", 60,
                    "the blinker does not report")
    worst, count, missed = map(int, m.serial.match.groups())
    m.serial.send("clear\r")
    check(count and not missed and worst <= LATE,
          f"the LED changed {count} times, missed {missed}, {worst} ns late at worst {how}")
    give(m.serial, MONITOR, "monitor")
    clean(m, how)


def edges(steps, m):
    for text in EDGES:
        m.serial.send(text.encode("latin-1") + b"\r")
        clean(m, f"after {text[:20]!r}")
    check(ask(m.serial, "list" + " x" * 9) == ["list: more than 8 words behind it"],
          "nine words behind a command are taken")
    check(ask(m.serial, "list" + " x" * 8) == ["usage: list"], "eight words behind list are taken")
    for command in ("start", "stop", "restart", "kill", "info"):
        check(ask(m.serial, f"{command} nobody") == ["nobody: no such compartment"],
              f"{command} of nobody is done")
        check(ask(m.serial, command) == [f"usage: {command} NAME"], f"{command} of nothing is done")
    for command in ("poweroff", "reset"):
        check(ask(m.serial, command) == ["the board goes on: this monitor may not end it"],
              f"{command} without the right")
    answers(m, "after lines at the edge")
    rhythm(m, "meanwhile")
    steps.done("lines that are too long, full of control characters or wrong are answered")


def itself(steps, m):
    for before, command in enumerate(("restart", "kill")):
        m.serial.sendline(f"{command} monitor")
        scenario.expect(m.serial, r"\n" + re.escape(PROMPT), 60, "no new monitor")
        check(answers(m, f"after {command} monitor") == before + 1, "it is the old one")
    steps.done("the monitor restarts and kills itself, and there is a new one")


def garbage(steps, m, seed, lines):
    numbers = random.Random(seed)
    for n in range(lines):
        m.serial.send(line(numbers) + b"\r")
        if n % 25 == 24:                            # not so fast that most of it is lost
            clean(m, f"after {n + 1} random lines")
        if n % 500 == 499:
            answers(m, f"after {n + 1} random lines")
    rhythm(m, "meanwhile")
    steps.done(f"{lines} random lines, seed {seed}: it answers, nobody else notices")


def monitor(steps, seed):
    with machine.Machine(lambda trace: machine.command("monitor", trace, **COUNTED)) as m:
        scenario.expect(m.serial, "5 of 5 compartments run", 60, "root did not start all")
        scenario.blinks(m.leds, LED, 4, 60, 0, "blinker")
        rhythm(m, "at first")
        edges(steps, m)
        itself(steps, m)
        garbage(steps, m, seed, 1500)


if __name__ == "__main__":
    steps = Steps()
    steps.run(monitor, int(sys.argv[1]) if sys.argv[1:] else 1)
    steps.plan()
