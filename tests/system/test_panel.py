#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo's panel, on a terminal of 80x24 as a user has it, and without a terminal."""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools"))

from takt import description, onscreen                                       # noqa: E402
from takt.tap import Failure, Steps, check                                   # noqa: E402

DEMO = ["/usr/bin/python3", str(TOP / "tools/demo"), "demo"]
PROMPT = r"linux# *"
FIGURES = r"\d+ ms ±[\d.]+"


class Demo(onscreen.OnScreen):
    def __init__(self):
        super().__init__(DEMO)

    def see(self, pattern, timeout, rows=slice(None)):
        """Waits until a line on the screen, or one of its rows, is as wanted."""
        def seen(lines):
            return any(re.fullmatch(pattern, line.rstrip()) for line in lines[rows])
        if not self.wait(seen, timeout):
            raise Failure(f"no line '{pattern}' on the screen within {timeout} s, but\n# "
                          + "\n# ".join(self.screen.display))

    def prompt(self):
        self.see(PROMPT, 20, slice(self.screen.cursor.y, self.screen.cursor.y + 1))


def look(steps, demo):
    system = description.System("demo")
    demo.see(r".*takt-linux: ready", 120)
    demo.see(PROMPT, 30)
    title, *leds = demo.screen.display[:1 + len(system.leds)]
    check(re.match(r" takt: demo, 2 × cortex-a57, GICv2 +type into Linux: ctrl-t 1 +\d+:\d\d *$", title), f"title {title!r}")
    for row, (number, led) in zip(leds, system.leds.items()):
        check(row.startswith(f" ● {number} {led.owner} "), f"LED {number}: {row!r}")
    steps.done("LEDs on top, Linux's prompt below")
    for row in range(1, 1 + len(system.leds)):
        demo.see(r".*[▁█]{20,}  +" + FIGURES, 40, slice(row, row + 1))
    steps.done("each LED has its period and its jitter")
    colours = {demo.screen.buffer[row][3].fg for row in range(1, 1 + len(system.leds))}
    check(len(colours) == len(system.leds), f"colours {colours}")
    steps.done("LEDs have their owners' colours")
    return len(system.leds)


def edit(steps, demo):
    demo.type("echo abcdef\x1b[D\x1b[D\x1b[DX\r")
    demo.see("abcXdef", 20)
    steps.done("Linux's shell lets edit a line")
    demo.type("sh -c 'echo asleep; exec sleep 1000'\r")
    demo.see("asleep", 20)      # who takes the interrupt is in the foreground now
    demo.type("\x03")
    demo.see(r"\^C", 20)
    demo.type("echo on\r")
    demo.see("on", 20)
    steps.done("Ctrl-C goes to Linux")
    demo.type("\x14l")
    demo.see(r"\[console\] > 1 linux .*", 20)
    demo.type("\x14" "3")
    demo.see(r"\[console\] session 3: blinker \(input goes here\)", 20)
    demo.type("\x14" "1")
    demo.see(r"\[console\] session 1: linux \(input goes here\)", 20)
    demo.see("on", 20)      # of its history
    steps.done("sessions are listed and switched")
    demo.resize(100, 40)
    demo.type("echo wide\r")
    demo.see(r" ctrl-t n: .*", 20, slice(39, 40))
    demo.see("wide", 20)
    demo.resize(60, 16)
    demo.see(r" ctrl-t n: .*", 20, slice(15, 16))
    demo.resize(80, 24)
    demo.type("echo usual\r")
    demo.see("usual", 20)
    demo.see(r" ctrl-t n: .*", 20, slice(23, 24))
    steps.done("the terminal may change its size")


def crash(steps, demo, leds):
    demo.type("echo c > /proc/sysrq-trigger\r")
    demo.see(r".*end Kernel panic.*", 40)
    demo.see(r" ● 0 linux .*  still for \d+ s", 40, slice(1, 2))
    for row in range(2, 1 + leds):
        demo.see(r".*" + FIGURES, 20, slice(row, row + 1))
    steps.done("Linux crashes, the other LEDs go on")
    before = demo.screen.display[8:20]
    demo.type("\x01\x1b[5~")
    check(demo.wait(lambda lines: lines[8:20] != before, 20), "ctrl-a pgup does not scroll back")
    steps.done("scrolling back")
    demo.type("\x01q")
    status = demo.ended(20)
    check(status == 0, f"ctrl-a q: status {status}")
    steps.done("ctrl-a q ends it")


def panel(steps):
    with Demo() as demo:
        leds = look(steps, demo)
        edit(steps, demo)
        crash(steps, demo, leds)


def timeline(steps):
    run = subprocess.run(DEMO + ["--seconds", "40"], stdin=subprocess.DEVNULL, text=True,
                         stdout=subprocess.PIPE, timeout=120, check=False)
    lines = run.stdout.splitlines()
    check(run.returncode == 0, f"status {run.returncode}:\n# " + "\n# ".join(lines[-20:]))
    check(any("| takt-linux: ready" in line for line in lines), "nothing of Linux")
    check(any(re.search(r"\d s  0 linux [.#]{20}   1 ", line) for line in lines), "no strips")
    check(lines[-1] == "all LEDs blink", f"verdict: {lines[-1]}")
    check("\x1b" not in run.stdout, "there are escape sequences")
    steps.done("without a terminal: a timeline and a verdict")


if __name__ == "__main__":
    steps = Steps()
    steps.run(panel)
    steps.run(timeline)
    steps.plan()
