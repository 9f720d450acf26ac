#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Two Linux machines: both to their shells, each with its session and LED; the one crashes and comes
back while the other goes on; and the virtio console of the first."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

import pexpect                                                               # noqa: E402

from takt import machine, scenario                                           # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

SYSTEM = "two"
SESSIONS = {1: "one", 2: "two", 3: "hvc"}
LED_ONE, LED_TWO = 0, 1
LINES = 500                                 # far more than the rings hold


def switch(serial, session):
    serial.send(f"\x14{session}")
    scenario.expect(serial, f"session {session}: {SESSIONS[session]}", 20,
                    f"the console did not switch to session {session}")


def shell(serial, session):
    switch(serial, session)
    serial.sendline("")
    scenario.expect(serial, scenario.PROMPT, 30, f"no shell on session {session}")
    scenario.answer(serial)


def both_boot(steps, m):
    ready = r"takt-linux: ready"
    for n in ("first", "second"):
        scenario.expect(m.serial, ready, scenario.BOOT_TIMEOUT, f"no {n} Linux got ready")
    for session in (1, 2):
        shell(m.serial, session)
    for led in (LED_ONE, LED_TWO):
        scenario.blinks(m.leds, led, 4, 60, m.leds.count(), f"machine {led + 1}")
    steps.done("both boot to a shell, and blink")


def hvc(steps, m):
    shell(m.serial, 1)
    ports = scenario.command(m.serial, "ls /sys/class/tty | grep hvc")
    check("hvc0" in ports.split(), f"Linux has no hvc0, but {ports!r}")
    interrupts = scenario.command(m.serial, "grep -c virtio /proc/interrupts")
    check(interrupts == "1", f"interrupts of virtio devices: {interrupts}")
    m.serial.sendline(f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i of hvc; "
                      "done >/dev/hvc0")
    seen, wanted = set(), set(range(1, LINES + 1))
    while seen < wanted:
        scenario.expect(m.serial, r"line (\d+) of hvc", 60,
                        f"only {len(seen)} of {LINES} lines came out of the virtio console")
        seen.add(int(m.serial.match[1]))
    steps.done("what is written to /dev/hvc0 comes out on its session, all of it")
    shell(m.serial, 1)
    m.serial.sendline("read line </dev/hvc0; echo got \"$line\"")
    scenario.expect(m.serial, r"\n", 20, "no echo of the command")
    switch(m.serial, 3)
    m.serial.send("some words\r")
    scenario.expect(m.serial, "got some words", 30, "input did not come out of /dev/hvc0")
    steps.done("what is typed on its session is read from /dev/hvc0")


def comes_back(serial):
    """What it says meanwhile is in the session's history, or not seen: so ask until it answers."""
    switch(serial, 1)
    for _ in range(scenario.BOOT_TIMEOUT // 5):
        serial.sendline("echo $((6*7))")
        if serial.expect([r"\r?\n42\r", pexpect.EOF, pexpect.TIMEOUT], timeout=5) == 0:
            scenario.expect(serial, scenario.PROMPT, 20, "no new prompt")
            return
    check(False, "the crashed machine did not come back")


def crash(steps, m):
    shell(m.serial, 1)
    m.serial.sendline("echo c >/proc/sysrq-trigger")
    scenario.expect(m.serial, "it is restarted", 60, "a panic of the first one does not reset it")
    since = m.leds.count()
    shell(m.serial, 2)
    scenario.blinks(m.leds, LED_TWO, 4, 60, since, "the second machine")
    steps.done("the first one crashes, the second one goes on")
    comes_back(m.serial)
    scenario.blinks(m.leds, LED_ONE, 4, 60, m.leds.count(), "the first machine")
    shell(m.serial, 2)
    check(re.fullmatch(r"\d+", scenario.command(m.serial, "cut -d. -f1 /proc/uptime")),
          "the second machine does not tell its time")
    steps.done("the first one comes back")


def two(steps, gic, cpu):
    with machine.Machine(lambda trace: machine.command(SYSTEM, trace, gic=gic, cpu=cpu)) as m:
        both_boot(steps, m)
        hvc(steps, m)
        crash(steps, m)
        shell(m.serial, 1)
        hvc(steps, m)


if __name__ == "__main__":
    steps = Steps()
    for gic, cpu in ((2, "cortex-a57"), (3, "max")):
        steps.run(two, gic, cpu)
    steps.plan()
