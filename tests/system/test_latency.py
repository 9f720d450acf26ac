#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A controller with a period of 1 ms on the CPU of a Linux machine that computes, does I/O, floods,
crashes and is restarted, again and again: how late it ever is, with a scheduling context for its tick
and with one for all of it. Time is counted, so a run always gives the same figures.

Without arguments: one run. With the word all: FreeRTOS and the bare-metal guest, each with all
three kinds of time, for TICKS ticks or as many as a number says; a table is left in the build folder."""

import pathlib
import re
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import pexpect                                                               # noqa: E402
from takt import cpio, machine                                               # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
DESCRIPTION = HERE.parent / "bench/latency.dts"
PROGRAMS = {"bare metal": "bench-latency", "FreeRTOS": "bench-latency-freertos"}
# What the controller's time is: with a scheduling context for the tick, or one that books as much.
TIMES = {"shared": {"EVENT": 1},
         "opaque": {"PRIORITY": 10, "BUDGET": 170, "PERIOD": 1000},
         "opaque_urgent": {"PRIORITY": 40, "BUDGET": 170, "PERIOD": 1000}}
# ns; with a scheduling context for the tick. FreeRTOS's is the task's, not the tick's.
BOUND = {"bare metal": 3000, "FreeRTOS": 5000}
# The neighbour waits for the tick's handler, and not for what the controller does besides.
NEIGHBOUR_BOUND = 60000
DEEDS = ("compute", "i/o", "flood", "crash")
TICKS, SHORT = 2000, 1500
LIFE = 1000                     # ticks; Linux has at least one life in so many
TIMEOUT = 1800
OUT = machine.BUILD / "latency.txt"


def initrd(folder):
    """Linux's initial RAM disk, and in front of it what Linux shall do."""
    path = folder / "initrd"
    with open(path, "wb") as out:
        archive = cpio.Writer(out)
        archive.directory("etc")
        archive.file("etc/load", (HERE / "latency_load").read_bytes(), executable=True)
        archive.close()
        out.write((machine.BUILD / "guests/linux/linux-initrd").read_bytes())
    return path


def archive(folder, guest, kind, ticks):
    build = machine.BUILD
    program = PROGRAMS[guest]
    return machine.pack(folder / "latency.cpio", DESCRIPTION,
                        {"root": build / "servers/root/root",
                         "console": build / "servers/console/console",
                         "gpio": build / "servers/gpio/gpio",
                         "vmm": build / "vmm/vmm",
                         "bench-witness": build / "tests/bench/bench-witness",
                         program: build / f"tests/bench/{program}",
                         "linux/Image": build / "guests/linux/linux-Image",
                         "linux/initrd": initrd(folder)},
                        LINUX=1, CONTROLLER=f'"{program}"', FIGURE='"tick"',
                        WITNESS='"neighbour"', TICKS=ticks, **TIMES[kind])


def said_until(m, end):
    """Whether `end` has been said, and all up to there. Linux floods the serial line, so each piece is
    looked at once, and its LED, whose trace QEMU would wait to write if nobody read it."""
    pieces, tail, give_up = [], b"", time.monotonic() + TIMEOUT
    while end not in tail and time.monotonic() < give_up:
        m.leds.read()
        try:
            piece = m.serial.read_nonblocking(65536, timeout=1)
        except pexpect.EOF:
            break
        if not piece:       # there is no event to wait for: a thread of pexpect's reads the pipe
            time.sleep(0.01)
        pieces.append(piece)
        tail = tail[-len(end):] + piece
    return end in tail, b"".join(pieces).decode(errors="replace")


class Run:
    """One run: ns that the controller and its neighbour were late at most, ticks that were missed, and
    how often Linux did what."""

    def __init__(self, guest, kind, ticks):
        with tempfile.TemporaryDirectory(prefix="takt-") as folder:
            system = archive(pathlib.Path(folder), guest, kind, ticks)
            line = lambda trace: machine.command(system, trace, smp=1, icount=True)
            with machine.Machine(line) as m:
                ended, text = said_until(m, b"# end\r")
        check(ended, f"the controller did not come to its end: {text[-2000:]!r}")
        text = re.sub(r"\x1b\[[\d;]*m", "", text)
        figure = lambda pattern: int(re.search(pattern, text)[1])
        self.tick = figure(r"tick (\d+) ns")
        self.missed = figure(r"# tick: \d+ ticks, (\d+) missed")
        self.neighbour = figure(r"neighbour (\d+) ns")
        self.deeds = {deed: len(re.findall(f"load: {deed}", text)) for deed in DEEDS}
        self.restarts = len(re.findall("resets its machine: it is restarted", text))


def latency(steps, guest, kind, ticks, rows):
    lives = ticks // LIFE
    run = Run(guest, kind, ticks)
    rows.append((guest, kind, run))
    name = f"{guest}, {kind}: {ticks} ticks"
    for deed in DEEDS:
        check(run.deeds[deed] >= lives, f"{name}: Linux's {deed}: {run.deeds[deed]} times")
    check(run.restarts >= lives, f"{name}: {run.restarts} restarts")
    if kind == "shared":
        check(not run.missed, f"{name}: {run.missed} ticks were missed")
        check(run.tick <= BOUND[guest], f"{name}: a tick was {run.tick} ns late")
        check(run.neighbour <= NEIGHBOUR_BOUND, f"{name}: neighbour {run.neighbour} ns late")
    steps.done(f"{name}, at most {run.tick} ns late, its neighbour {run.neighbour} ns; "
               f"Linux was restarted {run.restarts} times")


def gains(steps, rows):
    """What the scheme is for: each way to do without it costs somebody."""
    figures = {(guest, kind): run for guest, kind, run in rows}
    for guest in {guest for guest, _, _ in rows}:
        shared, opaque, urgent = (figures[guest, kind] for kind in TIMES)
        check(opaque.tick > 100 * shared.tick, f"{guest}: one SC in the background is as good")
        check(urgent.neighbour > 2 * shared.neighbour, f"{guest}: one urgent SC is as good")
        steps.done(f"{guest}: one scheduling context for all is worse, low or high")


def table(rows):
    lines = [f"{'guest':12}{'time':16}{'tick, ns':>12}{'missed':>8}{'neighbour, ns':>16}{'restarts':>10}"]
    lines += [f"{guest:12}{kind:16}{run.tick:12}{run.missed:8}{run.neighbour:16}{run.restarts:10}"
              for guest, kind, run in rows]
    return "\n".join(lines) + "\n"


def main():
    steps, rows = Steps(), []
    guests = [guest for guest, program in PROGRAMS.items()
              if (machine.BUILD / f"tests/bench/{program}").exists()]
    if sys.argv[1:2] != ["all"]:
        steps.run(latency, guests[-1], "shared", SHORT, rows)
        steps.plan()
        return
    ticks = int(sys.argv[2]) if len(sys.argv) > 2 else TICKS
    for guest in guests:
        for kind in TIMES:
            steps.run(latency, guest, kind, ticks, rows)
    if len(rows) == len(guests) * len(TIMES):
        steps.run(gains, rows)
    steps.plan()
    text = table(rows)
    OUT.write_text(text)
    print("".join(f"# {line}\n" for line in text.splitlines()), end="")


if __name__ == "__main__":
    main()
