#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The console server among clients that flood, send nonsense, die in the middle, never read."""

import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine                                                     # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

PREFIX = b"\x14"
WHOLE = re.compile("|".join([       # every line that there may be, from its start to its end
    r"takt: .*", r"root: \d+ CPUs.*", r"", r"(\$ )+", r"\$ [a-z0-9 ]+", r"you said [a-z0-9]+", r"told of what was there",
    r"session \d is [\w-]+, level \d, lost \d, waiting \d, interactive \d", r"that is all",
    r"level: [\w ]+", r"line \d+ of 300, in two pieces, ends here", r"deaf is there",
    r"\[console\] .*", r"\[root\] root: .*", r"\[polite\] line \d+ of 300, in two pieces, ends here",
    r"\[flood-[01]\] flood \d{8} of many, and ends here", r"\[flood-1\] \[\d+ lines lost\]",
    r"\[flood-0\] \[\d+ lines lost\]",
    r"\[wrong\] wrong messages: \d+ failures", r"\[dying\] said by one who dies",
    r"\[dying\] died \d+ times: .*", r"\[torn\] .*", r"\[deaf\] deaf is there",
    r"\[levels\] (error|debug) \d+"]))


class Lines:
    """The lines that came over the serial line."""

    def __init__(self, serial):
        self.serial, self.lines, self.rest = serial, [], b""

    def read(self):
        try:
            self.rest += self.serial.read_nonblocking(1 << 16, 0.05)
        except machine.pexpect.TIMEOUT:
            return
        *lines, self.rest = self.rest.split(b"\n")
        self.lines += [line.decode(errors="replace").rstrip("\r") for line in lines]

    def find(self, pattern, since):
        return [m for m in (re.fullmatch(pattern, line) for line in self.lines[since:]) if m]

    def await_line(self, pattern, timeout, since=0, count=1):
        """The lines that match, as soon as there are so many."""
        end = time.monotonic() + timeout
        while len(found := self.find(pattern, since)) < count:
            check(time.monotonic() < end, f"no line '{pattern}' within {timeout} s, but\n# "
                  + "\n# ".join(self.lines[-20:]))
            self.read()
        return found

    def type(self, data):
        """Types; where the answer begins."""
        self.serial.send(data)
        return len(self.lines)


def bystanders(steps, lines):
    lines.await_line(r"\[wrong\] wrong messages: 0 failures", 60)
    steps.done("wrong messages get their errors")
    lines.await_line(r"\[dying\] died 200 times: no error", 60)
    steps.done("clients may die in the middle of a call")
    found = lines.await_line(r"\[polite\] line (\d+) of 300.*", 60, count=300)
    check([int(m[1]) for m in found] == list(range(1, 301)), "lines came twice or out of order")
    steps.done("no line of a polite client is lost")
    for flood in ("flood-0", "flood-1"):
        lines.await_line(rf"\[{flood}\] .*", 20, len(lines.lines), 100)
    steps.done("those that flood have their share")


def control(steps, lines):
    since = lines.type(b"list\r")
    lines.await_line("that is all", 20, since)
    names = [m[1] for m in lines.find(r"session \d is ([\w-]+), level 2.*", since)]
    check(names == ["root", "shell", "polite", "flood-0", "flood-1", "wrong", "dying", "deaf",
                    "levels", "torn"], f"the sessions are {names}")
    check(len(lines.find(r"session 1 is shell, .* interactive 1", since)) == 1,
          "the shell's session is not the interactive one")
    steps.done("the control session lists the others")

    check(lines.find(r"\[levels\] error \d+", 0), "an error is not shown")
    check(not lines.find(r"\[levels\] debug \d+", 0), "debugging output is shown")
    lines.await_line("level: no error", 20, lines.type(b"level 8 3\r"))
    lines.await_line(r"\[levels\] debug \d+", 20, since)
    lines.await_line("level: E_RANGE", 20, lines.type(b"level 8 4\r"))
    steps.done("a level above is shown when it is asked for")


def switching(steps, lines):
    since = lines.type(PREFIX + b"7")
    lines.await_line(r"\[console\] session 7: deaf \(input goes here\)", 20, since)
    lines.await_line("deaf is there", 20, since)
    lines.type(b"x" * 3000)
    since = lines.type(PREFIX + b"2")
    lines.await_line(r"\[console\] session 2: polite .*", 20, since)
    lines.await_line(r"line 300 of 300, .*", 20, since)
    shown = lines.find(r"line (\d+) of 300, .*", since)
    check(len(shown) >= 40, f"the history has {len(shown)} lines only")
    check([int(m[1]) for m in shown] == list(range(301 - len(shown), 301)),
          f"the history shows lines {[m[1] for m in shown]}")
    steps.done("a session shows its history when it gets the terminal")

    since = lines.type(PREFIX + b"l")
    lines.await_line(r"\[console\] > 2 polite .*", 20, since)
    lines.await_line(r"\[console\]   4 flood-1    level 2.*", 20, since)
    steps.done("the list of sessions")
    since = lines.type(PREFIX + b"1hello\r")
    lines.await_line("you said hello", 20, since)
    steps.done("input goes where it should, whatever others do")


def torn(steps, lines):
    """What a client leaves that ends in the middle of an escape sequence, seen and typed to; the rest
    of its session is what it is."""
    begin = lines.type(PREFIX + b"9" + b"x" * 100)
    lines.await_line(r"\[console\] session 9: torn .*", 20, begin)
    for other in ("flood-0", "flood-1", "levels"):
        lines.await_line(rf"\[{other}\] .*", 20, begin, 20)
    lines.await_line(r"\[root\] root: torn: restarted", 20, begin, 5)
    since = lines.type(PREFIX + b"1once more\r")
    lines.await_line("you said once more", 20, since)
    end = len(lines.lines)
    lines.await_line(r"\[polite\] .*|\[flood-0\] .*", 20, end)
    del lines.lines[begin:end]
    steps.done("who ends in the middle of an escape sequence holds nobody up")


def console(steps):
    with machine.Machine(lambda trace: machine.command("console", trace)) as m:
        lines = Lines(m.serial)
        lines.await_line(r"\[deaf\] deaf is there", 30)
        lines.await_line("you said hello", 20, lines.type(b"hello\r"))
        steps.done("a session answers among floods")
        since = lines.type(b"renew\rleft\r")
        lines.await_line("told of what was there", 20, since)
        lines.await_line("you said left", 20, since)
        steps.done("who asks to be told is told of what nobody read before")
        bystanders(steps, lines)
        control(steps, lines)
        switching(steps, lines)
        torn(steps, lines)
        broken = [line for line in lines.lines if not WHOLE.fullmatch(line)]
        check(not broken, f"{len(broken)} of {len(lines.lines)} lines are torn:\n# "
              + "\n# ".join(broken[:20]))
        steps.done("no line is torn")


if __name__ == "__main__":
    steps = Steps()
    steps.run(console)
    steps.plan()
