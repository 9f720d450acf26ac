#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The demo system's monitor: its commands, and what they do to machines and programs while their
neighbours go on."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))

from takt import description, machine, perfetto, scenario                    # noqa: E402
from takt.tap import Steps, check                                            # noqa: E402

SYSTEM = "demo"
LINUX_SESSION, MONITOR = 1, 4
LINUX, RT_GUEST, NATIVE = 0, 1, 2
PROMPT = "takt> "
READY = "takt-linux: ready"


def ask(serial, line, timeout=30):
    """The monitor's answer to a line, without what others print in between: the prompt that the console
    shows again after that is not the end of an answer yet."""
    serial.sendline(line)
    scenario.expect(serial, re.escape(line) + r"\r\n", timeout, f"no echo of '{line}'")
    answer = []
    while not answer:
        scenario.expect(serial, r"(?<=\n)" + re.escape(PROMPT), timeout, f"no answer to '{line}'")
        text = re.sub(r"\x1b\[[0-9;]*m", "", serial.before.decode(errors="replace"))
        answer = [text for text in text.replace("\r", "").split("\n")
                  if text and not text.startswith(("[", PROMPT))]
    return answer


def row(serial, name):
    rows = [line.split() for line in ask(serial, "list") if line.startswith(name + " ")]
    check(len(rows) == 1, f"list shows {len(rows)} rows of {name}")
    return rows[0]


def commands(steps, m):
    names = ("console", "gpio", "blinker", "monitor", "rtos", "linux")
    answer = ask(m.serial, "list")
    for name in names:
        check(any(re.match(rf"{name} +running ", line) for line in answer),
              f"list does not show {name} running, but {answer}")
    steps.done("list shows all compartments")
    answer = ask(m.serial, "info linux")
    check(any("machine, running" in line for line in answer), f"info linux says {answer}")
    steps.done("info tells more about one")
    for line, reply in (("info nobody", "nobody: no such compartment"),
                        ("start blinker", "blinker: it is in that state already"),
                        ("kill", "usage: kill NAME"),
                        ("frob", "frob: no such command; try help")):
        answer = ask(m.serial, line)
        check(answer == [reply], f"'{line}' is answered by {answer}")
    steps.done("wrong commands get told so")


def sessions(steps, m):
    def level(name):
        rows = [line[1:].split() for line in ask(m.serial, "sessions")]
        return {row[1]: row[2] for row in rows}.get(name)

    answer = ask(m.serial, "sessions")
    check([line[:8].rstrip() for line in answer[1:]]
          == ["  0 root", "  1 linu", "  2 rtos", "  3 blin", "> 4 moni"], f"sessions: {answer}")
    for line, reply in (("level rtos debug", "rtos: debug"), ("level 1 0", "1: error"),
                        ("level nobody 1", "nobody: no such session"),
                        ("level rtos loud", "loud: levels are 0 error, 1 warning, 2 info, 3 debug"),
                        ("level 9 1", "9: no such session")):
        answer = ask(m.serial, line)
        check(answer == [reply], f"'{line}' is answered by {answer}")
    check((level("rtos"), level("linux"), level("root")) == ("debug", "error", "info"),
          "levels are not as they were set")
    ask(m.serial, "level linux info")
    steps.done("sessions, and their levels")


def trace(steps, m):
    for line, reply in (("trace dump", "nothing was recorded; try trace on"),
                        ("trace off", "nothing was recorded; try trace on"),
                        ("trace it", "usage: trace on|off|dump"), ("trace on", "trace: on"),
                        ("trace on", "trace: on"), ("trace off", "trace: off")):
        answer = ask(m.serial, line)
        check(answer == [reply], f"'{line}' is answered by {answer}")
    ask(m.serial, "trace on")
    answer = ask(m.serial, "trace dump", 60)
    dumped = perfetto.Trace(answer)
    check(answer[-1] == "trace: on" and dumped.complete, f"trace dump ends with {answer[-1]}")
    check({r.cpu for r in dumped.records} == {0, 1}, "not all CPUs are in the trace")
    check("monitor" in dumped.tasks.values(), f"tasks seen: {sorted(set(dumped.tasks.values()))}")
    ask(m.serial, "trace off")
    steps.done("traces are recorded and printed")


def neighbours(m, leds):
    since = m.leds.count()
    for number in (RT_GUEST, NATIVE):
        scenario.blinks(m.leds, number, 6, 30, since, leds[number].owner)


def machines(steps, m, leds):
    scenario.expect(m.serial, READY, scenario.BOOT_TIMEOUT, "Linux did not get ready")
    answer = ask(m.serial, "kill linux")
    check(answer == ["linux: stopped"], f"kill linux: {answer}")
    check(row(m.serial, "linux")[-2] == "0", "a killed machine has RAM still")
    neighbours(m, leds)
    steps.done("Linux is killed, its neighbours go on")
    answer = ask(m.serial, "start linux")
    check(answer == ["linux: running"], f"start linux: {answer}")
    scenario.expect(m.serial, READY, scenario.BOOT_TIMEOUT, "Linux did not get ready again")
    since = m.leds.count()
    scenario.blinks(m.leds, LINUX, 4, 60, since, leds[LINUX].owner)
    steps.done("Linux is started, boots, and blinks again")
    answer = ask(m.serial, "restart rtos")
    check(answer == ["rtos: running"], f"restart rtos: {answer}")
    neighbours(m, leds)
    check(row(m.serial, "rtos")[-1] == "1", "restarts are not counted")
    steps.done("the paravirtual guest is restarted, and blinks again")


def servers(steps, m, leds):
    answer = ask(m.serial, "restart gpio")
    check(answer == ["gpio: running"], f"restart gpio: {answer}")
    since = m.leds.count()
    scenario.blinks(m.leds, NATIVE, 6, 30, since, leds[NATIVE].owner)
    check(row(m.serial, "blinker")[1] == "running", "the blinker does not run")
    steps.done("the GPIO server is restarted, and its client blinks on")


def new_console(steps, m):
    m.serial.sendline("restart console")
    scenario.expect(m.serial, r"\[monitor\] console: running", 60, "no word from the monitor")
    m.serial.send(f"\x14{MONITOR}")
    scenario.expect(m.serial, f"session {MONITOR}: monitor", 20, "it has no session of the monitor")
    m.serial.send("\r")
    scenario.expect(m.serial, re.escape(PROMPT), 20, "the monitor does not prompt any more")
    check(row(m.serial, "console")[-1] == "1", "the console's restart is not counted")
    steps.done("the console server is restarted, the monitor goes on")
    m.serial.send(f"\x14{LINUX_SESSION}\r")
    scenario.expect(m.serial, scenario.PROMPT, 60, "Linux hears nothing from the new console")
    scenario.answer(m.serial)
    steps.done("so does Linux's shell")


def monitor(steps):
    leds = description.leds(SYSTEM)
    with machine.Machine(lambda trace: machine.command(SYSTEM, trace)) as m:
        scenario.expect(m.serial, "compartments run", 60, "root did not start all")
        m.serial.send(f"\x14{MONITOR}")
        scenario.expect(m.serial, f"session {MONITOR}: monitor", 20, "no session of the monitor")
        m.serial.send("\r")
        scenario.expect(m.serial, re.escape(PROMPT), 20, "the monitor does not prompt")
        commands(steps, m)
        machines(steps, m, leds)
        servers(steps, m, leds)
        sessions(steps, m)
        trace(steps, m)
        new_console(steps, m)


if __name__ == "__main__":
    steps = Steps()
    steps.run(monitor)
    steps.plan()
