#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The library of programs, tested by a program."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

LINES = 20


def library(steps):
    with machine.Machine(lambda trace: machine.command("rt", trace)) as m:
        scenario.expect(m.serial, r"\n1\.\.\d+\r", 60, "the tests did not end")
        text = m.serial.before.decode(errors="replace").replace("\r", "")
    plan = int(m.serial.after.decode().strip()[3:])
    results = re.findall(r"^(ok|not ok) \d+ - (.*)$", text, re.MULTILINE)
    for good, what in results:
        check(good == "ok", f"{what}: " + " ".join(re.findall(r"^#.*", text, re.MULTILINE)))
        steps.done(what)
    check(len(results) == plan, f"{len(results)} results of {plan}")
    for n in "01":
        whole = text.splitlines().count(f"line {n}" + f" {n}" * 10 + " end")
        check(whole == LINES, f"{whole} of {LINES} lines are whole")
    steps.done("lines of several threads do not mix")
    check("long " + "x" * 155 in text and "\nwithout an end\n" in text
          and "%d -5 %s text %x abcd %f 1.500\n" in text, f"output: {text[-2000:]!r}")
    steps.done("long lines come in pieces, nothing is lost")


if __name__ == "__main__":
    steps = Steps()
    steps.run(library)
    steps.plan()
