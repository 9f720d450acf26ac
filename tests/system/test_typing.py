#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Long lines and pasted texts typed into Linux, far more at once than the serial port's FIFO holds:
all of it arrives, though console and machine share their CPU."""

import pathlib
import random
import re
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

from test_linux_smp import archive                                           # noqa: E402

LINE = 200
LINES = 20
PASTED = 15
ROUNDS = 5


def text(rng, length):
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(length))


def long_lines(serial, rng):
    for _ in range(LINES):
        line = text(rng, LINE - len("echo "))
        check(scenario.command(serial, f"echo {line}").endswith(line),
              "a long line did not come back as it was typed")


def pastes(serial, rng):
    """Lines for a program that reads them, all typed at once."""
    for _ in range(ROUNDS):
        # All that Linux's terminal takes while nobody reads are 4095 bytes, of a console 1024.
        lines = [text(rng, rng.randint(1, 60)) for _ in range(PASTED)]
        serial.send("cat >/tmp/pasted <<END\n" + "".join(f"{line}\n" for line in lines) + "END\n")
        scenario.expect(serial, r"END\r?\n", 40, "a pasted text was not echoed to its end")
        scenario.expect(serial, scenario.PROMPT, 40, "no prompt after a pasted text")
        got = scenario.command(serial, "cat /tmp/pasted")
        check(got.splitlines()[-len(lines):] == lines, f"pasted {lines}, but got {got!r}")


def typing(steps, cpus):
    rng = random.Random(cpus)
    with tempfile.TemporaryDirectory(prefix="takt-") as folder:
        system = archive(folder, 1, 1)
        with machine.Machine(lambda trace: machine.command(system, trace, smp=cpus)) as m:
            scenario.boot(m.serial)
            long_lines(m.serial, rng)
            steps.done(f"{cpus} CPUs: {LINES} lines of {LINE} characters")
            pastes(m.serial, rng)
            steps.done(f"{cpus} CPUs: {ROUNDS} pasted texts of {PASTED} lines")


if __name__ == "__main__":
    steps = Steps()
    for cpus in (1, 2):
        steps.run(typing, cpus)
    steps.plan()
